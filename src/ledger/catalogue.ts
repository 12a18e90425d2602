// Looks up the objects of the sale: by name or id, and who refers to whom. Reads caches only.
import type { Buyer } from '../api/buyer.ts';
import { isLive } from '../api/sale.ts';
import type { Seller } from '../api/seller.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { SpikeOrder } from '../api/spike-order.ts';
import { joinKey, type KubeObject } from '../kube/objects.ts';

/** The part of a cache that look-ups need. kube/cache.ts has it; tests may bring their own. */
export interface IndexedCache<T extends KubeObject> {
  get(key: string): T | undefined;
  addIndex(name: string, keysOf: (object: T) => string[]): void;
  byIndex(index: string, value: string): readonly T[];
}

export interface SaleCaches {
  goods: IndexedCache<SpikeGoods>;
  orders: IndexedCache<SpikeOrder>;
  buyers: IndexedCache<Buyer>;
  sellers: IndexedCache<Seller>;
  namespaces: Pick<IndexedCache<KubeObject & { status?: { phase?: string } }>, 'get'>;
}

/** The objects that refer to another one: their number, and one example for a message. */
export interface Referrers {
  count: number;
  example: string;
}

interface Named {
  metadata: { name: string; namespace?: string };
}

/** Index keys of a reference, which is a name or an id in the object's own namespace. */
const scoped = (object: Named, value: string | undefined): string[] =>
  value ? [joinKey(object.metadata.namespace ?? '', value)] : [];

export class Catalogue {
  readonly caches: SaleCaches;

  constructor(caches: SaleCaches) {
    this.caches = caches;
    caches.goods.addIndex('id', (goods) => scoped(goods, goods.spec.goodsId));
    caches.goods.addIndex('namespace', ({ metadata }) => [metadata.namespace ?? '']);
    caches.goods.addIndex('seller', (goods) => scoped(goods, goods.spec.sellerId));
    caches.buyers.addIndex('id', (buyer) => scoped(buyer, buyer.spec.buyerId));
    caches.sellers.addIndex('id', (seller) => scoped(seller, seller.spec.sellerId));
    // Index every order by its buyer, and orders that hold stock by their goods.
    caches.orders.addIndex('buyer', (order) => scoped(order, order.spec.buyerId));
    caches.orders.addIndex('liveByGoods', (order) =>
      isLive(order) ? Object.keys(order.spec.goodsMap).flatMap((goods) => scoped(order, goods)) : [],
    );
    caches.orders.addIndex('liveByBuyer', (order) =>
      isLive(order) ? scoped(order, order.spec.buyerId) : [],
    );
  }

  /**
   * Finds goods by name, or else by id. Admission ensures that no name equals an id of the same kind.
   */
  findGoods = (namespace: string, reference: string): SpikeGoods | undefined =>
    find(this.caches.goods, namespace, reference);

  findBuyer = (namespace: string, reference: string): Buyer | undefined =>
    find(this.caches.buyers, namespace, reference);

  findSeller = (namespace: string, reference: string): Seller | undefined =>
    find(this.caches.sellers, namespace, reference);

  findOrder(namespace: string, name: string): SpikeOrder | undefined {
    return this.caches.orders.get(joinKey(namespace, name));
  }

  isTerminating(namespace: string): boolean {
    const found = this.caches.namespaces.get(namespace);
    return found?.metadata.deletionTimestamp !== undefined || found?.status?.phase === 'Terminating';
  }

  goodsIn(namespace: string): readonly SpikeGoods[] {
    return this.caches.goods.byIndex('namespace', namespace);
  }

  ordersOfBuyer(buyer: Buyer): SpikeOrder[] {
    return this.#referring(this.caches.orders, 'buyer', buyer, buyer.spec.buyerId);
  }

  goodsOfSeller(seller: Seller): SpikeGoods[] {
    return this.#referring(this.caches.goods, 'seller', seller, seller.spec.sellerId);
  }

  /** Orders in a state that holds stock. While they exist, their buyer and goods cannot be deleted. */
  liveOrdersOfBuyer(buyer: Buyer): Referrers {
    return counted(this.#referring(this.caches.orders, 'liveByBuyer', buyer, buyer.spec.buyerId));
  }

  liveOrdersOfGoods(goods: SpikeGoods): Referrers {
    return counted(this.#referring(this.caches.orders, 'liveByGoods', goods, goods.spec.goodsId));
  }

  #referring<T extends KubeObject>(
    cache: IndexedCache<T>,
    index: string,
    target: Named,
    id: string | undefined,
  ): T[] {
    const namespace = target.metadata.namespace ?? '';
    const byName = cache.byIndex(index, joinKey(namespace, target.metadata.name));
    const byId = id ? cache.byIndex(index, joinKey(namespace, id)) : [];
    return [...new Set([...byName, ...byId])];
  }
}

function find<T extends KubeObject>(
  cache: IndexedCache<T>,
  namespace: string,
  reference: string,
): T | undefined {
  const key = joinKey(namespace, reference);
  return cache.get(key) ?? cache.byIndex('id', key)[0];
}

export const counted = (objects: readonly Named[]): Referrers => ({
  count: objects.length,
  example: objects[0]?.metadata.name ?? '',
});
