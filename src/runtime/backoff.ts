// How long to wait after the n-th failure in a row. Pure numbers: knows nothing of what failed.

export interface BackoffOptions {
  /** Milliseconds after the first failure. */
  base: number;
  /** The delay grows no further than this (jitter comes on top). */
  max: number;
  /** A random extra of up to this fraction of the delay, so that many clients do not retry at the same time. */
  jitter?: number;
  /** Returns a number in [0, 1). */
  random?: () => number;
}

/** `base` doubled once for each earlier failure, at most `max`. `failures` counts from 0. */
export function exponential(failures: number, base: number, max: number): number {
  // 2 ** 1024 is Infinity, which min() handles; no overflow can make the delay small again.
  return Math.min(max, base * 2 ** failures);
}

/** The failures of one activity that is tried again and again. */
export class Backoff {
  readonly #base: number;
  readonly #max: number;
  readonly #jitter: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(opts: BackoffOptions) {
    this.#base = opts.base;
    this.#max = opts.max;
    this.#jitter = opts.jitter ?? 0;
    this.#random = opts.random ?? Math.random;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure. Returns the milliseconds to wait before the next attempt. */
  next(): number {
    const delay = exponential(this.#failures++, this.#base, this.#max);
    return delay * (1 + this.#jitter * this.#random());
  }

  reset(): void {
    this.#failures = 0;
  }
}
