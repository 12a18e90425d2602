// Counts per second over a short past, for charts. Fixed memory.

export class PerSecond {
  readonly #counts: Float64Array;
  /** The second that each place counts. */
  readonly #seconds: Float64Array;

  /** `seconds`: length of the past to keep. */
  constructor(seconds: number) {
    this.#counts = new Float64Array(seconds);
    this.#seconds = new Float64Array(seconds).fill(-1);
  }

  /** Adds to the second of `at` (epoch ms). Ignores times before the past that is kept. */
  add(at: number, count = 1): void {
    const second = Math.floor(at / 1000);
    const place = second % this.#counts.length;
    if (!(place >= 0) || second < this.#seconds[place]!) return;
    if (second > this.#seconds[place]!) {
      this.#seconds[place] = second;
      this.#counts[place] = 0;
    }
    this.#counts[place]! += count;
  }

  /** The counts of the `n` seconds up to and including `second`, oldest first. */
  upTo(second: number, n: number): number[] {
    return Array.from({ length: n }, (_, index) => this.#at(second - n + 1 + index));
  }

  sum(second: number, n: number): number {
    let sum = 0;
    for (let at = second - n + 1; at <= second; at++) sum += this.#at(at);
    return sum;
  }

  #at(second: number): number {
    const place = second % this.#counts.length;
    return this.#seconds[place] === second ? this.#counts[place]! : 0;
  }
}
