// What an API server stores, and the caches that follow it. Revisions are numbers that grow, as etcd's are.
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import { type KubeObject, keyOf } from '../../src/kube/objects.ts';
import { type GoodsStore, GoodsWriteError } from '../../src/ledger/ports.ts';
import { MemoryCache } from './memory-cache.ts';
import { kindOf, type Thing } from './things.ts';

export class MemoryStore {
  readonly caches = {
    goods: new MemoryCache<Thing>(),
    orders: new MemoryCache<Thing>(),
    buyers: new MemoryCache<Thing>(),
    sellers: new MemoryCache<Thing>(),
    namespaces: new MemoryCache<KubeObject & { status?: { phase?: string } }>(),
  };
  /** Status writes of goods by the ledger. */
  writes = 0;
  /** What the ledger's next writes meet instead of success. */
  failures: GoodsWriteError[] = [];
  readonly #stored = new Map<string, Thing>();
  #revision = 100;

  /** @param key `plural/namespace/name` */
  get(key: string): Thing | undefined {
    return this.#stored.get(key);
  }

  all(plural: string): Thing[] {
    return [...this.#stored].filter(([key]) => key.startsWith(`${plural}/`)).map(([, object]) => object);
  }

  nextRevision(): string {
    return String(++this.#revision);
  }

  /** @param seen false: no cache has it yet, as after a slow watch */
  put(object: Thing, seen: boolean): void {
    this.#stored.set(storedKey(object), object);
    if (seen) this.#cacheOf(object)?.put(object);
  }

  /** Lets the caches see it now; whether it is stored. */
  show(key: string): boolean {
    const object = this.#stored.get(key);
    if (object) this.#cacheOf(object)?.put(object);
    return object !== undefined;
  }

  remove(object: Thing): void {
    this.#stored.delete(storedKey(object));
    this.#cacheOf(object)?.remove(object);
  }

  /** The ledger's side of it. */
  readonly goods: GoodsStore = {
    known: (key) => typed(this.caches.goods.get(key)),
    read: async (key) => {
      const found = this.#stored.get(`spikegoods/${key}`);
      if (found) this.caches.goods.put(found);
      return typed(found);
    },
    writeStatus: async (goods) => {
      const failure = this.failures.shift();
      if (failure) throw failure;
      const stored = this.#stored.get(`spikegoods/${keyOf(goods)}`);
      if (!stored) throw new GoodsWriteError('gone', 'not found');
      if (stored.metadata.resourceVersion !== goods.metadata.resourceVersion) {
        throw new GoodsWriteError('conflict', 'the object has been modified');
      }
      this.writes++;
      const metadata = { ...stored.metadata, resourceVersion: this.nextRevision() };
      const next = JSON.parse(JSON.stringify({ ...stored, metadata, status: goods.status })) as Thing;
      this.put(next, true);
      return next as unknown as SpikeGoods;
    },
  };

  /** Only what admission looks up is cached: none of the workload kinds. */
  #cacheOf(object: Thing): MemoryCache<Thing> | undefined {
    const { goods, orders, buyers, sellers } = this.caches;
    return { SpikeGoods: goods, SpikeOrder: orders, Buyer: buyers, Seller: sellers }[object.kind] as never;
  }
}

const storedKey = (object: Thing): string => `${kindOf(object.kind).plural}/${keyOf(object)}`;

const typed = (object: Thing | undefined) => object as unknown as SpikeGoods | undefined;
