// Part 3: how long after it is stored an order is Unpaid, at a steady rate; and how fast a leader that takes
// over works off a backlog of orders that nobody has accepted.
import { join } from 'node:path';
import type { ClientsResult } from '../cluster/clients.ts';
import { type HeldLease, holdLease } from '../cluster/held-lease.ts';
import { allAccepted, orderOf, watched } from '../cluster/orders.ts';
import { openSale } from '../cluster/sale.ts';
import { SaleCluster } from '../cluster/sale-cluster.ts';
import { short, table } from '../figures.ts';
import { BusyMeter } from '../machine.ts';
import { Worker } from '../worker.ts';

export interface StatusSettings {
  rate: number;
  seconds: number;
  backlog: number;
}

export const fullStatus: StatusSettings = { rate: 100, seconds: 10, backlog: 5000 };
export const quickStatus: StatusSettings = { rate: 100, seconds: 3, backlog: 400 };

/** A goods carries at most 4096 holds, so a backlog needs several; few holds each keep their writes small. */
const goods = Array.from({ length: 8 }, (_, number) => `goods-${number}`);
const buyers = 32;

export async function status(settings: StatusSettings, say: (line: string) => void) {
  const cluster = await SaleCluster.start(say);
  const clients = new Worker(join(import.meta.dirname, '..', 'cluster', 'clients.ts'));
  try {
    await cluster.install();
    const lease = await holdLease(cluster);
    await Promise.all([cluster.addReplica(), cluster.addReplica()]);
    const backlog = await drain(cluster, clients, settings, lease, say);
    const steady = await atRate(cluster, clients, settings);
    say(
      table(
        ['', 'orders', 'p50 ms', 'p99 ms', 'max ms', 'orders/s', 'machine busy'],
        [
          [
            `stored → Unpaid at ${settings.rate}/s`,
            `${steady.accepted} of ${steady.stored}`,
            ...[steady.p50, steady.p99, steady.max, steady.perSecond].map(short),
            `${(steady.busy * 100).toFixed(0)} %`,
          ],
          [
            `backlog, after ${short(backlog.takeoverMs)} ms of takeover`,
            `${backlog.accepted} of ${backlog.stored}`,
            ...['', '', ''],
            short(backlog.perSecond),
            `${(backlog.busy * 100).toFixed(0)} %`,
          ],
        ],
      ),
    );
    return { steady, backlog };
  } finally {
    await clients.stop();
    await cluster.stop();
  }
}

async function drain(
  cluster: SaleCluster,
  clients: Worker,
  { backlog }: StatusSettings,
  lease: HeldLease,
  say: (line: string) => void,
) {
  const namespace = 'bench-backlog';
  await openSale(cluster.admin, { namespace, goods, buyers });
  const watcher = await watched(cluster, namespace);
  const each = Math.ceil(backlog / goods.length);
  let seconds = 0;
  for (const [index, name] of goods.entries()) {
    const order = orderOf(cluster, namespace, name, { clients: buyers, from: index * each, count: each });
    const result = await clients.ask<ClientsResult>('create', order as never);
    if (result.created !== each) throw new Error(`${result.created} of ${each} created: ${result.example}`);
    seconds += result.seconds;
  }
  say(
    `  ${each * goods.length} orders created while nobody leads, ${short((each * goods.length) / seconds)}/s`,
  );
  const busy = new BusyMeter();
  const released = performance.timeOrigin + performance.now();
  await lease.release();
  const seen = await allAccepted(watcher, each * goods.length);
  await watcher.stop();
  return {
    ...seen,
    takeoverMs: seen.firstAt - released,
    perSecond: (seen.accepted / seen.acceptedWithinMs) * 1000,
    busy: busy.lap(),
  };
}

async function atRate(cluster: SaleCluster, clients: Worker, { rate, seconds }: StatusSettings) {
  const namespace = 'bench-steady';
  await openSale(cluster.admin, { namespace, goods: ['goods'], buyers });
  const run = (from: number, count: number) =>
    clients.ask<ClientsResult>(
      'create',
      orderOf(cluster, namespace, 'goods', { clients: buyers, from, count, rate }) as never,
    );
  await run(1_000_000, rate / 2);
  const watcher = await watched(cluster, namespace);
  const busy = new BusyMeter();
  const result = await run(0, rate * seconds);
  const seen = await allAccepted(watcher, result.created);
  await watcher.stop();
  return { ...seen, perSecond: result.created / result.seconds, busy: busy.lap() };
}
