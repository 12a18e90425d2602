// Types of the objects that all reconcilers of the sale use during one term of leadership.
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

/** Records Kubernetes events. It never throws and does not wait for the API server. */
export interface Recorder {
  /** `once`: of all processes that record an event with this text, only the first stores it (kube/events.ts). */
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
   * Sends an empty patch, so that the mutating webhook fills in missing fields. An object that was created while the
   * webhooks were absent has no id.
   */
  complete<T extends KubeObject>(resource: Resource<T>, object: T): Promise<void>;
}
