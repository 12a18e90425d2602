// The stock of one goods while a write changes it: pure arithmetic, no I/O, no clock. The only place with the
// formula `available = stockCount − num − reserved − Σ holds`.
//
// Only one order can have a name, so holds of the same order name share their units. Each request has a hold of its own,
// with its own time. Together, the holds of a name take what its largest request needs, less the units of the stored order
// of that name:
//
//   Σ own units of the holds of a name = max(0, largest need − units of the name's order in num and reserved)
//
// When the stored order leaves num and reserved, the same write gives its units to the holds of its name.
import { formatHolds, type Hold, heldUnits, holdsOf, isLot, mostHolds, ownUnits } from '../api/holds.ts';
import { type Refusal, refuse } from '../api/refusals.ts';
import { SpikeGoods, type SpikeGoodsStatus } from '../api/spike-goods.ts';
import { withinBounds } from '../api/within-bounds.ts';

/** The sums over the orders that the leader sees, in units. */
export interface Totals {
  reserved: number;
  num: number;
}

/** stockCount − num − reserved − Σ holds, in units. Negative only if somebody bypassed admission. */
export function availableOf(stockCount: number, status: SpikeGoodsStatus | undefined): number {
  return stockCount - (status?.num ?? 0) - (status?.reserved ?? 0) - heldUnits(status);
}

/**
 * The value of `status.lastStockCount`: what is available. When the orders alone exceed the stock (only possible
 * while admission was off) it is 0. A deficit caused by holds stays negative, so that the schema's minimum of 0
 * makes the API server refuse the write, whoever sends it.
 */
export function remainderOf(
  stockCount: number,
  status: SpikeGoodsStatus | undefined,
  available = availableOf(stockCount, status),
): number {
  const overcommitted = (status?.num ?? 0) + (status?.reserved ?? 0) > stockCount;
  return overcommitted ? Math.max(0, available) : available;
}

export class StockDraft {
  readonly goods: SpikeGoods;
  #status: SpikeGoodsStatus;
  readonly #holds: Map<string, Hold>;
  /**
   * By order name, the uid of its hold. A Set of uids when several holds have the name, which is rare. Built on first use.
   */
  #byName: Map<string, string | Set<string>> | undefined;
  #available: number;
  #changed = false;
  /** Uids of the lots whose replica sets their size in this same write. */
  readonly #resized = new Set<string>();

  constructor(goods: SpikeGoods) {
    this.goods = goods;
    this.#status = goods.status ?? {};
    this.#holds = new Map(holdsOf(goods.status).map((hold) => [hold.uid, hold]));
    this.#available = availableOf(goods.spec.stockCount, goods.status);
  }

  get changed(): boolean {
    return this.#changed;
  }

  get available(): number {
    return this.#available;
  }

  holds(): Iterable<Hold> {
    return this.#holds.values();
  }

