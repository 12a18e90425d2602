// Lets a key through at most once per interval; what comes sooner is told how long to wait. Derived sums may
// lag a moment, and one write for many changes is what keeps a crowd from becoming a storm of writes.
import type { Clock } from '../runtime/clock.ts';

export class Coalesce {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #last = new Map<string, number>();

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** 0 when the key may go now (and is counted as going), else the ms it should wait. */
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
