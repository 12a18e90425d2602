// The sums over all orders, per goods. Computed from the orders that the leader sees, never incremented on their
// own. Receives every change of the order cache, including our own writes. O(1) per change.

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
  counts: keyof Totals | undefined;
  /** The order has a state. Its stock, if it holds any, is in the sums. */
  accepted: boolean;
  /** Admission admitted the order, and it has no state yet. It may still need units of a lot. */
  awaited: boolean;
}

/**
 * Number of deleted orders to remember, so that their holds are dropped at once instead of after the hold limit.
 */
const mostRemembered = 100_000;

export class Books {
  readonly #orders = new Map<string, Entry>();
  /** By namespace/name, the order that has the name. */
  readonly #named = new Map<string, Entry>();
  readonly #totals = new Map<string, Totals>();
  readonly #gone = new Set<string>();
  /** Number of admitted orders without a state, by namespace/reference. */
  readonly #open = new Map<string, number>();

  /** Adds or updates an order. */
  put(order: SpikeOrder): void {
    const { uid, namespace = '' } = order.metadata;
    // An order that was deleted can exist again after etcd was restored from a backup. The cache has already
    // rejected late events about deleted orders, so this is not one.
    this.#gone.delete(uid);
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
    this.#named.set(entry.key, entry);
    this.#add(entry, 1);
  }

  /** Removes an order that is no longer stored. */
  remove(order: SpikeOrder): void {
    const { uid } = order.metadata;
    const entry = this.#orders.get(uid);
    if (entry) this.#add(entry, -1);
    if (entry && this.#named.get(entry.key) === entry) this.#named.delete(entry.key);
    this.#orders.delete(uid);
    this.#gone.add(uid);
    if (this.#gone.size > mostRemembered) {
      for (const oldest of this.#gone) {
        this.#gone.delete(oldest);
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
  isAccounted = (uid: string): boolean => this.#orders.get(uid)?.accepted === true || this.#gone.has(uid);

  /** Whether an order with this uid is stored, as far as the leader sees. */
  has(uid: string): boolean {
    return this.#orders.has(uid);
  }

  /** Units of goods that the totals include for the order with this name. */
  soldTo(order: string, namespace: string, name: string, id: string | undefined): number {
    const entry = this.#named.get(joinKey(namespace, order));
    if (!entry?.counts) return 0;
    const references = [name, ...(id ? [id] : [])].map((reference) => joinKey(namespace, reference));
    return entry.lines.reduce(
      (sum, { reference, quantity }) => sum + (references.includes(reference) ? quantity : 0),
      0,
    );
  }

  /** Whether an admitted order of these goods has no state yet. */
  isAwaited(namespace: string, name: string, id: string | undefined): boolean {
    return [name, ...(id ? [id] : [])].some((reference) => this.#open.has(joinKey(namespace, reference)));
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
    const count = (this.#open.get(reference) ?? 0) + sign;
    if (count > 0) this.#open.set(reference, count);
    else this.#open.delete(reference);
  }
}
