// Reconciles buyers and sellers: computes their sums and lists from the existing orders and goods.

import { Buyer, type BuyerStatus, maxListedIds } from '../api/buyer.ts';
import { withCondition } from '../api/conditions.ts';
import type { Kind } from '../api/define-kind.ts';
import { sumsText } from '../api/money.ts';
import { timestamp } from '../api/sale.ts';
import { type Condition, highestTotal } from '../api/schema.ts';
import { Seller, type SellerStatus } from '../api/seller.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { withinBounds } from '../api/within-bounds.ts';
import type { ObjectCache } from '../kube/cache.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { same } from '../kube/same.ts';
import type { Result } from '../runtime/controller.ts';
import { Coalesce } from './coalesce.ts';
import { releaseDeleted } from './deletion.ts';
import type { Leading } from './leading.ts';

/**
 * Minimum time between two status writes of one person. The sums may lag, and a write of a status costs the API server
 * twice as much as the create of an order.
 */
const statusEveryMs = 2000;

export function buyerReconciler(leading: Leading): (key: string) => Promise<Result> {
  return personReconciler(leading, {
    resource: Buyer,
    cache: leading.caches.buyers,
    id: (buyer) => buyer.spec.buyerId,
    referrers: (buyer) => leading.catalogue.liveOrdersOfBuyer(buyer).count,
    derive: (buyer): BuyerStatus => {
      const orders = leading.catalogue.ordersOfBuyer(buyer);
      const paid = orders.filter((order) => order.status?.phase === 'Paid');
      return {
        ...(buyer.spec.buyerId ? { buyerId: buyer.spec.buyerId } : {}),
        orderList: newestIds(
          orders.map(({ metadata, spec, status }) => ({
            id: status?.orderId ?? spec.orderId,
            since: spec.createTime ?? metadata.creationTimestamp,
            name: metadata.name,
          })),
        ),
        orderCount: orders.length,
        spendMoney: total(paid.map((order) => order.status?.money ?? 0)),
        spentText: sumsText(paid.map(({ status }) => [status?.currency, status?.money ?? 0])),
      };
    },
  });
}

export function sellerReconciler(leading: Leading): (key: string) => Promise<Result> {
  return personReconciler(leading, {
    resource: Seller,
    cache: leading.caches.sellers,
    id: (seller) => seller.spec.sellerId,
    referrers: (seller) => leading.catalogue.goodsOfSeller(seller).length,
    derive: (seller): SellerStatus => {
      const goods = leading.catalogue.goodsOfSeller(seller);
      return {
        ...(seller.spec.sellerId ? { sellerId: seller.spec.sellerId } : {}),
        sellerGoodsList: newestIds(
          goods.map(({ metadata, spec }) => ({
            id: spec.goodsId,
            since: metadata.creationTimestamp,
            name: metadata.name,
          })),
        ),
        goodsCount: goods.length,
        salesMoney: total(goods.map(salesOf)),
        salesText: sumsText(goods.map((it) => [it.spec.currency, salesOf(it)])),
      };
    },
  });
}

interface Person extends KubeObject {
  status?: { conditions?: Condition[]; observedGeneration?: number };
}

interface PersonOptions<T extends Person> {
  resource: Resource<T> & Pick<Kind, 'statusSchema'>;
  cache: ObjectCache<T>;
  id(person: T): string | undefined;
  referrers(person: T): number;
  derive(person: T): NonNullable<T['status']>;
}

function personReconciler<T extends Person>(
  { client, clock, catalogue, complete }: Leading,
  { resource, cache, id, referrers, derive }: PersonOptions<T>,
): (key: string) => Promise<Result> {
  const pace = new Coalesce(clock, statusEveryMs);
  return async (key) => {
    const person = cache.get(key);
    if (!person) {
      pace.forget(key);
      return {};
    }
    if (person.metadata.deletionTimestamp) {
      const isTerminating = (namespace: string) => catalogue.isTerminating(namespace);
      return releaseDeleted(person, { client, resource, clock, referrers, isTerminating });
    }
    if (!id(person)) await complete(resource, person);
    const wait = pace.wait(key);
    if (wait > 0) return { requeueAfter: wait, untried: true };
    const { generation } = person.metadata;
    const status = withinBounds(resource.statusSchema, {
      ...derive(person),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      conditions: withCondition(
        person.status?.conditions,
        { type: 'Ready', status: 'True', reason: 'Registered', message: 'may take part in sales' },
        generation,
        timestamp(clock.now()),
      ),
    });
    if (same(status, person.status)) return {};
    try {
      cache.observe(await client.replace(resource, { ...person, status }, { subresource: 'status' }));
    } catch (error) {
      if (isNotFound(error)) return {};
      if (isConflict(error)) return { requeueAfter: 50 };
      throw error;
    }
    return {};
  };
}

/** Money that the paid orders paid for these goods. The price never changes, so it is units sold × price. */
const salesOf = ({ spec, status }: SpikeGoods): number => (status?.num ?? 0) * spec.spikePrice;

/** The sum, limited to integers that a double represents exactly. */
const total = (amounts: readonly number[]): number =>
  Math.min(
    amounts.reduce((sum, amount) => sum + amount, 0),
    highestTotal,
  );

interface Listed {
  id: string | undefined;
  /** RFC 3339. */
  since: string;
  name: string;
}

function newestIds(listed: Listed[]): string[] {
  // Compute the keys once instead of in every comparison: a person may have ten thousand orders.
  const keyed = listed.flatMap(({ id, since, name }) => (id ? [{ id, key: `${since} ${name}` }] : []));
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  return keyed.slice(-maxListedIds).map(({ id }) => id);
}
