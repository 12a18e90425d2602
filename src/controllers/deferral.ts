// Admission goes first: while a crowd orders, new orders wait for their state, so that the API server's time goes
// into admission. Their stock is held meanwhile; only the status is late. Knows no kind, only keys and their
// groups.
import type { Clock } from '../runtime/clock.ts';
import { LoadMeter } from '../runtime/load-meter.ts';

export interface DeferralOptions {
  clock: Clock;
  /** There is a crowd when more new keys than this are in flight at once. */
  crowd: number;
  /** The time of a write at present, in ms. By Little's law, keys per second × seconds = keys in flight. */
  writeMs(): number;
  /** Longest wait of a key, in ms. 0: no key waits. */
  delayMs: number;
  /** Maximum number of keys that wait. Each one has a hold, and goods have room for a limited number of holds. */
  most: number;
  /**
   * The group of a key. A group is part of the crowd only if it and all groups that are not larger would be a crowd by
   * themselves. So a sale waits no more than it would without the larger ones (max-min fairness).
   */
  groupOf(key: string): string;
  /** Called with a key when it has waited long enough. */
  release(key: string): void;
}

/** The window over which the crowd is measured, and the interval at which waiting keys are examined. */
const windowMs = 500;
const lookEveryMs = 50;

export class Deferral {
  readonly #options: DeferralOptions;
  /** By key, when it began to wait, in the order of arrival. */
  readonly #waiting = new Map<string, number>();
  readonly #arrivals: LoadMeter;
  #cancel: (() => void) | undefined;

  constructor(options: DeferralOptions) {
    this.#options = options;
    this.#arrivals = new LoadMeter(options.clock, windowMs);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Adds a new key. It is released at once, or when the crowd is over, or when it has waited long enough. */
  add(key: string): void {
    const now = this.#options.clock.monotonic();
    const group = this.#options.groupOf(key);
    this.#arrivals.add(1, group);
    if (this.#waiting.has(key)) return;
    if (this.#options.delayMs === 0 || !this.#isOfTheCrowd(group)) {
      this.#options.release(key);
      return;
    }
    this.#waiting.set(key, now);
    if (this.#waiting.size > this.#options.most) this.#releaseOldest();
    this.#cancel ??= this.#options.clock.after(lookEveryMs, () => this.#look());
  }

  /** The key must not be released any more. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#waiting.clear();
  }

  #isOfTheCrowd(group: string): boolean {
    const { crowd, writeMs } = this.#options;
    const isMore = (units: number) => this.#arrivals.inFlight(writeMs(), units) > crowd;
    return (
      isMore(this.#arrivals.units) && isMore(this.#arrivals.unitsOfGroupsUpTo(this.#arrivals.unitsOf(group)))
    );
  }

  #look(): void {
    this.#cancel = undefined;
    const now = this.#options.clock.monotonic();
    const isOfTheCrowd = new Map<string, boolean>();
    for (const [key, since] of this.#waiting) {
      const group = this.#options.groupOf(key);
      const goesOn = isOfTheCrowd.get(group) ?? this.#isOfTheCrowd(group);
      isOfTheCrowd.set(group, goesOn);
      if (goesOn && now - since < this.#options.delayMs) continue;
      this.#waiting.delete(key);
      this.#options.release(key);
    }
    if (this.#waiting.size > 0) this.#cancel = this.#options.clock.after(lookEveryMs, () => this.#look());
  }

  #releaseOldest(): void {
    for (const key of this.#waiting.keys()) {
      this.#waiting.delete(key);
      this.#options.release(key);
      return;
    }
  }
}
