// Checks that every unit of each goods is accounted for, order by order. Reads only the objects. Pure. It does not use
// the sums of the ledger, because it checks the ledger.
import { type Hold, holdsOf, isLot, ownUnits } from '../api/holds.ts';
import { wasLetIn } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { SpikeOrder } from '../api/spike-order.ts';
import { joinKey, keyOf } from '../kube/objects.ts';

/** How the objects contradict each other. */
export type ContradictionReason =
  | 'GoodsMissing'
  | 'IdShared'
  | 'HoldUnreadable'
  | 'HeldTwice'
  | 'HoldDiffers'
  | 'HoldUnneeded'
  | 'HoldOverdue'
  | 'NoUnit'
  | 'Oversold'
  | 'Overcommitted'
  | 'SumDiffers'
  | 'RemainderDiffers';

export interface Contradiction {
  reason: ContradictionReason;
  /** `spikegoods/namespace/name` or `spikeorders/namespace/name`. */
  where: string;
  message: string;
  /** The next settlement may remove this contradiction. In a running cluster it counts only if it stays. */
  mayPass: boolean;
}

/** Where units of a goods are. Units that are `left` are still for sale. */
export type Place = 'paid' | 'unpaid' | 'held' | 'in a lot' | 'left';

export interface Line {
  place: Place;
  units: number;
  /** Name of the order, or of the replica whose lot it is. */
  whose: string;
}

export interface Account {
  goods: string;
  stockCount: number;
  lines: Line[];
}

export interface Snapshot {
  goods: readonly SpikeGoods[];
  orders: readonly SpikeOrder[];
  /** When the snapshot was taken, in epoch ms. Without it, no hold counts as overdue. */
  now?: number;
}

export interface Proof {
  accounts: Account[];
  contradictions: Contradiction[];
}

/** The units of one goods in one order. */
interface Part {
  order: SpikeOrder;
  units: number;
}

/**
 * @param holdLimitMs A hold without an order must be gone after this time, which includes the time that a leader
 * needs to notice it.
 */
export function prove(snapshot: Snapshot, { holdLimitMs }: { holdLimitMs: number }): Proof {
  const byReference = new Map<string, SpikeGoods>();
  const contradictions: Contradiction[] = [];
  for (const goods of snapshot.goods) byReference.set(keyOf(goods), goods);
  for (const goods of snapshot.goods) {
    if (!goods.spec.goodsId) continue;
    const id = joinKey(goods.metadata.namespace ?? '', goods.spec.goodsId);
    const other = byReference.get(id);
    // A goodsMap refers to goods by name or by id. The name has priority, so an id that is also a name is no mistake.
    if (other && other.spec.goodsId === goods.spec.goodsId && other !== goods) {
      contradictions.push(
        contradiction(
          'IdShared',
          'spikegoods',
          goods,
          `${other.metadata.name} has the id ${goods.spec.goodsId}, too`,
        ),
      );
    } else if (!other) byReference.set(id, goods);
  }
  const parts = new Map<SpikeGoods, Map<string, Part>>();
  for (const order of snapshot.orders) {
    for (const [reference, units] of Object.entries(order.spec.goodsMap)) {
      const goods = byReference.get(joinKey(order.metadata.namespace ?? '', reference));
      if (!goods) {
        if (isLive(order)) {
          const message = `it is ${order.status?.phase} and has ${units} of goods ${reference}, which do not exist`;
          contradictions.push(contradiction('GoodsMissing', 'spikeorders', order, message));
        }
        continue;
      }
      const byUid = parts.get(goods) ?? new Map<string, Part>();
      parts.set(goods, byUid);
      const before = byUid.get(order.metadata.uid)?.units ?? 0;
      byUid.set(order.metadata.uid, { order, units: before + units });
    }
  }
  const accounts = snapshot.goods.map((goods) => {
    const account = new GoodsAccount(goods, parts.get(goods) ?? new Map());
    contradictions.push(...account.contradictions(snapshot.now, holdLimitMs));
    return account.result();
  });
  return { accounts, contradictions };
}

const isLive = ({ status }: SpikeOrder): boolean => status?.phase === 'Unpaid' || status?.phase === 'Paid';
const hasNoPhaseYet = (order: SpikeOrder): boolean => order.status?.phase === undefined && wasLetIn(order);

class GoodsAccount {
  readonly #goods: SpikeGoods;
  readonly #parts: ReadonlyMap<string, Part>;
  readonly #holds: readonly Hold[];
  readonly #holdByUid: ReadonlyMap<string, Hold>;

  constructor(goods: SpikeGoods, parts: ReadonlyMap<string, Part>) {
    this.#goods = goods;
    this.#parts = parts;
    this.#holds = holdsOf(goods.status);
    this.#holdByUid = new Map(this.#holds.map((hold) => [hold.uid, hold]));
  }

