// Limits how often a key is handled: at most once per interval. Derived sums may lag, and one write for many changes
// keeps a crowd from causing a storm of writes.
import type { Clock } from '../runtime/clock.ts';

export class Coalesce {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #last = new Map<string, number>();

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** 0 when the key may pass now (it then counts as passed), otherwise the ms to wait. */
  wait(key: string): number {
    const now = this.#clock.monotonic();
    const wait = (this.#last.get(key) ?? Number.NEGATIVE_INFINITY) + this.#intervalMs - now;
    if (wait > 0) return wait;
    this.#last.set(key, now);
    return 0;
  }

  forget(key: string): void {
    this.#last.delete(key);
  }
}
