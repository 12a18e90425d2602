// A check repeated for ever, at short intervals and whenever someone asks. Knows nothing of certificates.

import { type Clock, sleep } from '../src/runtime/clock.ts';

export interface Rest {
  /** Milliseconds until the next check. */
  ms: number;
  /**
   * How many of them nobody may cut short. A check that writes is woken by the news of that same write; one that
   * fails after it, or that another writer answers each time, would go round at full speed.
   */
  undisturbedMs?: number;
}

export class CheckLoop {
  readonly #clock: Clock;
  #asked = false;
  #wake = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the wait; asked for during a check, which may have read too early, it makes for another one. */
  recheck(): void {
    this.#asked = true;
    this.#wake();
  }

  /** Until `signal` aborts. `check` must not throw; it resolves to the rest that it needs afterwards. */
  async run(signal: AbortSignal, check: () => Promise<Rest>): Promise<void> {
    while (!signal.aborted) {
      this.#asked = false;
      const { ms, undisturbedMs = 0 } = await check();
      if (undisturbedMs > 0) await sleep(this.#clock, undisturbedMs, signal);
      if (!this.#asked && ms > undisturbedMs) await this.#rest(ms - undisturbedMs, signal);
    }
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(this.#clock, ms, AbortSignal.any([signal, woken.signal]));
    this.#wake = () => {};
  }
}
