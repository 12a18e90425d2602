// The table of goods. Each row has a bar that shows the units left.
/** @import { GoodsPart, GoodsPhase, GoodsRow } from '../wire.ts' */
import { byId, fillBar, make, reconcile, setText, show, toggle, within } from './dom.js';
import { count, counted, rate, roughly } from './format.js';

/** @type {Record<GoodsPhase, string>} */
const phases = { OnSale: 'On sale', SoldOut: 'Sold out', Scheduled: 'Scheduled', Ended: 'Ended' };

/** @param {GoodsPart} goods @param {number} now */
export function showGoods({ rows, more }, now) {
  const hasRows = rows.length > 0;
  toggle('goodsTable', hasRows);
  toggle('legend', hasRows);
  toggle('empty', !hasRows);
  toggle('goodsMore', more > 0);
  if (more > 0) show('goodsMore', `${count(more)} more are not shown: the busiest are.`);
  reconcile(
    byId('goodsRows'),
    rows,
    (row) => row.key,
    createRow,
    (element, row) => updateRow(element, row, now),
  );
}

/**
 * The cells of a row, and the elements in each. `label`: the title of a cell on a phone, where the head of the table is
 * hidden.
 * @type {{ name: string, label?: string, parts: [tag: string, name: string][] }[]}
 */
const columns = [
  {
    name: 'name',
    parts: [
      ['span', 'title'],
      ['span', 'key quiet'],
      ['span', 'price quiet'],
      ['s', 'before quiet'],
    ],
  },
  {
    name: 'stock',
    parts: [
      ['span', 'amount'],
      ['div', 'bar'],
    ],
  },
  { name: 'number', label: 'Reserved', parts: [['span', 'reserved']] },
  { name: 'number', label: 'Sold', parts: [['span', 'units']] },
  {
    name: 'number',
    label: 'Pace',
    parts: [
      ['span', 'pace'],
      ['span', 'empties quiet'],
    ],
  },
  {
    name: 'sale',
    parts: [
      ['span', 'phase'],
      ['span', 'until quiet'],
    ],
  },
];

function createRow() {
  const row = make('tr');
  row.setAttribute('role', 'row');
  for (const { name, label, parts } of columns) {
    const isHead = name === 'name';
    const cell = make(isHead ? 'th' : 'td', name);
    cell.setAttribute('role', isHead ? 'rowheader' : 'cell');
    if (isHead) cell.setAttribute('scope', 'row');
    if (label) cell.dataset.label = label;
    cell.append(...parts.map(([tag, part]) => make(tag, part)));
    row.append(cell);
  }
  within(row, '.bar').setAttribute('aria-hidden', 'true');
  return row;
}

/** @param {HTMLElement} row @param {GoodsRow} goods @param {number} now */
function updateRow(row, goods, now) {
  const { left, stock, sold, pace, price, before, phase } = goods;
  const reserved = goods.reserved + goods.held;
  row.dataset.phase = phase;
  fillBar(within(row, '.bar'), { left, waiting: reserved, paid: sold }, stock);
  /** @type {Record<string, string>} */
  const texts = {
    '.title': goods.title,
    '.key': goods.key,
    '.price': price,
    '.before': before ?? '',
    '.amount': `${count(left)} of ${count(stock)}`,
    '.number .reserved': count(reserved),
    '.units': count(sold),
    '.pace': pace > 0 ? `${rate(pace)}/s` : '–',
    '.empties': pace > 0 && left > 0 ? `empty in ${roughly((left / pace) * 1000)}` : '',
    '.phase': phases[phase],
    '.until': until(goods, now),
  };
  for (const [part, text] of Object.entries(texts)) setText(within(row, part), text);
}

/** @param {GoodsRow} goods @param {number} now */
function until({ phase, startsAt, endsAt }, now) {
  if (phase === 'Scheduled' && startsAt) return `starts in ${roughly(startsAt - now)}`;
  if (!endsAt) return '';
  return phase === 'Ended' ? `${roughly(now - endsAt)} ago` : `ends in ${roughly(endsAt - now)}`;
}

/** @param {number} goods @param {number} onSale */
export const goodsCount = (goods, onSale) =>
  goods === 0 ? '' : `${counted(onSale, 'on sale', 'on sale')} of ${count(goods)}`;