  /**
   * Takes a hold for an order. Keeps an existing one, because admission may run twice. `isStored`: whether the order
   * with this uid is known to be stored. A hold of any other order may lapse, so the client is told to try again.
   */
  hold(hold: Hold, isStored: (uid: string) => boolean = everyOne): Refusal | undefined {
    const refusal = this.whyNot(hold, isStored);
    if (refusal || this.#holds.has(hold.uid)) return refusal;
    this.#take(hold, this.#missing(hold));
    return undefined;
  }

  /** Why an order cannot have a hold. Changes nothing. */
  whyNot(hold: Hold, isStored: (uid: string) => boolean = everyOne): Refusal | undefined {
    if (this.#holds.has(hold.uid)) return undefined;
    const { name } = this.goods.metadata;
    const missing = this.#missing(hold);
    if (missing > 0 && missing > this.#available) {
      if (missing <= this.#available + this.#unitsIn(isLot)) return unsettled(name);
      const isOpen = (other: Hold) => isLot(other) || !isStored(other.uid);
      if (missing <= this.#available + this.#unitsIn(isOpen)) return onlyHeld(name);
      const left = Math.max(0, this.#available);
      const field = `spec.goodsMap.${name}`;
      const counts = `requested ${hold.quantity}, available ${left}`;
      if (left > 0) return refuse('InsufficientStock', `${field}: not enough stock: ${counts}`, field);
      return refuse('SoldOut', `${field}: sold out: ${counts}`, field);
    }
    if (this.#holds.size >= mostHolds) return tooMany(name);
    return this.#uidsOf(hold.order).length >= maxPerName ? undecided(hold.order) : undefined;
  }

  /** Number of holds. */
  get size(): number {
    return this.#holds.size;
  }

  has(uid: string): boolean {
    return this.#holds.has(uid);
  }

  /** Units that one hold itself takes; 0 when it does not exist. */
  unitsOf(uid: string): number {
    const hold = this.#holds.get(uid);
    return hold ? ownUnits(hold) : 0;
  }

  /**
   * Takes a hold for an order that was admitted or stored already: from these lots first, then from what is
   * available. Returns false, and changes nothing, when there are not enough units.
   */
  assign(hold: Hold, from: readonly string[]): boolean {
    if (this.#holds.has(hold.uid)) return true;
    // Skip lots whose replica sets their size in this write: the replica gives away exactly that size.
    const lots = from.filter((uid) => !this.#resized.has(uid));
    const inLots = lots.reduce((sum, uid) => sum + this.unitsOf(uid), 0);
    const missing = this.#missing(hold);
    if (missing > Math.max(0, this.#available) + inLots || this.#holds.size >= mostHolds) return false;
    this.#available += this.#takeFrom(lots, missing);
    this.#take(hold, missing);
    return true;
  }

  /**
   * Sets a lot to `lot.quantity` units, from what is available; 0 gives it back. Returns true when something
   * changes.
   */
  resize(lot: Hold): boolean {
    this.#resized.add(lot.uid);
    const before = this.#holds.get(lot.uid);
    const units = Math.min(lot.quantity, (before?.quantity ?? 0) + Math.max(0, this.#available));
    if (units === (before?.quantity ?? 0) && (units === 0 || before?.time === lot.time)) return false;
    this.#available -= units - (before?.quantity ?? 0);
    this.#holds.delete(lot.uid);
    if (units > 0) this.#holds.set(lot.uid, { ...lot, quantity: units });
    this.#changed = true;
    return true;
  }

  /** Takes up to `units` out of lots. Returns how many it took. */
  #takeFrom(lots: readonly string[], units: number): number {
    let missing = units;
    for (const uid of lots) {
      const lot = this.#holds.get(uid);
      const taken = Math.min(missing, lot?.quantity ?? 0);
      if (!lot || taken === 0) continue;
      missing -= taken;
      if (taken === lot.quantity) this.#holds.delete(uid);
      else this.#holds.set(uid, { ...lot, quantity: lot.quantity - taken });
    }
    return units - missing;
  }

  #unitsIn(which: (hold: Hold) => boolean): number {
    let units = 0;
    for (const hold of this.#holds.values()) if (which(hold)) units += ownUnits(hold);
    return units;
  }

  /**
   * Gives a hold back. A hold that does not exist is no error. Units that another request of the same name still needs
   * stay held for it.
   */
  drop(uid: string): void {
    const hold = this.#holds.get(uid);
    if (!hold) return;
    const { largest, own } = this.#heldFor(hold.order);
    this.#forget(hold);
    if (isLot(hold)) return;
    // The units of the stored order of this name are not known here. They are at least what the largest request needs beyond
    // the own units of all holds.
    const rest = this.#heldFor(hold.order);
    this.#setOwnUnits(hold.order, Math.max(0, rest.largest - (largest - own)));
  }

  /**
   * Sets the counters to the sums, drops the holds of orders that the sums include (or that are gone for good), and
   * sets the term. `soldTo`: the units that the sums include for the order with this name. The caller has checked the
   * term (settler.ts).
   */
  settle(
    totals: Totals,
    isAccounted: (uid: string) => boolean,
    epoch: number,
    soldTo: (order: string) => number,
  ): void {
    for (const hold of [...this.#holds.values()]) if (isAccounted(hold.uid)) this.#forget(hold);
    const { num = 0, reserved = 0 } = this.#status;
    this.#available += num + reserved - totals.num - totals.reserved;
    // Orders that were stored past admission may add up to more than the schema allows. A counter at its maximum still
    // leaves nothing available.
    const { num: sold, reserved: waiting } = totals;
    this.set(withinBounds(SpikeGoods.statusSchema, { num: sold, reserved: waiting, ledgerEpoch: epoch }));
    for (const order of this.#index().keys()) {
      const { largest, own } = this.#heldFor(order);
      const units = Math.max(0, largest - soldTo(order));
      if (units !== own) this.#setOwnUnits(order, units);
    }
  }

  /** Units that a new hold must take from the stock: what it needs beyond the largest request of its name. */
  #missing({ order, quantity }: Hold): number {
    return Math.max(0, quantity - this.#heldFor(order).largest);
  }

  /** `largest`: what the largest request of a name needs. `own`: units that all its holds take. */
  #heldFor(order: string): { largest: number; own: number } {
    const uids = this.#index().get(order);
    if (uids === undefined) return nothing;
    if (typeof uids === 'string') {
      const hold = this.#holds.get(uids)!;
      return { largest: hold.quantity, own: ownUnits(hold) };
    }
    let largest = 0;
    let own = 0;
    for (const uid of uids) {
      const hold = this.#holds.get(uid)!;
      largest = Math.max(largest, hold.quantity);
      own += ownUnits(hold);
    }
    return { largest, own };
  }

  /** Makes the holds of a name take `units` from the stock together. The largest hold takes all of them. */
  #setOwnUnits(order: string, units: number): void {
    const { own } = this.#heldFor(order);
    // `units` exceeds this sum only if somebody bypassed admission.
    const wanted = Math.min(units, own + Math.max(0, this.#available));
    if (wanted === own) return;
    const holds = [...this.#uidsOf(order)].map((uid) => this.#holds.get(uid)!);
    holds.sort((a, b) => b.quantity - a.quantity);
    for (const [index, hold] of holds.entries()) {
      this.#holds.set(hold.uid, withOwn(hold, index === 0 ? wanted : 0));
    }
    this.#available -= wanted - own;
    this.#changed = true;
  }

  #take(hold: Hold, units: number): void {
    this.#holds.set(hold.uid, withOwn(hold, units));
    addName(this.#index(), hold);
    this.#available -= units;
    this.#changed = true;
  }

  /** Removes a hold and makes its own units available. The caller then gives them to other holds of the name that need them. */
  #forget(hold: Hold): void {
    this.#holds.delete(hold.uid);
    const uids = this.#byName?.get(hold.order);
    if (uids === hold.uid) this.#byName?.delete(hold.order);
    else if (uids instanceof Set) uids.delete(hold.uid);
    this.#available += ownUnits(hold);
    this.#changed = true;
  }

  #uidsOf(order: string): readonly string[] {
    const uids = this.#index().get(order);
    if (uids === undefined) return [];
    return typeof uids === 'string' ? [uids] : [...uids];
  }

  #index(): Map<string, string | Set<string>> {
    if (this.#byName) return this.#byName;
    this.#byName = new Map();
    for (const hold of this.#holds.values()) if (!isLot(hold)) addName(this.#byName, hold);
    return this.#byName;
  }

  /** Sets other status fields. Equal values change nothing. */
  set(fields: Partial<SpikeGoodsStatus>): void {
    const before = this.#status as Record<string, unknown>;
    for (const [name, value] of Object.entries(fields)) {
      if (before[name] === value || JSON.stringify(before[name]) === JSON.stringify(value)) continue;
      this.#status = { ...this.#status, [name]: value };
      this.#changed = true;
    }
  }

  /** The object to store. */
  result(): SpikeGoods {
    const holds = formatHolds(this.#holds.values());
    const lastStockCount = remainderOf(this.goods.spec.stockCount, this.#status, this.#available);
    return { ...this.goods, status: { ...this.#status, holds, lastStockCount, lastCount: lastStockCount } };
  }
}

const nothing = { largest: 0, own: 0 };

function addName(names: Map<string, string | Set<string>>, { uid, order }: Hold): void {
  const uids = names.get(order);
  if (uids === undefined) names.set(order, uid);
  else if (typeof uids !== 'string') uids.add(uid);
  else if (uids !== uid) names.set(order, new Set([uids, uid]));
}

/** Maximum number of open requests of one order name. Only one of them can be stored. */
export const maxPerName = 16;

const withOwn = ({ own: _, ...hold }: Hold, own: number): Hold =>
  own === hold.quantity ? hold : { ...hold, own };

const undecided = (order: string): Refusal => ({
  ...refuse('TooManyRequests', `${maxPerName} requests for order ${order} are undecided; try again`),
  retryAfterSeconds: 1,
});

const tooMany = (goods: string): Refusal => ({
  ...refuse('TooManyRequests', `${mostHolds} orders of ${goods} wait to be accepted, the most there can be`),
  retryAfterSeconds: 1,
});

const everyOne = () => true;

/** These units may become available: other requests hold them, and some of those orders may never be stored. */
const onlyHeld = (goods: string): Refusal => ({
  ...refuse(
    'TooManyRequests',
    `the last units of ${goods} are held for orders that are not stored yet; try again`,
  ),
  retryAfterSeconds: 1,
});

/** Units that are not available now may become available soon: replicas give back the rest of their lots. */
const unsettled = (goods: string): Refusal => ({
  ...refuse('TooManyRequests', `the last units of ${goods} are being counted; try again`),
  retryAfterSeconds: 1,
});
