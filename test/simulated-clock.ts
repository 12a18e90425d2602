// A clock that tests turn by hand: hours pass in milliseconds, timers fire in the order of their deadlines.
// Knows nothing of what it drives; real I/O (sockets) is not simulated, a test waits for that itself.

import type { ServerClock, TimeBounds } from '../src/kube/server-time.ts';
import type { Cancel } from '../src/runtime/clock.ts';

interface Timer {
  at: number;
  order: number;
  fn: () => void;
}

export class SimulatedClock implements ServerClock {
  #wall: number;
  #elapsed = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(wall: number = Date.UTC(2026, 0, 1)) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall + this.#elapsed;
  }

  /** As if it were the API server's own. */
  bounds(): TimeBounds | undefined {
    return { earliest: this.now(), latest: this.now() };
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, fn: () => void): Cancel {
    const timer: Timer = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers that wait to fire; a test that expects everything stopped asserts 0. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, or undefined when none waits. */
  get untilNext(): number | undefined {
    const next = this.#next();
    return next && Math.max(0, next.at - this.#elapsed);
  }

  /** Moves the wall clock only, as NTP or an administrator does; timers and `monotonic` are untouched. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /**
   * Lets `ms` pass. Every timer due by then fires at its own time, in order, and between two timers all
   * microtasks and one round of `setImmediate` run, so that what a timer woke up can set the next one.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (;;) {
      const next = this.#next();
      if (!next || next.at > end) break;
      this.#timers.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.fn();
      await settle();
    }
    this.#elapsed = end;
    await settle();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}

/** Resolves when the microtasks that are queued now, and those that they queue, have run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
