// The time of the API server, as this process can know it: from the Date header of its answers. Knows HTTP dates and
// clocks; knows no request and nothing of what the time is for.
//
// Why not the own clock: replicas compare times that other replicas wrote. A hold that a replica dates two minutes
// back is taken for one whose order was never stored (ledger/settler.ts). The API server's clock is the one that all
// of them can read.
import type { Cancel, Clock } from '../runtime/clock.ts';

/** Between which two times it is now, both included. Epoch ms. */
export interface TimeBounds {
  earliest: number;
  latest: number;
}

/** A clock whose `now()` is the API server's time, and which knows how far it can be wrong. */
export interface ServerClock extends Clock {
  /** Undefined while the time is not known; then `now()` is this machine's own. */
  bounds(): TimeBounds | undefined;
}

/** The API server's time minus `monotonic()`, between two values. */
interface Offset {
  low: number;
  high: number;
  /** When (monotonic) that was so; it widens with time. */
  at: number;
}

/** The Date header has whole seconds, cut off (Go, net/http server.go: appendTime). */
const dateStepMs = 1000;
/**
 * Two clocks that NTP disciplines drift by up to 500 millionths each (RFC 5905, section 7), so in a second their
 * distance changes by a thousandth of it at the most.
 */
const drift = 1 / 1000;
/**
 * When answers contradict each other, the API server's clock was set, or there are several API servers and their
 * clocks differ. Both times are possible then, for as long as a hold lives that was dated by the older one.
 */
const contradictedForMs = 150_000;
/**
 * The wall clock of this machine went another way than `monotonic()` by more than this: somebody set it, or the
 * machine was suspended, when `monotonic()` stands still. Then only a new answer tells.
 */
const leapMs = 1000;

export interface ServerTimeOptions {
  /** The clock of this machine. */
  clock: Clock;
  /** Told when the time has become unknown: any request to the API server makes it known again. */
  onDoubt?(): void;
}

export class ServerTime implements ServerClock {
  readonly #clock: Clock;
  readonly #onDoubt: (() => void) | undefined;
  /** What all answers since the last contradiction agree on. */
  #offset: Offset | undefined;
  /** What answers before it said, and until when that counts (monotonic). */
  #contradicted: (Offset & { until: number }) | undefined;
  /** The wall clock minus `monotonic()` at the last answer, and when that was. */
  #wall = { difference: 0, at: 0 };
  /** Since when (monotonic) nothing that was known before counts. */
  #doubtedAt: number | undefined;

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
   * How far the API server's clock is ahead of this machine's (negative: behind), and half of what lies between the
   * bounds. In ms; undefined while the time is not known.
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
   * Takes in an answer of the API server: the text of its Date header, and when (monotonic) the request was sent and
   * the header was here.
   */
  heard(date: string | undefined, sentAt: number, answeredAt: number): void {
    const dated = date ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(dated)) return;
    const now = this.#clock.monotonic();
    this.#lookForLeap(now);
    // On its way while the machine was suspended: how long that took cannot be told.
    if (this.#doubtedAt !== undefined && sentAt < this.#doubtedAt) return;
    const said: Offset = { low: dated - answeredAt, high: dated + dateStepMs - sentAt, at: now };
    const before = this.#offset && this.#doubtedAt === undefined ? aged(this.#offset, now) : undefined;
    const [low, high] = before
      ? [Math.max(before.low, said.low), Math.min(before.high, said.high)]
      : [said.low, said.high];
    if (low <= high) this.#offset = { low, high, at: now };
    else {
      this.#contradict(before!, now);
      this.#offset = said;
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

  /** What is known by now; undefined when nothing is. */
  #current(): Offset | undefined {
    if (!this.#offset) return undefined;
    const now = this.#clock.monotonic();
    this.#lookForLeap(now);
    return this.#doubtedAt === undefined ? aged(this.#offset, now) : undefined;
  }

  #lookForLeap(now: number): void {
    if (!this.#offset || this.#doubtedAt !== undefined) return;
    const moved = this.#clock.now() - now - this.#wall.difference;
    if (Math.abs(moved) <= leapMs + (now - this.#wall.at) * drift) return;
    this.#doubtedAt = now;
    this.#onDoubt?.();
  }
}

function aged({ low, high, at }: Offset, now: number): Offset {
  const wider = (now - at) * drift;
  return { low: low - wider, high: high + wider, at: now };
}

/** The first moment that may be now; -Infinity while the time is not known: nothing is sure to have passed. */
export const earliest = (clock: ServerClock): number => clock.bounds()?.earliest ?? Number.NEGATIVE_INFINITY;
