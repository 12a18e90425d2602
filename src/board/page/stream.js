// Follows the event stream, reconnects, and reports the state of the connection. Does not know the content of the
// events.
/** @import { State } from '../wire.ts' */

/**
 * State of the connection. `since`: time of the last event in epoch ms, by this browser's clock; 0 before the first.
 * @typedef {{ state: 'connecting' | 'live' | 'lost' | 'full' | 'paused', since: number }} Link
 */

/** The server sends a beat every 5 s. A connection without any event for this long counts as lost. */
const silenceMs = 12_000;
/** A page that nobody sees gives its place back after this long. */
const hiddenMs = 20_000;
const firstRetryMs = 500;
const longestRetryMs = 10_000;

/**
 * @param {() => string} urlOf URL of the events; called whenever a connection is opened
 * @param {{ onState(state: State): void, onLink(link: Link): void }} listener
 */
export function followStream(urlOf, listener) {
  /** @type {EventSource | undefined} */
  let source;
  let heardAt = 0;
  let openedAt = 0;
  let failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let hideTimer;

  /** @param {Link['state']} state */
  const tell = (state) => listener.onLink({ state, since: heardAt });

  /** @param {MessageEvent<string>} event */
  const heard = (event) => {
    heardAt = Date.now();
    failures = 0;
    listener.onState(JSON.parse(event.data));
    tell('live');
  };

  const open = () => {
    clearTimeout(retryTimer);
    retryTimer = undefined;
    source?.close();
    const opened = new EventSource(urlOf());
    source = opened;
    openedAt = Date.now();
    opened.addEventListener('state', heard);
    opened.addEventListener('beat', heard);
    // Reconnect here: EventSource itself reconnects only after some kinds of failure, and does not tell the reason.
    opened.onerror = () => opened === source && lost();
  };

  const lost = () => {
    source?.close();
    source = undefined;
    if (retryTimer !== undefined) return;
    tell('lost');
    const wait = Math.min(longestRetryMs, firstRetryMs * 2 ** failures++);
    retryTimer = setTimeout(ask, wait * (0.75 + Math.random() / 2));
  };

  /** Opens the stream when the server has a place. Otherwise asks again later. */
  const ask = async () => {
    retryTimer = undefined;
    try {
      const answer = await fetch(urlOf(), { method: 'HEAD', cache: 'no-store' });
      if (answer.ok) return open();
      if (answer.status === 503) {
        tell('full');
        retryTimer = setTimeout(ask, 1000 * (Number(answer.headers.get('Retry-After')) || 5));
        return;
      }
    } catch {
      // The server does not answer yet.
    }
    lost();
  };

  setInterval(() => {
    if (source && Date.now() - Math.max(heardAt, openedAt) > silenceMs) lost();
  }, 1000);

  document.addEventListener('visibilitychange', () => {
    clearTimeout(hideTimer);
    if (document.visibilityState === 'hidden') {
      hideTimer = setTimeout(() => {
        clearTimeout(retryTimer);
        retryTimer = undefined;
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
