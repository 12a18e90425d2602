// Estimates the time of the API server from the Date headers of its answers. Knows HTTP dates and clocks. Knows
// neither requests nor the use of the time.
//
// Replicas compare times that other replicas wrote, so they need one common clock. If a replica's own clock were 2
// minutes slow, its holds would look old, and the leader would drop them as holds without an order
// (ledger/settler.ts). The API server's clock is the one that all replicas can read.
import type { Cancel, Clock } from '../runtime/clock.ts';

/** The present time is between these two, both included. Epoch ms. */
export interface TimeBounds {
  earliest: number;
  latest: number;
}

/** A clock whose `now()` is the API server's time, and which knows how wrong it can be. */
export interface ServerClock extends Clock {
  /** Undefined while the time is not known; then `now()` is this machine's own. */
  bounds(): TimeBounds | undefined;
}

/** The API server's time minus `monotonic()` is between these two values. */
interface Offset {
  low: number;
  high: number;
  /** When (monotonic) the two values were right. The interval widens with time. */
  at: number;
}

/** The Date header has whole seconds, cut off (Go, net/http server.go: appendTime). */
const dateStepMs = 1000;
/**
 * Two clocks that NTP disciplines drift by up to 500 ppm each (RFC 5905, section 7). So their difference changes by
 * at most 1 ms per second.
 */
const drift = 1 / 1000;
/**
 * Two answers contradict each other when the API server's clock was set, or when several API servers have different
 * clocks. Then both times count as possible for this many ms, because holds may carry times of the earlier clock. By
 * default no hold lives longer.
 */
const contradictedForMs = 150_000;
/**
 * When the wall clock of this machine and `monotonic()` differ by more than this since the last answer, somebody set
 * the clock, or the machine was suspended (`monotonic()` stops then). The time is unknown until the next answer.
 */
const leapMs = 1000;
/** While the time is unknown and wanted, `onDoubt` is called again after this many ms: its request may have failed. */
const askAgainMs = 1000;

export interface ServerTimeOptions {
  /** The clock of this machine. */
  clock: Clock;
  /** Called when the time has become unknown, and again while it is wanted and unknown. Any request to the API server makes it known again. */
  onDoubt?(): void;
}

export class ServerTime implements ServerClock {
  readonly #clock: Clock;
  readonly #onDoubt: (() => void) | undefined;
  /** The offset on which all answers since the last contradiction agree. */
  #offset: Offset | undefined;
  /** The offset before the last contradiction, and until when (monotonic) it still counts. */
  #contradicted: (Offset & { until: number }) | undefined;
  /** The wall clock minus `monotonic()` at the last answer, and the monotonic time of that answer. */
  #wall = { difference: 0, at: 0 };
  /** Since when (monotonic) the time is unknown. */
  #doubtedAt: number | undefined;
  /** When (monotonic) `onDoubt` was called last. */
  #askedAt = 0;

  constructor({ clock, onDoubt }: ServerTimeOptions) {
    this.#clock = clock;
    this.#onDoubt = onDoubt;
  }

  now(): number {
    const offset = this.#current();
    if (!offset) return this.#clock.now();
    return Math.round(this.#clock.monotonic() + (offset.low + offset.high) / 2);
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(ms: number, fn: () => void): Cancel {
    return this.#clock.after(ms, fn);
  }

  bounds(): TimeBounds | undefined {
    const offset = this.#current();
    if (!offset) return undefined;
    const now = this.#clock.monotonic();
    const old = this.#contradicted && now < this.#contradicted.until ? aged(this.#contradicted, now) : offset;
    return {
      earliest: now + Math.min(offset.low, old.low),
      latest: now + Math.max(offset.high, old.high),
    };
  }

  /**
   * How far the API server's clock is ahead of this machine's (negative: behind), and half the distance between the
   * bounds, in ms. Undefined while the time is unknown.
   */
  status(): { offsetMs: number; uncertaintyMs: number } | undefined {
    const bounds = this.bounds();
    if (!bounds) return undefined;
    return {
      offsetMs: this.now() - this.#clock.now(),
      uncertaintyMs: (bounds.latest - bounds.earliest) / 2,
    };
  }

  /**
   * Records an answer of the API server. `date`: its Date header. `sentAt`, `answeredAt`: when (monotonic) the
   * request was sent and the headers arrived.
   */
  heard(date: string | undefined, sentAt: number, answeredAt: number): void {
    const dated = date ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(dated)) return;
    const now = this.#clock.monotonic();
    this.#lookForLeap(now);
    // The machine was suspended while this request was under way, so nobody can tell how long it took.
    if (this.#doubtedAt !== undefined && sentAt < this.#doubtedAt) return;
    const fromAnswer: Offset = { low: dated - answeredAt, high: dated + dateStepMs - sentAt, at: now };
    const before = this.#offset && this.#doubtedAt === undefined ? aged(this.#offset, now) : undefined;
    const [low, high] = before
      ? [Math.max(before.low, fromAnswer.low), Math.min(before.high, fromAnswer.high)]
      : [fromAnswer.low, fromAnswer.high];
    if (low <= high) this.#offset = { low, high, at: now };
    else {
      this.#contradict(before!, now);
      this.#offset = fromAnswer;
    }
    this.#wall = { difference: this.#clock.now() - now, at: now };
    this.#doubtedAt = undefined;
  }

  #contradict(before: Offset, now: number): void {
    const known = this.#contradicted;
    const old = known && now < known.until ? aged(known, now) : before;
    this.#contradicted = {
      low: Math.min(old.low, before.low),
      high: Math.max(old.high, before.high),
      at: now,
      until: now + contradictedForMs,
    };
  }

  /** The present offset with its bounds. Undefined when nothing is known. */
  #current(): Offset | undefined {
    if (!this.#offset) return undefined;
    const now = this.#clock.monotonic();
    this.#lookForLeap(now);
    if (this.#doubtedAt === undefined) return aged(this.#offset, now);
    if (now - this.#askedAt >= askAgainMs) this.#ask(now);
    return undefined;
  }

  #lookForLeap(now: number): void {
    if (!this.#offset || this.#doubtedAt !== undefined) return;
    const moved = this.#clock.now() - now - this.#wall.difference;
    if (Math.abs(moved) <= leapMs + (now - this.#wall.at) * drift) return;
    this.#doubtedAt = now;
    this.#ask(now);
  }

  #ask(now: number): void {
    this.#askedAt = now;
    this.#onDoubt?.();
  }
}

function aged({ low, high, at }: Offset, now: number): Offset {
  const wider = (now - at) * drift;
  return { low: low - wider, high: high + wider, at: now };
}

/** The lower bound of the present time. -Infinity while the time is unknown: no deadline has certainly passed. */
export const earliest = (clock: ServerClock): number => clock.bounds()?.earliest ?? Number.NEGATIVE_INFINITY;
