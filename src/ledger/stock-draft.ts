// The stock of one goods while a write changes it: pure arithmetic, no I/O, no clock. The only place with the
// formula `available = stockCount − num − reserved − Σ holds`.
import { formatHolds, type Hold, heldUnits, holdsOf, isLot, mostHolds } from '../api/holds.ts';
import { type Refusal, refuse } from '../api/refusals.ts';
import type { SpikeGoods, SpikeGoodsStatus } from '../api/spike-goods.ts';

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
  #holds: Map<string, Hold>;
  #available: number;
  #changed = false;
  /** Lots whose replica sets their size in this same write. */
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

  /** Takes a hold for an order. Keeps an existing one, because admission may run twice. */
  hold(hold: Hold): Refusal | undefined {
    if (this.#holds.has(hold.uid)) return undefined;
    const { name } = this.goods.metadata;
    if (hold.quantity > this.#available) {
      const left = Math.max(0, this.#available);
      if (hold.quantity <= this.#available + this.#inLots()) return unsettled(name);
      const field = `spec.goodsMap.${name}`;
      const counts = `requested ${hold.quantity}, available ${left}`;
      if (left > 0) return refuse('InsufficientStock', `${field}: not enough stock: ${counts}`, field);
      return refuse('SoldOut', `${field}: sold out: ${counts}`, field);
    }
    if (this.#holds.size >= mostHolds) return tooMany(name);
    this.#holds.set(hold.uid, hold);
    this.#available -= hold.quantity;
    this.#changed = true;
    return undefined;
  }

  /** Number of holds. */
  get size(): number {
    return this.#holds.size;
  }

  /** Units of one hold; 0 when it does not exist. */
  unitsOf(uid: string): number {
    return this.#holds.get(uid)?.quantity ?? 0;
  }

  /**
   * Takes a hold for an order that was admitted or stored already: from these lots first, then from what is
   * available. Returns false, and changes nothing, when there are not enough units.
   */
  assign(hold: Hold, from: readonly string[]): boolean {
    if (this.#holds.has(hold.uid)) return true;
    // Skip lots whose replica sets their size in this write: it means to give exactly that many units away.
    const lots = from.filter((uid) => !this.#resized.has(uid));
    const inLots = lots.reduce((sum, uid) => sum + this.unitsOf(uid), 0);
    if (hold.quantity > Math.max(0, this.#available) + inLots || this.#holds.size >= mostHolds) return false;
    this.#available -= hold.quantity - this.#takeFrom(lots, hold.quantity);
    this.#holds.set(hold.uid, hold);
    this.#changed = true;
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

  #inLots(): number {
    let units = 0;
    for (const hold of this.#holds.values()) if (isLot(hold)) units += hold.quantity;
    return units;
  }

  /** Gives a hold back. A hold that does not exist is no error. */
  drop(uid: string): void {
    const hold = this.#holds.get(uid);
    if (!hold) return;
    this.#holds.delete(uid);
    this.#available += hold.quantity;
    this.#changed = true;
  }

  /**
   * Sets the counters to the sums, drops the holds of orders that the sums include (or that are gone for good), and
   * sets the term. The caller has checked the term (settler.ts).
   */
  settle(totals: Totals, isAccounted: (uid: string) => boolean, epoch: number): void {
    for (const uid of [...this.#holds.keys()]) if (isAccounted(uid)) this.drop(uid);
    const { num = 0, reserved = 0 } = this.#status;
    this.#available += num + reserved - totals.num - totals.reserved;
    this.set({ num: totals.num, reserved: totals.reserved, ledgerEpoch: epoch });
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

const tooMany = (goods: string): Refusal => ({
  ...refuse('TooManyRequests', `${mostHolds} orders of ${goods} wait to be accepted, the most there can be`),
  retryAfterSeconds: 1,
});

/** Units that are not available now may become available soon: replicas give back the rest of their lots. */
const unsettled = (goods: string): Refusal => ({
  ...refuse('TooManyRequests', `the last units of ${goods} are being counted; try again`),
  retryAfterSeconds: 1,
});
