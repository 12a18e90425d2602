// Who was told to try again: since when he tries, and how long he is asked to wait next. In memory, of one replica;
// a bounded number, the oldest goes. Knows nothing of stock.
import type { Clock } from '../runtime/clock.ts';

export interface Ticket {
  /** When he came first, on the monotonic clock: who waits in line waits by this. */
  since: number;
}

interface Remembered extends Ticket {
  /** Refusals so far; several within one wait count once. */
  tries: number;
  /** When he is expected back. */
  back: number;
}

/** The wait doubles with every try up to this, and is stretched by up to as much again: nobody returns in step. */
const longestWaitSeconds = 8;
/** Who does not come back for so long after he was expected comes as somebody new. */
const forgottenAfterMs = 60_000;
const mostTickets = 10_000;

export class Tickets {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** In the order of the last refusal. */
  readonly #tickets = new Map<string, Remembered>();

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#tickets.size;
  }

  of(who: string): Ticket {
    const now = this.#clock.monotonic();
    const ticket = this.#tickets.get(who);
    return ticket && now - ticket.back < forgottenAfterMs ? ticket : { since: now };
  }

  /** He is told to try again; returns in how many seconds, a whole number of at least 1. */
  refused(who: string, { since }: Ticket): number {
    const now = this.#clock.monotonic();
    const known = this.#tickets.get(who);
    const before = known && now - known.back < forgottenAfterMs ? known : undefined;
    // Of several orders that somebody sends at once each is refused; that is one try.
    const tries = before ? before.tries + Number(now >= before.back) : 0;
    const least = Math.min(2 ** tries, longestWaitSeconds);
    const seconds = least + Math.floor(this.#random() * (least + 1));
    this.#tickets.delete(who);
    this.#tickets.set(who, {
      since: Math.min(since, before?.since ?? since),
      tries,
      back: now + seconds * 1000,
    });
    if (this.#tickets.size > mostTickets) this.#forgetOldest();
    return seconds;
  }

  /** He has his answer. */
  forget(who: string): void {
    this.#tickets.delete(who);
  }

  #forgetOldest(): void {
    for (const who of this.#tickets.keys()) {
      this.#tickets.delete(who);
      return;
    }
  }
}
