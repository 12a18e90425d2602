// How large a lot is and how often it is written, from the demand and from the time a write takes. Knows neither goods
// nor orders.
import type { Clock } from '../runtime/clock.ts';
import { LoadMeter, MovingAverage } from '../runtime/load-meter.ts';

/** Demand is the number of units asked for within this time. */
const demandMs = 500;
/**
 * The pause between two writes is `inWrites` times the average time of a write, between `least` and `most` ms. An order
 * gets no state before a write carries its hold, and quick writes are cheap, so the pause is short where writes are quick.
 */
const pause = { inWrites: 4, least: 25, most: 200 };
/**
 * The pause in a dense crowd. Orders wait longer for their state anyway (controllers/deferral.ts), every write carries
 * the holds of all orders that wait, and writes take the API server's time from admission. The pause is less than half of
 * the time that a lot may be used without a write (`usedForMs` in lot-state.ts), so that one failed write stops nothing.
 */
const densePauseMs = 800;
/** A lot covers this many times the demand: enough until the next write is stored, and somewhat longer. */
const coverage = { sparse: 2, dense: 3 };

export class LotPace {
  readonly #denseAbove: number;
  readonly #demand: LoadMeter;
  readonly #writes = new MovingAverage();

  /** `denseAbove`: the crowd is dense when more units than this arrive in the time of one write. */
  constructor(clock: Clock, denseAbove: number) {
    this.#demand = new LoadMeter(clock, demandMs);
    this.#denseAbove = denseAbove;
  }

  /** An order asked for `units`. */
  asked(units: number): void {
    this.#demand.add(units);
  }

  /** A write took `ms`. */
  wrote(ms: number): void {
    this.#writes.add(ms);
  }

  forget(): void {
    this.#demand.clear();
  }

  /** Units asked for within `demandMs`. */
  get demand(): number {
    return this.#demand.units;
  }

  /** Units that a lot should have. */
  get units(): number {
    return this.demand * (this.#isDense ? coverage.dense : coverage.sparse);
  }

  /** Milliseconds until the next write. */
  get pauseMs(): number {
    if (this.#isDense) return densePauseMs;
    return Math.min(Math.max(pause.inWrites * this.#writes.ms, pause.least), pause.most);
  }

  /** The longest pause of a crowd that is not dense. */
  get longestPauseMs(): number {
    return pause.most;
  }

  get #isDense(): boolean {
    return this.#demand.inFlight(this.#writes.ms) > this.#denseAbove;
  }
}
