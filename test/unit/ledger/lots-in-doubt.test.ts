// Lots when a write fails, comes late or is too little: no unit is given to two orders, and none is left behind.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatHolds,
  type Hold,
  heldUnits,
  holdsOf,
  isHeld,
  lotsOf,
  mostHolds,
} from '../../../src/api/holds.ts';
import type { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { GoodsWriter } from '../../../src/ledger/goods-writer.ts';
import { Lots } from '../../../src/ledger/lots.ts';
import { noLedgerMetrics } from '../../../src/ledger/ports.ts';
import { StockDraft } from '../../../src/ledger/stock-draft.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import { goodsOf, ManualStore } from '../../simulation/manual-store.ts';

const key = 'shop/apple';
const goods = 'uid-of-apple';
const mine = 'lot-r1';
const time = '2026-01-01T00:00:00.000Z';

/** A replica with a lot of 20 units, of which nothing is given away yet, and every call in the test's hands. */
async function withLot() {
  // A lot is dated in whole seconds, rounded up. In these tests all of it is one second.
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1) + 1);
  const store = new ManualStore([goodsOf('apple', 1000)]);
  const writer = new GoodsWriter({ store, clock, random: () => 0, metrics: noLedgerMetrics });
  const settings = { leastDemand: 8, share: 1 / 16, dense: 4 };
  const lots = new Lots({ writer, clock, replica: 'r1', instance: 'pod-1', settings });
  const take = (uid: string, quantity = 1, of = goods) =>
    lots.take(key, of, { uid, order: uid, quantity, time });
  assert.equal(take('first', 10), false);
  await clock.advance(0);
  assert.equal(lotUnits(store), 20);
  store.automatic = false;
  return { clock, store, lots, take, writer };
}

const statusOf = (store: ManualStore) => store.stored.get(key)?.status;
const lotUnits = (store: ManualStore) =>
  lotsOf(statusOf(store)).find(({ uid }) => uid === mine)?.quantity ?? 0;

/** The oldest call fails; each further one that is made fails too, or reads. */
async function fail({ clock, store }: { clock: SimulatedClock; store: ManualStore }, stored: boolean) {
  for (let i = 0; i < 3; i++) {
    store.next('write').lose(stored && i === 0);
    await clock.advance(1);
    if (i < 2) {
      store.next('read').lose(false);
      await clock.advance(100);
    }
  }
}

describe('a write of a lot whose outcome nobody knows', () => {
  it('leaves nothing to give away: what is released then may be stored with its name', async () => {
    const world = await withLot();
    assert.ok(world.take('a', 20));
    await world.clock.advance(200);
    await fail(world, true);
    assert.ok(isHeld(statusOf(world.store), 'a'));
    assert.equal(world.lots.release(key, 'a'), false);
    assert.equal(world.take('b', 1), false);
  });

  it('gives the lot back all the same when nobody asks any more', async () => {
    const world = await withLot();
    await world.clock.advance(600);
    // This one gives it back.
    assert.equal(lotsOf(world.store.calls[0]?.goods?.status).length, 0);
    await fail(world, false);
    world.store.automatic = true;
    await world.clock.advance(1000);
    assert.equal(lotUnits(world.store), 0);
    assert.equal(world.clock.pending, 0);
  });

  it('may be carried out late: the lot is used as if it was', async () => {
    const { clock, store, take } = await withLot();
    await clock.advance(600);
    const giving = store.next('write');
    assert.equal(lotsOf(giving.goods?.status).length, 0);
    giving.lose(false);
    await clock.advance(1);
    // The crowd is back before the writer has looked at what is stored.
    take('again', 9);
    store.next('read').go();
    await clock.advance(1);
    assert.equal(take('a'), false);
    giving.go();
    assert.equal(lotUnits(store), 0);
  });
});

describe('a lot that is short', () => {
  it('gives nothing away when an order that it cannot name is released', async () => {
    const { clock, store, take, lots } = await withLot();
    assert.ok(take('a', 20));
    // Somebody has taken all of it.
    const others: Hold[] = [{ uid: 'x', order: 'x', quantity: 1000, time }];
    store.elsewhere(key, (it) => ({ ...it, status: { holds: formatHolds(others) } }));
    store.automatic = true;
    await clock.advance(250);
    lots.release(key, 'a');
    assert.equal(take('b', 1), false);
  });

  it('keeps the units of orders that it cannot name while the goods carry as many holds as they can', async () => {
    const { clock, store, take } = await withLot();
    assert.ok(take('a', 5));
    const fill = Array.from({ length: mostHolds - 1 }, (_, i) => ({
      uid: `h${i}`,
      order: 'h',
      quantity: 1,
      time,
    }));
    const full = (it: SpikeGoods, more: Hold[]): SpikeGoods => ({
      ...it,
      spec: { ...it.spec, stockCount: 10_000 },
      status: { ...it.status, holds: formatHolds(more) },
    });
    const lot = holdsOf(statusOf(store)).filter(({ uid }) => uid === mine);
    store.elsewhere(key, (it) => full(it, [...lot, ...fill]));
    store.automatic = true;
    await clock.advance(250);
    assert.equal(isHeld(statusOf(store), 'a'), false);
    assert.equal(lotUnits(store), 5);
    // The leader settles.
    const kept = holdsOf(statusOf(store)).filter(({ uid }) => uid === mine);
    store.elsewhere(key, (it) => full(it, [...kept, ...fill.slice(0, 10)]));
    await store.read(key);
    await clock.advance(2000);
    assert.ok(isHeld(statusOf(store), 'a'));
    assert.equal(heldUnits(statusOf(store)), 15);
  });
});

describe('an order that was meant for goods of another uid', () => {
  it('takes nothing, and leaves what others were let in on', async () => {
    const { clock, store, take } = await withLot();
    assert.ok(take('a', 3));
    assert.equal(take('late', 1, 'uid-before'), false);
    store.automatic = true;
    await clock.advance(250);
    assert.ok(isHeld(statusOf(store), 'a'));
  });
});

describe('a write that carries both', () => {
  it('leaves a lot to its replica that is about to give it away', () => {
    const lot: Hold = { uid: mine, order: 'pod-1', quantity: 5, time };
    const draft = new StockDraft(goodsOf('apple', 5, { holds: [lot] }));
    draft.resize(lot);
    const hold: Hold = { uid: 'a', order: 'a', quantity: 1, time };
    assert.equal(draft.assign(hold, [mine]), false);
  });
});

describe('goods that have nothing left', () => {
  it('are not asked for a lot with every order', async () => {
    const { clock, store, take, writer } = await withLot();
    store.elsewhere(key, (it) => ({ ...it, spec: { ...it.spec, stockCount: 0 }, status: {} }));
    store.automatic = true;
    await store.read(key);
    await clock.advance(1500);
    let asked = 0;
    const submit = writer.submit.bind(writer);
    writer.submit = (...args) => {
      asked++;
      return submit(...args);
    };
    for (let i = 0; i < 200; i++) {
      take(`o${i}`, 10);
      await clock.advance(5);
    }
    assert.ok(asked > 0 && asked <= 10, `${asked}`);
  });
});
