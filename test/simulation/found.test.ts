// Histories that the simulation found and that are rare, told step by step, so that they stay found.
import '../unfollowed.ts';

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inUseFinalizer } from '../../src/api/names.ts';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import type { SpikeOrder } from '../../src/api/spike-order.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';
import { ApiServer } from './api-server.ts';
import type { Wire } from './client.ts';
import { goodsOf } from './manual-store.ts';
import { Random } from './random.ts';
import { Replica } from './replica.ts';
import { Life, Schedule } from './schedule.ts';

const calm = { lostRequest: 0, lostAnswer: 0, late: 0, refused: 0 };

async function setUp() {
  const clock = new SimulatedClock();
  const random = new Random(1);
  const schedule = new Schedule(random);
  const server = new ApiServer(clock, { goodsStored() {}, orderStored() {}, refusedNegative() {} });
  const wire: Wire = {
    random,
    schedule,
    server,
    weather: calm,
    note() {},
  };
  const settings = {
    paymentWindowMs: 60_000,
    holdLimitMs: 120_000,
    crowd: 100,
    acceptDelayMs: 0,
    lots: { leastDemand: 0, share: 1, dense: 4 },
    looks: false,
    freeze: true,
  };
  const replica = new Replica(new Life('r1', clock, 0), wire, settings, {});
  const lost: unknown[] = [];
  /** Everything that can arrive arrives, until `enough`. */
  const run = async (enough = () => false) => {
    await settle();
    while (!enough()) {
      if (schedule.size > 0) schedule.runOne();
      else if (clock.untilNext !== undefined && clock.untilNext < 5_000) await clock.advance(clock.untilNext);
      else return;
      await settle();
    }
  };
  await run();
  /** `newestTerm`: what the lease says, when somebody looks. */
  const lead = (epoch: number, newestTerm = () => epoch) =>
    replica.lead(epoch, (why) => lost.push(why), newestTerm);
  return { server, clock, replica, run, lead, lost };
}

const paidOrder: SpikeOrder = {
  apiVersion: 'myapp.spike.com/v1',
  kind: 'SpikeOrder',
  metadata: {
    ...{ name: 'o1', namespace: 'shop', uid: 'uid-of-o1', resourceVersion: '' },
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { buyerId: 'buyer', goodsMap: { apple: 2 }, isPay: true },
  status: { phase: 'Paid' },
};

/** As a later or an earlier leader left it: the order is counted, and its hold is gone. */
function settled(epoch: number): SpikeGoods {
  const goods = goodsOf('apple', 5, {
    num: 2,
    reserved: 0,
    holds: [],
    ledgerEpoch: epoch,
    lastStockCount: 3,
  });
  return { ...goods, metadata: { ...goods.metadata, finalizers: [inUseFinalizer] } };
}

describe('found by simulation', () => {
  it('a leader that steps down between its claim and the list writes no counters from old books', async () => {
    const { server, replica, run, lead } = await setUp();
    lead(2);
    await run();
    // Goods and an order of an earlier term, of which this replica hears only now, and only of the goods.
    server.create(server.orders, paidOrder);
    server.create(server.goods, settled(1));
    const status = () => server.goods.objects.get('shop/apple')?.status;
    replica.feeds[0].deliver(1);
    await run(() => status()?.ledgerEpoch === 2);
    replica.stepDown();
    await run();
    assert.deepEqual([status()?.num, status()?.lastStockCount], [2, 3]);
  });

  it('a deposed leader does not let goods go that an order refers to', async () => {
    const { server, clock, replica, run, lead, lost } = await setUp();
    let newestTerm = 1;
    lead(1, () => newestTerm);
    await run();
    newestTerm = 2;
    // The leader of term 2 accepted an order; this one has not heard of it.
    server.create(server.orders, paidOrder);
    server.delete(server.goods, server.create(server.goods, settled(2)));
    await clock.advance(3_000);
    replica.feeds[0].deliver(2);
    await run();
    assert.ok(server.goods.objects.has('shop/apple'));
    assert.equal(lost.length > 0, true, 'it has seen that it is deposed');
  });
});
