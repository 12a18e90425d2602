// Measures load: how much arrives in a sliding window, and how long a piece of work takes. Computes from both, by
// Little's law, how much is in flight at once. Does not know what arrives.
import type { Clock } from './clock.ts';

interface Arrival {
  at: number;
  units: number;
  group: string;
}

/** Counts what arrives within a window, in all and for each group. */
export class LoadMeter {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** Oldest first. Those before the index `#oldest` have left the window. */
  #arrivals: Arrival[] = [];
  #oldest = 0;
  #units = 0;
  readonly #byGroup = new Map<string, number>();

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  add(units = 1, group = ''): void {
    this.#arrivals.push({ at: this.#clock.monotonic(), units, group });
    this.#units += units;
    this.#byGroup.set(group, (this.#byGroup.get(group) ?? 0) + units);
    this.#dropOld();
  }

  /** Units that arrived within the window. */
  get units(): number {
    this.#dropOld();
    return this.#units;
  }

  /** The units of one group. */
  unitsOf(group: string): number {
    this.#dropOld();
    return this.#byGroup.get(group) ?? 0;
  }

  /** Number of groups that have units in the window. */
  get groups(): number {
    this.#dropOld();
    return this.#byGroup.size;
  }

  /** Units of all groups that have at most `most` units each. */
  unitsOfGroupsUpTo(most: number): number {
    this.#dropOld();
    let sum = 0;
    for (const units of this.#byGroup.values()) if (units <= most) sum += units;
    return sum;
  }

  /** Units in flight at once when each takes `serviceMs`: arrival rate × time (Little's law). */
  inFlight(serviceMs: number, units = this.units): number {
    return (units / this.#windowMs) * serviceMs;
  }

  clear(): void {
    this.#arrivals = [];
    this.#oldest = 0;
    this.#units = 0;
    this.#byGroup.clear();
  }

  #dropOld(): void {
    const end = this.#clock.monotonic() - this.#windowMs;
    for (; this.#oldest < this.#arrivals.length; this.#oldest++) {
      const { at, units, group } = this.#arrivals[this.#oldest]!;
      if (at > end) break;
      this.#units -= units;
      const rest = this.#byGroup.get(group)! - units;
      if (rest > 0) this.#byGroup.set(group, rest);
      else this.#byGroup.delete(group);
    }
    // Copy only when half of the array is old: a crowd must not copy its whole window for every arrival.
    if (this.#oldest * 2 <= this.#arrivals.length) return;
    this.#arrivals = this.#arrivals.slice(this.#oldest);
    this.#oldest = 0;
  }
}

/** Weight of the newest sample: samples older than the last ten hardly count. */
const weight = 0.2;

/** An exponential moving average of durations. */
export class MovingAverage {
  #ms = 0;

  add(ms: number): void {
    this.#ms += (ms - this.#ms) * (this.#ms === 0 ? 1 : weight);
  }

  /** Milliseconds; 0 before the first sample. */
  get ms(): number {
    return this.#ms;
  }
}
