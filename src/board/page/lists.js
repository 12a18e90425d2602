// The lists beside the goods: refusals, orders that expire next, events, and the state of the system.
/** @import { DuePart, Health, NewsRow, RefusalRow, RefusalsPart } from '../wire.ts' */
import { byId, fillBar, make, reconcile, setText, show, toggle, within } from './dom.js';
import { count, counted, date, duration, milliseconds, roughly, spaced, timeOfDay } from './format.js';

/** @param {string} tag @param {string[]} classes */
function line(tag, classes) {
  const element = make(tag);
  for (const name of classes) element.append(make('span', name));
  return element;
}

/** @param {HTMLElement} element @param {string[]} texts */
function setTexts(element, texts) {
  texts.forEach((text, index) => {
    const child = element.children[index];
    if (child) setText(child, text);
  });
}

/** @param {RefusalsPart} refusals */
export function showRefusals({ rows, total }) {
  toggle('noRefusals', rows.length === 0);
  const create = () => {
    const row = line('li', ['reason', 'amount', 'bar', 'example']);
    row.children[2]?.setAttribute('aria-hidden', 'true');
    return row;
  };
  reconcile(
    byId('refusalRows'),
    rows,
    (row) => row.reason,
    create,
    (element, row) => {
      setTexts(element, [spaced(row.reason), howOften(row)]);
      fillBar(within(element, '.bar'), { refused: row.total }, total);
      setText(within(element, '.example'), row.example);
    },
  );
}

/** `43 in the last minute`, `120, 43 in the last minute`, `120`. @param {RefusalRow} row */
function howOften({ total, lastMinute }) {
  if (lastMinute === 0) return count(total);
  const lately = `${count(lastMinute)} in the last minute`;
  return lastMinute === total ? lately : `${count(total)}, ${lately}`;
}

/** @param {DuePart} due @param {number} now */
export function showDue({ rows, more }, now) {
  toggle('noDue', rows.length === 0);
  toggle('dueMore', more > 0);
  if (more > 0) show('dueMore', `and ${counted(more, 'more unpaid order')}`);
  const create = () => line('li', ['name', 'countdown', 'quiet']);
  reconcile(
    byId('dueRows'),
    rows,
    (row) => row.key,
    create,
    (element, row) => {
      const left = row.at - now;
      element.dataset.soon = String(left < 15_000);
      const who = `${row.buyer} · ${counted(row.units, 'unit')} · ${row.money}`;
      setTexts(element, [row.key, left > 0 ? duration(left) : 'due', who]);
    },
  );
}

/** @param {NewsRow[]} news */
export function showNews(news) {
  toggle('noNews', news.length === 0);
  const create = () => {
    const row = make('li');
    const who = make('span', 'name');
    who.append(make('span', 'place quiet'), make('span', 'object'));
    row.append(make('time'), who, make('span', 'what'), make('span', 'more'));
    return row;
  };
  // The key includes the time, because a restarted replica uses the same ids again.
  reconcile(
    byId('newsRows'),
    news,
    (row) => `${row.id} ${row.at}`,
    create,
    (element, row) => {
      element.dataset.mark = row.mark;
      const more = row.more > 0 ? `and ${count(row.more)} more` : '';
      setText(within(element, 'time'), timeOfDay(row.at));
      setText(within(element, '.place'), row.namespace === '' ? '' : `${row.namespace} `);
      setText(within(element, '.object'), row.who);
      setText(within(element, '.what'), row.what);
      setText(within(element, '.more'), more);
      const time = /** @type {HTMLTimeElement} */ (element.children[0]);
      const stamp = new Date(row.at).toISOString();
      if (time.dateTime !== stamp) time.dateTime = stamp;
    },
  );
}

/** @param {Health} health @param {number} now */
export function showSystem(health, now) {
  const { admission: calls, leader, replicas, trouble, certificateExpires: expires, viewers } = health;
  const lead = { here: 'this replica', elsewhere: leader.name, nobody: 'nobody' }[leader.who];
  /** @type {[name: string, value: string, tone: string][]} */
  const rows = [
    [
      'API server',
      trouble ? `not heard for ${roughly(now - trouble.heardAt)}` : 'followed',
      trouble ? 'bad' : 'good',
    ],
    ['Leader', lead, leader.who === 'nobody' ? 'bad' : 'good'],
    .../** @type {typeof rows} */ (
      replicas
        ? [
            [
              'Replicas',
              `${count(replicas.ready)} of ${count(replicas.wanted)} ready`,
              replicas.ready < replicas.wanted ? 'bad' : 'good',
            ],
          ]
        : []
    ),
    ['This replica', `${health.replica}, since ${timeOfDay(health.startedAt)}`, ''],
    [
      'Admission, last minute',
      calls.calls > 0
        ? `${counted(calls.calls, 'call')}, half within ${milliseconds(calls.p50)}, 99 % within ${milliseconds(calls.p99)}`
        : 'no calls',
      '',
    ],
    [
      'Certificate',
      expires ? `until ${date(expires)}` : 'none yet',
      expires && expires - now > 86_400_000 ? '' : 'bad',
    ],
    ['Viewers', `${count(viewers.now)} of at most ${count(viewers.most)}`, ''],
  ];
  const create = () => {
    const row = make('div');
    row.append(make('dt'), make('dd'));
    return row;
  };
  reconcile(
    byId('systemRows'),
    rows,
    ([name]) => name,
    create,
    (element, [name, value, tone]) => {
      setTexts(element, [name, value]);
      element.dataset.tone = tone;
    },
  );
}
