// A small sale, to see that an installation works: defaults, rules, holds, the leader, and an end of it.
import assert from 'node:assert/strict';
import { parseAllDocuments } from 'yaml';
import { Seller } from '../../src/api/seller.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { Draft } from '../../src/kube/objects.ts';
import { orderManifest, saleManifest } from '../e2e/sale.ts';
import { eventually, inNamespace, refused, resourceOf } from '../e2e/world.ts';
import type { Cluster } from './cluster.ts';

async function create(cluster: Cluster, namespace: string, manifest: string): Promise<void> {
  for (const document of parseAllDocuments(manifest)) {
    const object = document.toJS() as Draft | null;
    if (object) await cluster.admin.create(resourceOf(object.kind), inNamespace(object, namespace));
  }
}

/** Leaves a paid order, an unpaid one, a goods, a buyer and a seller in the namespace. */
export async function playSale(cluster: Cluster, namespace: string): Promise<void> {
  await create(cluster, namespace, saleManifest({ stock: 3, price: 10, spikePrice: 8 }));
  const order = (name: string, quantity = 1) =>
    create(cluster, namespace, orderManifest({ name, buyer: 'buyer1', goods: { goods1: quantity } }));
  await order('o1');
  await order('o2');
  const { reason } = await refused(order('o3', 2));
  assert.equal(reason, 'InsufficientStock');
  await cluster.admin.patch(
    SpikeOrder,
    { namespace, name: 'o1' },
    { spec: { isPay: true } },
    { type: 'merge' },
  );
  await eventually(async () => {
    const { spec, status } = await cluster.admin.get(SpikeGoods, { namespace, name: 'goods1' });
    assert.ok(spec.goodsId);
    assert.deepEqual([status?.num, status?.reserved, status?.lastStockCount], [1, 1, 1]);
    const paid = await cluster.admin.get(SpikeOrder, { namespace, name: 'o1' });
    assert.equal(paid.status?.phase, 'Paid');
    assert.equal((await cluster.admin.get(Seller, { namespace, name: 'seller1' })).status?.salesMoney, 8);
  });
}

/** Workloads, each of which the leader has looked at. */
export async function createWorkloads(cluster: Cluster, namespace: string, manifest: string): Promise<void> {
  await create(cluster, namespace, manifest);
  for (const document of parseAllDocuments(manifest)) {
    const { kind, metadata } = document.toJS() as Draft;
    await eventually(async () => {
      const found = await cluster.admin.get(resourceOf(kind), { namespace, name: metadata.name! });
      const { status } = found as { status?: { observedGeneration?: number } };
      assert.ok(status?.observedGeneration, `${kind} ${metadata.name} has not been looked at`);
    });
  }
}
