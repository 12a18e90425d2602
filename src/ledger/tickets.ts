// Remembers the clients that were told to try again: when each one first tried, and how long it must wait next. Each
// replica has its own tickets, in memory and limited in number. Knows nothing of stock.
import type { Clock } from '../runtime/clock.ts';

export interface Ticket {
  /** When the client first tried (monotonic). Its place in line depends on this. */
  since: number;
}

interface Remembered extends Ticket {
  /** Number of refusals, minus one. Several refusals within one wait count once. */
  tries: number;
  /** When the client is expected to retry (monotonic). */
  retryAt: number;
}

/**
 * The wait doubles with every try, up to this limit. Then a random time of up to the same length is added, so that
 * clients do not return at the same moment.
 */
const longestWaitSeconds = 8;
/** A client that stays away this long after it was expected counts as new. */
const forgottenAfterMs = 60_000;
const maxTickets = 10_000;

export class Tickets {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Ordered by the last refusal. */
  readonly #tickets = new Map<string, Remembered>();

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#tickets.size;
  }

  /** The ticket of a known client, or a new one. */
  of(who: string): Ticket {
    const now = this.#clock.monotonic();
    const ticket = this.#tickets.get(who);
    return ticket && now - ticket.retryAt < forgottenAfterMs ? ticket : { since: now };
  }

  /** Call it when the client is told to try again. Returns the wait in whole seconds, at least 1. */
  refused(who: string, { since }: Ticket): number {
    const now = this.#clock.monotonic();
    const known = this.#tickets.get(who);
    const before = known && now - known.retryAt < forgottenAfterMs ? known : undefined;
    // When a client sends several orders at once, each is refused. That counts as one try.
    const tries = before ? before.tries + Number(now >= before.retryAt) : 0;
    const least = Math.min(2 ** tries, longestWaitSeconds);
    const seconds = least + Math.floor(this.#random() * (least + 1));
    this.#tickets.delete(who);
    this.#tickets.set(who, {
      since: Math.min(since, before?.since ?? since),
      tries,
      retryAt: now + seconds * 1000,
    });
    if (this.#tickets.size > maxTickets) this.#forgetOldest();
    return seconds;
  }

  /** Call it when the client was admitted or refused for good. */
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
