// Two sales, one of them huge: how long after it is stored an order of the small one gets its status, without the
// other and with it, over a change of leader and afterwards. Both measures begin on a cluster of their own.
import { join } from 'node:path';
import type { ClientsOrder, ClientsResult } from '../cluster/clients.ts';
import { holdLease } from '../cluster/held-lease.ts';
import { allAccepted, orderOf, watched } from '../cluster/orders.ts';
import { openSale } from '../cluster/sale.ts';
import { SaleCluster } from '../cluster/sale-cluster.ts';
import type { Seen } from '../cluster/watcher.ts';
import { short, table } from '../figures.ts';
import { Worker } from '../worker.ts';

export interface FairnessSettings {
  /** Orders of the huge sale that a new leader finds without a state. */
  backlog: number;
  /** Orders a second of the huge sale while the small one is measured. */
  hugeRate: number;
  /** Orders a second of the small sale. */
  smallRate: number;
  /** Seconds that nobody leads, and seconds after that, while the small sale is measured. */
  leaderless: number;
  after: number;
  /** Seconds of the measure at rest. */
  steady: number;
}

export const fullFairness: FairnessSettings = {
  backlog: 8000,
  hugeRate: 60,
  smallRate: 10,
  leaderless: 5,
  after: 25,
  steady: 30,
};
export const quickFairness: FairnessSettings = {
  backlog: 400,
  hugeRate: 30,
  smallRate: 10,
  leaderless: 2,
  after: 6,
  steady: 6,
};

const small = { namespace: 'bench-small', goods: ['goods'], buyers: 8 };
/** A goods carries at most 4096 holds, so a backlog needs several. */
const huge = {
  namespace: 'a-huge-one',
  goods: Array.from({ length: 8 }, (_, number) => `goods-${number}`),
  buyers: 32,
};

interface Measure {
  change: Seen;
  steady: Seen;
}

export async function fairness(settings: FairnessSettings, say: (line: string) => void) {
  const alone = await measure(settings, false, say);
  const beside = await measure(settings, true, say);
  const ratios = {
    change: beside.change.p99 / alone.change.p99,
    steady: beside.steady.p99 / alone.steady.p99,
  };
  const row = (name: string, seen: Seen, ratio?: number) => [
    name,
    `${seen.accepted} of ${seen.stored}`,
    ...[seen.p50, seen.p99, seen.max].map(short),
    ratio === undefined ? '' : ratio.toFixed(2),
  ];
  say(
    table(
      ['the small sale: stored → Unpaid', 'orders', 'p50 ms', 'p99 ms', 'max ms', 'p99 ratio'],
      [
        row('over a change of leader, alone', alone.change),
        row(`… beside ${settings.backlog} orders without a state`, beside.change, ratios.change),
        row('with a leader, alone', alone.steady),
        row(`… beside ${settings.hugeRate} orders/s`, beside.steady, ratios.steady),
      ],
    ),
  );
  return { alone, beside, ratios };
}

async function measure(
  settings: FairnessSettings,
  isBesideHuge: boolean,
  say: (line: string) => void,
): Promise<Measure> {
  const cluster = await SaleCluster.start(say);
  const [smallShop, hugeShop] = [0, 1].map(() => new Worker(clientsFile)) as [Worker, Worker];
  const create = (shop: Worker, order: ClientsOrder) => shop.ask<ClientsResult>('create', order as never);
  try {
    await cluster.install();
    const lease = await holdLease(cluster);
    await Promise.all([cluster.addReplica(), cluster.addReplica()]);
    await openSale(cluster.admin, small);
    let from = 0;
    const order = (seconds: number): Promise<ClientsResult> => {
      const count = seconds * settings.smallRate;
      from += count;
      return create(
        smallShop,
        orderOf(cluster, small.namespace, 'goods', {
          clients: small.buyers,
          from: from - count,
          count,
          rate: settings.smallRate,
        }),
      );
    };
    const crowd = isBesideHuge
      ? await openHuge(cluster, settings, (it) => create(hugeShop, it), say)
      : undefined;

    const overChange = await watched(cluster, small.namespace);
    const isOver = crowd?.begin(settings.leaderless + settings.after);
    const ordering = order(settings.leaderless + settings.after);
    await new Promise((resolve) => setTimeout(resolve, settings.leaderless * 1000));
    await lease.release();
    const change = await allAccepted(overChange, (await ordering).created);
    await overChange.stop();
    await isOver;

    await crowd?.settled();
    const atRest = await watched(cluster, small.namespace);
    const isSteadyOver = crowd?.begin(settings.steady);
    const steady = await allAccepted(atRest, (await order(settings.steady)).created);
    await atRest.stop();
    await isSteadyOver;
    return { change, steady };
  } finally {
    await Promise.all([smallShop.stop(), hugeShop.stop()]);
    await cluster.stop();
  }
}

const clientsFile = join(import.meta.dirname, '..', 'cluster', 'clients.ts');

/** The huge sale with its backlog; `begin` lets it go on ordering for so many seconds. */
async function openHuge(
  cluster: SaleCluster,
  { backlog, hugeRate }: FairnessSettings,
  create: (order: ClientsOrder) => Promise<ClientsResult>,
  say: (line: string) => void,
) {
  await openSale(cluster.admin, huge);
  const watcher = await watched(cluster, huge.namespace);
  const each = Math.ceil(backlog / huge.goods.length);
  let from = 0;
  let created = 0;
  const run = async (name: string, count: number, rate?: number): Promise<void> => {
    from += count;
    const result = await create(
      orderOf(cluster, huge.namespace, name, {
        clients: huge.buyers,
        from: from - count,
        count,
        ...(rate ? { rate } : {}),
      }),
    );
    if (result.created === 0) throw new Error(`nothing was created: ${result.example}`);
    created += result.created;
  };
  for (const name of huge.goods) await run(name, each);
  say(`  ${created} orders of the huge sale wait for a leader`);
  return {
    begin: (seconds: number) => run(huge.goods[0]!, seconds * hugeRate, hugeRate),
    async settled(): Promise<void> {
      await allAccepted(watcher, created);
    },
  };
}
