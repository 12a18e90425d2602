// Counts the orders for the board: how many in each state, how many were accepted and paid per second, which expire
// next. Everything is computed from the cache when the first viewer comes, and updated by changes until the last
// one leaves. Knows no viewers.
import { moneyText } from '../api/money.ts';
import { deadlineOf, parseTime, timestamp } from '../api/sale.ts';
import type { OrderPhase, SpikeOrder } from '../api/spike-order.ts';
import type { Change, ObjectCache } from '../kube/cache.ts';
import { keyOf } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { clipped } from './clipped.ts';
import { PerSecond } from './per-second.ts';
import type { DuePart, DueRow } from './wire.ts';

export type OrderCache = Pick<ObjectCache<SpikeOrder>, 'get' | 'values' | 'onChange'>;

export interface OrderBookOptions {
  cache: OrderCache;
  clock: Clock;
  /** For orders that bypassed admission and have no deadline of their own. */
  paymentWindowMs: number;
  /** Seconds of the past to keep. */
  past: number;
  /** Which orders to count. Default: all. */
  includes?(order: SpikeOrder): boolean;
}

/** Clocks of other machines may be ahead by this much. A time that is further ahead counts as now. */
const toleratedAheadMs = 2000;

export class OrderBook {
  readonly #options: OrderBookOptions;
  readonly accepted: PerSecond;
  readonly paid: PerSecond;
  readonly #counts: Record<OrderPhase, number> = { Unpaid: 0, Paid: 0, Expired: 0, Rejected: 0 };
  /** Deadline of every order that waits for its payment, by key. */
  readonly #unpaid = new Map<string, number>();
  /**
   * Uids of the counted orders, if the option `includes` is set. Its answer for an order may change with the goods, so
   * the first answer that was true is kept.
   */
  readonly #included = new Set<string>();
  /** Keys of the unpaid orders with the earliest deadlines, as of `#soonestAt`. */
  #soonest: string[] = [];
  #soonestAt = Number.NEGATIVE_INFINITY;
  /** Events before this time (RFC 3339) are too old to keep. */
  readonly #oldest: string;
  readonly #close: () => void;

  constructor(options: OrderBookOptions) {
    this.#options = options;
    this.accepted = new PerSecond(options.past);
    this.paid = new PerSecond(options.past);
    this.#oldest = timestamp(options.clock.now() - options.past * 1000);
    for (const order of options.cache.values())
      this.#onCacheChange({ type: 'added', object: order, source: 'list' });
    this.#close = options.cache.onChange((change) => this.#onCacheChange(change));
  }

  close(): void {
    this.#close();
  }

  get counts(): Readonly<Record<OrderPhase, number>> {
    return this.#counts;
  }

  /**
   * The `most` unpaid orders with the earliest deadlines. Searches all of them once per second at most, and
   * when the list has a gap.
   */
  due(most: number): DuePart {
    const { cache, clock } = this.#options;
    const now = clock.monotonic();
    // Orders that were paid or expired leave the list. Search again when the list has a gap: it must never be empty
    // while orders wait for payment.
    const isWhole = this.#soonest.every((key) => this.#unpaid.has(key) && cache.get(key));
    const isFull = this.#soonest.length >= Math.min(most, this.#unpaid.size);
    if (now - this.#soonestAt >= 1000 || !isWhole || !isFull) {
      this.#soonestAt = now;
      this.#soonest = soonest(this.#unpaid, most);
    }
    const rows: DueRow[] = [];
    for (const key of this.#soonest) {
      const order = cache.get(key);
      const at = this.#unpaid.get(key);
      if (order && at !== undefined) rows.push(rowOf(key, order, at));
    }
    return { rows, more: this.#unpaid.size - rows.length };
  }

  #onCacheChange({ type, object, old, source }: Change<SpikeOrder>): void {
    const wasCounted = this.#options.includes === undefined || this.#included.has(object.metadata.uid);
    if (!this.#isCounted(object, type === 'deleted')) return;
    const before = type === 'added' || !wasCounted ? undefined : old;
    if (before) this.#count(before, -1);
    if (type === 'deleted') {
      this.#unpaid.delete(keyOf(object));
      return;
    }
    this.#count(object, 1);
    this.#trackDeadline(object);
    const { createTime, payTime } = object.spec;
    if (!before) this.#countAt(this.accepted, createTime ?? object.metadata.creationTimestamp);
    if (!isPaid(object) || (before && isPaid(before))) return;
    // An order in a list may have been paid long ago. A change without a time counts as now.
    if (payTime || source !== 'list') this.#countAt(this.paid, payTime);
  }

  /** Once `includes` was true for an order, the order is counted until it is deleted. */
  #isCounted(order: SpikeOrder, isGone: boolean): boolean {
    const { includes } = this.#options;
    if (!includes) return true;
    const { uid } = order.metadata;
    if (isGone) return this.#included.delete(uid);
    if (!this.#included.has(uid) && !includes(order)) return false;
    this.#included.add(uid);
    return true;
  }

  #count(order: SpikeOrder, by: number): void {
    this.#counts[order.status?.phase ?? 'Unpaid'] += by;
  }

  #trackDeadline(order: SpikeOrder): void {
    const key = keyOf(order);
    const isUnpaid = (order.status?.phase ?? 'Unpaid') === 'Unpaid' && !order.spec.isPay;
    const deadline = isUnpaid ? deadlineOf(order, this.#options.paymentWindowMs) : undefined;
    if (deadline === undefined) this.#unpaid.delete(key);
    else this.#unpaid.set(key, deadline);
  }

  #countAt(counts: PerSecond, time: string | undefined): void {
    // Of a hundred thousand orders most are old. Comparing two texts of our own format (UTC, RFC 3339) is cheaper
    // than parsing a time.
    if (time !== undefined && time < this.#oldest) return;
    const now = this.#options.clock.now();
    const at = parseTime(time) ?? now;
    counts.add(at > now + toleratedAheadMs ? now : at);
  }
}

const isPaid = (order: SpikeOrder): boolean => order.status?.phase === 'Paid';

/** One pass over all orders. Keeps the `most` earliest ones sorted. */
function soonest(open: ReadonlyMap<string, number>, most: number): string[] {
  const kept: { key: string; at: number }[] = [];
  for (const [key, at] of open) {
    if (kept.length === most && at >= kept[most - 1]!.at) continue;
    let place = kept.length;
    while (place > 0 && kept[place - 1]!.at > at) place--;
    kept.splice(place, 0, { key, at });
    if (kept.length > most) kept.pop();
  }
  return kept.map(({ key }) => key);
}

function rowOf(key: string, order: SpikeOrder, at: number): DueRow {
  const units = Object.values(order.spec.goodsMap).reduce((sum, quantity) => sum + quantity, 0);
  return {
    key,
    buyer: clipped(order.spec.buyerId),
    units,
    money: moneyText(order.status?.money ?? 0, order.status?.currency),
    at,
  };
}
