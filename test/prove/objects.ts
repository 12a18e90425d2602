// A small sale that is in order, for tests that break one thing of it: seven units of apple are sold, promised or held.
import { formatHolds, type Hold, lotPrefix } from '../../src/api/holds.ts';
import type { SpikeGoods, SpikeGoodsStatus } from '../../src/api/spike-goods.ts';
import type { OrderPhase, SpikeOrder } from '../../src/api/spike-order.ts';

export const holdsAt = '2026-01-01T00:00:00.000Z';

export function goods(name: string, stockCount: number, status?: SpikeGoodsStatus): SpikeGoods {
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeGoods',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-of-${name}`,
      resourceVersion: '1',
      creationTimestamp: holdsAt,
    },
    spec: { price: 10, spikePrice: 8, stockCount, goodsId: `id-of-${name}` },
    ...(status ? { status } : {}),
  };
}

export function order(name: string, goodsMap: Record<string, number>, phase?: OrderPhase): SpikeOrder {
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-of-${name}`,
      resourceVersion: '1',
      creationTimestamp: holdsAt,
    },
    spec: { buyerId: 'ann', goodsMap, orderId: `id-of-${name}` },
    ...(phase ? { status: { phase } } : {}),
  };
}

export const hold = (order: string, quantity: number): Hold => ({
  uid: `uid-of-${order}`,
  order,
  quantity,
  time: holdsAt,
});
export const lot = (quantity: number): Hold => ({
  uid: `${lotPrefix}1`,
  order: 'replica-1',
  quantity,
  time: holdsAt,
});

/** Holds: of an order that waits for its state, of one that is accepted and not settled yet, and a lot. */
export const apple = (change: Partial<SpikeGoodsStatus> = {}, holds = standing()): SpikeGoods =>
  goods('apple', 20, { num: 2, reserved: 3, lastStockCount: 7, holds: formatHolds(holds), ...change });

export const standing = (): Hold[] => [hold('waiting', 2), hold('accepted', 1), lot(5)];

export const orders = (): SpikeOrder[] => [
  order('paid', { apple: 2 }, 'Paid'),
  order('unpaid', { 'id-of-apple': 1, apple: 2 }, 'Unpaid'),
  order('accepted', { apple: 1 }, 'Unpaid'),
  order('waiting', { apple: 2 }),
  order('unnamed', { apple: 4 }),
  order('expired', { apple: 9 }, 'Expired'),
  order('rejected', { apple: 9, nothing: 1 }, 'Rejected'),
];
