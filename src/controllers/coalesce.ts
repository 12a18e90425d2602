// Limits how often a key is handled: at most once per interval. One write then covers many changes, so that many
// orders at once do not cause as many writes of derived sums.
import type { Clock } from '../runtime/clock.ts';

export class Coalesce {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #handledAt = new Map<string, number>();

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** Returns 0 when the caller may handle the key now, and starts its interval. Otherwise returns the ms to wait. */
  wait(key: string): number {
    const now = this.#clock.monotonic();
    const remainingMs = (this.#handledAt.get(key) ?? Number.NEGATIVE_INFINITY) + this.#intervalMs - now;
    if (remainingMs > 0) return remainingMs;
    this.#handledAt.set(key, now);
    return 0;
  }

  forget(key: string): void {
    this.#handledAt.delete(key);
  }
}
