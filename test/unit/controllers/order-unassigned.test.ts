// An order that a replica let in on its lot and has not named yet: how long the leader waits before it judges it itself.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds } from '../../../src/api/holds.ts';
import type { SpikeOrder } from '../../../src/api/spike-order.ts';
import { OrderLifecycle } from '../../../src/controllers/order-lifecycle.ts';
import { keyOf } from '../../../src/kube/objects.ts';
import { Gate } from '../../../src/ledger/gate.ts';
import { GoodsWriter } from '../../../src/ledger/goods-writer.ts';
import { LotWatch } from '../../../src/ledger/lot-watch.ts';
import { noLedgerMetrics } from '../../../src/ledger/ports.ts';
import { silentLog } from '../../../src/runtime/log.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import { goodsOf, ManualStore } from '../../simulation/manual-store.ts';

function setUp(createdAt: string, seesOldGoods = false) {
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1));
  const lot = { uid: 'lot-r2', order: 'pod-2', quantity: 3, time: '2026-01-01T00:00:00.000Z' };
  const apple = goodsOf('apple', 3, { holds: [lot] });
  // The sale is over by the leader's clock: whoever is judged now is rejected.
  apple.spec.endTime = '2025-12-31T00:00:00.000Z';
  const store = new ManualStore([apple]);
  const writer = new GoodsWriter({ store, clock, random: () => 0.5, metrics: noLedgerMetrics });
  const lots = new LotWatch(clock);
  let order: SpikeOrder = {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata: {
      name: 'a',
      namespace: 'shop',
      uid: 'uid-of-a',
      resourceVersion: '1',
      creationTimestamp: createdAt,
    },
    spec: {
      buyerId: 'buyer',
      goodsMap: { apple: 1 },
      orderId: 'id-of-a',
      expiredTime: '2027-01-01T00:00:00.000Z',
    },
  };
  let reads = 0;
  const buyer = { metadata: { name: 'buyer' }, spec: {} } as never;
  const lifecycle = new OrderLifecycle({
    catalogue: {
      findGoods: () => (seesOldGoods ? { ...apple, status: {} } : store.known('shop/apple')),
      findBuyer: () => buyer,
    },
    gate: new Gate({ writer, clock, isStored: () => true }),
    resyncGoods: async () => {},
    isGoing: async () => false,
    goods: store,
    orders: {
      known: () => order,
      async read() {
        reads++;
        return order;
      },
      async writeStatus(written) {
        order = written;
        return written;
      },
    },
    lots,
    clock,
    paymentWindowMs: 60_000,
    entered() {},
  });
  return {
    clock,
    store,
    lifecycle,
    phase: () => order.status?.phase,
    key: keyOf(order),
    reads: () => reads + store.done.reads,
  };
}

describe('an order without a hold, while a lot of its goods may be in use', () => {
  for (const [name, createdAt, seesOldGoods] of [
    ['new', '2026-01-01T00:00:00Z', false],
    ['new, and its goods were looked up before the lot was there', '2026-01-01T00:00:00Z', true],
    ['old, after a long take-over or by a clock that is ahead', '2025-12-31T12:00:00Z', false],
  ] as const) {
    it(`is not judged before it is sure that nobody will name it: ${name}`, async () => {
      const { clock, lifecycle, phase, key } = setUp(createdAt, seesOldGoods);
      await clock.advance(60_000);
      const { requeueAfter } = await lifecycle.reconcile(key, { log: silentLog });
      assert.equal(phase(), undefined);
      assert.ok(requeueAfter);
      await clock.advance(5001);
      // Its replica is gone: it has its stock out of the lot.
      await lifecycle.reconcile(key, { log: silentLog });
      assert.equal(phase(), 'Unpaid');
    });
  }

  it('is not looked for while it may be named, and is woken when it is', async () => {
    const { clock, store, lifecycle, phase, reads, key } = setUp('2026-01-01T00:00:00Z');
    await lifecycle.reconcile(key, { log: silentLog });
    await clock.advance(1000);
    await lifecycle.reconcile(key, { log: silentLog });
    assert.equal(reads(), 0);
    assert.equal(phase(), undefined);
    const apple = store.stored.get('shop/apple')!;
    assert.deepEqual(lifecycle.assigned(apple), []);
    const mine = { uid: 'uid-of-a', order: 'a', quantity: 1, time: '2026-01-01T00:00:00.000Z' };
    await store.writeStatus({ ...apple, status: { holds: formatHolds([mine]) } });
    assert.deepEqual(lifecycle.assigned(store.stored.get('shop/apple')!), [key]);
    await lifecycle.reconcile(key, { log: silentLog });
    assert.equal(phase(), 'Unpaid');
    await lifecycle.reconcile(key, { log: silentLog });
    assert.deepEqual(lifecycle.assigned(store.stored.get('shop/apple')!), []);
  });
});
