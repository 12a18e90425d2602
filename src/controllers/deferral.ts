// Admission first: while a crowd orders, giving new orders their state waits, so that the API server's time goes
// into letting orders in. Their stock is held all the while; what waits is only that a status says so. Knows no
// kind, only keys.
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
  /** Told of a key when its time has come. */
  release(key: string): void;
}

/** The crowd is looked at over this time, and what waits so often. */
const windowMs = 500;
const lookEveryMs = 50;

export class Deferral {
  readonly #options: DeferralOptions;
  /** Since when each key waits, in the order in which they came. */
  readonly #waiting = new Map<string, number>();
  /** When the keys of the last `windowMs` came, oldest first. */
  #arrivals: number[] = [];
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
    this.#arrivals.push(now);
    if (this.#waiting.has(key)) return;
    if (this.#options.delayMs === 0 || !this.#isCrowd(now)) {
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

  #isCrowd(now: number): boolean {
    const recent = this.#arrivals.findIndex((at) => now - at < windowMs);
    this.#arrivals = recent < 0 ? [] : this.#arrivals.slice(recent);
    return (this.#arrivals.length / windowMs) * this.#options.writeMs() > this.#options.crowd;
  }

  #look(): void {
    this.#cancel = undefined;
    const now = this.#options.clock.monotonic();
    const isOver = !this.#isCrowd(now);
    for (const [key, since] of this.#waiting) {
      if (!isOver && now - since < this.#options.delayMs) break;
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
