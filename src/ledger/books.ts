// The sums over all orders, per goods. They follow from the orders in the leader's cache and from nothing else: every
// change of that cache, including our own writes, comes here. O(1) per change.

import { wasLetIn } from '../api/sale.ts';
import type { SpikeOrder } from '../api/spike-order.ts';
import { joinKey, keyOf } from '../kube/objects.ts';
import type { Totals } from './stock-draft.ts';

interface Line {
  /** namespace/reference as the order wrote it: the name or the id of the goods. */
  reference: string;
  quantity: number;
}

interface Entry {
  /** namespace/name. */
  key: string;
  lines: Line[];
  /** The sum that includes the order. Undefined while the order has no state, or holds no stock. */
  counts: keyof Totals | undefined;
  /** The order has a state. Its stock, if it holds any, is in the sums. */
  accepted: boolean;
  /** Admission admitted the order, and it has no state yet. It may still need units of a lot. */
  awaited: boolean;
}

/**
 * Number of deleted orders to remember, so that their holds are dropped at once instead of after the hold limit.
 */
const maxDeleted = 100_000;

export class Books {
  /** By uid. */
  readonly #orders = new Map<string, Entry>();
  /** By namespace/name. */
  readonly #byName = new Map<string, Entry>();
  /** By namespace/reference. */
  readonly #totals = new Map<string, Totals>();
  /** uids of deleted orders; oldest first. */
  readonly #deleted = new Set<string>();
  /** Number of admitted orders without a state, by namespace/reference. */
  readonly #awaited = new Map<string, number>();

  /** Adds or updates an order. */
  put(order: SpikeOrder): void {
    const { uid, namespace = '' } = order.metadata;
    // A deleted order can exist again after etcd was restored from a backup. This is not a late event, because the
    // cache rejects late events about deleted orders.
    this.#deleted.delete(uid);
    const phase = order.status?.phase;
    const entry: Entry = {
      key: keyOf(order),
      lines: Object.entries(order.spec.goodsMap).map(([goods, quantity]) => ({
        reference: joinKey(namespace, goods),
        quantity,
      })),
      counts: phase === 'Unpaid' ? 'reserved' : phase === 'Paid' ? 'num' : undefined,
      accepted: phase !== undefined,
      awaited: phase === undefined && wasLetIn(order),
    };
    const before = this.#orders.get(uid);
    if (before) this.#add(before, -1);
    this.#orders.set(uid, entry);
    this.#byName.set(entry.key, entry);
    this.#add(entry, 1);
  }

  /** Removes an order that is no longer stored. */
  remove(order: SpikeOrder): void {
    const { uid } = order.metadata;
    const entry = this.#orders.get(uid);
    if (entry) this.#add(entry, -1);
    if (entry && this.#byName.get(entry.key) === entry) this.#byName.delete(entry.key);
    this.#orders.delete(uid);
    this.#deleted.add(uid);
    if (this.#deleted.size > maxDeleted) {
      for (const oldest of this.#deleted) {
        this.#deleted.delete(oldest);
        break;
      }
    }
  }

  /** Units of goods in Unpaid and in Paid orders, whichever way the orders refer to the goods. */
  totals(namespace: string, name: string, id: string | undefined): Totals {
    const byName = this.#totals.get(joinKey(namespace, name));
    const byId = id && id !== name ? this.#totals.get(joinKey(namespace, id)) : undefined;
    return {
      reserved: (byName?.reserved ?? 0) + (byId?.reserved ?? 0),
      num: (byName?.num ?? 0) + (byId?.num ?? 0),
    };
  }

  /** Whether the hold of this order may be dropped: the order is in the sums, or gone for good. */
  isAccounted = (uid: string): boolean => this.#orders.get(uid)?.accepted === true || this.#deleted.has(uid);

  /** Whether an order with this uid is stored, as far as the leader sees. */
  has(uid: string): boolean {
    return this.#orders.has(uid);
  }

  /** Units of goods that the totals include for the order with this name. */
  soldTo(orderName: string, namespace: string, name: string, id: string | undefined): number {
    const entry = this.#byName.get(joinKey(namespace, orderName));
    if (!entry?.counts) return 0;
    const references = [name, ...(id ? [id] : [])].map((reference) => joinKey(namespace, reference));
    return entry.lines.reduce(
      (sum, { reference, quantity }) => sum + (references.includes(reference) ? quantity : 0),
      0,
    );
  }

  /** Whether an admitted order of these goods has no state yet. */
  isAwaited(namespace: string, name: string, id: string | undefined): boolean {
    return [name, ...(id ? [id] : [])].some((reference) => this.#awaited.has(joinKey(namespace, reference)));
  }

  #add(entry: Entry, sign: 1 | -1): void {
    if (entry.awaited) for (const { reference } of entry.lines) this.#await(reference, sign);
    if (!entry.counts) return;
    for (const { reference, quantity } of entry.lines) {
      let totals = this.#totals.get(reference);
      if (!totals) {
        totals = { reserved: 0, num: 0 };
        this.#totals.set(reference, totals);
      }
      totals[entry.counts] += sign * quantity;
      if (totals.reserved === 0 && totals.num === 0) this.#totals.delete(reference);
    }
  }

  #await(reference: string, sign: 1 | -1): void {
    const count = (this.#awaited.get(reference) ?? 0) + sign;
    if (count > 0) this.#awaited.set(reference, count);
    else this.#awaited.delete(reference);
  }
}
