// The caches of one process: the sale's kinds and the namespaces, kept up to date by watches.
import { Buyer } from '../api/buyer.ts';
import { Seller } from '../api/seller.ts';
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import type { LeaderCaches } from '../controllers/leading.ts';
import { ObjectCache } from '../kube/cache.ts';
import type { Client } from '../kube/client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { Reflector } from '../kube/reflector.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

const namespaces: Resource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

interface Followed<T extends KubeObject> {
  cache: ObjectCache<T>;
  reflector: Reflector<T>;
}

/** A cache for each kind, and the reflector that fills it. A reflector's `start` resolves once its cache is synced. */
export interface Caches {
  goods: Followed<SpikeGoods>;
  orders: Followed<SpikeOrder>;
  buyers: Followed<Buyer>;
  sellers: Followed<Seller>;
  namespaces: Followed<KubeObject>;
}

export interface CachesOptions {
  client: Client;
  clock: Clock;
  log: Log;
  /** A watch broke. */
  onBroken(): void;
}

export function createCaches({ client, clock, log, onBroken }: CachesOptions): Caches {
  const follow = <T extends KubeObject>(resource: Resource<T>): Followed<T> => {
    const cache = new ObjectCache<T>({
      onHandlerError: (error) => log.error({ err: error }, 'cache handler failed'),
    });
    const reflector = new Reflector<T>({
      client,
      resource,
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
  return {
    goods: follow(SpikeGoods),
    orders: follow(SpikeOrder),
    buyers: follow(Buyer),
    sellers: follow(Seller),
    namespaces: follow(namespaces),
  };
}

/** The caches of the sale's own kinds. */
export const saleCachesOf = ({ goods, orders, buyers, sellers }: Caches): LeaderCaches => ({
  goods: goods.cache,
  orders: orders.cache,
  buyers: buyers.cache,
  sellers: sellers.cache,
});

export const reflectorsOf = (caches: Caches): Reflector<never>[] =>
  Object.values(caches).map(({ reflector }) => reflector as Reflector<never>);
