// Implements the ledger's stores (ports.ts) with Kubernetes: live reads, and compare-and-swap writes. The result of
// a write goes into the cache, so that this process sees its own writes at once.
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { Client } from '../kube/client.ts';
import { isConflict, isInvalid, isNotFound } from '../kube/errors.ts';
import { isNewer, type KubeObject, type Resource, splitKey } from '../kube/objects.ts';
import { type GoodsStore, GoodsWriteError, type WriteFailure } from './ports.ts';

/** Longer than a single answer takes, shorter than a webhook's timeout. */
const liveCallMs = 4000;

/** Reads and status writes of one kind. The controllers use it as their OrderStore, too. */
export class KubeStore<T extends KubeObject> {
  readonly #client: Client;
  readonly #resource: Resource<T>;
  readonly #cache: ObjectCache<T>;

  constructor(client: Client, resource: Resource<T>, cache: ObjectCache<T>) {
    this.#client = client;
    this.#resource = resource;
    this.#cache = cache;
  }

  known(key: string): T | undefined {
    return this.#cache.get(key);
  }

  /**
   * Does not update the cache. Otherwise the later watch event would look already known, and the controllers would
   * never enqueue the object.
   */
  async read(key: string): Promise<T | undefined> {
    const known = this.#cache.get(key);
    try {
      const object = await this.#client.get(this.#resource, splitKey(key), { timeoutMs: liveCallMs });
      // A consistent read shows a version that is older than a known one only if etcd was restored from a backup.
      if (known?.metadata.uid === object.metadata.uid && isNewer(known, object)) this.#cache.contradicted();
      return object;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Reads and updates the cache. For kinds where no controller waits for the watch event. */
  async readIntoCache(key: string): Promise<T | undefined> {
    const object = await this.read(key);
    if (object) this.#cache.observe(object);
    return object;
  }

  async writeStatus(object: T): Promise<T> {
    const seen = this.#cache.newest;
    const stored = await this.#client.replace(this.#resource, object, {
      subresource: 'status',
      timeoutMs: liveCallMs,
      retry: false,
    });
    // A write makes a new revision, unless it changes nothing. It is older than a known one only after a
    // restore of etcd.
    const { resourceVersion } = stored.metadata;
    if (resourceVersion !== object.metadata.resourceVersion && Number(resourceVersion) <= seen)
      this.#cache.contradicted();
    this.#cache.observe(stored);
    return stored;
  }
}

export const orderStore = (client: Client, cache: ObjectCache<SpikeOrder>): KubeStore<SpikeOrder> =>
  new KubeStore(client, SpikeOrder, cache);

/**
 * `isCertain`: whether it is safe to write, based on the cache (kube/history.ts). When it is not, every write begins
 * with a read.
 */
export function goodsStore(
  client: Client,
  cache: ObjectCache<SpikeGoods>,
  isCertain: () => boolean = () => true,
): GoodsStore {
  const store = new KubeStore(client, SpikeGoods, cache);
  return {
    known: (key) => (isCertain() ? store.known(key) : undefined),
    read: (key) => store.readIntoCache(key),
    async writeStatus(goods) {
      try {
        return await store.writeStatus(goods);
      } catch (error) {
        throw new GoodsWriteError(failureOf(error), (error as Error).message, { cause: error });
      }
    },
  };
}

function failureOf(error: unknown): WriteFailure {
  if (isConflict(error)) return 'conflict';
  if (isNotFound(error)) return 'gone';
  return isInvalid(error) ? 'invalid' : 'unknown';
}
