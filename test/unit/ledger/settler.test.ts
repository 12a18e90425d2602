// Settlement by a leader: the claim of a new term, what a term that ended may not do, and holds that lapse.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds, type Hold, lotsOf } from '../../../src/api/holds.ts';
import type { SpikeGoods } from '../../../src/api/spike-goods.ts';
import type { OrderPhase, SpikeOrder } from '../../../src/api/spike-order.ts';
import { Books } from '../../../src/ledger/books.ts';
import { GoodsWriter } from '../../../src/ledger/goods-writer.ts';
import { usedForMs } from '../../../src/ledger/lot-state.ts';
import { abandonedAfterMs, LotWatch } from '../../../src/ledger/lot-watch.ts';
import { noLedgerMetrics } from '../../../src/ledger/ports.ts';
import { Settler } from '../../../src/ledger/settler.ts';
import { FencedError, Terms } from '../../../src/ledger/terms.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import { goodsOf, ManualStore } from '../../simulation/manual-store.ts';

const key = 'shop/apple';
const holdLimitMs = 120_000;

function orderOf(uid: string, quantity: number, phase?: OrderPhase): SpikeOrder {
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata: {
      ...{ name: `order-${uid}`, namespace: 'shop', uid, resourceVersion: '1' },
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { buyerId: 'buyer', goodsMap: { apple: quantity } },
    ...(phase ? { status: { phase } } : {}),
  };
}

/** `readFirst`: how a read of `order-1` ends. */
function setUp(goods: SpikeGoods, epoch: number, readFirst?: () => Promise<string | undefined>) {
  const clock = new SimulatedClock();
  const store = new ManualStore([goods]);
  const writer = new GoodsWriter({ store, clock, random: () => 0.5, metrics: noLedgerMetrics });
  const books = new Books();
  /** What a consistent list would show; the books hear of it at the next one. */
  const orders = new Map<string, SpikeOrder>();
  /** Whether the lease is this leader's. */
  const lease = { isHeld: true };
  const seen = {
    looks: 0,
    overruled: [] as number[],
    lists: 0,
    epochAtList: [] as (number | undefined)[],
    liveReads: [] as string[],
    droppedHolds: 0,
  };
  const settler = new Settler({
    ...{ writer, books, clock, holdLimitMs },
    terms: new Terms({
      epoch,
      async holdsLease() {
        seen.looks++;
        return lease.isHeld;
      },
      onOverruled: (_, term) => seen.overruled.push(term),
    }),
    lots: new LotWatch(clock),
    metrics: { ...noLedgerMetrics, droppedHold: () => void seen.droppedHolds++ },
    async resyncOrders() {
      seen.lists++;
      seen.epochAtList.push(store.stored.get(key)?.status?.ledgerEpoch);
      for (const order of orders.values()) books.put(order);
    },
    async readOrderUid(_, name) {
      seen.liveReads.push(name);
      if (readFirst && name === 'order-1') return readFirst();
      return [...orders.values()].find((order) => order.metadata.name === name)?.metadata.uid;
    },
    describe: () => ({}),
  });
  const status = () => store.stored.get(key)?.status;
  const hold = (uid: string, quantity: number, ageMs = 0): Hold => ({
    ...{ uid, order: `order-${uid}`, quantity },
    time: new Date(clock.now() - ageMs).toISOString(),
  });
  return { clock, store, books, orders, lease, seen, settler, status, hold };
}

describe('settlement', () => {
  it('writes what the orders add up to, and drops the holds of those it counts', async () => {
    const { books, settler, status, hold, store } = setUp(goodsOf('apple', 10), 1);
    const holds = [hold('1', 2), hold('2', 3), hold('3', 1)];
    store.elsewhere(key, (goods) => ({ ...goods, status: { holds: formatHolds(holds) } }));
    books.put(orderOf('1', 2, 'Unpaid'));
    books.put(orderOf('2', 3, 'Paid'));
    books.put(orderOf('3', 1));
    await settler.settle(key);
    assert.deepEqual(status(), {
      ...{ num: 3, reserved: 2, ledgerEpoch: 1, lastStockCount: 4, lastCount: 4 },
      holds: formatHolds([holds[2]!]),
    });
  });

  it('is repeated without a write when nothing changed', async () => {
    const { books, settler, store } = setUp(goodsOf('apple', 10), 1);
    books.put(orderOf('1', 2, 'Unpaid'));
    await settler.settle(key);
    const { writes } = store.done;
    await settler.settle(key);
    assert.equal(store.done.writes, writes);
  });

  it('of goods that are gone is nothing', async () => {
    const { settler } = setUp(goodsOf('apple', 10), 1);
    assert.deepEqual(await settler.settle('shop/none'), { goods: undefined, nextMs: undefined });
  });

  it('needs no list for goods that nobody has settled before', async () => {
    const { settler, seen, status } = setUp(goodsOf('apple', 10), 3);
    await settler.settle(key);
    assert.equal(seen.lists, 0);
    assert.equal(status()?.ledgerEpoch, 3);
  });
});

