// Repeats a check for ever: after the pause that the last check returned, or when `recheck` asks for it. Does not know
// certificates.

import { type Clock, sleep } from '../src/runtime/clock.ts';

export interface Rest {
  /** Milliseconds until the next check. */
  ms: number;
  /**
   * The part of `ms` that `recheck` cannot cut short. A check that writes receives a watch event of its own write.
   * Without this pause, a check that always fails after its write, or whose write another writer always undoes,
   * would run at full speed.
   */
  undisturbedMs?: number;
}

export class CheckLoop {
  readonly #clock: Clock;
  #recheckRequested = false;
  #wake = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Ends the wait. During a check it requests one more check, because the present check may have read the state
   * before it changed.
   */
  recheck(): void {
    this.#recheckRequested = true;
    this.#wake();
  }

  /** Runs until `signal` aborts. `check` must not throw; it resolves to the pause before the next check. */
  async run(signal: AbortSignal, check: () => Promise<Rest>): Promise<void> {
    while (!signal.aborted) {
      this.#recheckRequested = false;
      const { ms, undisturbedMs = 0 } = await check();
      if (undisturbedMs > 0) await sleep(this.#clock, undisturbedMs, signal);
      if (!this.#recheckRequested && ms > undisturbedMs) await this.#rest(ms - undisturbedMs, signal);
    }
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(this.#clock, ms, AbortSignal.any([signal, woken.signal]));
    this.#wake = () => {};
  }
}
