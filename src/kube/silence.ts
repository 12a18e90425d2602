// Decides when a watch has been silent for too long to be alive. Knows how often an API server sends something;
// does not know what it sends.

import type { Cancel, Clock } from '../runtime/clock.ts';

// A server that sends bookmarks sends one about every minute (apiserver pkg/storage/cacher, bookmarkFrequency). The
// API promises none (allowWatchBookmarks is a request), so silence counts only after the first one.
const bookmarkSilence = 150_000;

// The server ends each watch at its timeoutSeconds, silent or not. A watch that lasts this much longer is dead.
const slack = 30_000;

/**
 * A connection can die without a sign (a node loses its power, a NAT forgets it), and a cache that nobody feeds
 * looks like a cache in which nothing changes. Three things reveal a dead connection, from fast to slow: TCP
 * keep-alive, when the peer's kernel is gone (transport.ts, 40 s); missing bookmarks (150 s), if this watch has had
 * one; and a watch that the server does not end in time.
 */
export class SilenceTimer {
  readonly #clock: Clock;
  readonly #end: number;
  readonly #onSilence: (why: string) => void;
  #heard: number;
  #hasBookmarks = false;
  #cancel: Cancel | undefined;

  constructor(clock: Clock, watchMs: number, onSilence: (why: string) => void) {
    this.#clock = clock;
    this.#heard = clock.monotonic();
    this.#end = this.#heard + watchMs + slack;
    this.#onSilence = onSilence;
    this.#arm();
  }

  heard(): void {
    this.#heard = this.#clock.monotonic();
  }

  expectBookmarks(): void {
    if (this.#hasBookmarks) return;
    this.#hasBookmarks = true;
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
  }

  // An event does not set the timer again, because there may be thousands of events per second. When the timer fires
  // too early, it is set for the rest of the time.
  #arm(): void {
    this.#cancel?.();
    const now = this.#clock.monotonic();
    const limit = this.#hasBookmarks ? Math.min(this.#heard + bookmarkSilence, this.#end) : this.#end;
    if (now < limit) {
      this.#cancel = this.#clock.after(limit - now, () => this.#arm());
      return;
    }
    this.#onSilence(
      now >= this.#end
        ? 'the server did not end it in time'
        : `nothing came for ${Math.round((now - this.#heard) / 1000)} s`,
    );
  }
}