  result(): Account {
    const lines: Line[] = [];
    for (const { order, units } of this.#parts.values()) {
      if (isLive(order)) {
        lines.push({
          place: order.status?.phase === 'Paid' ? 'paid' : 'unpaid',
          units,
          whose: order.metadata.name,
        });
      }
    }
    for (const hold of this.#holds) {
      const part = this.#parts.get(hold.uid);
      const units = ownUnits(hold);
      if (isLot(hold)) lines.push({ place: 'in a lot', units, whose: hold.order });
      else if (units > 0 && (!part || !isLive(part.order)))
        lines.push({ place: 'held', units, whose: hold.order });
    }
    const { stockCount } = this.#goods.spec;
    const left = stockCount - lines.reduce((sum, { units }) => sum + units, 0);
    lines.push({ place: 'left', units: left, whose: '' });
    return { goods: keyOf(this.#goods), stockCount, lines };
  }

  contradictions(now: number | undefined, holdLimitMs: number): Contradiction[] {
    return [...this.#checkHolds(now, holdLimitMs), ...this.#checkOrders(), ...this.#checkSums()];
  }

  *#checkHolds(now: number | undefined, holdLimitMs: number): Iterable<Contradiction> {
    const written = countHolds(this.#goods.status?.holds);
    if (written !== this.#holds.length) {
      yield this.#wrong(
        'HoldUnreadable',
        `status.holds names ${written} holds, of which ${this.#holds.length} can be read`,
      );
    }
    const uids = new Set<string>();
    for (const hold of this.#holds) {
      const { uid, order: name, quantity, time } = hold;
      if (uids.has(uid)) yield this.#wrong('HeldTwice', `${name} (${uid}) has two holds`);
      uids.add(uid);
      if (isLot(hold)) continue;
      const part = this.#parts.get(uid);
      if (!part) {
        const age = (now ?? Number.NaN) - Date.parse(time);
        if (age > holdLimitMs) {
          const message = `${quantity} held for ${name} (${uid}) since ${time}, which was never stored`;
          yield this.#wrong('HoldOverdue', message, true);
        }
        continue;
      }
      const { order, units } = part;
      if (order.metadata.name !== name || units !== quantity) {
        const message = `${quantity} held for ${name} (${uid}); that is ${order.metadata.name}, an order of ${units}`;
        yield this.#wrong('HoldDiffers', message);
      } else if (order.status?.phase === 'Expired' || order.status?.phase === 'Rejected') {
        yield this.#wrong(
          'HoldUnneeded',
          `${quantity} held for ${name}, which is ${order.status.phase}`,
          true,
        );
      }
    }
  }

  *#checkOrders(): Iterable<Contradiction> {
    let live = 0;
    let inLots = this.#holds.filter(isLot).reduce((sum, { quantity }) => sum + quantity, 0);
    for (const { order, units } of this.#parts.values()) {
      if (isLive(order)) live += units;
      if (!hasNoPhaseYet(order) || this.#holdByUid.has(order.metadata.uid)) continue;
      // A replica admitted the order on its lot and has not assigned its hold yet.
      inLots -= units;
      if (inLots >= 0) continue;
      const message = `it was let in with ${units} of ${this.#goods.metadata.name}: no hold, and no lot has so many`;
      yield contradiction('NoUnit', 'spikeorders', order, message);
      // The lots lack these units only once: the next order without a hold starts from 0.
      inLots = 0;
    }
    const { stockCount } = this.#goods.spec;
    if (live > stockCount)
      yield this.#wrong('Oversold', `its live orders have ${live} units, its stock is ${stockCount}`);
  }

  *#checkSums(): Iterable<Contradiction> {
    const { spec, status } = this.#goods;
    const { num = 0, reserved = 0, lastStockCount } = status ?? {};
    const held = this.#holds.reduce((sum, hold) => sum + ownUnits(hold), 0);
    const committed = num + reserved + held;
    if (committed > spec.stockCount) {
      const message = `num ${num} + reserved ${reserved} + held ${held} are more than stockCount ${spec.stockCount}`;
      yield this.#wrong('Overcommitted', message);
    }
    // The write that counts an accepted order also drops its hold.
    const counted = (phase: string) => {
      let sum = 0;
      for (const { order, units } of this.#parts.values()) {
        if (order.status?.phase === phase && !this.#holdByUid.has(order.metadata.uid)) sum += units;
      }
      return sum;
    };
    const [paid, unpaid] = [counted('Paid'), counted('Unpaid')];
    if (num !== paid || reserved !== unpaid) {
      const message = `num ${num} and reserved ${reserved}; its orders without a hold say ${paid} and ${unpaid}`;
      yield this.#wrong('SumDiffers', message, true);
    }
    const left = spec.stockCount - committed;
    // Goods that no leader has settled yet have no status.
    if (lastStockCount !== undefined && lastStockCount !== left && left >= 0) {
      yield this.#wrong('RemainderDiffers', `lastStockCount ${lastStockCount}, but ${left} are left`);
    }
  }

  #wrong(reason: ContradictionReason, message: string, mayPass = false): Contradiction {
    return contradiction(reason, 'spikegoods', this.#goods, message, mayPass);
  }
}

function contradiction(
  reason: ContradictionReason,
  plural: string,
  object: SpikeGoods | SpikeOrder,
  message: string,
  mayPass = false,
): Contradiction {
  return { reason, where: `${plural}/${keyOf(object)}`, message, mayPass };
}

/** Number of holds in the texts of `status.holds`: each word of a text is a hold, except the first word. */
function countHolds(texts: unknown): number {
  if (!Array.isArray(texts)) return 0;
  return texts.reduce((sum: number, text) => sum + Math.max(1, String(text).split(' ').length - 1), 0);
}
