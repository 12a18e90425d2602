// Part 4: the memory of `serve` with many orders in its cache, as leader and as follower, on a real API server.
// The orders are created with their status in one call each: without webhooks, and while the CRD has no status
// subresource.
import { join } from 'node:path';
import type { Kind } from '../../src/api/define-kind.ts';
import { timestamp } from '../../src/api/sale.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { Client } from '../../src/kube/client.ts';
import { crdOf, type Manifest } from '../../src/manifests/crd.ts';
import { resourceOf } from '../../src/manifests/install.ts';
import { deployment } from '../../src/manifests/names.ts';
import type { Replica } from '../../test/e2e/replica.ts';
import { eventually } from '../../test/e2e/world.ts';
import type { ClientsOrder, ClientsResult } from '../cluster/clients.ts';
import { metricSum } from '../cluster/prometheus.ts';
import { openSale, orderBody, ordersPath } from '../cluster/sale.ts';
import { SaleCluster } from '../cluster/sale-cluster.ts';
import { short, table } from '../figures.ts';
import { memoryOf } from '../machine.ts';
import { Worker } from '../worker.ts';

export interface MemorySettings {
  orders: number;
  /** How long a process is left alone before its memory is read. */
  restMs: number;
}

export const fullMemory: MemorySettings = { orders: 50_000, restMs: 15_000 };
export const quickMemory: MemorySettings = { orders: 3000, restMs: 1000 };

const namespace = 'bench-memory';
const goods = Array.from({ length: 20 }, (_, number) => `goods-${number}`);
const buyers = 64;

interface Memory {
  rssMiB: number;
  peakMiB: number;
  heapMiB: number;
}

export async function memory({ orders, restMs }: MemorySettings, say: (line: string) => void) {
  const cluster = await SaleCluster.start(say);
  try {
    await cluster.install();
    const empty = await measured(await cluster.addReplica(), restMs);
    await openSale(cluster.admin, { namespace, goods, buyers });
    await stopReplica(cluster);
    await store(cluster, orders, say);
    await cluster.install();
    const began = performance.now();
    const leader = await cluster.addReplica();
    const readyMs = performance.now() - began;
    await accounted(cluster.admin, orders);
    const asLeader = await measured(leader, restMs);
    const asFollower = await measured(await cluster.addReplica(), restMs);
    const perOrder = ((asLeader.heapMiB - empty.heapMiB) * 2 ** 20) / orders;
    say(
      table(
        ['serve', 'RSS MiB', 'peak MiB', 'heap used MiB'],
        Object.entries({
          'no orders': empty,
          [`leader, ${orders} orders`]: asLeader,
          [`follower, ${orders} orders`]: asFollower,
        }).map(([name, { rssMiB, peakMiB, heapMiB }]) => [name, ...[rssMiB, peakMiB, heapMiB].map(short)]),
      ),
    );
    say(
      `${short(perOrder)} bytes of the leader's heap per order; ready ${short(readyMs)} ms after its start`,
    );
    return { orders, empty, asLeader, asFollower, heapBytesPerOrder: perOrder, readyMs };
  } finally {
    await cluster.stop();
  }
}

async function stopReplica(cluster: SaleCluster): Promise<void> {
  await Promise.all(cluster.replicas.splice(0).map((replica) => replica.stop()));
}

async function measured(replica: Replica, restMs: number): Promise<Memory> {
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const heap = metricSum([await replica.metrics()], 'nodejs_heap_size_used_bytes');
  return { ...memoryOf(replica.pid), heapMiB: heap / 2 ** 20 };
}

/** Past admission: webhooks gone, and the status a field like any other. */
async function store(cluster: SaleCluster, count: number, say: (line: string) => void): Promise<void> {
  const { admin } = cluster;
  for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']) {
    const metadata = { name: deployment.configuration };
    await admin.delete(
      resourceOf({ apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata }),
      metadata,
    );
  }
  await replaceCrd(admin, false);
  const clients = new Worker(join(import.meta.dirname, '..', 'cluster', 'clients.ts'));
  const each = Math.ceil(count / goods.length);
  const began = performance.now();
  for (const [index, name] of goods.entries()) {
    const order: ClientsOrder = {
      endpoint: cluster.endpoint,
      token: cluster.token,
      path: ordersPath(namespace),
      body: orderBody(namespace, name, accepted(name)),
      clients: buyers,
      from: index * each,
      count: Math.min(each, count - index * each),
    };
    const result = await clients.ask<ClientsResult>('create', order as never);
    if (result.created !== order.count) throw new Error(`only ${result.created} created: ${result.example}`);
  }
  say(`  ${count} orders stored past admission, ${short((count / (performance.now() - began)) * 1000)}/s`);
  await clients.stop();
  await replaceCrd(admin, true);
}

/** Waits until the API server has taken the change: it then keeps, or drops, a status that is created. */
async function replaceCrd(admin: Client, withStatus: boolean): Promise<void> {
  const crd = crdOf(SpikeOrder as Kind);
  const resource = resourceOf(crd);
  const stored = (await admin.get(resource, crd.metadata)) as unknown as Manifest & { spec: CrdSpec };
  for (const version of stored.spec.versions) {
    if (withStatus) version.subresources = { status: {} };
    else delete version.subresources;
  }
  await admin.replace(resource, stored as never);
  const probe = { ...JSON.parse(orderBody(namespace, goods[0]!, accepted(goods[0]!))) };
  probe.metadata = { name: `probe-${withStatus}`, namespace };
  await eventually(async () => {
    const { status } = await admin.create(SpikeOrder, probe, { dryRun: true });
    if ((status !== undefined) === withStatus) throw new Error('the CRD has not changed yet');
  }, 20_000);
}

interface CrdSpec {
  versions: { subresources?: unknown }[];
}

/** An order as Spikegate leaves it: allocated, accepted, unpaid, a day left. */
function accepted(name: string): object {
  const now = Date.now();
  const [createTime, expiredTime] = [timestamp(now), timestamp(now + 86_400_000)];
  const orderId = '00000000-0000-4000-8000-00000000abcd';
  return {
    spec: { buyerId: 'buyer-@', goodsMap: { [name]: 1 }, isPay: false, orderId, createTime, expiredTime },
    status: {
      orderId,
      createTime,
      expiredTime,
      phase: 'Unpaid',
      payStatus: '0',
      money: 8000,
      discount: 2000,
      address: '1 High Street',
      phone: '0123456789',
      receiver: 'Buyer',
      observedGeneration: 1,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Unpaid',
          observedGeneration: 1,
          message: `stock is reserved until ${expiredTime}`,
          lastTransitionTime: createTime,
        },
      ],
    },
  };
}

/** The leader has taken over: every order is in the counters of its goods. */
async function accounted(admin: Client, count: number): Promise<void> {
  await eventually(async () => {
    const { items } = await admin.list(SpikeGoods, { namespace });
    const reserved = items.reduce((sum, { status }) => sum + (status?.reserved ?? 0), 0);
    if (reserved !== count) throw new Error(`${reserved} of ${count} orders are accounted for`);
  }, 120_000);
}
