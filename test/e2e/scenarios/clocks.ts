// Wrong clocks, and orders that nobody has judged: what one replica believes must not cost an order its stock.
import assert from 'node:assert/strict';
import { holdsOf } from '../../../src/api/holds.ts';
import { Seller } from '../../../src/api/seller.ts';
import { crowd } from '../../../src/demo/crowd.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { Observer } from '../observer.ts';
import { dryRunOrder, otherWebhook, withoutWebhooks } from '../other-webhooks.ts';
import { clockOffBy } from '../replica.ts';
import { orderManifest, saleManifest } from '../sale.ts';
import { eventually, refused, type World } from '../world.ts';
import { quiet, seenEverywhere } from './crowds.ts';
import type { Scenario } from './scenario.ts';

const day = 86_400_000;
const stock = 100;

export const clocks: Scenario[] = [
  ...[-130, 60].map((seconds) => ({
    name: `500 orders of 100 units, with a replica ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead'} and another webhook that is slow`,
    run: (world: World) => wrongClock(world, seconds * 1000),
  })),
  { name: 'a leader whose clock is a day ahead leaves nothing that ends its successors', run: dayAhead },
  { name: 'an order that nobody has judged cannot be paid', run: paidTooSoon },
];

async function wrongClock(world: World, offsetMs: number): Promise<void> {
  await world.serve(1, { 'payment-window': '10m' });
  const other = await world.addReplica(clockOffBy(offsetMs));
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock, price: 10, spikePrice: 8 }));
  await seenEverywhere(world, namespace);
  const takeOff = await otherWebhook(
    world,
    namespace,
    () => new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 1500)),
  );
  const observer = await Observer.start(world.client, namespace);
  try {
    const result = await crowd({
      ...{ client: world.client, signal: world.scenarioEnds, namespace, clients: 64, orders: 500 },
      buyer: () => 'buyer1',
      goods: () => ({ goods1: 1 }),
    });
    assert.equal(result.accepted.length, stock);
    assert.deepEqual(result.refused, { SoldOut: 500 - stock });
    await quiet(world, namespace, ['goods1'], 30_000);
    const orders = await world.orders(namespace);
    assert.equal(orders.length, stock);
    assert.ok(
      orders.every((order) => order.status?.phase === 'Unpaid'),
      'an order that was let in is accepted',
    );
    assert.ok((await observer.stop()).get('goods1')! <= stock);
  } finally {
    await takeOff();
    await other.stop();
    world.leaveOut(other);
  }
}

async function dayAhead(world: World): Promise<void> {
  await world.serve(0, { 'payment-window': '10m' });
  const ahead = await world.addReplica(clockOffBy(day));
  await world.settled();
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 5, price: 10, spikePrice: 8 }));
  const isUnpaid = (name: string, reserved: number) =>
    eventually(async () => {
      assert.equal((await world.order(namespace, name)).status?.phase, 'Unpaid');
      assert.equal((await world.goods(namespace, 'goods1')).status?.reserved, reserved);
    });
  await world.create(namespace, orderManifest({ name: 'o1', buyer: 'buyer1', goods: { goods1: 1 } }));
  await isUnpaid('o1', 1);
  await world.kill(ahead);
  await world.serve(1, { 'payment-window': '10m' });
  const [next] = world.replicas;
  await world.create(namespace, orderManifest({ name: 'o2', buyer: 'buyer1', goods: { goods1: 1 } }));
  await isUnpaid('o2', 2);
  assert.equal(next?.process.exitCode, null, 'the next leader goes on');
}

async function paidTooSoon(world: World): Promise<void> {
  const flags = { 'payment-window': '10m' };
  await world.serve(1, flags);
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 1, price: 10, spikePrice: 8 }));
  await eventually(async () => assert.ok((await world.goods(namespace, 'goods1')).status?.phase));
  await world.stopReplicas();
  const back = await withoutWebhooks(world);
  try {
    await eventually(() =>
      world.client.create(Seller, {
        apiVersion: Seller.apiVersion,
        kind: 'Seller',
        metadata: { name: 'past-admission', namespace },
        spec: {},
      }),
    );
    // Of two orders of the last unit, stored past admission, one is Rejected later.
    for (const name of ['o1', 'o2']) {
      await eventually(() =>
        world.create(namespace, orderManifest({ name, buyer: 'buyer1', goods: { goods1: 1 } })),
      );
    }
  } finally {
    await back();
    // The API server has heard of them: it calls our webhook, and nobody answers.
    await eventually(async () => {
      const { reason } = await refused(dryRunOrder(world, namespace));
      assert.equal(reason, 'InternalError');
    });
  }
  const starting = world.serve(2, flags);
  const paid: string[] = [];
  await Promise.all(
    ['o1', 'o2'].map(async (name) => {
      // Before anybody judges them, and until somebody has.
      for (;;) {
        try {
          await world.pay(namespace, name);
          paid.push(name);
          return;
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          if (error.reason === 'OrderRejected') return;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    }),
  );
  await starting;
  assert.equal(paid.length, 1, `paid: ${paid.join(', ')}`);
  await eventually(async () => {
    const phases = (await world.orders(namespace)).map(({ status }) => status?.phase).sort();
    assert.deepEqual(phases, ['Paid', 'Rejected']);
    const { status } = await world.goods(namespace, 'goods1');
    assert.deepEqual([status?.num, status?.reserved, holdsOf(status).length], [1, 0, 0]);
  });
  await eventually(async () => {
    const { spec } = await world.seller(namespace, 'past-admission');
    assert.ok(spec.sellerId, 'the leader has a seller of that time filled in');
  });
}
