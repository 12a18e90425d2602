// The parts of the ledger in one process: the stores on the API server, the writer with its group commit, the lots, and
// the gate through which admission takes stock.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { SpikeOrder } from '../api/spike-order.ts';
import type { Client } from '../kube/client.ts';
import type { History } from '../kube/history.ts';
import { keyOf } from '../kube/objects.ts';
import type { ServerTime } from '../kube/server-time.ts';
import { Catalogue } from '../ledger/catalogue.ts';
import { Gate } from '../ledger/gate.ts';
import { GoodsWriter } from '../ledger/goods-writer.ts';
import { goodsStore, type KubeStore, orderStore } from '../ledger/kube-stores.ts';
import { defaultLots, Lots } from '../ledger/lots.ts';
import type { GoodsStore, LedgerMetrics } from '../ledger/ports.ts';
import { UserHolds } from '../ledger/user-holds.ts';
import type { Log } from '../runtime/log.ts';
import type { ServeSettings } from '../settings/serve.ts';
import type { Caches } from './caches.ts';

export interface StockOptions {
  settings: Pick<ServeSettings, 'lots' | 'holdLimit' | 'userShare' | 'userHolds'>;
  client: Client;
  caches: Caches;
  history: Pick<History, 'isCertain'>;
  clock: ServerTime;
  log: Log;
  metrics: LedgerMetrics;
}

export interface Stock {
  catalogue: Catalogue;
  goods: GoodsStore;
  orders: KubeStore<SpikeOrder>;
  writer: GoodsWriter;
  lots: Lots;
  gate: Gate;
}

export function createStock({ settings, client, caches, history, clock, log, metrics }: StockOptions): Stock {
  const catalogue = new Catalogue({
    goods: caches.goods.cache,
    orders: caches.orders.cache,
    buyers: caches.buyers.cache,
    sellers: caches.sellers.cache,
    namespaces: caches.namespaces.cache,
  });
  const goods = goodsStore(client, caches.goods.cache, () => history.isCertain);
  const writer = new GoodsWriter({ store: goods, clock, random: Math.random, metrics, log });
  const lots = new Lots({
    writer,
    clock,
    replica: randomUUID(),
    instance: hostname(),
    settings: { ...defaultLots, leastDemand: settings.lots },
  });
  const isStored = (uid: string) => caches.orders.cache.getByUid(uid) !== undefined;
  const users = new UserHolds(clock, {
    share: settings.userShare / 100,
    holds: settings.userHolds,
    decidedAfterMs: settings.holdLimit,
  });
  caches.orders.cache.onChange(({ type, object }) => {
    if (type === 'added') users.stored(object.metadata.uid, keyOf(object));
  });
  const gate = new Gate({ writer, clock, lots, isStored, users });
  return { catalogue, goods, orders: orderStore(client, caches.orders.cache), writer, lots, gate };
}
