// What this replica's admission has answered: refusals by reason, and the time an answer takes. Counts from the
// start of the process in fixed memory, also without viewers, because refusals are stored nowhere else.
import { refusalCodes } from '../api/refusals.ts';
import type { Clock } from '../runtime/clock.ts';
import { clipped } from './clipped.ts';
import { PerSecond } from './per-second.ts';
import type { Health, RefusalRow, RefusalsPart } from './wire.ts';

/** The part of a decision that this file needs (server/app.ts has the rest). */
export interface Decided {
  allowed: boolean;
  reason: string | undefined;
  dryRun: true | undefined;
  ms: number;
}

interface Tally {
  total: number;
  recent: PerSecond;
  example: string;
}

/** Maximum number of latencies that are kept. The board shows those of the last minute. */
const maxLatencies = 2048;
const minuteMs = 60_000;
/** The last minute, and a margin. */
const keptSeconds = 62;

export class Admissions {
  readonly #clock: Clock;
  readonly startedAt: number;
  readonly refused: PerSecond;
  readonly #byReason = new Map<string, Tally>();
  readonly #milliseconds = new Float64Array(maxLatencies);
  readonly #at = new Float64Array(maxLatencies).fill(Number.NEGATIVE_INFINITY);
  readonly #calls = new PerSecond(keptSeconds);
  #next = 0;

  /** `past`: seconds of the past to keep. */
  constructor(clock: Clock, past: number) {
    this.#clock = clock;
    this.startedAt = clock.now();
    this.refused = new PerSecond(past);
  }

  decided({ allowed, reason, dryRun, ms }: Decided, message: string): void {
    const now = this.#clock.now();
    this.#calls.add(now);
    this.#milliseconds[this.#next] = ms;
    this.#at[this.#next] = this.#clock.monotonic();
    this.#next = (this.#next + 1) % maxLatencies;
    if (allowed || dryRun) return;
    this.refused.add(now);
    const tally = this.#tally(reason);
    tally.total++;
    tally.recent.add(now);
    tally.example = message;
  }

  refusals(): RefusalsPart {
    const second = Math.floor(this.#clock.now() / 1000);
    const rows: RefusalRow[] = [];
    for (const [reason, { total, recent, example }] of this.#byReason) {
      rows.push({ reason, total, lastMinute: recent.sum(second, 60), example: clipped(example) });
    }
    rows.sort((a, b) => b.total - a.total || (a.reason < b.reason ? -1 : 1));
    const sum = (of: 'lastMinute' | 'total') => rows.reduce((all, row) => all + row[of], 0);
    return { rows, lastMinute: sum('lastMinute'), total: sum('total') };
  }

  latency(): Health['admission'] {
    const since = this.#clock.monotonic() - minuteMs;
    const recent = this.#milliseconds.filter((_, index) => this.#at[index]! >= since).sort();
    const quantile = (share: number) =>
      recent[Math.min(recent.length - 1, Math.floor(recent.length * share))] ?? 0;
    const calls = this.#calls.sum(Math.floor(this.#clock.now() / 1000), 60);
    return { calls, p50: tenths(quantile(0.5)), p99: tenths(quantile(0.99)) };
  }

  /** One row for each reason in refusals.ts, and the row `Error` for everything else. */
  #tally(reason: string | undefined): Tally {
    const row = reason && Object.hasOwn(refusalCodes, reason) ? reason : 'Error';
    let tally = this.#byReason.get(row);
    if (!tally) {
      tally = { total: 0, recent: new PerSecond(keptSeconds), example: '' };
      this.#byReason.set(row, tally);
    }
    return tally;
  }
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;
