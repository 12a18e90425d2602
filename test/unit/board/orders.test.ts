// The board's list of the orders that must be paid soonest.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { SpikeOrder } from '../../../src/api/spike-order.ts';
import { OrderBook } from '../../../src/board/orders.ts';
import { ObjectCache } from '../../../src/kube/cache.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

const orderOf = (n: number, isPay: boolean): SpikeOrder => ({
  apiVersion: 'myapp.spike.com/v1',
  kind: 'SpikeOrder',
  metadata: {
    name: `o${n}`,
    namespace: 'shop',
    uid: `u${n}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
    resourceVersion: String(1000 * Number(isPay) + n),
  },
  spec: { buyerId: 'ann', goodsMap: { g: 1 }, isPay, expiredTime: new Date(1e12 + n).toISOString() },
  status: { phase: isPay ? 'Paid' : 'Unpaid' },
});

it('is filled up again as soon as its rows are paid', () => {
  const cache = new ObjectCache<SpikeOrder>();
  cache.replaceAll(
    Array.from({ length: 100 }, (_, n) => orderOf(n + 1, false)),
    '100',
  );
  const clock = new SimulatedClock();
  const book = new OrderBook({ cache, clock, paymentWindowMs: 1000, past: 10 });
  const rows = () => book.due(5).rows.map(({ key }) => key);
  assert.deepEqual(rows(), ['shop/o1', 'shop/o2', 'shop/o3', 'shop/o4', 'shop/o5']);
  for (const n of [1, 2, 3, 4, 5]) cache.observe(orderOf(n, true));
  assert.deepEqual(rows(), ['shop/o6', 'shop/o7', 'shop/o8', 'shop/o9', 'shop/o10']);
  assert.equal(book.due(5).more, 90);
  cache.observe(orderOf(7, true));
  assert.deepEqual(rows(), ['shop/o6', 'shop/o8', 'shop/o9', 'shop/o10', 'shop/o11']);
  book.close();
});
