// Orders of a shop on the cluster of the bench, and who watches when they get their state.
import { join } from 'node:path';
import { eventually } from '../../test/e2e/world.ts';
import { Worker } from '../worker.ts';
import type { ClientsOrder } from './clients.ts';
import { orderBody, ordersPath } from './sale.ts';
import type { SaleCluster } from './sale-cluster.ts';
import type { Seen } from './watcher.ts';

export async function watched(cluster: SaleCluster, namespace: string): Promise<Worker> {
  const watcher = new Worker(join(import.meta.dirname, 'watcher.ts'));
  const { kubeconfig } = cluster.plane;
  await watcher.ask('watch', { kubeconfig, namespace } as never);
  return watcher;
}

export async function allAccepted(watcher: Worker, count: number): Promise<Seen> {
  return eventually(async () => {
    const seen = await watcher.ask<Seen>('seen');
    if (seen.accepted < count) throw new Error(`${seen.accepted} of ${count} orders are accepted`);
    return seen;
  }, 180_000);
}

export function orderOf(
  cluster: SaleCluster,
  namespace: string,
  name: string,
  more: Pick<ClientsOrder, 'clients' | 'from'> & Partial<ClientsOrder>,
): ClientsOrder {
  const { endpoint, token } = cluster;
  return { endpoint, token, path: ordersPath(namespace), body: orderBody(namespace, name), ...more };
}
