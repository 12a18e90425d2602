// The upgrade drill: under 50 orders a second every replica is replaced, one after the other, as a Deployment with
// maxUnavailable 0 does it. Not one admission fails, not one is wrong, and the counters are exact at the end.
import assert from 'node:assert/strict';
import { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { Observer } from '../observer.ts';
import type { Replica } from '../replica.ts';
import { saleManifest } from '../sale.ts';
import { type Outcome, SteadyOrders } from '../steady.ts';
import type { World } from '../world.ts';
import { quiet, seenEverywhere } from './crowds.ts';
import type { Scenario } from './scenario.ts';

export const upgrades: Scenario[] = [
  { name: 'an upgrade of two replicas under 50 orders a second', run: upgrade },
];

const perSecond = 50;
/** Of the goods that sell out on the way, so that refusals are judged as well. */
const scarce = 150;
/** A node's kube-proxy hears of an endpoint that goes a moment after the pod has its SIGTERM. */
const endpointLagMs = 1000;

async function upgrade(world: World): Promise<void> {
  await world.serve(2, { 'payment-window': '10m', drain: '4s' });
  const namespace = await world.namespace();
  const goods = ['goods1', 'goods2'];
  await world.create(namespace, saleManifest({ stock: 100_000, price: 10, spikePrice: 8, goods }));
  await world.client.patch(
    SpikeGoods,
    { namespace, name: 'goods2' },
    { spec: { stockCount: scarce } },
    { type: 'merge' },
  );
  await seenEverywhere(world, namespace);
  const observer = await Observer.start(world.client, namespace);
  const orders = new SteadyOrders(world, namespace, {
    perSecond,
    goods: (index) => goods[index % 2]!,
    isPaid: (index) => index % 3 === 0,
  });
  const codes: (number | null)[] = [];
  try {
    await pause(1000);
    for (const old of [...world.replicas]) codes.push(await replace(world, old));
    await pause(1000);
  } finally {
    await orders.stop();
  }
  assert.deepEqual(codes, [0, 0], 'each ended in good order');
  judge(orders.outcomes);
  assert.ok(orders.outcomes.length >= 0.9 * perSecond * 10, `${orders.outcomes.length} orders were sent`);
  await quiet(world, namespace, goods);
  const most = await observer.stop();
  assert.equal(most.get('goods2'), scarce);
  const stored = new Set((await world.orders(namespace)).map(({ metadata }) => metadata.name));
  const accepted = orders.outcomes.filter(({ error }) => !error).map(({ name }) => name);
  assert.deepEqual(
    accepted.filter((name) => !stored.has(name)),
    [],
    'what was accepted is there',
  );
  assert.equal(stored.size, accepted.length, 'and nothing else');
}

/** The new one is ready, then the old one hears SIGTERM, then new connections stay away from it, then it ends. */
async function replace(world: World, old: Replica): Promise<number | null> {
  await world.addReplica();
  const ended = old.stop();
  await pause(endpointLagMs);
  world.leaveOut(old);
  return ended;
}

function judge(outcomes: readonly Outcome[]): void {
  const refused = outcomes.filter(({ error }) => error);
  const wrong = refused.filter(({ goods, error }) => goods !== 'goods2' || error?.reason !== 'SoldOut');
  assert.deepEqual(
    wrong.map(({ name, goods, error }) => `${name} of ${goods}: ${error?.message}`),
    [],
  );
  const sold = outcomes.filter(({ goods, error }) => goods === 'goods2' && !error).length;
  assert.equal(sold, scarce, 'all of the scarce goods were sold, and no more');
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
