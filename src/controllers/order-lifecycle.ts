// The life of one order: accepted, paid, expired or rejected. Only the leader runs it. I/O is injected, so that the
// simulation runs the same code.
import { withCondition } from '../api/conditions.ts';
import { holdsOf, isHeld } from '../api/holds.ts';
import { type Refusal, type RefusalReason, refuse } from '../api/refusals.ts';
import {
  acceptedStatus,
  deadlineOf,
  linesOf,
  nextPhase,
  type OrderLine,
  parseTime,
  phaseFields,
  timestamp,
  wasLetIn,
  whyNotOneCurrency,
  whyNotOnSale,
} from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { type OrderPhase, SpikeOrder, type SpikeOrderStatus } from '../api/spike-order.ts';
import { withinBounds } from '../api/within-bounds.ts';
import { joinKey, keyOf } from '../kube/objects.ts';
import { earliest, type ServerClock } from '../kube/server-time.ts';
import type { Catalogue } from '../ledger/catalogue.ts';
import { type Gate, holdLineOf } from '../ledger/gate.ts';
import type { LotWatch } from '../ledger/lot-watch.ts';
import type { GoodsStore } from '../ledger/ports.ts';
import type { ReconcileContext } from '../runtime/controller.ts';

export interface OrderStore {
  known(key: string): SpikeOrder | undefined;
  /** A consistent read. Puts the result into the cache. */
  read(key: string): Promise<SpikeOrder | undefined>;
  /** Compare-and-swap on resourceVersion. Puts the stored object into the cache. Throws on a conflict. */
  writeStatus(order: SpikeOrder): Promise<SpikeOrder>;
}

export interface OrderLifecycleOptions {
  catalogue: Pick<Catalogue, 'findGoods' | 'findBuyer'>;
  gate: Gate;
  /** Lists all goods again, consistently, into the cache. */
  resyncGoods(): Promise<void>;
  /** A live read: whether the namespace is gone or being deleted. */
  isGoing(namespace: string): Promise<boolean>;
  goods: GoodsStore;
  orders: OrderStore;
  lots: LotWatch;
  clock: ServerClock;
  paymentWindowMs: number;
  /** Called after a new state is stored. */
  entered(order: SpikeOrder, change: PhaseChange, context: RunContext): void;
}

export interface PhaseChange {
  /** Undefined for the first state of an order. */
  from: OrderPhase | undefined;
  to: OrderPhase;
  /** The message of the order's Ready condition. */
  why: string;
}

type RunContext = Pick<ReconcileContext, 'log'>;

/** While an order is younger than this, its goods or its buyer may only be late in this cache. */
const cacheLagMs = 10_000;
/**
 * How long an order waits for its hold while a replica uses a lot. Longer than `abandonedAfterMs` (lot-watch.ts).
 */
const waitForHoldMs = 10_000;
/**
 * An order that waits for its hold is enqueued when the hold appears (`assigned`). This poll is for a missed event.
 */
const pollForHoldMs = 1000;

/** Pause before the next attempt while the API server's time is unknown. */
const lookAtClockMs = 1000;

/** The order cannot be judged yet. The controller retries with back-off. */
class NotYetError extends Error {
  readonly reason = 'NotYet';
}

export class OrderLifecycle {
  readonly #options: OrderLifecycleOptions;
  /** Orders that were admitted on a lot and have no hold of their own yet: by key, since when (monotonic). */
  readonly #unassigned = new Map<string, { uid: string; since: number }>();

  constructor(options: OrderLifecycleOptions) {
    this.#options = options;
  }

  /** Brings one order to the state it should be in. `requeueAfter`: ms until its deadline. */
  async reconcile(key: string, context: RunContext): Promise<{ requeueAfter?: number }> {
    const order = this.#options.orders.known(key);
    if (!order || order.status?.phase) this.#unassigned.delete(key);
    if (!order) return {};
    if (!order.status?.phase) return this.#accept(order, context);
    if (order.status.phase !== 'Unpaid') return {};
    const phase = this.#due(order);
    if (phase === 'Unpaid') return this.#untilDeadline(order);
    return this.#enter(order, phase, {}, context);
  }

