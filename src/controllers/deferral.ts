// Admission first: while a crowd orders, giving new orders their state waits, so that the API server's time goes
// into letting orders in. Their stock is held all the while; what waits is only that a status says so. Knows no
// kind, only keys and the groups they belong to.
import type { Clock } from '../runtime/clock.ts';

export interface DeferralOptions {
  clock: Clock;
  /** A crowd is when more new keys than this are on their way at once. */
  crowd: number;
  /** How long a write takes just now, in ms: by Little's law, keys a second times seconds are keys on their way. */
  writeMs(): number;
  /** No key waits longer, in ms; 0: none waits at all. */
  delayMs: number;
  /** No more keys than this wait at once: every one has a hold, and a goods carries only so many. */
  most: number;
  /**
   * The group of a key. A group with less than half of an equal share of the new keys is not the crowd and does not
   * wait: a small sale does not wait for a huge one. All such groups together are less than half of the crowd.
   */
  groupOf(key: string): string;
  /** Called with a key when its time has come. */
  release(key: string): void;
}

/** The crowd is looked at over this time, and what waits so often. */
const windowMs = 500;
const lookEveryMs = 50;

interface Arrival {
  at: number;
  group: string;
}

export class Deferral {
  readonly #options: DeferralOptions;
  /** Since when each key waits, in the order in which they came. */
  readonly #waiting = new Map<string, number>();
  /** New keys of the last `windowMs`, oldest first; those before `#oldest` are counted no more. */
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

  /** A new key: released at once, or when the crowd is over or it has waited long enough. */
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

  /** It is not to be released any more. */
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
    // Copied when half of it is past: a crowd does not copy its whole window for every key.
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
