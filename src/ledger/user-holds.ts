// Limits the units that each user holds in open requests: admission let them in, and nobody knows yet whether their orders
// are stored. Another webhook or a quota may still refuse each of them, and its units stay held until the hold lapses. So
// each user has two limits: a share of the stock of one goods, and a number of open requests. A new user gets half of both.
// A stored order raises the user's limits, and a lapse halves them. Every replica counts for itself, in memory. Does not
// read or write the stock.
import { type Refusal, refuse } from '../api/refusals.ts';
import type { Clock } from '../runtime/clock.ts';

export interface UserLimits {
  /** The part of a goods' stock that one user may hold in open requests, 0 to 1. */
  share: number;
  /** Maximum number of open requests of one user. */
  holds: number;
  /** Age in ms at which an open request lapses: its order was not seen, so it was refused after admission here. */
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

/** What is known of one user. */
interface UserRecord {
  /** The part of the limits that the user may have, from `lowestFactor` to 1. */
  factor: number;
  openRequests: number;
  /** By goods, units in open requests. */
  units: Map<string, number>;
  seenAt: number;
}

/** Factor of a new user. */
const initialFactor = 1 / 2;
const lowestFactor = 1 / 64;
/** What a stored order adds. A lapse takes 1/4 from a new user, so eight stored orders make up for it. */
const gain = initialFactor / 16;
/** After this time without a request, and without an open one, a user counts as new again. */
const forgottenAfterMs = 600_000;
const maxUsers = 10_000;

export class UserHolds {
  readonly #clock: Clock;
  readonly #limits: UserLimits;
  /** By uid of the order, the oldest request first. */
  readonly #open = new Map<string, Open>();
  /** Uids of open requests, by name of the order. */
  readonly #uidsByName = new Map<string, Set<string>>();
  /** The user of the most recent change is the last. */
  readonly #users = new Map<string, UserRecord>();

  constructor(clock: Clock, limits: UserLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Counts a request, or returns why its user must wait. Counts the same uid only once. */
  begin(uid: string, { user, name, lines }: Pick<Open, 'user' | 'name' | 'lines'>): Refusal | undefined {
    this.#dropLapsed();
    if (this.#open.has(uid)) return undefined;
    const record = this.#record(user);
    const maxHolds = Math.max(1, Math.floor(this.#limits.holds * record.factor));
    if (record.openRequests >= maxHolds) {
      return tryAgain(
        `${record.openRequests} of your orders are not stored yet, and may never be; the limit is ${maxHolds}`,
      );
    }
    for (const { key, units, stockCount } of lines) {
      const has = record.units.get(key) ?? 0;
      const max = Math.max(1, Math.floor(stockCount * this.#limits.share * record.factor));
      // A single large order is no attack. So a user without open requests for these goods may pass the limit, unless lapses
      // have brought the factor below that of a new user.
      if (has + units <= max || (has === 0 && record.factor >= initialFactor)) continue;
      const goods = key.slice(key.indexOf('/') + 1);
      return tryAgain(
        `${has} units of ${goods} are held for orders of yours that are not stored yet; with these ${units} the limit of ${max} is passed`,
      );
    }
    this.#open.set(uid, { user, name, lines, since: this.#clock.monotonic() });
    const uids = this.#uidsByName.get(name);
    if (uids) uids.add(uid);
    else this.#uidsByName.set(name, new Set([uid]));
    this.#count(record, lines, 1);
    return undefined;
  }

  /** The request was refused by us: it holds nothing. */
  forget(uid: string): void {
    this.#end(uid);
  }

  /** The order was seen in the cache. Other open requests with its name end, because only one order can have a name. */
  stored(uid: string, name: string): void {
    const record = this.#end(uid);
    if (record) record.factor = Math.min(1, record.factor + gain);
    for (const other of this.#uidsByName.get(name) ?? []) this.#end(other);
  }

  #end(uid: string): UserRecord | undefined {
    const open = this.#open.get(uid);
    if (!open) return undefined;
    this.#open.delete(uid);
    const uids = this.#uidsByName.get(open.name);
    uids?.delete(uid);
    if (uids?.size === 0) this.#uidsByName.delete(open.name);
    const record = this.#record(open.user);
    this.#count(record, open.lines, -1);
    return record;
  }

  #dropLapsed(): void {
    const before = this.#clock.monotonic() - this.#limits.decidedAfterMs;
    for (const [uid, { since }] of this.#open) {
      if (since > before) return;
      const record = this.#end(uid);
      if (record) record.factor = Math.max(lowestFactor, record.factor / 2);
    }
  }

  #count(record: UserRecord, lines: readonly UserLine[], sign: 1 | -1): void {
    record.openRequests += sign;
    for (const { key, units } of lines) {
      const sum = (record.units.get(key) ?? 0) + sign * units;
      if (sum > 0) record.units.set(key, sum);
      else record.units.delete(key);
    }
  }

  #record(user: string): UserRecord {
    const now = this.#clock.monotonic();
    let record = this.#users.get(user);
    if (!record || (record.openRequests === 0 && now - record.seenAt > forgottenAfterMs)) {
      record = { factor: initialFactor, openRequests: 0, units: new Map(), seenAt: now };
    }
    record.seenAt = now;
    this.#users.delete(user);
    this.#users.set(user, record);
    if (this.#users.size > maxUsers) this.#forgetOldest();
    return record;
  }

  #forgetOldest(): void {
    for (const [user, { openRequests }] of this.#users) {
      if (openRequests > 0) continue;
      this.#users.delete(user);
      return;
    }
  }
}

const tryAgain = (why: string): Refusal => ({
  ...refuse('TooManyRequests', `${why}; try again`),
  retryAfterSeconds: 1,
});
