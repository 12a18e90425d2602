// Certificates renewed, the CA or the secret in the webhooks' path replaced while requests come in: not one admission
// fails.
import assert from 'node:assert/strict';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import { saleManifest } from '../sale.ts';
import { eventually, type Flags, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

export const certificates: Scenario[] = [
  { name: 'certificates and CA rotate under 20 requests a second without a failed admission', run: rotation },
  { name: 'the webhook path is replaced under 20 requests a second without a failed admission', run: paths },
];

const perSecond = 20;
const seconds = 25;

async function rotation(world: World): Promise<void> {
  // A life of weeks in seconds: the leaf is renewed every 4 s, the CA every 10 s.
  const lines = await underOrders(world, {
    'cert-lifetime': '6s',
    'ca-lifetime': '15s',
    'ca-overlap': '2s',
    'cert-check': '250ms',
    'cert-secret': 'spikegate-rotation-test',
  });
  const leaves = lines.filter((line) => line.includes('"step":"issue-leaf"')).length;
  const authorities = lines.filter((line) => line.includes('"step":"add-authority"')).length;
  assert.ok(leaves >= 3, `${leaves} leaves were issued`);
  assert.ok(authorities >= 2, `${authorities} CAs were made`);
}

async function paths(world: World): Promise<void> {
  // A life of hours in seconds: the path changes every 6 s.
  const lines = await underOrders(world, { 'path-lifetime': '4s', 'path-overlap': '2s' });
  const published = lines.filter((line) => /"step":"publish".*webhook path/.test(line)).length;
  assert.ok(published >= 2, `${published} paths were published`);
}

/** Orders from two replicas with these flags. @returns what the replicas logged */
async function underOrders(world: World, flags: Flags): Promise<string[]> {
  await world.serve(2, { 'payment-window': '10m', ...flags });
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 10_000, price: 10, spikePrice: 8 }));
  const failures: string[] = [];
  const order = (index: number) =>
    world.client.create(SpikeOrder, {
      apiVersion: SpikeOrder.apiVersion,
      kind: 'SpikeOrder',
      metadata: { name: `o${index}`, namespace },
      spec: { buyerId: 'buyer1', goodsMap: { goods1: 1 } },
    });
  await eventually(() => order(0));
  const pending: Promise<unknown>[] = [];
  for (let index = 1; index <= perSecond * seconds; index++) {
    pending.push(order(index).catch((error: Error) => failures.push(error.message)));
    await new Promise((resolve) => setTimeout(resolve, 1000 / perSecond));
  }
  await Promise.all(pending);
  const lines = world.replicas.flatMap((replica) => replica.log);
  await world.serve(2, { 'payment-window': '10m' });
  assert.deepEqual(failures, []);
  return lines;
}
