// Whose turn it is when units are short: who waits at a goods, who was told to try again and comes back, and when.
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Hold, lotPrefix } from '../../../src/api/holds.ts';
import { keyOf } from '../../../src/kube/objects.ts';
import { Gate, type HoldRequest } from '../../../src/ledger/gate.ts';
import { GoodsWriter } from '../../../src/ledger/goods-writer.ts';
import { noLedgerMetrics } from '../../../src/ledger/ports.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';
import { goodsOf, ManualStore } from '../../simulation/manual-store.ts';

let clock: SimulatedClock;
let store: ManualStore;
let writer: GoodsWriter;
let gate: Gate;
let random: number;

const lot: Hold = { uid: `${lotPrefix}other`, order: 'replica', quantity: 5, time: '2026-01-01T00:00:00Z' };
/** Units that another replica's lot holds, of a goods that has no others. */
const inLot = (units: number) => goodsOf('apple', units, { holds: [{ ...lot, quantity: units }] });

beforeEach(() => {
  clock = new SimulatedClock();
  random = 0;
  open([inLot(5)]);
});

function open(goods: ReturnType<typeof goodsOf>[]): void {
  store = new ManualStore(goods);
  writer = new GoodsWriter({ store, clock, random: () => 0.5, metrics: noLedgerMetrics });
  gate = new Gate({ writer, clock, isStored: () => true, random: () => random });
}

const request = (uid: string, units: Record<string, number> = { apple: 1 }): HoldRequest => ({
  namespace: 'shop',
  uid,
  order: `order-${uid}`,
  lines: Object.entries(units).map(([goods, quantity]) => ({ goods, quantity })),
});

/** The other replica gives so many units of its lot back, and this process hears of it. */
async function giveBack(units: number, name = 'apple'): Promise<void> {
  await writer.submit(`shop/${name}`, (draft) => {
    draft.resize({ ...lot, quantity: draft.unitsOf(lot.uid) - units });
    return undefined;
  });
}

/** Asks for a hold, with the answer in `answers` once it is there. */
const answers = new Map<string, string>();
async function ask(uid: string, units?: Record<string, number>): Promise<void> {
  void gate.hold(request(uid, units), clock.monotonic() + 8000).then((refusal) => {
    answers.set(uid, refusal ? `${refusal.reason} ${refusal.retryAfterSeconds ?? ''}`.trim() : 'held');
  });
  await settle();
}

beforeEach(() => answers.clear());

describe('while the last units are held by others', () => {
  it('orders wait in line and get what comes free in the order of their arrival', async () => {
    for (const uid of ['a', 'b', 'c']) await ask(uid);
    await giveBack(1);
    await clock.advance(60);
    assert.deepEqual([...answers], [['a', 'held']]);
    await giveBack(1);
    await clock.advance(60);
    assert.deepEqual([...answers.keys()], ['a', 'b']);
    assert.deepEqual(
      store.holdsOf('shop/apple').filter((uid) => uid !== lot.uid),
      ['a', 'b'],
    );
  });

  it('who comes at the moment when a unit comes free stands behind those who wait', async () => {
    await ask('a');
    await giveBack(1);
    await ask('newcomer');
    await clock.advance(60);
    assert.deepEqual([...answers], [['a', 'held']]);
    await giveBack(1);
    await clock.advance(60);
    assert.equal(answers.get('newcomer'), 'held');
  });

  it('a large order does not stand in the way of those behind it who want less', async () => {
    await ask('large', { apple: 4 });
    await ask('small');
    await giveBack(1);
    await clock.advance(60);
    assert.deepEqual([...answers], [['small', 'held']]);
  });

  it('nobody waits longer than two seconds, and no more than 16', async () => {
    for (let i = 0; i < 20; i++) await ask(`o${i}`);
    assert.deepEqual([...answers.keys()], ['o16', 'o17', 'o18', 'o19']);
    await clock.advance(2000);
    assert.equal(answers.size, 20);
    assert.ok([...answers.values()].every((answer) => answer === 'TooManyRequests 1'));
    assert.equal(clock.pending, 0);
    assert.equal(store.done.writes, 0);
  });

  it('hear that it is sold out as soon as it is', async () => {
    await ask('a');
    store.elsewhere('shop/apple', (goods) => ({ ...goods, status: { ...goods.status, num: 5, holds: [] } }));
    await store.read('shop/apple');
    await clock.advance(60);
    assert.equal(answers.get('a'), 'SoldOut');
  });
});

