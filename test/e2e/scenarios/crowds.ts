// The crowd: 100 units, 2,000 orders, 32 clients, two replicas. Not one unit too many, and none lost.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { lotsOf } from '../../../src/api/holds.ts';
import { isLive } from '../../../src/api/sale.ts';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import { crowd } from '../../../src/demo/crowd.ts';
import { Observer } from '../observer.ts';
import { dryRunOrder } from '../other-webhooks.ts';
import { saleManifest } from '../sale.ts';
import { eventually, type Ran, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const stock = 100;
const clients = 32;
const anyBuyer = { buyer: () => 'buyer1' };
const flags = { 'payment-window': '10m', 'hold-limit': '15s' };

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts');

/** A command of ours, as the administrator. */
function spikegate(world: World, [command, ...args]: [string, ...string[]]): Promise<Ran> {
  const { kubeconfig } = world.target;
  const where = kubeconfig ? ['--kubeconfig', kubeconfig] : [];
  return new Promise((resolve) => {
    execFile(process.execPath, [main, command, ...where, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

export const crowds: Scenario[] = [
  { name: 'a crowd of 2,000 for 100 units, two replicas', run: plain },
  { name: 'a crowd that sends every order three times', run: threeTimes },
  { name: 'a crowd whose orders have several goods', run: severalGoods },
  { name: 'a crowd that cancels while others buy', run: cancelling },
  { name: 'a crowd while the leader is killed three times and a replica is replaced', run: killing },
  { name: 'every unit of a live sale is proved to be accounted for, while it sells and after', run: proved },
  { name: 'a crowd with plenty for all, let in on lots, while both replicas are killed', run: ample },
];

async function sale(
  world: World,
  goods = ['goods1'],
  units = stock,
): Promise<{ namespace: string; observer: Observer }> {
  await world.serve(2, flags);
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: units, price: 1000, spikePrice: 800, goods }));
  await seenEverywhere(world, namespace);
  return { namespace, observer: await Observer.start(world.client, namespace) };
}

/** Each replica's caches know the buyer and the goods once it admits a dry run. */
export async function seenEverywhere(world: World, namespace: string): Promise<void> {
  for (let index = 0; index < 20; index++) {
    await eventually(() => dryRunOrder(world, namespace));
  }
}

async function plain(world: World): Promise<void> {
  const { namespace, observer } = await sale(world);
  const result = await crowd({
    signal: world.scenarioEnds,
    client: world.client,
    namespace,
    clients,
    orders: 2000,
    ...anyBuyer,
    goods: () => ({ goods1: 1 }),
  });
  assert.equal(result.accepted.length, stock);
  assert.deepEqual(result.refused, { SoldOut: 1900 });
  assert.equal(result.lost, 0);
  await quiet(world, namespace, ['goods1']);
  const goods = await world.goods(namespace, 'goods1');
  assert.equal(goods.status?.lastStockCount, 0);
  assert.equal((goods.status?.reserved ?? 0) + (goods.status?.num ?? 0), stock);
  assert.ok((await observer.stop()).get('goods1')! <= stock);
}

/** A name exists once: who clicks three times takes one unit, and nobody else goes without. */
async function threeTimes(world: World): Promise<void> {
  const { namespace, observer } = await sale(world);
  const clicks = await Promise.all(
    [1, 2, 3].map(() =>
      crowd({
        signal: world.scenarioEnds,
        client: world.client,
        namespace,
        clients,
        orders: stock,
        isPatient: true,
        ...anyBuyer,
        goods: () => ({ goods1: 1 }),
      }),
    ),
  );
  for (const { refused, lost } of clicks) {
    // A click whose order is stored is told so, or 'sold out' by a replica whose watch does not show that order yet.
    const { AlreadyExists: _, SoldOut: __, ...others } = refused;
    assert.deepEqual({ others, lost }, { others: {}, lost: 0 });
  }
  assert.equal(new Set(clicks.flatMap(({ accepted }) => accepted)).size, stock);
  // Requests that lost the race for their name hold nothing, and are listed until their limit of 15 s.
  await quiet(world, namespace, ['goods1'], 40_000);
  const goods = await world.goods(namespace, 'goods1');
  assert.equal((goods.status?.reserved ?? 0) + (goods.status?.num ?? 0), stock);
  assert.ok((await observer.stop()).get('goods1')! <= stock);
}

async function severalGoods(world: World): Promise<void> {
  const names = ['goods1', 'goods2', 'goods3'];
  const { namespace, observer } = await sale(world, names);
  const result = await crowd({
    signal: world.scenarioEnds,
    client: world.client,
    namespace,
    clients,
    orders: 1000,
    ...anyBuyer,
    // Each order wants two of the three, in changing order, and one or two of each.
    goods: (index) => ({ [names[index % 3]!]: 1 + (index % 2), [names[(index + 1) % 3]!]: 1 }),
  });
  assert.equal(result.lost, 0);
  const { SoldOut = 0, InsufficientStock = 0, ...others } = result.refused;
  assert.deepEqual(others, {});
  assert.equal(result.accepted.length + SoldOut + InsufficientStock, 1000);
  await quiet(world, namespace, names);
  const most = await observer.stop();
  for (const name of names) assert.ok(most.get(name)! <= stock, `${name}: ${most.get(name)}`);
}

async function cancelling(world: World): Promise<void> {
  const { namespace, observer } = await sale(world);
  const result = await crowd({
    signal: world.scenarioEnds,
    client: world.client,
    namespace,
    clients,
    orders: 2000,
    ...anyBuyer,
    goods: () => ({ goods1: 1 }),
    async afterwards(name, index) {
      if (index % 2 === 0) await world.client.delete(SpikeOrder, { namespace, name });
    },
  });
  assert.equal(result.lost, 0);
  assert.equal(result.accepted.length + (result.refused.SoldOut ?? 0), 2000);
  await quiet(world, namespace, ['goods1']);
  assert.ok((await observer.stop()).get('goods1')! <= stock);
  assert.ok(result.accepted.length > stock, 'cancelled stock was sold again');
}

async function killing(world: World): Promise<void> {
  const { namespace, observer } = await sale(world);
  let isOver = false;
  const disturbances = (async () => {
    for (let round = 0; round < 3 && !isOver; round++) {
      await pause(800);
      await world.kill(await world.leader());
      await world.addReplica();
    }
    const other = world.replicas[0]!;
    await other.stop();
    world.replicas = world.replicas.filter((it) => it !== other);
    await world.addReplica();
  })();
  const result = await crowd({
    signal: world.scenarioEnds,
    client: world.client,
    namespace,
    clients: 8,
    orders: 1200,
    isPatient: true,
    ...anyBuyer,
    goods: () => ({ goods1: 1 }),
    async afterwards(name, index) {
      // Half of them cancel, so that there is something to buy the whole time.
      if (index % 2 === 0) await deletePatiently(world, namespace, name);
      await pause(20);
    },
  });
  isOver = true;
  await disturbances;
  assert.equal(result.lost, 0);
  // Holds of tries that were never stored go after their limit of 15 s.
  await quiet(world, namespace, ['goods1'], 40_000);
  assert.ok((await observer.stop()).get('goods1')! <= stock);
  const stored = new Set((await world.orders(namespace)).map((order) => order.metadata.name));
  const kept = result.accepted.filter((name) => Number(name.slice(1)) % 2 === 1);
  assert.deepEqual(
    kept.filter((name) => !stored.has(name)),
    [],
    'every order that was answered with success is there',
  );
}

async function proved(world: World): Promise<void> {
  const { namespace, observer } = await sale(world, ['goods1', 'goods2'], 100);
  const prove = () => spikegate(world, ['prove', '--namespace', namespace, '--hold-limit', '15s']);
  let isOver = false;
  const proofs = (async () => {
    const ran = [await prove()];
    while (!isOver) ran.push(await prove());
    return ran;
  })();
  const result = await crowd({
    signal: world.scenarioEnds,
    client: world.client,
    namespace,
    clients: 8,
    orders: 300,
    ...anyBuyer,
    goods: (index) => ({ [`goods${1 + (index % 2)}`]: 1 }),
    async afterwards(name, index) {
      if (index % 3 === 0) await world.pay(namespace, name);
      if (index % 3 === 1) await deletePatiently(world, namespace, name);
    },
  });
  isOver = true;
  for (const { code, stdout, stderr } of await proofs) assert.equal(code, 0, stdout + stderr);
  assert.ok(result.accepted.length > 200, 'cancelled stock was sold again');
  await quiet(world, namespace, ['goods1', 'goods2']);
  await observer.stop();
  assert.match((await prove()).stdout, /proved: every unit of 2 goods is accounted for/);
  // A unit that nobody has paid for.
  const paid = (await world.orders(namespace)).find(({ status }) => status?.phase === 'Unpaid');
  const status = { phase: 'Expired' };
  const key = { namespace, name: paid!.metadata.name };
  await world.stopReplicas();
  await world.client.patch(SpikeOrder, key, { status }, { type: 'merge', subresource: 'status' });
  const { code, stdout } = await prove();
  assert.equal(code, 1, stdout);
  assert.match(stdout, /SumDiffers/);
}

async function ample(world: World): Promise<void> {
  const { namespace, observer } = await sale(world, ['goods1'], 100_000);
  let isOver = false;
  let lotsSeen = 0;
  const watching = (async () => {
    while (!isOver) {
      lotsSeen += lotsOf((await world.goods(namespace, 'goods1')).status).length;
      await pause(50);
    }
  })();
  const disturbances = (async () => {
    for (const victim of [...world.replicas]) {
      await eventually(() => assert.ok(lotsSeen > 0, 'no lot was seen'), 30_000);
      lotsSeen = 0;
      await world.kill(victim);
      await world.addReplica();
    }
  })();
  const result = await crowd({
    signal: world.scenarioEnds,
    client: world.client,
    namespace,
    clients,
    orders: 2500,
    isPatient: true,
    ...anyBuyer,
    goods: () => ({ goods1: 1 }),
  });
  isOver = true;
  await Promise.all([disturbances, watching]);
  assert.equal(result.lost, 0);
  assert.deepEqual(result.refused, {});
  // What the dead replicas had let in is accepted out of their lots; the rest of these goes after the limit of 15 s.
  await quiet(world, namespace, ['goods1'], 45_000);
  await observer.stop();
  const phases = new Map((await world.orders(namespace)).map((it) => [it.metadata.name, it.status?.phase]));
  assert.deepEqual(
    result.accepted.filter((name) => phases.get(name) !== 'Unpaid'),
    [],
    'every order that was answered with success has its stock',
  );
}

async function deletePatiently(world: World, namespace: string, name: string): Promise<void> {
  await eventually(async () => {
    if (!(await world.isGone(SpikeOrder, namespace, name))) {
      await world.client.delete(SpikeOrder, { namespace, name });
    }
  }, 30_000);
}

/** When all is quiet, the counters are what the orders add up to, and no hold is left. */
export async function quiet(
  world: World,
  namespace: string,
  names: string[],
  withinMs = 10_000,
): Promise<void> {
  await eventually(async () => {
    // Goods first: thousands of orders are not read again and again for as long as there are holds.
    const goods = await Promise.all(names.map((name) => world.goods(namespace, name)));
    for (const { metadata, status } of goods)
      assert.deepEqual(status?.holds, [], `${metadata.name} has holds`);
    const orders = await world.orders(namespace);
    for (const { metadata, spec, status } of goods) {
      const { name } = metadata;
      const units = orders
        .filter((order) => isLive(order))
        .reduce((sum, order) => sum + (order.spec.goodsMap[name] ?? 0), 0);
      assert.equal(
        (status?.reserved ?? 0) + (status?.num ?? 0),
        units,
        `${name} counts what its orders have`,
      );
      assert.equal(status?.lastStockCount, spec.stockCount - units);
    }
  }, withinMs);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
