// `kubectl get spikeorders --field-selector status.phase=Unpaid,spec.buyerId=buyer1`: where people look for orders.
import assert from 'node:assert/strict';
import { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import { orderManifest, saleManifest } from '../sale.ts';
import { eventually, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

export const fieldSelectors: Scenario[] = [
  { name: 'orders are selected by buyer and phase, goods by phase', run: selected },
];

async function selected(world: World): Promise<void> {
  await world.serve(1);
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 3, price: 10, spikePrice: 8 }));
  await world.create(namespace, orderManifest({ name: 'waiting', buyer: 'buyer1', goods: { goods1: 1 } }));
  await world.create(
    namespace,
    orderManifest({ name: 'paid', buyer: 'buyer1', goods: { goods1: 2 }, isPay: true }),
  );
  const found = async (kind: Resource, fieldSelector: string) => {
    const { items } = await world.client.list(kind, { namespace, fieldSelector });
    return items.map(({ metadata }) => metadata.name);
  };
  const orders = (fieldSelector: string) => found(SpikeOrder as Resource, fieldSelector);
  await eventually(async () => assert.deepEqual(await orders('status.phase=Paid'), ['paid']));
  await eventually(async () => {
    assert.deepEqual(await orders('status.phase=Unpaid,spec.buyerId=buyer1'), ['waiting']);
  });
  assert.deepEqual(await orders('spec.buyerId!=buyer1'), []);
  await eventually(async () => {
    assert.deepEqual(await found(SpikeGoods as Resource, 'status.phase=SoldOut'), ['goods1']);
  });
  await assert.rejects(orders('spec.isPay=true'), (error) => error instanceof ApiError && error.code === 400);
}
