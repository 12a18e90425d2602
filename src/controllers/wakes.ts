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
 * The orders in the sequence in which a new leader serves them: by the time when something became due, not by the
 * list. An order without a state is due since it was stored, an Unpaid one at its deadline.
 */
function dueFirst(
  orders: readonly SpikeOrder[],
  { settings }: { settings: { paymentWindowMs: number } },
): SpikeOrder[] {
  const due = (order: SpikeOrder) =>
    order.status?.phase
      ? (deadlineOf(order, settings.paymentWindowMs) ?? Number.POSITIVE_INFINITY)
      : (parseTime(order.metadata.creationTimestamp) ?? 0);
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
  // The answer to our own write comes from a reconcile that has handled the consequences.
  else if ((phase === undefined || phase === 'Unpaid') && source !== 'observe') wakeOrder(wiring, change);
  if (type === 'updated' && phase === old?.status?.phase) return;
  // An order without a state counts for nobody yet. Its buyer is enqueued when it has one.
  if (phase === undefined && type !== 'deleted') return;
  for (const goods of goodsKeysOf(order, catalogue)) controllers.goods.enqueue(goods, priority);
  const buyer = catalogue.findBuyer(order.metadata.namespace ?? '', order.spec.buyerId);
  if (buyer) controllers.buyers.enqueue(keyOf(buyer), priority);
}

/**
 * An order that is due has normal priority, whether a list or an event brought it. One that is not due has time.
 */
function wakeOrder({ controllers, settings, clock }: Wiring, { object, source }: Change<SpikeOrder>): void {
  const now = clock.now();
  const isDue =
    source !== 'list' ||
    object.status?.phase === undefined ||
    nextPhase(object, now, settings.paymentWindowMs) !== 'Unpaid';
  const key = keyOf(object);
  if (isDue) controllers.orders.enqueue(key);
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
  // The hold of an order may appear in the cache after the order has come and gone, or while another order has its name.
  const isDone = () =>
    holds.some(
      (hold) =>
        books.isAccounted(hold.uid) ||
        (ownUnits(hold) > 0 && books.soldTo(hold.order, namespace, name, goods.spec.goodsId) > 0),
    );
  if (changesSpec(change) || isDone()) controllers.goods.enqueue(key, priority);
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