describe('a new term', () => {
  const earlier = goodsOf('apple', 10, { ledgerEpoch: 4, reserved: 5, num: 1, holds: [] });

  it('claims first, lists the orders after that, and only then writes counters', async () => {
    const { orders, settler, seen, status } = setUp(earlier, 5);
    // Accepted by the last leader; this one has not heard of it.
    orders.set('1', orderOf('1', 5, 'Unpaid'));
    orders.set('2', orderOf('2', 1, 'Paid'));
    await settler.settle(key);
    assert.deepEqual(seen.epochAtList, [5]);
    assert.equal(status()?.reserved, 5);
    assert.equal(status()?.num, 1);
  });

  it('lists once for all goods when it takes over', async () => {
    const { orders, settler, seen, store, status } = setUp(earlier, 5);
    orders.set('1', orderOf('1', 5, 'Unpaid'));
    await settler.claimAll([store.stored.get(key)!]);
    assert.deepEqual(seen.epochAtList, [5]);
    assert.equal(status()?.reserved, 5, 'a claim changes no counter');
    await settler.settle(key);
    assert.equal(seen.lists, 1);
    assert.deepEqual([status()?.reserved, status()?.num], [5, 0]);
  });

  it('claims goods anew that came under a name it had claimed', async () => {
    const { settler, seen, store } = setUp(earlier, 5);
    await settler.settle(key);
    const again = { ...earlier, metadata: { ...earlier.metadata, uid: 'another' } };
    store.elsewhere(key, () => again);
    store.forget(key);
    await settler.settle(key);
    assert.equal(seen.lists, 2);
  });

  it('lists again when the list after a claim failed', async () => {
    const { settler, seen, orders, status } = setUp(earlier, 5);
    orders.set('1', orderOf('1', 5, 'Unpaid'));
    const put = Books.prototype.put;
    Books.prototype.put = () => {
      throw new Error('no list');
    };
    await assert.rejects(settler.settle(key), /no list/);
    Books.prototype.put = put;
    assert.equal(status()?.reserved, 5, 'nothing but the claim is written');
    await settler.settle(key);
    assert.equal(seen.lists, 2);
    assert.equal(status()?.reserved, 5);
  });

  it('stops for good when a later one has written', async () => {
    const { settler, store, lease } = setUp(goodsOf('apple', 10, { ledgerEpoch: 6, reserved: 2 }), 5);
    lease.isHeld = false;
    await assert.rejects(settler.settle(key), FencedError);
    await assert.rejects(settler.claimAll([store.stored.get(key)!]), FencedError);
    assert.equal(store.done.writes, 0);
  });

  it('is stopped also when it finds out only by a lost race', async () => {
    const { books, settler, store, status, lease } = setUp(goodsOf('apple', 10), 5);
    await settler.settle(key);
    lease.isHeld = false;
    store.elsewhere(key, (goods) => ({ ...goods, status: { ...goods.status, ledgerEpoch: 6, reserved: 4 } }));
    books.put(orderOf('1', 2, 'Unpaid'));
    await assert.rejects(settler.settle(key), FencedError);
    assert.deepEqual([status()?.ledgerEpoch, status()?.reserved], [6, 4]);
  });
});

