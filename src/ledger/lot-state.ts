// What a replica knows of its own lot of one goods, and what each event makes of it: an order takes units or is refused
// after all, a write is evaluated (its change runs on a draft of the goods), stored or lost. No I/O, no clock, no
// timers: lots.ts drives it. Times are monotonic, in ms.
//
//   none ──write──▶ open ──order──▶ open, one more unassigned ──write──▶ open, all assigned ──write of 0──▶ none
//                    │
//                    └──write failed──▶ in doubt: gives nothing until a write is stored
import { type Hold, lotsOf } from '../api/holds.ts';
import type { StockDraft } from './stock-draft.ts';

/**
 * A lot that was not refreshed for this long is not used any more. The leader waits longer before it takes a lot
 * (lot-watch.ts).
 */
export const usedForMs = 2000;
/**
 * After this time without a refresh, the replica must not assign orders any more: it abandons the lot with its
 * unassigned orders to the leader, as after a crash. The leader may have given these orders their units already, and
 * may have settled them, so another hold would reserve the units twice.
 *
 * The time is `usedForMs`, plus 1 s because a lot's time has whole seconds, plus a margin of 0.5 s. The leader waits
 * for `abandonedAfterMs` (lot-watch.ts), which is longer and begins later: when the leader sees the refresh.
 */
const mayAssignForMs = usedForMs + 1500;

/** The last write of the lot, as it was last evaluated. It may be in flight, stored or lost. */
interface LotWrite {
  /** Size that the write gives the lot. */
  units: number;
  /** When it was evaluated. */
  at: number;
  /** Units given to orders since then. */
  givenSince: number;
  changesAnything: boolean;
  /** The lot had too few units for all unassigned orders. */
  isShort: boolean;
  /** How often it was evaluated: once, and again after each conflict or unknown outcome. */
  attempts: number;
  /** Units that were free at the last evaluation, whichever attempt is stored. Infinity before the first attempt. */
  certain: number;
}

const nothingWritten: LotWrite = {
  units: 0,
  at: Number.NEGATIVE_INFINITY,
  givenSince: 0,
  changesAnything: false,
  isShort: false,
  attempts: 0,
  certain: Number.POSITIVE_INFINITY,
};

/** What a write is evaluated with. */
export interface Evaluation {
  now: number;
  /**
   * The `time` that the lot's hold gets. Undefined while the API server's time is not known: the hold keeps its old
   * `time`, and no unit is free.
   */
  time: string | undefined;
  /** The name of the pod, for people who read the goods' status. */
  instance: string;
  /** Size that the lot should have, in units. */
  size: number;
}

export class LotState {
  /** uid of the goods. */
  readonly goods: string;
  #uid: string;
  /** Units that may be given to orders without I/O. */
  #free = 0;
  /** By order uid, holds that were given and are not stored yet. */
  readonly #unassigned = new Map<string, Hold>();
  /** The names of these orders. */
  readonly #names = new Set<string>();
  /** uids of the orders that the write in flight assigns. */
  readonly #assigning = new Set<string>();
  #lastWrite: LotWrite = nothingWritten;
  /** The last write failed, or its outcome is unknown. So what is stored, and what is free, is unknown. */
  #isInDoubt = false;
  /** When the lot was last refreshed. -Infinity while it is uncertain whether the lot is stored: it gives nothing. */
  #refreshedAt = Number.NEGATIVE_INFINITY;
  /** When the last write that is known to be stored was evaluated. Failed writes do not reset it. */
  #storedAt = Number.NEGATIVE_INFINITY;

  constructor(goods: string, uid: string) {
    this.goods = goods;
    this.#uid = uid;
  }

  get uid(): string {
    return this.#uid;
  }

  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** True when there is no lot and no order is unassigned. */
  get isEmpty(): boolean {
    return this.#lastWrite.units === 0 && this.#unassigned.size === 0;
  }

  /** Whether more than a quarter of the lot is free. */
  get hasPlenty(): boolean {
    return this.#free > this.#lastWrite.units / 4;
  }

  /** When the last write was evaluated. */
  get evaluatedAt(): number {
    return this.#lastWrite.at;
  }

  /** Whether an order was admitted on the lot and has no stored hold yet. */
  isUnassigned(uid: string): boolean {
    return this.#unassigned.has(uid);
  }

  /** Whether an unassigned order has this name. */
  hasName(order: string): boolean {
    return this.#names.has(order);
  }

  mayGive(units: number, now: number): boolean {
    return this.#free >= units && now - this.#refreshedAt < usedForMs;
  }

  /** Gives an order its units. The caller has asked `mayGive`. */
  give(hold: Hold): void {
    this.#free -= hold.quantity;
    this.#lastWrite = { ...this.#lastWrite, givenSince: this.#lastWrite.givenSince + hold.quantity };
    this.#unassigned.set(hold.uid, hold);
    this.#names.add(hold.order);
  }

