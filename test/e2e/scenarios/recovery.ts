// What is stored is enough: after the death of everything, after admission was off, after a lost lease.
import assert from 'node:assert/strict';
import { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { loadConfig } from '../../../src/kube/config.ts';
import { createClient } from '../../../src/kube/json-client.ts';
import { dryRunOrder, validating, withoutWebhooks } from '../other-webhooks.ts';
import { orderManifest, saleManifest } from '../sale.ts';
import { eventually, refused, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

export const recovery: Scenario[] = [
  { name: '50 unpaid orders outlive the death of every process and expire after it', run: deathOfAll },
  { name: 'a term from the future in one goods stops no sale, and is overruled', run: futureTerm },
  { name: 'orders that got past admission take stock, or are rejected', run: bypass },
];

async function deathOfAll(world: World): Promise<void> {
  await world.serve(2, { 'payment-window': '4s' });
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 60, price: 10, spikePrice: 8 }));
  for (let index = 0; index < 50; index++) {
    await world.create(
      namespace,
      orderManifest({ name: `o${index}`, buyer: 'buyer1', goods: { goods1: 1 } }),
    );
  }
  for (const replica of [...world.replicas]) await world.kill(replica);
  assert.equal((await world.goods(namespace, 'goods1')).status?.lastStockCount, 10);
  await new Promise((resolve) => setTimeout(resolve, 4500));
  await world.serve(2, { 'payment-window': '4s' });
  await eventually(async () => {
    const orders = await world.orders(namespace);
    assert.equal(orders.length, 50);
    assert.ok(orders.every((order) => order.status?.phase === 'Expired'));
    const { status } = await world.goods(namespace, 'goods1');
    assert.equal(status?.lastStockCount, 60);
    assert.deepEqual(status?.holds, []);
  }, 45_000);
}

/** Only what acts in Spikegate's name can write a term: a program of another version, or a hand with its credentials. */
async function forgeTerm({ client, target }: World, key: { namespace: string; name: string }): Promise<void> {
  const status = { ledgerEpoch: 2 ** 40 };
  if (target.serveAs) {
    const byHand = client.patch(SpikeGoods, key, { status }, { type: 'merge', subresource: 'status' });
    assert.equal((await refused(byHand)).reason, 'Immutable');
  }
  const file = target.serveAs ?? target.kubeconfig;
  const own = createClient(loadConfig(file ? { file } : {}));
  try {
    await eventually(async () => {
      const goods = await own.get(SpikeGoods, key);
      const forged = { ...goods, status: { ...goods.status, ...status } };
      await own.replace(SpikeGoods, forged, { subresource: 'status' });
    });
  } finally {
    own.close();
  }
}

async function futureTerm(world: World): Promise<void> {
  await world.serve(2, { 'payment-window': '10m' });
  const [struck, other] = [await world.namespace(), await world.namespace()];
  for (const namespace of [struck, other]) {
    await world.create(namespace, saleManifest({ stock: 5, price: 10, spikePrice: 8 }));
    await world.create(namespace, orderManifest({ name: 'o1', buyer: 'buyer1', goods: { goods1: 1 } }));
  }
  await eventually(async () => {
    for (const namespace of [struck, other])
      assert.equal((await world.goods(namespace, 'goods1')).status?.reserved, 1);
  });
  const term = (await world.goods(struck, 'goods1')).status?.ledgerEpoch ?? 0;
  await forgeTerm(world, { namespace: struck, name: 'goods1' });
  for (const namespace of [other, struck]) {
    await world.create(namespace, orderManifest({ name: 'o2', buyer: 'buyer1', goods: { goods1: 2 } }));
    await eventually(async () => {
      assert.equal((await world.order(namespace, 'o2')).status?.phase, 'Unpaid');
      assert.equal((await world.goods(namespace, 'goods1')).status?.reserved, 3);
    });
  }
  const { status } = await world.goods(struck, 'goods1');
  // No leader has ended itself: the term is the same.
  assert.equal(status?.ledgerEpoch, term);
  const overruled = status?.conditions?.find(({ type }) => type === 'TermOverruled');
  assert.match(overruled?.message ?? '', /1099511627776/);
}

async function bypass(world: World): Promise<void> {
  await world.serve(1, { 'payment-window': '10m' });
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 3, price: 10, spikePrice: 8 }));
  const back = await withoutWebhooks(world, [validating]);
  try {
    // Deletion of a configuration takes a moment to reach the API server's own cache of them.
    await eventually(() =>
      world.create(namespace, orderManifest({ name: 'nobody', buyer: 'nobody', goods: { goods1: 3 } })),
    );
    await eventually(async () => {
      assert.equal((await world.order(namespace, 'nobody')).status?.phase, 'Rejected');
      // A buyer that is not seen is waited for: the cache may be late.
    }, 45_000);
    await world.create(namespace, orderManifest({ name: 'fits', buyer: 'buyer1', goods: { goods1: 2 } }));
    await eventually(async () => {
      assert.equal((await world.order(namespace, 'fits')).status?.phase, 'Unpaid');
    });
    await world.create(namespace, orderManifest({ name: 'too-many', buyer: 'buyer1', goods: { goods1: 2 } }));
    await eventually(async () => {
      const { status } = await world.order(namespace, 'too-many');
      assert.equal(status?.phase, 'Rejected');
      assert.match(status?.conditions?.[0]?.message ?? '', /requested 2, available 1/);
    });
  } finally {
    await back();
  }
  await eventually(async () => {
    const { status } = await world.goods(namespace, 'goods1');
    assert.equal(status?.lastStockCount, 1);
    assert.deepEqual(status?.holds, []);
  });
  // The rules are on again.
  await eventually(() => assert.rejects(dryRunOrder(world, namespace, 'nobody'), /no buyer nobody/));
}