describe('a term that no lease gave', () => {
  const future = { ledgerEpoch: 2 ** 40, num: 0, reserved: 2 };

  it('is overruled after a look at the lease, and the orders are listed anew', async () => {
    const { settler, orders, seen, status } = setUp(goodsOf('apple', 10, future), 5);
    orders.set('1', orderOf('1', 3, 'Unpaid'));
    await settler.settle(key);
    assert.deepEqual([status()?.ledgerEpoch, status()?.reserved], [5, 3]);
    assert.deepEqual(seen.epochAtList, [5], 'claimed first, then listed');
    assert.deepEqual([seen.looks, seen.overruled], [2, [2 ** 40]], 'before the claim, and after it');
  });

  it('is overruled when the leader takes over, with one look for all goods', async () => {
    const { settler, store, seen, status } = setUp(goodsOf('apple', 10, future), 5);
    await settler.claimAll([store.stored.get(key)!]);
    assert.equal(status()?.ledgerEpoch, 5);
    assert.deepEqual([seen.looks, seen.lists, seen.overruled], [2, 1, [2 ** 40]]);
  });

  it('is overruled also when it is lower, or 0, and was written over ours', async () => {
    for (const ledgerEpoch of [0, 1]) {
      const { settler, store, orders, books, seen, status } = setUp(goodsOf('apple', 10), 5);
      await settler.settle(key);
      store.elsewhere(key, (goods) => ({ ...goods, status: { ...goods.status, ledgerEpoch } }));
      store.forget(key);
      orders.set('1', orderOf('1', 3, 'Unpaid'));
      books.put(orderOf('2', 1, 'Unpaid'));
      await settler.settle(key);
      assert.deepEqual([status()?.ledgerEpoch, status()?.reserved], [5, 4]);
      assert.deepEqual([seen.looks, seen.lists, seen.overruled], [2, 1, []]);
    }
  });

  it('keeps no other goods from being claimed when its own cannot be written', async () => {
    const { clock, settler, store, status } = setUp(goodsOf('apple', 10, { ledgerEpoch: 4, num: 0 }), 5);
    const other = goodsOf('berry', 10, { ledgerEpoch: 4, reserved: 0 });
    const { writeStatus } = store;
    store.stored.set('shop/berry', other);
    store.forget('shop/berry');
    store.writeStatus = (goods) =>
      goods.metadata.name === 'berry'
        ? Promise.reject(new Error('status is invalid'))
        : writeStatus.call(store, goods);
    // The writer waits between its tries.
    const claimed = settler.claimAll([store.stored.get(key)!, other]);
    await clock.advance(1000);
    await claimed;
    assert.equal(status()?.ledgerEpoch, 5);
    await settler.settle(key);
    const settled = assert.rejects(settler.settle('shop/berry'), /status is invalid/);
    await clock.advance(1000);
    await settled;
  });
});

describe('a term that a later leader begins with the very number that this one has looked into', () => {
  it('is claimed over, and this leader stops before it settles', async () => {
    const { settler, lease, store, status } = setUp(goodsOf('apple', 10, { ledgerEpoch: 6, num: 0 }), 5);
    const { writeStatus } = store;
    // The lease passes while the claim is on its way.
    store.writeStatus = (goods) => {
      lease.isHeld = false;
      return writeStatus.call(store, goods);
    };
    await assert.rejects(settler.settle(key), FencedError);
    assert.deepEqual([status()?.ledgerEpoch, status()?.reserved], [5, undefined]);
  });
});

describe('a hold', () => {
  async function afterMs(ageMs: number, stored?: SpikeOrder) {
    const world = setUp(goodsOf('apple', 10), 1);
    const hold = world.hold('1', 2, ageMs);
    world.store.elsewhere(key, (goods) => ({ ...goods, status: { holds: formatHolds([hold]) } }));
    world.store.forget(key);
    if (stored) world.orders.set('stored', stored);
    const { nextMs } = await world.settler.settle(key);
    return { ...world, nextMs };
  }

  it('lapses when it is too old and no such order is stored', async () => {
    const { store, seen, status } = await afterMs(holdLimitMs);
    assert.deepEqual(store.holdsOf(key), []);
    assert.equal(status()?.lastStockCount, 10);
    assert.deepEqual(seen.liveReads, ['order-1']);
  });

  it('stays until then, and the settlement says how long', async () => {
    const { store, nextMs, seen } = await afterMs(holdLimitMs - 5000);
    assert.deepEqual(store.holdsOf(key), ['1']);
    assert.equal(nextMs, 5000);
    assert.deepEqual(seen.liveReads, []);
  });

  it('stays while it may be younger than the limit: the leader goes by the earliest time that it may be', async () => {
    for (const known of [true, false]) {
      const world = setUp(goodsOf('apple', 10), 1);
      const hold = world.hold('1', 2, holdLimitMs);
      world.store.elsewhere(key, (goods) => ({ ...goods, status: { holds: formatHolds([hold]) } }));
      world.store.forget(key);
      const latest = world.clock.now();
      world.clock.bounds = () => (known ? { earliest: latest - 1, latest } : undefined);
      const { nextMs } = await world.settler.settle(key);
      assert.deepEqual(world.store.holdsOf(key), ['1']);
      assert.equal(nextMs, 1000, 'a moment later the time is known');
    }
  });

  it('stays while a live read finds its order, though the books do not know it', async () => {
    const { store, nextMs } = await afterMs(holdLimitMs * 10, orderOf('1', 2));
    assert.deepEqual(store.holdsOf(key), ['1']);
    assert.equal(nextMs, 1000, 'looked at again, but not at once');
  });

  it('lapses when the name is another order by now', async () => {
    const other = { ...orderOf('2', 2), metadata: { ...orderOf('2', 2).metadata, name: 'order-1' } };
    const { store } = await afterMs(holdLimitMs, other);
    assert.deepEqual(store.holdsOf(key), []);
  });

  /** Two holds past their limit: one that a forged review left, and one of an order that was never stored. */
  async function beside(order: string, readOrderUid?: () => Promise<string | undefined>) {
    const world = setUp(goodsOf('apple', 10), 1, readOrderUid);
    const holds = [{ ...world.hold('1', 2, holdLimitMs), order }, world.hold('2', 3, holdLimitMs)];
    world.store.elsewhere(key, (goods) => ({ ...goods, status: { holds: formatHolds(holds) } }));
    world.store.forget(key);
    return world;
  }

  it('of a name that no object can have lapses without a read, and keeps no other from lapsing', async () => {
    for (const name of ['../../secrets', 'Upper', 'a%2fb', 'x'.repeat(254)]) {
      const { settler, store, seen } = await beside(name);
      await settler.settle(key);
      assert.deepEqual(store.holdsOf(key), [], name);
      assert.deepEqual(seen.liveReads, ['order-2']);
    }
  });

  it('whose order cannot be read stays, alone, and the settlement is tried again', async () => {
    const { settler, store } = await beside('order-1', () => Promise.reject(new Error('no answer')));
    await assert.rejects(settler.settle(key), /no answer/);
    assert.deepEqual(store.holdsOf(key), ['1']);
  });

  it('goes at once when its order is known to be deleted', async () => {
    const { books, settler, store, hold } = setUp(goodsOf('apple', 10), 1);
    store.elsewhere(key, (goods) => ({ ...goods, status: { holds: formatHolds([hold('1', 2)]) } }));
    store.forget(key);
    books.remove(orderOf('1', 2));
    await settler.settle(key);
    assert.deepEqual(store.holdsOf(key), []);
  });
});

