// An order that was created while the webhooks were off: what its status says of its deadline.
import assert from 'node:assert/strict';
import { it } from 'node:test';
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

const made = Date.UTC(2026, 0, 1);

it('an order created past admission shows the deadline that it has by its age', async () => {
  const clock = new SimulatedClock(made);
  const store = new ManualStore([goodsOf('apple', 3)]);
  const writer = new GoodsWriter({ store, clock, random: () => 0.5, metrics: noLedgerMetrics });
  let order: SpikeOrder = {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata: {
      name: 'a',
      namespace: 'shop',
      uid: 'uid-of-a',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { buyerId: 'buyer', goodsMap: { apple: 1 } },
  };
  const lifecycle = new OrderLifecycle({
    catalogue: {
      findGoods: () => store.known('shop/apple'),
      findBuyer: () => ({ metadata: { name: 'buyer' }, spec: {} }) as never,
    },
    gate: new Gate({ writer, clock, isStored: () => true }),
    resyncGoods: async () => {},
    isGoing: async () => false,
    goods: store,
    orders: {
      known: () => order,
      read: async () => order,
      async writeStatus(written) {
        order = written;
        return written;
      },
    },
    lots: new LotWatch(clock),
    clock,
    paymentWindowMs: 60_000,
    entered() {},
  });
  const said = () => order.status?.conditions?.[0]?.message;
  const deadline = '2026-01-01T00:01:00.000Z';

  await lifecycle.reconcile(keyOf(order), { log: silentLog });
  assert.equal(order.status?.expiredTime, deadline);
  assert.equal(order.status?.orderId, 'uid-of-a');
  assert.equal(said(), `stock is reserved until ${deadline}`);

  await clock.advance(60_000);
  await lifecycle.reconcile(keyOf(order), { log: silentLog });
  assert.equal(order.status?.phase, 'Expired');
  assert.equal(order.status?.expiredTime, deadline);
  assert.equal(said(), `not paid by ${deadline}; the stock was given back`);
});
