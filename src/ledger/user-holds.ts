// What each user holds in requests of which nobody knows yet whether they are stored. Another webhook or a quota may refuse an
// order after us, again and again; so one user never has more than a share of a goods in such requests, and a number of them
// in all. Who sees his orders stored may have all of that; each hold that lapses halves it. In memory, of one replica. Knows
// nothing of stock.
import { type Refusal, refuse } from '../api/refusals.ts';
import type { Clock } from '../runtime/clock.ts';

export interface UserLimits {
  /** The part of a goods' stock that one user may hold in undecided requests, 0 to 1. */
  share: number;
  /** How many undecided requests one user may have. */
  holds: number;
  /** A request that is not seen stored by then was refused after us. ms. */
  decidedAfterMs: number;
}

export interface UserLine {
  /** namespace/name of the goods. */
  key: string;
  units: number;
  stockCount: number;
}

interface Open {
  user: string;
  /** namespace/name of the order. */
  name: string;
  lines: readonly UserLine[];
  since: number;
}

interface Standing {
  /** How much of the limits the user may have, from `lowest` to 1. */
  factor: number;
  holds: number;
  /** By goods, units in undecided requests. */
  units: Map<string, number>;
  seenAt: number;
}

/** Of somebody who is new. */
const initial = 1 / 2;
const lowest = 1 / 64;
/** A stored order gives back an eighth of what a lapse takes from somebody who is new. */
const gain = initial / 16;
/** Who asks for nothing for so long is new again. */
const forgottenAfterMs = 600_000;
const maxUsers = 10_000;

export class UserHolds {
  readonly #clock: Clock;
  readonly #limits: UserLimits;
  /** By uid of the request, the oldest first. */
  readonly #open = new Map<string, Open>();
  /** Their uids, by name of the order. */
  readonly #named = new Map<string, Set<string>>();
  /** The one that asked last is the last. */
  readonly #users = new Map<string, Standing>();

  constructor(clock: Clock, limits: UserLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Counts a request, or says why its user must wait. A request that is counted already counts once. */
  begin(uid: string, { user, name, lines }: Pick<Open, 'user' | 'name' | 'lines'>): Refusal | undefined {
    this.#dropLapsed();
    if (this.#open.has(uid)) return undefined;
    const standing = this.#standing(user);
    const maxHolds = Math.max(1, Math.floor(this.#limits.holds * standing.factor));
    if (standing.holds >= maxHolds) {
      return wait(
        `${standing.holds} of your orders are not stored yet, and may never be; the limit is ${maxHolds}`,
      );
    }
    for (const { key, units, stockCount } of lines) {
      const has = standing.units.get(key) ?? 0;
      const max = Math.max(1, Math.floor(stockCount * this.#limits.share * standing.factor));
      // A single large order is no attack, until one of them was refused after us.
      if (has + units <= max || (has === 0 && standing.factor >= initial)) continue;
      const goods = key.slice(key.indexOf('/') + 1);
      return wait(
        `${has} units of ${goods} are held for orders of yours that are not stored yet; with these ${units} the limit of ${max} is passed`,
      );
    }
    this.#open.set(uid, { user, name, lines, since: this.#clock.monotonic() });
    const named = this.#named.get(name);
    if (named) named.add(uid);
    else this.#named.set(name, new Set([uid]));
    this.#count(standing, lines, 1);
    return undefined;
  }

  /** The request was refused by us: it holds nothing. */
  forget(uid: string): void {
    this.#end(uid);
  }

  /** An order was seen in the cache. Other requests of its name hold nothing while it has the name. */
  stored(uid: string, name: string): void {
    const standing = this.#end(uid);
    if (standing) standing.factor = Math.min(1, standing.factor + gain);
    for (const other of this.#named.get(name) ?? []) this.#end(other);
  }

  #end(uid: string): Standing | undefined {
    const open = this.#open.get(uid);
    if (!open) return undefined;
    this.#open.delete(uid);
    const named = this.#named.get(open.name);
    named?.delete(uid);
    if (named?.size === 0) this.#named.delete(open.name);
    const standing = this.#standing(open.user);
    this.#count(standing, open.lines, -1);
    return standing;
  }

  #dropLapsed(): void {
    const before = this.#clock.monotonic() - this.#limits.decidedAfterMs;
    for (const [uid, { since }] of this.#open) {
      if (since > before) return;
      const standing = this.#end(uid);
      if (standing) standing.factor = Math.max(lowest, standing.factor / 2);
    }
  }

  #count(standing: Standing, lines: readonly UserLine[], sign: 1 | -1): void {
    standing.holds += sign;
    for (const { key, units } of lines) {
      const sum = (standing.units.get(key) ?? 0) + sign * units;
      if (sum > 0) standing.units.set(key, sum);
      else standing.units.delete(key);
    }
  }

  #standing(user: string): Standing {
    const now = this.#clock.monotonic();
    let standing = this.#users.get(user);
    if (!standing || (standing.holds === 0 && now - standing.seenAt > forgottenAfterMs)) {
      standing = { factor: initial, holds: 0, units: new Map(), seenAt: now };
    }
    standing.seenAt = now;
    this.#users.delete(user);
    this.#users.set(user, standing);
    if (this.#users.size > maxUsers) this.#forgetOldest();
    return standing;
  }

  #forgetOldest(): void {
    for (const [user, { holds }] of this.#users) {
      if (holds > 0) continue;
      this.#users.delete(user);
      return;
    }
  }
}

const wait = (why: string): Refusal => ({
  ...refuse('TooManyRequests', `${why}; try again`),
  retryAfterSeconds: 1,
});
