// The page of the board: keeps the state that the stream brings, and lets the other files draw each part of it.
/** @import { Health, Pulse, Sections, Totals } from '../wire.ts' */
/** @import { Link } from './stream.js' */
import { drawChart, lately, sum } from './chart.js';
import { byId, fillBar, show, toggle } from './dom.js';
import { count, duration, rate, timeOfDay } from './format.js';
import { goodsCount, showGoods } from './goods.js';
import { showDue, showNews, showRefusals, showSystem } from './lists.js';
import { followScope, showPlaces } from './scope.js';
import { followStream } from './stream.js';

/** @type {Partial<Sections>} */
const state = {};
/** Milliseconds by which the server's clock is ahead of this browser's. */
let ahead = 0;
/** @type {Link} */
let link = { state: 'connecting', since: 0 };

const serverNow = () => Date.now() + ahead;

const stream = followStream(() => `board/events${location.search}`, {
  onState({ now, ...sections }) {
    ahead = now - Date.now();
    Object.assign(state, sections);
    draw(new Set(Object.keys(sections)));
  },
  onLink(next) {
    const hasChanged = next.state !== link.state;
    link = next;
    if (hasChanged) showLink();
  },
});

followScope(() => stream.reopen());

// Countdowns must go on between two events.
setInterval(() => {
  draw(new Set(['goods', 'due', 'health']));
  showLink();
}, 1000);

/** @param {Set<string>} changed */
function draw(changed) {
  const now = serverNow();
  const { goods, places, due, news, refusals, health, totals, pulse } = state;
  if (goods && changed.has('goods')) showGoods(goods, now);
  if (places && changed.has('places')) showPlaces(places);
  if (refusals && changed.has('refusals')) showRefusals(refusals);
  if (due && changed.has('due')) showDue(due, now);
  if (news && changed.has('news')) showNews(news);
  if (health && changed.has('health')) showHealth(health, now);
  if (totals && changed.has('totals')) showTotals(totals);
  if (pulse && changed.has('pulse')) showPulse(pulse);
  if (totals && (changed.has('due') || changed.has('totals'))) showOrders(totals, now);
}

/** @param {Totals} totals */
function showTotals({ goods, onSale, stock, left, reserved, held, sold }) {
  show('left', count(left));
  show('stock', count(stock));
  show('goodsCount', goodsCount(goods, onSale));
  fillBar(byId('stockBar'), { left, waiting: reserved + held, paid: sold }, stock);
  const taking = held > 0 ? `, ${count(held)} being taken` : '';
  show('stockNote', `${count(reserved)} reserved, ${count(sold)} sold${taking}`);
  document.title = goods === 0 ? 'Sale board · Spikegate' : `${count(left)} left · Spikegate`;
}

/** @param {Totals} totals @param {number} now */
function showOrders({ unpaid, paid, expired, rejected }, now) {
  show('unpaid', count(unpaid));
  const gone = expired + rejected;
  fillBar(byId('ordersBar'), { waiting: unpaid, paid, gone }, paid + unpaid + gone);
  const next = state.due?.rows[0];
  const soon = next ? `, next expires in ${duration(next.at - now)}` : '';
  const refused = rejected > 0 ? `, ${count(rejected)} rejected` : '';
  show('ordersNote', `${count(paid)} paid, ${count(expired)} expired${refused}${soon}`);
}

/** @param {Pulse} pulse */
function showPulse({ accepted, paid, refused }) {
  for (const [id, counts] of /** @type {const} */ ([
    ['accepted', accepted],
    ['refused', refused],
  ])) {
    show(id, rate(lately(counts, 5)));
    drawChart(byId(`${id}Chart`), counts);
  }
  const seconds = accepted.length;
  show(
    'acceptedNote',
    `${count(sum(accepted))} in ${seconds} s, peak ${count(Math.max(...accepted))}/s; ${count(sum(paid))} paid`,
  );
  show('refusedNote', `${count(sum(refused))} in ${seconds} s, peak ${count(Math.max(...refused))}/s`);
}

/** @param {Health} health @param {number} now */
function showHealth(health, now) {
  showSystem(health, now);
  show('refusalsSince', `since ${timeOfDay(health.startedAt)}`);
  show('firstSteps', health.firstSteps.join('\n'));
  showLink();
}

/** Shows at the top of the page whether the figures are up to date. */
function showLink() {
  const { trouble, leader } = state.health ?? {};
  const isStale = link.state !== 'live' || trouble !== undefined;
  const words = {
    connecting: 'Connecting',
    live: trouble ? 'Stale' : 'Live',
    lost: 'Reconnecting',
    full: 'Waiting',
    paused: 'Paused',
  };
  show('link', words[link.state]);
  byId('link').dataset.state = link.state === 'live' && trouble ? 'stale' : link.state;
  byId('main').dataset.stale = String(isStale && link.state !== 'connecting');
  const message = warning(link, trouble, leader);
  toggle('banner', message !== '');
  show('banner', message);
}

/** @param {Link} link @param {Health['trouble']} trouble @param {Health['leader'] | undefined} leader */
function warning({ state: linkState, since }, trouble, leader) {
  const seen = since > 0 ? `What you see is from ${timeOfDay(since)}. ` : '';
  if (linkState === 'lost') return `The connection to this replica is lost. ${seen}Trying again.`;
  if (linkState === 'full')
    return `This replica has no place for another viewer right now. ${seen}Trying again.`;
  if (trouble) {
    const when = timeOfDay(trouble.heardAt - ahead);
    return `The API server cannot be followed (${trouble.why}). Stock and orders are as of ${when}; trying again.`;
  }
  if (leader?.who === 'nobody')
    return 'Nobody leads. Orders are still admitted exactly; payments, expiries and stock that returns wait for a leader.';
  return '';
}

const themes = /** @type {const} */ (['auto', 'light', 'dark']);
byId('theme').addEventListener('click', () => {
  const { dataset } = document.documentElement;
  const next =
    themes[(themes.findIndex((it) => it === (dataset.theme ?? 'auto')) + 1) % themes.length] ?? 'auto';
  if (next === 'auto') delete dataset.theme;
  else dataset.theme = next;
  try {
    localStorage.setItem('spikegate-theme', next);
  } catch {
    // The browser forbids storage. The theme lasts until the page is closed.
  }
  showTheme();
});

const showTheme = () => show('theme', `Theme: ${document.documentElement.dataset.theme ?? 'auto'}`);
showTheme();

byId('copy').addEventListener('click', async () => {
  const code = byId('firstSteps');
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    show('copy', 'Copied');
    setTimeout(() => show('copy', 'Copy'), 2000);
  } catch {
    // The browser forbids it for plain HTTP from another machine. Select the text, so that one key copies it.
    getSelection()?.selectAllChildren(code);
  }
});
