// A map of recently used keys with a bounded size, and a token bucket for each key. events.ts limits the events of an
// object with it. Admission limits how many reads the orders of one user may cause. Knows neither events nor orders.

import type { Clock } from '../runtime/clock.ts';

/** A Map of at most `size` entries. It drops an entry that was not set for `window` ms. */
export class RecentMap<V> {
  readonly #clock: Clock;
  readonly #size: number;
  readonly #window: number;
  readonly #entries = new Map<string, { value: V; at: number }>();

  constructor(clock: Clock, size: number, window: number) {
    this.#clock = clock;
    this.#size = size;
    this.#window = window;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry && this.#clock.monotonic() - entry.at < this.#window) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: V): void {
    // Delete first, so that the entry moves to the end: a Map keeps the order of insertion, and the oldest entry is
    // dropped when there is no room.
    this.#entries.delete(key);
    this.#entries.set(key, { value, at: this.#clock.monotonic() });
    if (this.#entries.size > this.#size) this.#entries.delete(this.#entries.keys().next().value!);
  }
}

/** A token bucket for each key: `burst` at once, then one each `refill` ms. */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #refill: number;
  readonly #buckets: RecentMap<{ tokens: number; at: number }>;

  constructor(clock: Clock, size: number, burst: number, refill: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#refill = refill;
    // A bucket that was not used for this long is full again.
    this.#buckets = new RecentMap(clock, size, burst * refill);
  }

  /** Takes a token. Returns false when the bucket of this key is empty. */
  take(key: string): boolean {
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    const tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.at) / this.#refill);
    this.#buckets.set(key, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    return tokens >= 1;
  }

  /** Puts back a token when the caller did not do what it took the token for. */
  giveBack(key: string): void {
    const bucket = this.#buckets.get(key);
    if (bucket) this.#buckets.set(key, { ...bucket, tokens: Math.min(this.#burst, bucket.tokens + 1) });
  }
}
