// A check repeated for ever, at short intervals and whenever someone asks. Knows nothing of certificates.

import { type Clock, sleep } from '../src/runtime/clock.ts';

export interface Rest {
  /** Milliseconds until the next check. */
  ms: number;
  /**
   * Whether nobody may cut it short: after a failure. Otherwise a check that fails after a write, woken by the
   * news of that same write, would go round at full speed.
   */
  undisturbed?: boolean;
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
      const { ms, undisturbed } = await check();
      if (undisturbed) await sleep(this.#clock, ms, signal);
      else if (!this.#asked) await this.#rest(ms, signal);
    }
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(this.#clock, ms, AbortSignal.any([signal, woken.signal]));
    this.#wake = () => {};
  }
}
