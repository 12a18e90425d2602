// Deletion control: what is referred to stays, what nobody needs goes, and a namespace always goes.
import assert from 'node:assert/strict';
import { Buyer } from '../../../src/api/buyer.ts';
import { holdsOf } from '../../../src/api/holds.ts';
import { inUseFinalizer } from '../../../src/api/names.ts';
import { Seller } from '../../../src/api/seller.ts';
import { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import { otherWebhook } from '../other-webhooks.ts';
import { orderManifest, saleManifest } from '../sale.ts';
import { eventually, namespaces, refused, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

export const deletion: Scenario[] = [
  { name: 'what is referred to cannot be deleted, and goes when nobody refers to it', run: referred },
  { name: 'a deletion that meets an order under way waits for it', run: underWay },
  { name: 'a namespace with orders in every state goes within 15 s', run: wholeNamespace },
];

async function referred(world: World): Promise<void> {
  await world.serve(1, { 'payment-window': '10m' });
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 5, price: 10, spikePrice: 8 }));
  for (const name of ['o1', 'o2']) {
    await world.create(namespace, orderManifest({ name, buyer: 'buyer1', goods: { goods1: 1 } }));
  }
  await eventually(async () => {
    const answer = await refused(world.client.delete(Buyer, { namespace, name: 'buyer1' }));
    assert.equal(answer.reason, 'StillReferenced');
    assert.match(answer.message, /buyer buyer1 is referenced by 2 orders, for example o[12]$/);
  });
  const goods = await refused(world.client.delete(SpikeGoods, { namespace, name: 'goods1' }));
  assert.match(goods.message, /goods goods1 is referenced by 2 orders/);
  const seller = await refused(world.client.delete(Seller, { namespace, name: 'seller1' }));
  assert.match(seller.message, /seller seller1 is referenced by 1 goods, for example goods1$/);

  // Paid orders are kept; unpaid ones may be cancelled, and their stock returns.
  await world.pay(namespace, 'o1');
  const paid = await refused(world.client.delete(SpikeOrder, { namespace, name: 'o1' }));
  assert.equal(paid.reason, 'PaidOrderKept');
  await world.client.delete(SpikeOrder, { namespace, name: 'o2' });
  await eventually(async () => {
    assert.equal((await world.goods(namespace, 'goods1')).status?.lastStockCount, 4);
  });

  // Nobody refers to these.
  await world.create(
    namespace,
    saleManifest({ stock: 1, price: 1, spikePrice: 1 })
      .replaceAll('1\nspec', '-free\nspec')
      .replace('sellerId: seller1', 'sellerId: seller-free'),
  );
  await gone(world, SpikeGoods, namespace, 'goods-free');
  await gone(world, Seller, namespace, 'seller-free');
  await gone(world, Buyer, namespace, 'buyer-free');
}

async function underWay(world: World): Promise<void> {
  await world.serve(2, { 'payment-window': '10m' });
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 5, price: 10, spikePrice: 8 }));
  const person = (kind: 'Buyer' | 'Seller', name: string, finalizers: string[] = []) => ({
    apiVersion: Buyer.apiVersion,
    kind,
    metadata: { name, namespace, finalizers },
    spec: {},
  });
  await world.client.create(Buyer, person('Buyer', 'idle'));
  // Marked by an earlier version, which marked sellers too.
  await world.client.create(Seller, person('Seller', 'idle', [inUseFinalizer]));
  let goOn = () => {};
  const mayGoOn = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const takeOff = await otherWebhook(world, namespace, () => mayGoOn);
  const isMarked = async (resource: Resource, name: string) => {
    // The first request is refused, and leaves the mark. A client that retries would be let through.
    const { reason } = await refused(world.client.delete(resource, { namespace, name }, { retry: false }));
    assert.equal(reason, 'TooManyRequests');
    const { metadata } = await world.client.get(resource, { namespace, name });
    assert.ok(metadata.finalizers?.includes(inUseFinalizer), `${name} is not marked`);
    assert.equal(metadata.deletionTimestamp, undefined, `${name} is deleted`);
  };
  let order: Promise<unknown> = Promise.resolve();
  try {
    order = world.create(namespace, orderManifest({ name: 'o1', buyer: 'buyer1', goods: { goods1: 1 } }));
    await eventually(async () => {
      assert.equal(holdsOf((await world.goods(namespace, 'goods1')).status).length, 1);
    });
    await isMarked(Buyer, 'idle');
  } finally {
    goOn();
    await order.catch(() => {});
    await takeOff();
  }
  await eventually(async () => {
    assert.equal((await world.goods(namespace, 'goods1')).status?.reserved, 1);
  });
  // Until there is another leader, nobody takes the cancelled order out of the counts of its goods.
  await world.kill(await world.leader());
  await eventually(() => world.client.delete(SpikeOrder, { namespace, name: 'o1' }));
  await eventually(() => isMarked(SpikeGoods, 'goods1'));
  await gone(world, Buyer, namespace, 'idle');
  await gone(world, SpikeGoods, namespace, 'goods1');
  await gone(world, Seller, namespace, 'idle');
}

async function gone(world: World, resource: Resource, namespace: string, name: string): Promise<void> {
  await eventually(() => world.client.delete(resource, { namespace, name }));
  await eventually(async () =>
    assert.ok(await world.isGone(resource, namespace, name), `${name} is still there`),
  );
}

async function wholeNamespace(world: World): Promise<void> {
  await world.serve(2, { 'payment-window': '2s' });
  const namespace = await world.namespace();
  await world.create(
    namespace,
    saleManifest({ stock: 50, price: 10, spikePrice: 8, goods: ['goods1', 'goods2'] }),
  );
  await world.create(namespace, orderManifest({ name: 'expired', buyer: 'buyer1', goods: { goods1: 1 } }));
  await eventually(async () =>
    assert.equal((await world.order(namespace, 'expired')).status?.phase, 'Expired'),
  );
  for (let index = 0; index < 10; index++) {
    const isPay = index % 2 === 0;
    await world.create(
      namespace,
      orderManifest({ name: `o${index}`, buyer: 'buyer1', goods: { goods2: 1 }, isPay }),
    );
  }
  await world.client.delete(namespaces, { name: namespace });
  await eventually(
    async () => assert.ok(await world.isGone(namespaces, '', namespace), 'the namespace is still there'),
    15_000,
  );
}
