// Holds of whole orders: all goods or none, and what is given back when it fails.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { holdsOf } from '../../../src/api/holds.ts';
import { Gate, type HoldRequest } from '../../../src/ledger/gate.ts';
import { GoodsWriter } from '../../../src/ledger/goods-writer.ts';
import { noLedgerMetrics } from '../../../src/ledger/ports.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';
import { goodsOf, ManualStore } from '../../simulation/manual-store.ts';

function setUp(stocks: Record<string, number>, options: { automatic?: boolean } = {}) {
  const clock = new SimulatedClock();
  const goods = Object.entries(stocks).map(([name, stockCount]) => goodsOf(name, stockCount));
  const store = new ManualStore(goods, options);
  const writer = new GoodsWriter({ store, clock, random: () => 0.5, metrics: noLedgerMetrics });
  return { clock, store, gate: new Gate({ writer, clock, isStored: () => true }) };
}

const request = (uid: string, units: Record<string, number>): HoldRequest => ({
  namespace: 'shop',
  uid,
  order: `order-${uid}`,
  lines: Object.entries(units).map(([goods, quantity]) => ({ goods, quantity })),
});

describe('the gate', () => {
  it('holds every goods of an order, and says when', async () => {
    const { clock, store, gate } = setUp({ apple: 5, berry: 5 });
    assert.equal(await gate.hold(request('1', { apple: 2, berry: 3 })), undefined);
    const holds = holdsOf(store.stored.get('shop/berry')?.status);
    const time = new Date(clock.now()).toISOString();
    assert.deepEqual(holds, [{ uid: '1', order: 'order-1', quantity: 3, time }]);
    assert.equal(store.stored.get('shop/apple')?.status?.lastStockCount, 3);
  });

  it('dates a hold by the latest time that it may be, in whole seconds', async () => {
    const { clock, store, gate } = setUp({ apple: 5 });
    const now = clock.now();
    clock.bounds = () => ({ earliest: now - 130_000, latest: now + 1400 });
    assert.equal(await gate.hold(request('1', { apple: 2 })), undefined);
    const [hold] = holdsOf(store.stored.get('shop/apple')?.status);
    assert.equal(hold?.time, new Date(now + 2000).toISOString());
  });

  it("takes no hold while it does not know the API server's time", async () => {
    const { clock, store, gate } = setUp({ apple: 5 });
    clock.bounds = () => undefined;
    const refusal = await gate.hold(request('1', { apple: 2 }));
    assert.equal(refusal?.reason, 'TooManyRequests');
    assert.equal(refusal?.retryAfterSeconds, 1);
    assert.equal(store.done.writes, 0);
  });

  it('takes 64 goods in 64 writes side by side', async () => {
    const stocks = Object.fromEntries(Array.from({ length: 64 }, (_, number) => [`goods-${number}`, 5]));
    const { store, gate } = setUp(stocks, { automatic: false });
    const one = Object.fromEntries(Object.keys(stocks).map((name) => [name, 1]));
    const answer = gate.hold(request('1', one));
    await settle();
    assert.equal(store.calls.length, 64);
    for (const call of store.calls.splice(0)) call.go();
    assert.equal(await answer, undefined);
    assert.deepEqual(store.done, { reads: 0, writes: 64, conflicts: 0 });
  });

  it('writes nothing for an order of 64 goods of which the last is short, and reads that one alone', async () => {
    const stocks = Object.fromEntries(Array.from({ length: 64 }, (_, number) => [`goods-${number}`, 5]));
    const { store, gate } = setUp({ ...stocks, last: 0 });
    const one = Object.fromEntries([...Object.keys(stocks).slice(1), 'last'].map((name) => [name, 1]));
    assert.equal((await gate.hold(request('1', one)))?.reason, 'SoldOut');
    assert.equal((await gate.hold(request('2', one)))?.reason, 'SoldOut');
    await settle();
    assert.deepEqual(store.done, { reads: 1, writes: 0, conflicts: 0 });
  });

  it('does not believe a copy that says sold out when others have given units back', async () => {
    const { store, gate } = setUp({ apple: 5, berry: 0 });
    store.elsewhere('shop/berry', (goods) => ({ ...goods, spec: { ...goods.spec, stockCount: 1 } }));
    assert.equal(await gate.hold(request('1', { apple: 1, berry: 1 })), undefined);
    assert.deepEqual(store.holdsOf('shop/berry'), ['1']);
  });

  it('gives back what it took when another goods turns out to be sold out', async () => {
    const { store, gate } = setUp({ apple: 5, berry: 5, cherry: 2 });
    store.elsewhere('shop/cherry', (goods) => ({ ...goods, spec: { ...goods.spec, stockCount: 1 } }));
    const refusal = await gate.hold(request('1', { apple: 2, berry: 1, cherry: 2 }));
    assert.equal(refusal?.reason, 'InsufficientStock');
    await settle();
    for (const key of ['shop/apple', 'shop/berry', 'shop/cherry']) assert.deepEqual(store.holdsOf(key), []);
  });

  it('may be asked again about the same order', async () => {
    const { store, gate } = setUp({ apple: 2 });
    assert.equal(await gate.hold(request('1', { apple: 2 })), undefined);
    assert.equal(await gate.hold(request('1', { apple: 2 })), undefined);
    assert.deepEqual(store.holdsOf('shop/apple'), ['1']);
    assert.equal((await gate.hold(request('2', { apple: 1 })))?.reason, 'SoldOut');
  });

  it('gives nothing back of an order that is stored: another leader may count on it', async () => {
    const { store, gate } = setUp({ apple: 5, berry: 1 });
    const late = { ...request('1', { apple: 2, berry: 2 }), isStored: true };
    assert.equal((await gate.hold(late))?.reason, 'InsufficientStock');
    await settle();
    assert.deepEqual(store.holdsOf('shop/apple'), ['1']);
  });

  it('holds nothing on goods that took the place of those the order means', async () => {
    const { store, gate } = setUp({ apple: 5 });
    const { namespace, uid, order } = request('1', {});
    const meant = {
      namespace,
      uid,
      order,
      lines: [{ goods: 'apple', uid: 'an earlier apple', quantity: 1 }],
    };
    assert.equal((await gate.hold(meant))?.reason, 'TooManyRequests');
    assert.deepEqual(store.holdsOf('shop/apple'), []);
    const right = { ...meant, lines: [{ goods: 'apple', uid: 'uid-of-apple', quantity: 1 }] };
    assert.equal(await gate.hold(right), undefined);
  });

  it('gives everything back when the store fails, also what was stored without an answer', async () => {
    const { clock, store, gate } = setUp({ apple: 5, berry: 5 }, { automatic: false });
    const failed = assert.rejects(gate.hold(request('1', { apple: 1, berry: 1 })), /the connection broke/);
    await settle();
    store.next('write').go();
    await settle();
    store.next('write').lose(true);
    await settle();
    for (let i = 0; i < 4; i++) {
      store.calls.shift()?.lose(false);
      await settle();
      await clock.advance(1000);
    }
    store.automatic = true;
    for (const call of store.calls.splice(0)) call.go();
    await failed;
    await clock.advance(1000);
    assert.deepEqual(store.holdsOf('shop/apple'), []);
    assert.deepEqual(store.holdsOf('shop/berry'), []);
  });

  it('refuses at the deadline and leaves nothing, on no goods', async () => {
    const { clock, store, gate } = setUp({ apple: 5, berry: 5 }, { automatic: false });
    const answer = gate.hold(request('1', { apple: 1, berry: 1 }), clock.monotonic() + 100);
    await settle();
    store.next('write').go();
    await settle();
    await clock.advance(100);
    assert.equal((await answer)?.reason, 'TooManyRequests');
    store.automatic = true;
    for (const call of store.calls.splice(0)) call.go();
    await settle();
    await settle();
    assert.deepEqual(store.holdsOf('shop/apple'), []);
    assert.deepEqual(store.holdsOf('shop/berry'), []);
  });
});
