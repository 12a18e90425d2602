// What the reconcilers of a leader share during one term.
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

/** Records events for people. Never throws, never waits. */
export interface Recorder {
  /** `once`: the first process that records the event with these words stores it (kube/events.ts). */
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, once?: string): void;
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
   * Sends an empty patch, so that admission fills in what is missing: an object that was created past admission has
   * no id. The patch itself changes nothing.
   */
  complete<T extends KubeObject>(resource: Resource<T>, object: T): Promise<void>;
}
