// Admission goes first: while a crowd orders, new orders wait for their state, so that the API server's time goes
// into admission. Their stock is held meanwhile; only the status is late. Knows no kind, only keys and their
// groups.
import type { Clock } from '../runtime/clock.ts';

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
   * The group of a key. A group with less than half of an equal share of the new keys is not the crowd and does not
   * wait: a small sale does not wait for a huge one. All such groups together are less than half of the crowd.
   */
  groupOf(key: string): string;
  /** Called with a key when it has waited long enough. */
  release(key: string): void;
}

/** The window over which the crowd is measured, and the interval at which waiting keys are examined. */
const windowMs = 500;
const lookEveryMs = 50;

interface Arrival {
  at: number;
  group: string;
}

export class Deferral {
  readonly #options: DeferralOptions;
  /** By key, when it began to wait, in the order of arrival. */
  readonly #waiting = new Map<string, number>();
  /** New keys of the last `windowMs`, oldest first. Entries before `#oldest` do not count any more. */
  #arrivals: Arrival[] = [];
  #oldest = 0;
  readonly #recent = new Map<string, number>();
  #cancel: (() => void) | undefined;

  constructor(options: DeferralOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Adds a new key. It is released at once, or when the crowd is over, or when it has waited long enough. */
  add(key: string): void {
    const now = this.#options.clock.monotonic();
    const group = this.#options.groupOf(key);
    this.#arrivals.push({ at: now, group });
    this.#recent.set(group, (this.#recent.get(group) ?? 0) + 1);
    this.#forgetBefore(now - windowMs);
    if (this.#waiting.has(key)) return;
    if (this.#options.delayMs === 0 || !this.#isCrowd() || !this.#isOfTheCrowd(group)) {
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

  get #crowd(): number {
    return this.#arrivals.length - this.#oldest;
  }

  #isCrowd(): boolean {
    return (this.#crowd / windowMs) * this.#options.writeMs() > this.#options.crowd;
  }

  #isOfTheCrowd(group: string): boolean {
    return (this.#recent.get(group) ?? 0) * this.#recent.size * 2 >= this.#crowd;
  }

  #forgetBefore(time: number): void {
    for (; this.#oldest < this.#arrivals.length; this.#oldest++) {
      const { at, group } = this.#arrivals[this.#oldest]!;
      if (at > time) break;
      const left = this.#recent.get(group)! - 1;
      if (left > 0) this.#recent.set(group, left);
      else this.#recent.delete(group);
    }
    // Copy only when half of the array is old: a crowd must not copy its whole window for every key.
    if (this.#oldest * 2 <= this.#arrivals.length) return;
    this.#arrivals = this.#arrivals.slice(this.#oldest);
    this.#oldest = 0;
  }

  #look(): void {
    this.#cancel = undefined;
    const now = this.#options.clock.monotonic();
    this.#forgetBefore(now - windowMs);
    const isOver = !this.#isCrowd();
    for (const [key, since] of this.#waiting) {
      const hasWaited = now - since >= this.#options.delayMs;
      if (!isOver && !hasWaited && this.#isOfTheCrowd(this.#options.groupOf(key))) continue;
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
