// All rules about what wakes which controller of the sale: the objects that a new leader finds, and every change
// after that. Reads caches and enqueues keys. No I/O.
import { holdsOf, ownUnits } from '../api/holds.ts';
import { deadlineOf, nextPhase, parseTime } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { SpikeOrder } from '../api/spike-order.ts';
import type { Change, ObjectCache } from '../kube/cache.ts';
import { changesSpec } from '../kube/change-feed.ts';
import { type KubeObject, keyOf, splitKey } from '../kube/objects.ts';
import type { Books } from '../ledger/books.ts';
import type { Catalogue } from '../ledger/catalogue.ts';
import type { LotWatch } from '../ledger/lot-watch.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Controller } from '../runtime/controller.ts';
import { lowPriority, normalPriority } from '../runtime/queue.ts';
import type { Deferral } from './deferral.ts';
import type { LeaderCaches } from './leading.ts';
import { goodsKeysOf, type OrderLifecycle } from './order-lifecycle.ts';

export interface Wiring {
  caches: LeaderCaches;
  namespaces: Pick<ObjectCache<KubeObject>, 'onChange'>;
  catalogue: Catalogue;
  controllers: Record<keyof LeaderCaches, Pick<Controller, 'enqueue' | 'queue'>>;
  deferral: Deferral;
  books: Books;
  lots: LotWatch;
  lifecycle: Pick<OrderLifecycle, 'assigned'>;
  settings: { paymentWindowMs: number; holdLimitMs: number };
  clock: Clock;
}

/** Enqueues the present objects, and from then on every change. Returns functions that unsubscribe. */
export function wire(wiring: Wiring): (() => void)[] {
  const { caches, controllers } = wiring;
  const found = dueFirst(caches.orders.list(), wiring);
  const people = (kind: 'buyers' | 'sellers') => (change: Change<KubeObject>, priority: number) => {
    if (changesSpec(change)) controllers[kind].enqueue(keyOf(change.object), priority);
  };
  return [
    each(found, caches.orders, (change, priority) => orderChanged(wiring, change, priority)),
    each(caches.goods.list(), caches.goods, (change, priority) => goodsChanged(wiring, change, priority)),
    each(caches.buyers.list(), caches.buyers, people('buyers')),
    each(caches.sellers.list(), caches.sellers, people('sellers')),
    wakeAfterNamespaces(wiring),
  ];
}

/** Calls `wake` for each present object at low priority, and then for every change. */
function each<T extends KubeObject>(
  found: readonly T[],
  cache: Pick<ObjectCache<T>, 'onChange'>,
  wake: (change: Change<T>, priority: number) => void,
): () => void {
  for (const object of found) wake({ type: 'added', object, source: 'list' }, lowPriority);
  return cache.onChange((change) => wake(change, change.source === 'list' ? lowPriority : normalPriority));
}

/**
 * The orders in the sequence in which a new leader serves them: the earliest due time first. An order without a phase is
 * due since it was stored, an Unpaid one at its deadline.
 */
function dueFirst(
  orders: readonly SpikeOrder[],
  { settings }: { settings: { paymentWindowMs: number } },
): SpikeOrder[] {
  const due = (order: SpikeOrder) =>
    order.status?.phase
      ? (deadlineOf(order, settings.paymentWindowMs) ?? Number.POSITIVE_INFINITY)
      : (parseTime(order.metadata.creationTimestamp) ?? 0);
  // Infinity − Infinity is NaN, so compare for equality first.
  return orders
    .map((order) => ({ order, at: due(order) }))
    .sort((a, b) => (a.at === b.at ? 0 : a.at - b.at))
    .map(({ order }) => order);
}

function orderChanged(wiring: Wiring, change: Change<SpikeOrder>, priority: number): void {
  const { catalogue, controllers, deferral } = wiring;
  const { object: order, old, type, source } = change;
  const phase = order.status?.phase;
  const key = keyOf(order);
  if (type === 'deleted') deferral.forget(key);
  else if (phase === undefined && source === 'watch') deferral.add(key);
  // `observe`: the answer to our own write. The reconcile that wrote also decides when the order is next due.
  else if ((phase === undefined || phase === 'Unpaid') && source !== 'observe') wakeOrder(wiring, change);
  if (type === 'updated' && phase === old?.status?.phase) return;
  // An order without a phase does not count yet. Its goods and buyer are enqueued when it gets a phase.
  if (phase === undefined && type !== 'deleted') return;
  for (const goods of goodsKeysOf(order, catalogue)) controllers.goods.enqueue(goods, priority);
  const buyer = catalogue.findBuyer(order.metadata.namespace ?? '', order.spec.buyerId);
  if (buyer) controllers.buyers.enqueue(keyOf(buyer), priority);
}

/**
 * Enqueues an order at normal priority, even when a list brought it. But an order from a list whose phase stays Unpaid
 * is enqueued at its deadline.
 */
function wakeOrder({ controllers, settings, clock }: Wiring, { object, source }: Change<SpikeOrder>): void {
  const now = clock.now();
  const atOnce =
    source !== 'list' ||
    object.status?.phase === undefined ||
    nextPhase(object, now, settings.paymentWindowMs) !== 'Unpaid';
  const key = keyOf(object);
  if (atOnce) controllers.orders.enqueue(key);
  else controllers.orders.queue.addAfter(key, (deadlineOf(object, settings.paymentWindowMs) ?? now) - now);
}

function goodsChanged(wiring: Wiring, change: Change<SpikeGoods>, priority: number): void {
  const { catalogue, controllers, books, lots, lifecycle, settings } = wiring;
  const { object: goods, old } = change;
  const key = keyOf(goods);
  if (change.type === 'deleted') lots.forget(key);
  else lots.see(goods);
  for (const order of lifecycle.assigned(goods)) controllers.orders.enqueue(order, priority);
  const holds = holdsOf(goods.status);
  const { namespace = '', name } = goods.metadata;
  // A hold may appear in this cache after its order was stored and deleted, or while another order has the same name. Then
  // no later change of an order makes the goods settle.
  const needsSettlement = () =>
    holds.some(
      (hold) =>
        books.isAccounted(hold.uid) ||
        (ownUnits(hold) > 0 && books.soldTo(hold.order, namespace, name, goods.spec.goodsId) > 0),
    );
  if (changesSpec(change) || needsSettlement()) controllers.goods.enqueue(key, priority);
  // An order that is never stored wakes nobody, so its hold lapses by the clock.
  else if (holds.length > 0) controllers.goods.queue.addAfter(key, settings.holdLimitMs);
  const seller = goods.spec.sellerId
    ? catalogue.findSeller(goods.metadata.namespace ?? '', goods.spec.sellerId)
    : undefined;
  if (seller && (change.type !== 'updated' || goods.status?.num !== old?.status?.num)) {
    controllers.sellers.enqueue(keyOf(seller), priority);
  }
}

/**
 * When a namespace that was being deleted exists again, or is gone, enqueue what was skipped because of it. The
 * watch of orders can be ahead of the watch of namespaces and already show objects of the new one.
 */
function wakeAfterNamespaces({ namespaces, catalogue, controllers, caches }: Wiring): () => void {
  return namespaces.onChange(({ type, object, old }) => {
    const { name } = object.metadata;
    if (catalogue.isTerminating(name) || (type !== 'deleted' && !old?.metadata.deletionTimestamp)) return;
    for (const kind of ['orders', 'goods', 'buyers', 'sellers'] as const) {
      for (const key of caches[kind].keys()) {
        if (splitKey(key).namespace === name) controllers[kind].enqueue(key);
      }
    }
  });
}
