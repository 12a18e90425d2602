// The sale that the admission bench asks about: a few thousand objects as the API server would have stored
// them, and a goods store in memory that behaves as the API server and the leader do together.
import { Buyer } from '../../src/api/buyer.ts';
import { formatHolds, type Hold, heldUnits, holdsOf } from '../../src/api/holds.ts';
import { Seller } from '../../src/api/seller.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { ObjectCache } from '../../src/kube/cache.ts';
import { type KubeObject, keyOf, type ObjectMeta } from '../../src/kube/objects.ts';
import { type GoodsStore, GoodsWriteError } from '../../src/ledger/ports.ts';

export const namespace = 'sale';
export const ampleGoods = 'goods-1';
export const soldOutGoods = 'goods-2';
const stock = 1_000_000_000;
const counts = { sellers: 20, goods: 100, buyers: 2000, orders: 3000 };

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
/** A UUID that tells what it is of: `kind` below 16, `number` below 2^48. */
export const uuid = (kind: number, number: number): string =>
  `${hex(kind, 8)}-0000-4000-8000-${hex(number, 12)}`;

const begun = Date.now();
export const at = (ms: number): string => new Date(begun + ms).toISOString();
const hour = 3_600_000;

let revision = 1000;

function metadata(kind: number, name: string, number: number): ObjectMeta {
  return {
    name,
    namespace,
    uid: uuid(kind, number),
    resourceVersion: String(++revision),
    generation: 1,
    creationTimestamp: at(0).replace(/\.\d+Z$/, 'Z'),
  };
}

export function goodsOf(number: number, holds: Hold[] = []): SpikeGoods {
  const times = { startTime: at(-hour), endTime: at(24 * hour) };
  const goodsId = uuid(3, number);
  const soldOut = `goods-${number}` === soldOutGoods;
  const stockCount = soldOut ? 5 : stock;
  const reserved = soldOut ? 5 : 0;
  return {
    apiVersion: SpikeGoods.apiVersion,
    kind: SpikeGoods.kind,
    metadata: { ...metadata(2, `goods-${number}`, number), finalizers: ['spikegate.io/in-use'] },
    spec: {
      goodsName: `Goods ${number}`,
      price: 10_000,
      spikePrice: 8000,
      sellerId: `seller-${number % counts.sellers}`,
      day: 1,
      stockCount,
      goodsId,
      ...times,
    },
    status: {
      goodsId,
      ...times,
      phase: 'OnSale',
      num: 0,
      reserved,
      lastStockCount: stockCount - reserved - holds.length,
      holds: formatHolds(holds),
      ledgerEpoch: 1,
    },
  };
}

function buyerOf(number: number): Buyer {
  return {
    apiVersion: Buyer.apiVersion,
    kind: Buyer.kind,
    metadata: { ...metadata(4, `buyer-${number}`, number), finalizers: ['spikegate.io/in-use'] },
    spec: {
      buyerName: `Buyer ${number}`,
      address: `${number} High Street`,
      phone: `0${number}`,
      buyerId: uuid(5, number),
    },
  };
}

function orderOf(number: number): SpikeOrder {
  return {
    apiVersion: SpikeOrder.apiVersion,
    kind: SpikeOrder.kind,
    metadata: metadata(6, `stored-${number}`, number),
    spec: {
      buyerId: `buyer-${number % counts.buyers}`,
      goodsMap: { [`goods-${3 + (number % (counts.goods - 3))}`]: 1 },
      isPay: false,
      orderId: uuid(7, number),
      createTime: at(-hour),
      expiredTime: at(hour),
    },
    status: { phase: 'Unpaid', payStatus: '0', money: 8000, discount: 2000, expiredTime: at(hour) },
  };
}

function sellerOf(number: number): Seller {
  return {
    apiVersion: Seller.apiVersion,
    kind: Seller.kind,
    metadata: metadata(8, `seller-${number}`, number),
    spec: { sellerPhone: `0${number}`, sellerId: uuid(9, number) },
  };
}

const numbered = <T>(count: number, make: (number: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

function filled<T extends KubeObject>(objects: T[]): ObjectCache<T> {
  const cache = new ObjectCache<T>();
  cache.replaceAll(objects, String(revision));
  return cache;
}

/** The caches of a replica that has seen all of it. */
export function saleCaches() {
  const active: KubeObject = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { ...metadata(1, namespace, 1), namespace: '' },
  };
  return {
    goods: filled(numbered(counts.goods, (number) => goodsOf(number))),
    orders: filled(numbered(counts.orders, orderOf)),
    buyers: filled(numbered(counts.buyers, buyerOf)),
    sellers: filled(numbered(counts.sellers, sellerOf)),
    namespaces: filled([active]),
  };
}

/**
 * A leader settles ten times a second; at the rates one goods sees on a real API server (a thousand orders
 * a second at most) so many holds wait for it at the worst.
 */
const maxWaiting = 100;

/** Compare-and-swap on the cache itself: a write takes one turn of the event loop, and no other CPU. */
export function memoryGoodsStore(cache: ObjectCache<SpikeGoods>): GoodsStore {
  return {
    known: (key) => cache.get(key),
    read: async (key) => cache.get(key),
    async writeStatus(goods) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const stored = cache.get(keyOf(goods));
      if (stored?.metadata.resourceVersion !== goods.metadata.resourceVersion) {
        throw new GoodsWriteError('conflict', 'there is a newer revision');
      }
      const resourceVersion = String(++revision);
      cache.observe({ ...settled(goods), metadata: { ...goods.metadata, resourceVersion } });
      return cache.get(keyOf(goods))!;
    },
  };
}

/** What the leader's next settlement makes of it: the holds become reserved units. */
function settled(goods: SpikeGoods): SpikeGoods {
  const holds = holdsOf(goods.status);
  if (holds.length < maxWaiting) return goods;
  return {
    ...goods,
    status: { ...goods.status, holds: [], reserved: (goods.status?.reserved ?? 0) + heldUnits(goods.status) },
  };
}
