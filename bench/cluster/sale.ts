// The sale on the cluster of the bench: seller, goods with ample stock, buyers; and what an order looks like.
import { Buyer } from '../../src/api/buyer.ts';
import { Seller } from '../../src/api/seller.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { Client } from '../../src/kube/client.ts';
import { eventually, namespaces } from '../../test/e2e/world.ts';

export interface Sale {
  namespace: string;
  goods: readonly string[];
  /** `buyer-0`, `buyer-1`, … */
  buyers: number;
}

const ampleStock = 1_000_000_000;

/** Makes what is missing of it. The first object waits until the webhooks answer. */
export async function openSale(admin: Client, { namespace, goods, buyers }: Sale): Promise<void> {
  await admin.apply(
    namespaces,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { fieldManager: 'bench' },
  );
  await eventually(
    () =>
      admin.create(Seller, {
        apiVersion: Seller.apiVersion,
        kind: Seller.kind,
        metadata: { name: 'seller', namespace },
        spec: {},
      }),
    20_000,
  );
  for (const name of goods) {
    await admin.create(SpikeGoods, {
      apiVersion: SpikeGoods.apiVersion,
      kind: SpikeGoods.kind,
      metadata: { name, namespace },
      spec: { price: 10_000, spikePrice: 8000, sellerId: 'seller', stockCount: ampleStock },
    });
  }
  for (let number = 0; number < buyers; number++) {
    await admin.create(Buyer, {
      apiVersion: Buyer.apiVersion,
      kind: Buyer.kind,
      metadata: { name: `buyer-${number}`, namespace },
      spec: { buyerName: `Buyer ${number}`, address: `${number} High Street`, phone: `0${number}` },
    });
  }
}

/** JSON of an order for cluster/clients.ts: `#` is the number of the order, `@` that of the client. */
export function orderBody(namespace: string, goods: string, more: object = {}, apiVersion?: string): string {
  return JSON.stringify({
    apiVersion: apiVersion ?? SpikeOrder.apiVersion,
    kind: SpikeOrder.kind,
    metadata: { name: 'order-#', namespace },
    spec: { buyerId: 'buyer-@', goodsMap: { [goods]: 1 } },
    ...more,
  });
}

export function ordersPath(namespace: string): string {
  const { group, version, plural } = SpikeOrder;
  return `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;
}