  /** Keys of the orders that waited for a hold and have one in this new version of their goods. */
  assigned({ status }: SpikeGoods): string[] {
    if (this.#unassigned.size === 0) return [];
    const held = new Set(holdsOf(status).map(({ uid }) => uid));
    return [...this.#unassigned].flatMap(([key, { uid }]) => (held.has(uid) ? [key] : []));
  }

  /** The leader must see a hold for every line before the order gets a state. */
  async #accept(seen: SpikeOrder, context: RunContext): Promise<{ requeueAfter?: number }> {
    let { lines, missing } = this.#lines(seen);
    if (missing.length > 0) {
      // Throws for a young order, before the costly list.
      const refusal = this.#refuseMissing('GoodsNotFound', 'goods', missing, seen);
      // The replica that admitted the order saw these goods. This cache may lag by any time, so list before
      // rejecting.
      await this.#options.resyncGoods();
      ({ lines, missing } = this.#lines(seen));
      if (missing.length > 0) return this.#reject(seen, refusal, context);
    }
    let order = seen;
    if (!lines.every((line) => this.#holds(line, seen))) {
      if (this.#awaitsAssignment(seen, lines)) return { requeueAfter: pollForHoldMs };
      // A hold is stored before its order, but the cache may show the order first. So read both, first the order,
      // then the goods: a settlement drops the hold only after the order's state is stored.
      const stored = await this.#options.orders.read(keyOf(seen));
      if (!stored || stored.metadata.uid !== seen.metadata.uid || stored.status?.phase) return {};
      order = stored;
      await Promise.all(lines.map((line) => this.#options.goods.read(keyOf(line.goods))));
      if (!lines.every((line) => this.#holds(line, order))) {
        if (this.#awaitsAssignment(order, lines)) return { requeueAfter: pollForHoldMs };
        const refusal = await this.#holdLate(order, lines);
        if (refusal?.retryAfterSeconds) return { requeueAfter: refusal.retryAfterSeconds * 1000 };
        if (refusal) return this.#reject(order, refusal, context);
      }
    }
    const { namespace = '' } = order.metadata;
    const buyer = this.#options.catalogue.findBuyer(namespace, order.spec.buyerId);
    return this.#enter(order, this.#due(order), acceptedStatus(order, lines, buyer), context);
  }

  #lines(order: SpikeOrder): { lines: OrderLine[]; missing: string[] } {
    const { namespace = '' } = order.metadata;
    return linesOf(order.spec, (goods) => this.#options.catalogue.findGoods(namespace, goods));
  }

  /**
   * The refusal for a reference that does not exist. Throws NotYetError while the order is young, because the cache may
   * only be late.
   */
  #refuseMissing(reason: RefusalReason, what: string, names: string[], order: SpikeOrder): Refusal {
    if (this.#ageOf(order) < cacheLagMs) throw new NotYetError(`${what} ${names.join(', ')} not seen yet`);
    return refuse(reason, `no ${what} ${names.join(', ')} in this namespace`);
  }

  #holds({ goods }: OrderLine, order: SpikeOrder): boolean {
    return isHeld(this.#options.goods.known(keyOf(goods))?.status, order.metadata.uid);
  }

  /**
   * Whether the order should wait, because a replica may have admitted it on its lot and will assign the hold with
   * its next write. The wait begins when this leader first sees the order, because LotWatch too counts from what this
   * leader has seen. When the wait is over, LotWatch has noticed any abandoned lot, however old the order is and
   * whatever other clocks say.
   */
  #awaitsAssignment(order: SpikeOrder, lines: readonly OrderLine[]): boolean {
    const { goods, lots, clock } = this.#options;
    const isInUse = lines.some((line) => {
      const known = goods.known(keyOf(line.goods));
      return known !== undefined && lots.isInUse(known);
    });
    const wasAdmitted = wasLetIn(order);
    if (!isInUse || !wasAdmitted) return false;
    const { uid } = order.metadata;
    const waits = this.#unassigned.get(keyOf(order));
    const since = waits?.uid === uid ? waits.since : clock.monotonic();
    this.#unassigned.set(keyOf(order), { uid, since });
    return clock.monotonic() - since < waitForHoldMs;
  }

  /** Milliseconds, by the API server's clock and ours. */
  #ageOf(order: SpikeOrder): number {
    return this.#options.clock.now() - (parseTime(order.metadata.creationTimestamp) ?? 0);
  }

  /**
   * The order was created past admission (without our webhook, which was off), or a replica admitted it on its lot and
   * died before it assigned the hold. It is judged and takes its stock now, or is rejected.
   */
  async #holdLate(order: SpikeOrder, lines: readonly OrderLine[]): Promise<Refusal | undefined> {
    const { uid, name, namespace = '' } = order.metadata;
    const { gate, lots } = this.#options;
    const late = { namespace, uid, order: name, lines: lines.map(holdLineOf), isStored: true };
    // The order was admitted on a lot that is now abandoned, so skip the rules. Take the goods from the cache again:
    // `lines` has them as they were before `#accept` read them.
    const isAbandoned = ({ goods }: OrderLine) =>
      lots.abandonedLots(this.#options.goods.known(keyOf(goods)) ?? goods).length > 0;
    if (wasLetIn(order) && lines.some(isAbandoned)) {
      return gate.hold({ ...late, lotsOf: (goods) => lots.abandonedLots(goods) });
    }
    return this.#whyNot(order, lines) ?? gate.hold(late);
  }

  /** Every check of admission except the stock. */
  #whyNot(order: SpikeOrder, lines: readonly OrderLine[]): Refusal | undefined {
    const { buyerId } = order.spec;
    if (!this.#options.catalogue.findBuyer(order.metadata.namespace ?? '', buyerId)) {
      return this.#refuseMissing('BuyerNotFound', 'buyer', [buyerId], order);
    }
    // creationTimestamp has whole seconds. The order was made some time within that second.
    const madeAt = (parseTime(order.metadata.creationTimestamp) ?? this.#options.clock.now()) + 999;
    for (const { goods } of lines) {
      const refusal = whyNotOnSale(goods, madeAt);
      if (refusal) return refusal;
    }
    return whyNotOneCurrency(lines);
  }

  /**
   * Does not reject an order in a namespace that is being deleted. There, goods and buyers may be deleted before the
   * orders, so a missing one is no fault of the order.
   */
  async #reject(
    order: SpikeOrder,
    refusal: Refusal,
    context: RunContext,
  ): Promise<{ requeueAfter?: number }> {
    if (await this.#options.isGoing(order.metadata.namespace ?? '')) return {};
    // Without lines and buyer: the status gets the order's id and creation time, the amount 0, and no address.
    return this.#enter(order, 'Rejected', acceptedStatus(order, [], undefined), context, refusal.message);
  }

  #due(order: SpikeOrder): OrderPhase {
    // An order expires only when its deadline has certainly passed.
    return nextPhase(order, earliest(this.#options.clock), this.#options.paymentWindowMs);
  }

  /** The message for people. An order that was created past admission has a deadline too, but not in its spec. */
  #explain(order: SpikeOrder, phase: OrderPhase): string {
    if (phase === 'Paid') return 'paid';
    const deadline = deadlineOf(order, this.#options.paymentWindowMs);
    const by = deadline === undefined ? 'its deadline' : timestamp(deadline);
    if (phase === 'Unpaid') return `stock is reserved until ${deadline === undefined ? 'it is paid' : by}`;
    return `not paid by ${by}; the stock was given back`;
  }

  #untilDeadline(order: SpikeOrder): { requeueAfter?: number } {
    const deadline = deadlineOf(order, this.#options.paymentWindowMs);
    if (deadline === undefined) return {};
    const now = earliest(this.#options.clock);
    return { requeueAfter: Number.isFinite(now) ? Math.max(deadline - now, 1) : lookAtClockMs };
  }

  async #enter(
    order: SpikeOrder,
    phase: OrderPhase,
    fields: Partial<SpikeOrderStatus>,
    context: RunContext,
    why = this.#explain(order, phase),
  ): Promise<{ requeueAfter?: number }> {
    const now = this.#options.clock.now();
    const { generation } = order.metadata;
    const good = phase === 'Unpaid' || phase === 'Paid';
    // A paid order has no deadline. For the other states, phaseFields sets expiredTime again.
    const { expiredTime: _, ...kept } = order.status ?? {};
    const stored = await this.#options.orders.writeStatus({
      ...order,
      status: withinBounds(SpikeOrder.statusSchema, {
        ...kept,
        ...fields,
        ...phaseFields(order, phase, now, this.#options.paymentWindowMs),
        ...(generation === undefined ? {} : { observedGeneration: generation }),
        conditions: withCondition(
          order.status?.conditions,
          { type: 'Ready', status: good ? 'True' : 'False', reason: phase, message: why },
          generation,
          timestamp(now),
        ),
      }),
    });
    this.#options.entered(stored, { from: order.status?.phase, to: phase, why }, context);
    return phase === 'Unpaid' ? this.#untilDeadline(stored) : {};
  }
}

/** Keys of the goods that an order refers to, as far as they are in the cache. */
export function goodsKeysOf(order: SpikeOrder, catalogue: Pick<Catalogue, 'findGoods'>): string[] {
  const { namespace = '' } = order.metadata;
  return Object.keys(order.spec.goodsMap).flatMap((reference) => {
    const goods = catalogue.findGoods(namespace, reference);
    return goods ? [joinKey(namespace, goods.metadata.name)] : [];
  });
}