describe('who was told to try again', () => {
  it('and comes back stands before those who came meanwhile', async () => {
    await ask('a');
    await clock.advance(2000);
    assert.equal(answers.get('a'), 'TooManyRequests 1');
    await ask('b');
    await ask('c');
    await clock.advance(1000);
    await ask('a');
    await giveBack(1);
    await clock.advance(60);
    assert.equal(answers.get('a'), 'held');
    assert.equal(answers.size, 1);
  });

  it('takes the place of who came last when the line is full', async () => {
    await ask('early');
    await clock.advance(2000);
    for (let i = 0; i < 16; i++) await ask(`o${i}`);
    await ask('early');
    assert.equal(answers.get('o15'), 'TooManyRequests 1');
    await giveBack(1);
    await clock.advance(60);
    assert.equal(answers.get('early'), 'held');
  });

  it('waits twice as long each time, up to 8 s', async () => {
    const waits: number[] = [];
    for (let tries = 0; tries < 7; tries++) {
      await ask('a');
      await clock.advance(2000);
      const seconds = Number(answers.get('a')?.split(' ')[1]);
      assert.ok(seconds > 0, answers.get('a') ?? 'no answer');
      waits.push(seconds);
      await clock.advance(seconds * 1000);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 8, 8, 8]);
  });

  it('is spread over as long again: two who were refused together do not come back together', async () => {
    random = 0.99;
    await ask('a');
    await clock.advance(2000);
    assert.equal(answers.get('a'), 'TooManyRequests 2');
  });

  it('comes as somebody new after his order was held', async () => {
    await ask('a');
    await clock.advance(2000);
    await clock.advance(1000);
    await giveBack(1);
    await ask('a');
    await clock.advance(60);
    assert.equal(answers.get('a'), 'held');
    answers.clear();
    await ask('a', { apple: 4 });
    await ask('b', { apple: 4 });
    await clock.advance(2000);
    // The hold of `a` stands; what `b` is told is a first try.
    assert.deepEqual([...answers.values()], ['held', 'TooManyRequests 1']);
  });
});

describe('wide orders that want the same last units', () => {
  it('wait goods by goods in name order: none holds what comes after', async () => {
    const names = ['apple', 'berry', 'cherry'];
    open(
      names.map((name) => ({ ...inLot(1), metadata: { ...inLot(1).metadata, name, uid: `uid-of-${name}` } })),
    );
    const all = Object.fromEntries(names.map((name) => [name, 1]));
    await ask('a', all);
    await ask('b', all);
    // The last one comes free first: nobody takes it before he has the others.
    await giveBack(1, 'cherry');
    await clock.advance(60);
    assert.deepEqual(store.holdsOf('shop/cherry'), []);
    await giveBack(1, 'apple');
    await giveBack(1, 'berry');
    await clock.advance(200);
    assert.equal(answers.get('a'), 'held');
    for (const name of names) assert.deepEqual(store.holdsOf(`shop/${name}`), ['a']);
    assert.equal(keyOf(store.stored.get('shop/apple')!), 'shop/apple');
  });
});

describe('a take that is given up while its write is under way', () => {
  it('is not tried again in line: its undo would take the second one back', async () => {
    open([goodsOf('apple', 5), goodsOf('berry', 5)]);
    // Another replica's lot has every apple, and this process has not heard of it.
    store.elsewhere('shop/apple', () => inLot(5));
    store.automatic = false;
    await ask('a', { apple: 1, berry: 1 });
    store.next('write').go();
    await settle();
    const berry = store.next('write');
    store.next('read').go();
    await settle();
    writer.dropPending();
    await settle();
    assert.equal(answers.get('a'), 'TooManyRequests 1');
    store.automatic = true;
    berry.go();
    await settle();
    await clock.advance(60);
    assert.deepEqual(store.holdsOf('shop/berry'), []);
  });
});
