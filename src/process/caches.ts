// The caches of one process: the sale's kinds and the namespaces, kept up to date by watches.
import { Buyer } from '../api/buyer.ts';
import { Seller } from '../api/seller.ts';
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import type { LeaderCaches } from '../controllers/leading.ts';
import { ObjectCache } from '../kube/cache.ts';
import type { Client } from '../kube/client.ts';
import { Followed } from '../kube/followed.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Extent } from '../manifests/extent.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

const namespaces: Resource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

interface Cached<T extends KubeObject> {
  cache: ObjectCache<T>;
  reflector: Followed<T>;
}

/**
 * A cache for each kind, with the reflector that fills it. A reflector's `start` resolves once its cache is synced. In
 * an installation without the sale, the caches of the sale's kinds stay empty: their reflectors do not run.
 */
export interface Caches {
  goods: Cached<SpikeGoods>;
  orders: Cached<SpikeOrder>;
  buyers: Cached<Buyer>;
  sellers: Cached<Seller>;
  namespaces: Cached<KubeObject>;
  /** Those whose reflectors run in this installation. */
  followed: readonly Cached<KubeObject>[];
}

export interface CachesOptions {
  settings: Extent;
  client: Client;
  clock: Clock;
  log: Log;
  /** A list or a watch failed. */
  onBroken(): void;
}

export function createCaches({ settings, client, clock, log, onBroken }: CachesOptions): Caches {
  const { namespaces: names } = settings;
  const cached = <T extends KubeObject>(resource: Resource<T>): Cached<T> => {
    const cache = new ObjectCache<T>({
      namespaces: names,
      onHandlerError: (error) => log.error({ err: error }, 'cache handler failed'),
    });
    const reflector = new Followed<T>({
      client,
      resource,
      namespaces: names,
      cache,
      clock,
      onError(error, info) {
        onBroken();
        log.warn(
          { err: (error as Error).message, kind: resource.plural, ...info },
          'list or watch failed; trying again',
        );
      },
    });
    return { cache, reflector };
  };
  const sale = {
    goods: cached(SpikeGoods),
    orders: cached(SpikeOrder),
    buyers: cached(Buyer),
    sellers: cached(Seller),
  };
  const all = { ...sale, namespaces: cached(namespaces) };
  const followed = Object.values(settings.parts.includes('sale') ? all : { namespaces: all.namespaces });
  return { ...all, followed: followed as unknown as Cached<KubeObject>[] };
}

/** The caches of the sale's own kinds. */
export const saleCachesOf = ({ goods, orders, buyers, sellers }: Caches): LeaderCaches => ({
  goods: goods.cache,
  orders: orders.cache,
  buyers: buyers.cache,
  sellers: sellers.cache,
});

export const reflectorsOf = (caches: Caches): Followed<KubeObject>[] =>
  caches.followed.map(({ reflector }) => reflector);
