// Ids are unique, whoever copies which manifest how quickly, through a real API server and two replicas.
import assert from 'node:assert/strict';
import { Buyer } from '../../../src/api/buyer.ts';
import { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import type { Draft } from '../../../src/kube/objects.ts';
import { saleManifest } from '../sale.ts';
import { eventually, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

export const ids: Scenario[] = [
  { name: 'a copy of an order or of goods gets an id of its own, at once', run: copied },
];

async function copied(world: World): Promise<void> {
  await world.serve(2, { 'payment-window': '10m' });
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 50, price: 10, spikePrice: 8 }));
  const { apiVersion, kind } = SpikeOrder;
  const make = (metadata: object, spec: object) =>
    world.client.create(SpikeOrder, {
      apiVersion,
      kind,
      spec,
      metadata: { namespace, ...metadata },
    } as Draft<SpikeOrder>);
  const spec = { buyerId: 'buyer1', goodsMap: { goods1: 1 } };
  const found = new Set<string | undefined>();
  const first = await eventually(() => make({ name: 'oa' }, spec));
  for (const name of ['ob', 'oc']) found.add((await make({ name }, first.spec)).spec.orderId);
  const generated = await make({ generateName: 'o-' }, spec);
  assert.match(generated.metadata.name, /^o-[0-9a-f]{10}$/);
  for (let i = 0; i < 3; i++) {
    const copy = await make({ generateName: 'o-' }, generated.spec);
    assert.notEqual(copy.metadata.name, generated.metadata.name);
    found.add(copy.spec.orderId);
  }
  found.add(first.spec.orderId).add(generated.spec.orderId);
  assert.equal(found.size, 7, [...found].join(' '));
  await eventually(async () => {
    const { status } = await world.client.get(Buyer, { namespace, name: 'buyer1' });
    assert.deepEqual(new Set(status?.orderList), found);
    assert.equal(status?.orderList?.length, 7);
  });

  const goods = await world.goods(namespace, 'goods1');
  const copy = await world.client.create(SpikeGoods, {
    apiVersion,
    kind: SpikeGoods.kind,
    metadata: { namespace, name: 'goods2' },
    spec: { ...goods.spec },
  } as Draft<SpikeGoods>);
  assert.ok(copy.spec.goodsId);
  assert.notEqual(copy.spec.goodsId, goods.spec.goodsId);
}
