// How large a lot has to be and how often it is written, from what orders ask for and from how long writes take.
// Knows neither goods nor orders.
import type { Clock } from '../runtime/clock.ts';

/** Demand is what was asked for in this time. */
const demandMs = 500;
/**
 * Orders get no state before they are named, and quick writes are cheap: from one write to the next passes this many
 * times what one takes, within these bounds in ms.
 */
const pause = { inWrites: 4, least: 25, most: 200 };
/**
 * In a dense crowd orders wait for their state longer than this anyway (controllers/deferral.ts), every write carries
 * the names of all that wait, and the API server's time is what the crowd waits for. Less than half of what a lot is
 * used for without a write (lots.ts), so that one write that fails stops nothing.
 */
const densePauseMs = 800;
/** A lot covers demand so many times: until the next write is stored, and somewhat longer. */
const coverage = { sparse: 2, dense: 3 };
/** Weight of the newest write in the average. */
const weight = 0.2;

export class LotPace {
  readonly #clock: Clock;
  readonly #dense: number;
  #asked: { at: number; units: number }[] = [];
  #sum = 0;
  #writeMs = 0;

  /** `dense`: when more units than this are asked for in the time of one write, the crowd is dense. */
  constructor(clock: Clock, dense: number) {
    this.#clock = clock;
    this.#dense = dense;
  }

  asked(units: number): void {
    this.#asked.push({ at: this.#clock.monotonic(), units });
    this.#sum += units;
  }

  /** A write took `ms`. */
  wrote(ms: number): void {
    this.#writeMs += (ms - this.#writeMs) * (this.#writeMs === 0 ? 1 : weight);
  }

  forget(): void {
    this.#asked = [];
    this.#sum = 0;
  }

  /** Units asked for within `demandMs`. */
  get demand(): number {
    const now = this.#clock.monotonic();
    while (this.#asked.length > 0 && now - this.#asked[0]!.at > demandMs) {
      this.#sum -= this.#asked.shift()!.units;
    }
    return this.#sum;
  }

  /** Units that a lot should have. */
  get units(): number {
    return this.demand * (this.#isDense ? coverage.dense : coverage.sparse);
  }

  /** Milliseconds until the next write. */
  get pauseMs(): number {
    if (this.#isDense) return densePauseMs;
    return Math.min(Math.max(pause.inWrites * this.#writeMs, pause.least), pause.most);
  }

  /** The longest pause of a crowd that is not dense. */
  get longestPauseMs(): number {
    return pause.most;
  }

  /** By Little's law: units a millisecond times the milliseconds of a write. */
  get #isDense(): boolean {
    return (this.demand / demandMs) * this.#writeMs > this.#dense;
  }
}
