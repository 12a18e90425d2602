// Follows the event stream and says how it goes: live, lost, or paused while nobody sees the page. Knows nothing
// of what the events say.
/** @import { State } from '../wire.ts' */

/**
 * What the link to the server is like. `since`: when anything was last heard, in epoch ms of this browser.
 * @typedef {{ state: 'connecting' | 'live' | 'lost' | 'full' | 'paused', since: number }} Link
 */

/** The server sends a beat every 5 s; after this long a silent connection is as good as none. */
const silenceMs = 12_000;
/** A page that nobody sees gives its place back after this long. */
const hiddenMs = 20_000;
const firstRetryMs = 500;
const longestRetryMs = 10_000;

/**
 * @param {() => string} urlOf where the events are; asked whenever a connection is opened
 * @param {{ onState(state: State): void, onLink(link: Link): void }} to
 */
export function followStream(urlOf, to) {
  /** @type {EventSource | undefined} */
  let source;
  let heardAt = 0;
  let openedAt = 0;
  let failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let hide;

  /** @param {Link['state']} state */
  const tell = (state) => to.onLink({ state, since: heardAt });

  /** @param {MessageEvent<string>} event */
  const heard = (event) => {
    heardAt = Date.now();
    failures = 0;
    to.onState(JSON.parse(event.data));
    tell('live');
  };

  const open = () => {
    clearTimeout(retry);
    retry = undefined;
    source?.close();
    const opened = new EventSource(urlOf());
    source = opened;
    openedAt = Date.now();
    opened.addEventListener('state', heard);
    opened.addEventListener('beat', heard);
    // EventSource tries again by itself only after some failures, and never says why: so it is done here.
    opened.onerror = () => opened === source && lost();
  };

  const lost = () => {
    source?.close();
    source = undefined;
    if (retry !== undefined) return;
    tell('lost');
    const wait = Math.min(longestRetryMs, firstRetryMs * 2 ** failures++);
    retry = setTimeout(ask, wait * (0.75 + Math.random() / 2));
  };

  /** Whether there is a place, and if not, when to ask again. */
  const ask = async () => {
    retry = undefined;
    try {
      const answer = await fetch(urlOf(), { method: 'HEAD', cache: 'no-store' });
      if (answer.ok) return open();
      if (answer.status === 503) {
        tell('full');
        retry = setTimeout(ask, 1000 * (Number(answer.headers.get('Retry-After')) || 5));
        return;
      }
    } catch {
      // Nobody there yet.
    }
    lost();
  };

  setInterval(() => {
    if (source && Date.now() - Math.max(heardAt, openedAt) > silenceMs) lost();
  }, 1000);

  document.addEventListener('visibilitychange', () => {
    clearTimeout(hide);
    if (document.visibilityState === 'hidden') {
      hide = setTimeout(() => {
        clearTimeout(retry);
        retry = undefined;
        source?.close();
        source = undefined;
        tell('paused');
      }, hiddenMs);
    } else if (!source) open();
  });
  addEventListener('online', () => source || open());
  open();
  return { reopen: open };
}
