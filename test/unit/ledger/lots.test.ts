// Lots: what a replica holds beforehand while a crowd orders, who gets it, and that all of it is given back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds, type Hold, heldUnits, holdsOf, isHeld, lotsOf } from '../../../src/api/holds.ts';
import type { Refusal } from '../../../src/api/refusals.ts';
import type { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { Gate } from '../../../src/ledger/gate.ts';
import { GoodsWriter } from '../../../src/ledger/goods-writer.ts';
import { abandonedAfterMs, LotWatch } from '../../../src/ledger/lot-watch.ts';
import { Lots } from '../../../src/ledger/lots.ts';
import { type GoodsStore, noLedgerMetrics } from '../../../src/ledger/ports.ts';
import { availableOf, StockDraft } from '../../../src/ledger/stock-draft.ts';
import { sleep } from '../../../src/runtime/clock.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import { goodsOf, ManualStore } from '../../simulation/manual-store.ts';

const key = 'shop/apple';
const time = '2026-01-01T00:00:00.000Z';

/** A store that takes so many ms for a write. */
const slow = (store: ManualStore, clock: SimulatedClock, writeMs: number): GoodsStore => ({
  known: (key) => store.known(key),
  read: (key) => store.read(key),
  async writeStatus(goods) {
    await sleep(clock, writeMs);
    return store.writeStatus(goods);
  },
});

function setUp(stockCount: number, leastDemand = 8, writeMs = 0) {
  const clock = new SimulatedClock();
  const store = new ManualStore([goodsOf('apple', stockCount), goodsOf('berry', 1)]);
  const slowStore = writeMs > 0 ? slow(store, clock, writeMs) : store;
  const writer = new GoodsWriter({ store: slowStore, clock, random: () => 0.5, metrics: noLedgerMetrics });
  const settings = { leastDemand, share: 1 / 16, dense: 4 };
  const lots = new Lots({ writer, clock, replica: 'r1', instance: 'pod-1', settings });
  const gate = new Gate({ writer, clock, lots, isStored: () => true });
  let made = 0;
  const order = async (quantity = 1, goods = ['apple']) => {
    const uid = `o${made++}`;
    const lines = goods.map((name) => ({ goods: name, uid: `uid-of-${name}`, quantity }));
    const refusal = await gate.hold({ namespace: 'shop', uid, order: uid, lines });
    return { uid, refusal };
  };
  /** So many orders a second, for a while. */
  const crowd = async (perSecond: number, seconds: number) => {
    const orders: Promise<{ uid: string; refusal: unknown }>[] = [];
    for (let i = 0; i < perSecond * seconds; i++) {
      orders.push(order());
      await clock.advance(1000 / perSecond);
    }
    return Promise.all(orders);
  };
  const status = () => store.stored.get(key)?.status;
  const left = () => availableOf(stockCount, status());
  return { clock, store, lots, gate, order, crowd, status, left };
}

describe('while nobody crowds', () => {
  it('every order has its own hold, and there is no lot', async () => {
    const { crowd, status } = setUp(10_000);
    for (const { uid, refusal } of await crowd(5, 4)) {
      assert.equal(refusal, undefined);
      assert.ok(isHeld(status(), uid));
    }
    assert.deepEqual(lotsOf(status()), []);
  });

  it('nor is there one when lots are switched off, or when little is left', async () => {
    for (const world of [setUp(10_000, 0), setUp(60)]) {
      for (const { uid } of await world.crowd(50, 1)) assert.ok(isHeld(world.status(), uid));
      assert.deepEqual(lotsOf(world.status()), []);
    }
  });
});

describe('while a crowd orders', () => {
  for (const { perSecond, writeMs, withinMs } of [
    { perSecond: 100, writeMs: 0, withinMs: 30 },
    { perSecond: 100, writeMs: 10, withinMs: 55 },
    { perSecond: 200, writeMs: 100, withinMs: 1000 },
  ]) {
    it(`orders are let in without a write of their own, and named within ${withinMs} ms: ${perSecond}/s, writes of ${writeMs} ms`, async () => {
      const { clock, store, crowd, order, status } = setUp(100_000, 8, writeMs);
      await crowd(perSecond, 3);
      assert.equal(lotsOf(status())[0]?.uid, 'lot-r1');
      assert.equal(lotsOf(status())[0]?.order, 'pod-1');
      const { writes } = store.done;
      const { uid, refusal } = await order();
      assert.equal(refusal, undefined);
      assert.equal(store.done.writes, writes);
      assert.equal(isHeld(status(), uid), false);
      await clock.advance(withinMs);
      assert.ok(isHeld(status(), uid));
    });
  }

  it('a dense one is named by few writes', async () => {
    const { store, crowd } = setUp(100_000, 8, 20);
    await crowd(500, 1);
    const before = store.done.writes;
    const orders = await crowd(500, 4);
    assert.ok(orders.every(({ refusal }) => !refusal));
    assert.ok(store.done.writes - before <= 6, `${store.done.writes - before} writes in 4 s`);
  });

  it('a lot that is used up early is made larger at once', async () => {
    const { store, crowd } = setUp(100_000, 8, 20);
    await crowd(300, 2);
    const before = store.done.writes;
    const orders = await crowd(1000, 1);
    assert.ok(orders.every(({ refusal }) => !refusal));
    assert.ok(store.done.writes - before <= 10, `${store.done.writes - before} writes for a thousand orders`);
  });

  it('every order has its unit, once, and nothing else is held when it is over', async () => {
    const { clock, crowd, status, left } = setUp(100_000);
    const orders = await crowd(200, 5);
    await clock.advance(2000);
    assert.deepEqual(lotsOf(status()), []);
    assert.equal(holdsOf(status()).length, orders.length);
    for (const { uid } of orders) assert.ok(isHeld(status(), uid));
    assert.equal(left(), 100_000 - orders.length);
  });

  it('at the end of the stock it is held by name, to the last unit', async () => {
    const { clock, crowd, status, left } = setUp(700);
    const orders = await crowd(100, 9);
    await clock.advance(2000);
    assert.equal(orders.filter(({ refusal }) => !refusal).length, 700);
    assert.equal(left(), 0);
    assert.equal(heldUnits(status()), 700);
  });

  it('an order of several goods gives back what it had of the lot when another is sold out', async () => {
    const { clock, crowd, order, left } = setUp(100_000);
    const orders = await crowd(100, 1);
    assert.equal((await order(1, ['apple', 'berry'])).refusal, undefined);
    const { refusal } = await order(1, ['apple', 'berry']);
    assert.equal(refusal?.reason, 'SoldOut');
    await clock.advance(2000);
    assert.equal(left(), 100_000 - orders.length - 1);
  });

  it('an admission that runs twice has one unit', async () => {
    const { clock, crowd, gate, left } = setUp(100_000);
    const orders = await crowd(100, 1);
    const lines = [{ goods: 'apple', uid: 'uid-of-apple', quantity: 1 }];
    for (let i = 0; i < 2; i++)
      assert.equal(await gate.hold({ namespace: 'shop', uid: 'x', order: 'x', lines }), undefined);
    await clock.advance(2000);
    assert.equal(left(), 100_000 - orders.length - 1);
  });

  it('a lot that cannot be refreshed is used no more', async () => {
    const { clock, store, crowd, order } = setUp(100_000);
    await crowd(100, 1);
    store.automatic = false;
    await clock.advance(2100);
    const late = order();
    assert.equal(await Promise.race([late, clock.advance(10).then(() => 'waits')]), 'waits');
  });

  it('has no lot while the time is not known: a leader counts from when the lot was written', async () => {
    const { clock, crowd, status } = setUp(10_000);
    await crowd(100, 1);
    assert.equal(lotsOf(status()).length, 1);
    const admitted = crowd(100, 1);
    clock.bounds = () => undefined;
    const refusals = (await admitted).flatMap(({ refusal }) => (refusal ? [refusal as Refusal] : []));
    for (const { reason } of refusals) assert.equal(reason, 'TooManyRequests');
    assert.deepEqual(lotsOf(status()), []);
  });

  it('a lot that could not be refreshed for long is left to the leader, with the orders in it', async () => {
    const { clock, store, crowd, order, status } = setUp(100_000);
    await crowd(100, 1);
    await clock.advance(250);
    const { uid } = await order();
    const [lot] = lotsOf(status());
    store.automatic = false;
    await clock.advance(6000);
    // The leader gave the order its unit out of the lot, accepted it, and has settled.
    store.elsewhere(key, (goods) => ({
      ...goods,
      status: {
        ...goods.status,
        reserved: 1,
        holds: formatHolds(
          holdsOf(goods.status).map((hold) =>
            hold.uid === lot!.uid ? { ...hold, quantity: hold.quantity - 1 } : hold,
          ),
        ),
      },
    }));
    store.automatic = true;
    for (const call of store.calls.splice(0)) call.go();
    const later = await crowd(100, 1);
    assert.equal(isHeld(status(), uid), false);
    const lots = lotsOf(status()).map((it) => [it.uid, it.quantity]);
    assert.deepEqual(lots[0], [lot!.uid, lot!.quantity - 1]);
    assert.equal(lots[1]?.[0], 'lot-r1-1');
    assert.equal(later.filter(({ refusal }) => refusal).length, 0);
  });

  it('a replica that stops names what it let in and gives the rest back', async () => {
    const { crowd, lots, order, status, left } = setUp(100_000);
    const orders = await crowd(100, 1);
    const { uid } = await order();
    await lots.stop();
    assert.ok(isHeld(status(), uid));
    assert.deepEqual(lotsOf(status()), []);
    assert.equal(left(), 100_000 - orders.length - 1);
  });
});

describe('a refusal', () => {
  const lot: Hold = { uid: 'lot-r2', order: 'pod-2', quantity: 3, time };

  it('does not say sold out while somebody has units to give back', () => {
    const draft = new StockDraft(goodsOf('apple', 5, { num: 1, holds: [lot] }));
    const hold = (quantity: number) => draft.hold({ uid: 'a', order: 'a', quantity, time });
    assert.equal(hold(2)?.reason, 'TooManyRequests');
    assert.equal(hold(5)?.reason, 'InsufficientStock');
    assert.equal(hold(1), undefined);
  });
});

describe('the leader', () => {
  const goods = (at: string): SpikeGoods =>
    goodsOf('apple', 9, { holds: [{ uid: 'lot-r2', order: 'pod-2', quantity: 3, time: at }] });

  it('takes a lot for left alone when it has not seen it refreshed for a while, whatever its time says', async () => {
    const clock = new SimulatedClock();
    const watch = new LotWatch(clock);
    watch.see(goods('2020-01-01T00:00:00.000Z'));
    assert.equal(watch.isInUse(goods('2020-01-01T00:00:00.000Z')), true);
    await clock.advance(abandonedAfterMs + 1);
    assert.deepEqual(watch.abandonedLots(goods('2020-01-01T00:00:00.000Z')), ['lot-r2']);
    assert.deepEqual(watch.abandonedLots(goods('2020-01-01T00:00:01.000Z')), []);
  });

  it('gives an order its stock out of a lot, then out of what is available', () => {
    const draft = new StockDraft(
      goodsOf('apple', 5, { holds: [{ uid: 'lot-r2', order: 'pod-2', quantity: 3, time }] }),
    );
    const hold = { uid: 'a', order: 'a', quantity: 4, time };
    assert.equal(draft.assign({ ...hold, quantity: 6 }, ['lot-r2']), false);
    assert.equal(draft.assign({ ...hold, quantity: 3 }, []), false);
    assert.equal(draft.assign(hold, ['lot-r2']), true);
    assert.equal(draft.available, 1);
    assert.deepEqual(draft.result().status?.holds, formatHolds([hold]));
  });
});
