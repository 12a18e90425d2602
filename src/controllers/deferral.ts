// Delays the reconciles of new orders while a crowd orders, so that the API server has its time for admission. The
// stock of a delayed order is held already; only its status is late. Knows no kind, only keys and their groups.
import type { Clock } from '../runtime/clock.ts';
import { LoadMeter } from '../runtime/load-meter.ts';

export interface DeferralOptions {
  clock: Clock;
  /** There is a crowd when more new keys than this are in flight at once. */
  crowd: number;
  /** Present duration of a write, in ms. By Little's law, keys per second × seconds per write = keys in flight. */
  writeMs(): number;
  /** Longest wait of a key, in ms. 0: no key waits. */
  delayMs: number;
  /** Maximum number of keys that wait. Each one has a hold, and goods have room for a limited number of holds. */
  most: number;
  /**
   * The group of a key, such as a namespace. The keys of a group wait only if this group and all groups that are not
   * larger are a crowd without the others. So a larger group never makes a smaller one wait (max-min fairness).
   */
  groupOf(key: string): string;
  /** Called with a key when it has waited long enough. */
  release(key: string): void;
}

/** The window in which arrivals are counted, and the interval at which waiting keys are examined. */
const windowMs = 500;
const examineEveryMs = 50;

export class Deferral {
  readonly #options: DeferralOptions;
  /** The time at which each key began to wait, in the order of arrival. */
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
    if (this.#options.delayMs === 0 || !this.#isInCrowd(group)) {
      this.#options.release(key);
      return;
    }
    this.#waiting.set(key, now);
    if (this.#waiting.size > this.#options.most) this.#releaseOldest();
    this.#cancel ??= this.#options.clock.after(examineEveryMs, () => this.#releaseDue());
  }

  /** Drops a waiting key without releasing it. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#waiting.clear();
  }

  #isInCrowd(group: string): boolean {
    const { crowd, writeMs } = this.#options;
    const isMore = (units: number) => this.#arrivals.inFlight(writeMs(), units) > crowd;
    return (
      isMore(this.#arrivals.units) && isMore(this.#arrivals.unitsOfGroupsUpTo(this.#arrivals.unitsOf(group)))
    );
  }

  #releaseDue(): void {
    this.#cancel = undefined;
    const now = this.#options.clock.monotonic();
    const crowded = new Map<string, boolean>();
    for (const [key, since] of this.#waiting) {
      const group = this.#options.groupOf(key);
      const isCrowded = crowded.get(group) ?? this.#isInCrowd(group);
      crowded.set(group, isCrowded);
      if (isCrowded && now - since < this.#options.delayMs) continue;
      this.#waiting.delete(key);
      this.#options.release(key);
    }
    if (this.#waiting.size > 0)
      this.#cancel = this.#options.clock.after(examineEveryMs, () => this.#releaseDue());
  }

  #releaseOldest(): void {
    for (const key of this.#waiting.keys()) {
      this.#waiting.delete(key);
      this.#options.release(key);
      return;
    }
  }
}
