// Wrong clocks, and orders that nobody has judged: what one replica believes must not cost an order its stock.
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { servingPair } from '../../../bench/pki.ts';
import { holdsOf } from '../../../src/api/holds.ts';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import { crowd } from '../../../src/demo/crowd.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { KubeObject, Resource } from '../../../src/kube/objects.ts';
import { Observer } from '../observer.ts';
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

interface Configuration extends KubeObject {
  webhooks: unknown[];
}

const configurations = (plural: 'validatingwebhookconfigurations' | 'mutatingwebhookconfigurations') =>
  ({
    ...{ group: 'admissionregistration.k8s.io', version: 'v1', plural, namespaced: false },
    kind: plural.startsWith('v') ? 'ValidatingWebhookConfiguration' : 'MutatingWebhookConfiguration',
  }) satisfies Resource as Resource<Configuration>;

/** Another program's webhook on new orders of a namespace; it takes 0.2 to 1.7 s. Returns what takes it off. */
async function slowWebhook(world: World, namespace: string): Promise<() => Promise<void>> {
  const { ca, cert, key } = await servingPair();
  const server = createServer({ cert, key }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { request: asked, apiVersion, kind } = JSON.parse(Buffer.concat(chunks).toString());
    await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 1500));
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ apiVersion, kind, response: { uid: asked.uid, allowed: true } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const resource = configurations('validatingwebhookconfigurations');
  const { group, version, plural } = SpikeOrder;
  await world.client.create(resource, {
    ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: resource.kind },
    metadata: { name: namespace },
    webhooks: [
      {
        ...{ name: 'slow.example.com', admissionReviewVersions: ['v1'], sideEffects: 'None' },
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(ca).toString('base64') },
        rules: [{ apiGroups: [group], apiVersions: [version], operations: ['CREATE'], resources: [plural] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      },
    ],
  });
  return async () => {
    await world.client.delete(resource, { name: namespace });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

async function wrongClock(world: World, offsetMs: number): Promise<void> {
  await world.serve(1, { 'payment-window': '10m' });
  const other = await world.addReplica(clockOffBy(offsetMs));
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock, price: 10, spikePrice: 8 }));
  await seenEverywhere(world, namespace);
  const takeOff = await slowWebhook(world, namespace);
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
  const before = await Promise.all(
    (['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'] as const).map(async (plural) => {
      const resource = configurations(plural);
      const found = await world.client.get(resource, { name: 'spikegate' });
      await world.client.delete(resource, { name: 'spikegate' });
      return { resource, found };
    }),
  );
  try {
    // Of two orders of the last unit, stored past admission, one is Rejected later.
    for (const name of ['o1', 'o2']) {
      await eventually(() =>
        world.create(namespace, orderManifest({ name, buyer: 'buyer1', goods: { goods1: 1 } })),
      );
    }
  } finally {
    for (const { resource, found } of before) {
      const { name, labels = {} } = found.metadata;
      const { apiVersion, kind, webhooks } = found;
      await world.client.create(resource, { apiVersion, kind, metadata: { name, labels }, webhooks });
      // The API server has heard of it: it calls the webhook, and nobody answers.
      await eventually(async () => {
        const { reason } = await refused(
          world.client.create(
            SpikeOrder,
            {
              ...{
                apiVersion: SpikeOrder.apiVersion,
                kind: 'SpikeOrder',
                metadata: { name: 'dry', namespace },
              },
              spec: { buyerId: 'buyer1', goodsMap: { goods1: 1 } },
            },
            { dryRun: true },
          ),
        );
        assert.equal(reason, 'InternalError');
      });
    }
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
}
