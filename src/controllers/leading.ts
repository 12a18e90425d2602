// What the reconcilers of a leader share, for one term of leadership.
import type { Buyer } from '../api/buyer.ts';
import type { Seller } from '../api/seller.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { SpikeOrder } from '../api/spike-order.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { Client } from '../kube/client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { ServerClock } from '../kube/server-time.ts';
import type { Catalogue } from '../ledger/catalogue.ts';
import type { Settler } from '../ledger/settler.ts';

/** Tells people what happened to an object. Never throws, never waits. */
export interface Recorder {
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export interface LeaderCaches {
  goods: ObjectCache<SpikeGoods>;
  orders: ObjectCache<SpikeOrder>;
  buyers: ObjectCache<Buyer>;
  sellers: ObjectCache<Seller>;
}

export interface Leading {
  client: Client;
  caches: LeaderCaches;
  catalogue: Catalogue;
  clock: ServerClock;
  settler: Settler;
  recorder: Recorder;
  /**
   * Lets admission fill in what it fills in: an object that got past it has no id. The write changes
   * nothing by itself.
   */
  complete<T extends KubeObject>(resource: Resource<T>, object: T): Promise<void>;
}