describe('a lot', () => {
  const lot = { uid: 'lot-r1', order: 'pod-1', quantity: 4, time: '2026-01-01T00:00:00.000Z' };
  /** Its replica admits on it for a while after it wrote it last, and each of these requests may take so long. */
  const overAfterMs = holdLimitMs + usedForMs;
  function left() {
    const world = setUp(goodsOf('apple', 10, { holds: [lot] }), 1);
    return { ...world, lots: () => lotsOf(world.status()).length };
  }

  it('that its replica has refreshed meanwhile stays, though the copy that the leader looked at was old', async () => {
    const { clock, settler, store, lots, seen } = left();
    await settler.settle(key);
    await clock.advance(overAfterMs + 1);
    const fresh = { ...lot, time: '2026-01-01T00:02:00.000Z' };
    store.elsewhere(key, (goods) => ({ ...goods, status: { ...goods.status, holds: formatHolds([fresh]) } }));
    await settler.settle(key);
    assert.equal(lots(), 1);
    assert.equal(seen.droppedHolds, 0);
  });

  it('that its replica abandoned is given back when nothing that was admitted on it can still be stored', async () => {
    const { clock, settler, lots, seen } = left();
    const { nextMs } = await settler.settle(key);
    assert.equal(nextMs, holdLimitMs);
    await clock.advance(overAfterMs - 1);
    await settler.settle(key);
    assert.equal(lots(), 1);
    await clock.advance(1);
    await settler.settle(key);
    assert.equal(lots(), 0);
    assert.equal(seen.droppedHolds, 1);
  });

  it('counts from its last refresh for a new leader too, which looks only whether it is refreshed still', async () => {
    const { clock, settler, lots } = left();
    await clock.advance(overAfterMs + 1000);
    assert.equal((await settler.settle(key)).nextMs, abandonedAfterMs);
    assert.equal(lots(), 1);
    await clock.advance(abandonedAfterMs);
    await settler.settle(key);
    assert.equal(lots(), 0);
  });

  it('is kept while an order that admission let in has no state, and not for one that it did not', async () => {
    const { clock, settler, orders, books, lots } = left();
    const order = orderOf('1', 2);
    orders.set('1', { ...order, spec: { ...order.spec, orderId: 'id' } });
    orders.set('2', orderOf('2', 2));
    await settler.settle(key);
    await clock.advance(overAfterMs);
    await settler.settle(key);
    assert.equal(lots(), 1);
    books.remove(order);
    orders.delete('1');
    await settler.settle(key);
    assert.equal(lots(), 0);
  });
});
