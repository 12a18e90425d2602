// Part 2: orders a second through a real API server with two replicas of `serve`, beside the same server
// without webhooks, with webhooks that do nothing or only fill in, and with a quota. They take turns, round by round.
import { join } from 'node:path';
import { holdsOf } from '../../src/api/holds.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import type { Client } from '../../src/kube/client.ts';
import { eventually } from '../../test/e2e/world.ts';
import type { ClientsOrder, ClientsResult } from '../cluster/clients.ts';
import { growth } from '../cluster/prometheus.ts';
import { openSale, orderBody } from '../cluster/sale.ts';
import { SaleCluster } from '../cluster/sale-cluster.ts';
import { BusyMeter, cpuMsOf } from '../machine.ts';
import { Worker } from '../worker.ts';
import {
  type Lane,
  type LaneName,
  laneNames,
  laneOf,
  type Noop,
  openLanes,
  quotaCounts,
  startNoop,
} from './lanes.ts';
import { type OrdersRow, type Round, rowOf, showOrders } from './report.ts';
import { requestsPerOrder, requestsSoFar } from './requests.ts';

export interface OrdersSettings {
  clients: readonly number[];
  rounds: number;
  roundMs: number;
  /** How long the quota's controller is waited for; then that lane is left out. */
  quotaMs: number;
  /** Default: all. */
  lanes?: readonly LaneName[];
}

export const fullOrders: OrdersSettings = {
  clients: [1, 8, 32, 64],
  rounds: 5,
  roundMs: 4000,
  quotaMs: 60_000,
};
export const quickOrders: OrdersSettings = { clients: [32], rounds: 2, roundMs: 1500, quotaMs: 1000 };

const goodsName = 'goods';
/** Every client is a buyer. */
const buyers = 64;

interface Stage {
  cluster: SaleCluster;
  noop: Noop;
  clients: Worker;
}

export async function orders(settings: OrdersSettings, say: (line: string) => void) {
  const cluster = await SaleCluster.start(say);
  const clients = new Worker(join(import.meta.dirname, '..', 'cluster', 'clients.ts'));
  let noop: Noop | undefined;
  try {
    await openLanes(cluster.admin);
    await cluster.install();
    await Promise.all([cluster.addReplica(), cluster.addReplica()]);
    noop = await startNoop(cluster.admin);
    const stage = { cluster, noop, clients };
    await openSale(cluster.admin, { namespace: laneOf('spikegate').namespace, goods: [goodsName], buyers });
    const lanes = await openedLanes(stage, settings, say);
    const busy = new BusyMeter();
    const rows: OrdersRow[] = [];
    for (const count of settings.clients) {
      const rounds: Partial<Record<LaneName, Round>>[] = [];
      for (let round = 0; round < settings.rounds; round++) {
        // Everyone is first once: what the machine does meanwhile favours nobody.
        const order = lanes.map((_, place) => lanes[(place + round) % lanes.length]!);
        const results: Partial<Record<LaneName, Round>> = {};
        for (const lane of order) results[lane.name] = await run(stage, lane, count, settings.roundMs);
        rounds.push(results);
      }
      rows.push(rowOf(count, rounds));
    }
    say(showOrders(rows));
    return { rows, busy: busy.lap() };
  } finally {
    await noop?.stop();
    await clients.stop();
    await cluster.stop();
  }
}

/** Warms every lane up; leaves the quota out when its controller has not noticed the kind in time. */
async function openedLanes(stage: Stage, settings: OrdersSettings, say: (line: string) => void) {
  const lanes: Lane[] = [];
  for (const name of settings.lanes ?? laneNames) {
    if (name === 'quota') {
      const counts = await quotaCounts(stage.cluster.admin, settings.quotaMs).then(
        () => true,
        () => false,
      );
      if (!counts) {
        say(`  quota left out: its controller did not notice the kind within ${settings.quotaMs / 1000} s`);
        continue;
      }
    }
    lanes.push(laneOf(name));
    await run(stage, laneOf(name), Math.max(...settings.clients), settings.roundMs);
  }
  return lanes;
}

let made = 0;

async function run({ cluster, noop, clients }: Stage, lane: Lane, count: number, ms: number): Promise<Round> {
  const { apiserver, etcd, controllerManager } = cluster.plane.pids;
  const isOurs = lane.name === 'spikegate';
  const servers = lane.name === 'noop' || lane.name === 'patch' ? noop.workers : cluster.replicas;
  const cpu = () => ({
    apiserver: cpuMsOf(apiserver),
    etcd: cpuMsOf(etcd),
    controllers: controllerManager ? cpuMsOf(controllerManager) : 0,
    webhooks: servers.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0),
    proxy: cpuMsOf(process.pid),
    clients: cpuMsOf(clients.pid),
  });
  const order: ClientsOrder = {
    endpoint: cluster.endpoint,
    token: cluster.token,
    path: lane.path,
    body: orderBody(lane.namespace, goodsName, {}, lane.apiVersion),
    clients: count,
    from: made,
    ms,
  };
  const requestsBefore = await requestsSoFar(cluster.admin);
  const [metricsBefore, before] = [await cluster.metrics(), cpu()];
  const result = await clients.ask<ClientsResult>('create', order as never);
  made += result.created + count;
  const ended = cpu();
  const settledMs = isOurs ? await settled(cluster.admin, lane.namespace) : 0;
  if (isOurs) await idle(cluster.replicas);
  const [after, metricsAfter] = [cpu(), await cluster.metrics()];
  const requests = requestsPerOrder(requestsBefore, await requestsSoFar(cluster.admin), result.created);
  const perOrder = (of: typeof before) =>
    Object.fromEntries(
      Object.entries(of).map(([name, value]) => [
        name,
        (value - before[name as keyof typeof before]) / result.created,
      ]),
    );
  return {
    ...result,
    settledMs,
    requests,
    cpuMs: perOrder(ended),
    cpuMsInAll: perOrder(after),
    ...(isOurs ? { ledger: ledgerOf(growth(metricsBefore, metricsAfter)) } : {}),
  };
}

/** Milliseconds until every hold has become a reservation: what the leader still had to do. */
async function settled(admin: Client, namespace: string): Promise<number> {
  const began = performance.now();
  await eventually(async () => {
    const { status } = await admin.get(SpikeGoods, { namespace, name: goodsName });
    const waiting = holdsOf(status).length;
    if (waiting > 0) throw new Error(`${waiting} holds are not accepted yet`);
  }, 180_000);
  return performance.now() - began;
}

/** Resolves when replicas have hardly anything to do: sums and events that follow must not burden the next lane. */
async function idle(replicas: readonly { pid: number }[]): Promise<void> {
  const used = () => replicas.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0);
  for (let look = 0, before = used(); look < 40; look++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = used();
    // /proc counts in steps of 10 ms.
    if (now - before <= 30) return;
    before = now;
  }
}

function ledgerOf(grew: (name: string) => number) {
  const writes = grew('spikegate_ledger_write_changes_count');
  return {
    writes,
    changesPerWrite: grew('spikegate_ledger_write_changes_sum') / writes,
    msPerWrite: (grew('spikegate_ledger_write_seconds_sum') * 1000) / writes,
    conflictsPerWrite: grew('spikegate_ledger_conflicts_total') / writes,
    settles: grew('spikegate_ledger_settles_total'),
  };
}