  /** Takes back units of an order that is refused after all. True when no write can have assigned them. */
  takeBack(uid: string): boolean {
    const hold = this.#unassigned.get(uid);
    if (!hold) return false;
    this.#remove(hold);
    // A failed write may be stored all the same, with this order. And a lot that is short does not have these
    // units.
    if (this.#assigning.has(uid) || this.#isInDoubt || this.#lastWrite.isShort) return false;
    this.#free += hold.quantity;
    this.#lastWrite = { ...this.#lastWrite, givenSince: this.#lastWrite.givenSince - hold.quantity };
    return true;
  }

  beginWrite(): void {
    this.#lastWrite = {
      ...this.#lastWrite,
      givenSince: 0,
      attempts: 0,
      certain: Number.POSITIVE_INFINITY,
    };
  }

  /** Whether so much time has passed since the last stored write that the leader may have taken the lot. */
  mustAbandon(now: number): boolean {
    return this.#unassigned.size > 0 && now - this.#storedAt > mayAssignForMs;
  }

  /** Assigns the orders on the lot. Returns the units that are left in it. */
  assign(draft: StockDraft): number {
    this.#assigning.clear();
    for (const hold of this.#unassigned.values()) {
      if (draft.assign(hold, [this.#uid])) this.#assigning.add(hold.uid);
    }
    return draft.unitsOf(this.#uid);
  }

  /** Sizes the lot, after `assign`. Both run again from the start after every conflict. */
  resize(draft: StockDraft, { now, time, instance, size }: Evaluation): void {
    const { attempts, certain: certainBefore, givenSince } = this.#lastWrite;
    const rest = draft.unitsOf(this.#uid);
    let missing = 0;
    for (const { uid, quantity } of this.#unassigned.values())
      if (!this.#assigning.has(uid)) missing += quantity;
    // Units of orders that were admitted on the lot are never given back.
    const units = Math.max(time === undefined ? 0 : size, Math.min(rest, missing));
    const lot = { uid: this.#uid, order: instance, quantity: units };
    const isResized = draft.resize({ ...lot, time: time ?? dateOf(draft, this.#uid) });
    // Nobody knows yet whether this write will be stored. So give away only units that the lot has before the write
    // and after it. An earlier attempt may still be stored late, so the units must exist after that one too.
    const certain = Math.max(0, Math.min(rest, units, certainBefore - givenSince));
    this.#lastWrite = {
      units,
      at: now,
      givenSince: 0,
      changesAnything: isResized || this.#assigning.size > 0,
      isShort: missing > 0,
      attempts: attempts + 1,
      certain,
    };
    this.#free = missing > 0 || this.#isInDoubt ? 0 : certain;
  }

  /** The write is stored; the lot has `units` now. */
  stored(units: number): void {
    const { givenSince, at, changesAnything, isShort, attempts } = this.#lastWrite;
    for (const uid of this.#assigning) {
      const hold = this.#unassigned.get(uid);
      if (hold) this.#remove(hold);
    }
    this.#assigning.clear();
    this.#free = isShort ? 0 : Math.max(0, units - givenSince);
    this.#isInDoubt = false;
    // A stored write that changed the lot or assigned an order shows that the lot is stored. A write without such
    // changes shows nothing. If it had several attempts, an earlier one may still be stored and change the lot.
    if (changesAnything) {
      this.#refreshedAt = at;
      this.#storedAt = at;
    } else if (attempts > 1) this.#refreshedAt = Number.NEGATIVE_INFINITY;
  }

  /** The write failed, or nobody knows whether it is stored. Gives nothing away until a write has succeeded. */
  failed(): void {
    this.#assigning.clear();
    this.#free = 0;
    this.#isInDoubt = true;
    this.#refreshedAt = Number.NEGATIVE_INFINITY;
  }

  /** The goods are gone, or other goods have their name. */
  gone(): void {
    this.#forgetOrders();
    this.#assigning.clear();
    this.#lastWrite = nothingWritten;
    this.#isInDoubt = false;
  }

  /** Leaves the lot unchanged for the leader. The next one has the uid `next`. */
  abandon(next: string): void {
    this.#uid = next;
    this.#forgetOrders();
    this.#lastWrite = { ...this.#lastWrite, givenSince: 0, certain: 0 };
  }

  /** Abandons the lot because of a restored backup: the write that it rests on was lost. */
  abandonHistory(next: string): void {
    this.abandon(next);
    this.#lastWrite = nothingWritten;
    this.#isInDoubt = false;
    this.#refreshedAt = Number.NEGATIVE_INFINITY;
  }

  #remove(hold: Hold): void {
    this.#unassigned.delete(hold.uid);
    this.#names.delete(hold.order);
  }

  #forgetOrders(): void {
    this.#free = 0;
    this.#unassigned.clear();
    this.#names.clear();
  }
}

const dateOf = (draft: StockDraft, uid: string): string =>
  lotsOf(draft.goods.status).find((lot) => lot.uid === uid)?.time ?? '';
