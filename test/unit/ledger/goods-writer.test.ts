// The lane of one goods: group commit, lost races, deadlines, and writes of which nobody knows the outcome.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds, holdsOf } from '../../../src/api/holds.ts';
import { type Change, GoodsWriter, type Outcome } from '../../../src/ledger/goods-writer.ts';
import { noLedgerMetrics } from '../../../src/ledger/ports.ts';
import { silentLog } from '../../../src/runtime/log.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';
import { goodsOf, ManualStore } from '../../simulation/manual-store.ts';

const key = 'shop/apple';
const time = '2026-01-01T00:00:00.000Z';
const hold =
  (uid: string, quantity = 1): Change =>
  (draft) =>
    draft.hold({ uid, order: `order-${uid}`, quantity, time });
const drop =
  (uid: string): Change =>
  (draft) => {
    draft.drop(uid);
    return undefined;
  };
const heldElsewhere = (uid: string, quantity: number) => (goods: ReturnType<typeof goodsOf>) => ({
  ...goods,
  status: {
    ...goods.status,
    holds: formatHolds([...holdsOf(goods.status), { uid, order: uid, quantity, time }]),
  },
});

function setUp(stockCount: number, options: { automatic?: boolean } = {}) {
  const clock = new SimulatedClock();
  const store = new ManualStore([goodsOf('apple', stockCount)], options);
  const writer = new GoodsWriter({ store, clock, random: () => 0.5, metrics: noLedgerMetrics });
  const reasons = (outcomes: Outcome[]) => outcomes.map(({ refusal }) => refusal?.reason ?? 'held');
  return { clock, store, writer, reasons };
}

describe('the writer of goods', () => {
  it('gathers what comes while a write is in flight: a crowd of fifty costs two writes', async () => {
    const { store, writer, reasons } = setUp(100);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => writer.submit(key, hold(`${index}`))),
    );
    assert.deepEqual(new Set(reasons(outcomes)), new Set(['held']));
    assert.equal(store.holdsOf(key).length, 50);
    assert.ok(store.done.writes <= 2, `${store.done.writes} writes`);
    assert.equal(store.done.reads, 0);
  });

  it('sells a scarce stock in the order of asking, and not one unit more', async () => {
    const { store, writer, reasons } = setUp(3);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => writer.submit(key, hold(`${index}`))),
    );
    assert.deepEqual(reasons(outcomes), ['held', 'held', 'held', ...Array(5).fill('SoldOut')]);
    assert.equal(store.stored.get(key)?.status?.lastStockCount, 0);
  });

  it('fails a change that makes a write invalid, and no other of its batch', async () => {
    const { store, writer } = setUp(100);
    store.isInvalid = (goods) => holdsOf(goods.status).some(({ uid }) => uid.startsWith('poisoned'));
    const names = Array.from({ length: 50 }, (_, index) =>
      index % 20 === 7 ? `poisoned${index}` : `${index}`,
    );
    const outcomes = await Promise.allSettled(names.map((name) => writer.submit(key, hold(name))));
    for (const [index, { status }] of outcomes.entries()) {
      assert.equal(status, names[index]?.startsWith('p') ? 'rejected' : 'fulfilled', names[index]);
    }
    assert.equal(store.holdsOf(key).length, 47);
    // Three of fifty are found by halving, each tried once more alone.
    assert.ok(store.invalidWrites + store.done.writes < 40, `${store.invalidWrites} refused`);
    await writer.submit(key, hold('next'));
    assert.equal(store.holdsOf(key).length, 48);
  });

  it('says of each write which orders it carried, where somebody listens', async () => {
    const { clock, store } = setUp(100);
    const lines: Record<string, unknown>[] = [];
    let debugging = true;
    const log = { ...silentLog, debug: (fields: object) => void lines.push({ ...fields }) };
    const writer = new GoodsWriter({
      store,
      clock,
      random: () => 0.5,
      metrics: noLedgerMetrics,
      log: { ...log, isLevelEnabled: () => debugging },
      newId: () => `write-${lines.length + 1}`,
    });
    await Promise.all([writer.submit(key, hold('a')), writer.submit(key, hold('b'))]);
    await writer.submit(key, drop('a'));
    debugging = false;
    await writer.submit(key, drop('b'));
    const told = lines.map(({ writeID, held, ended, uid, name }) => ({ writeID, held, ended, uid, name }));
    const goods = { uid: 'uid-of-apple', name: 'apple' };
    assert.deepEqual(
      told.flatMap(({ held }) => held),
      ['a', 'b'],
    );
    assert.deepEqual(told.at(-1), { writeID: `write-${lines.length}`, held: [], ended: ['a'], ...goods });
    assert.equal(lines.at(-1)?.resourceVersion, `${lines.length + 1}`);
  });

  it('says of a write that failed which one it was, and why', async () => {
    const { clock, store } = setUp(100, { automatic: false });
    const lines: Record<string, unknown>[] = [];
    const log = {
      ...silentLog,
      isLevelEnabled: () => true,
      debug: (fields: object) => void lines.push({ ...fields }),
    };
    const writer = new GoodsWriter({ store, clock, random: () => 0.5, metrics: noLedgerMetrics, log });
    const outcome = writer.submit(key, hold('a'));
    await settle();
    store.elsewhere(key, heldElsewhere('z', 1));
    store.automatic = true;
    store.calls.shift()!.go();
    await outcome;
    assert.deepEqual(
      lines.map(({ reason, held }) => [reason, held]),
      [
        ['conflict', ['a']],
        [undefined, ['a']],
      ],
    );
    assert.notEqual(lines[0]?.writeID, lines[1]?.writeID);
  });

  it('writes goods independently of each other', async () => {
    const clock = new SimulatedClock();
    const store = new ManualStore([goodsOf('apple', 1), goodsOf('berry', 1)], { automatic: false });
    const writer = new GoodsWriter({ store, clock, random: () => 0.5, metrics: noLedgerMetrics });
    void writer.submit('shop/apple', hold('1'));
    const berry = writer.submit('shop/berry', hold('2'));
    store.calls[1]?.go();
    assert.equal((await berry).refusal, undefined);
    assert.deepEqual(store.holdsOf('shop/apple'), []);
  });

  it('looks at what is stored after a lost race, and decides again', async () => {
    const { store, writer, reasons } = setUp(3);
    store.elsewhere(key, heldElsewhere('other', 2));
    const outcomes = await Promise.all([writer.submit(key, hold('a', 1)), writer.submit(key, hold('b', 1))]);
    assert.deepEqual(reasons(outcomes), ['held', 'SoldOut']);
    assert.deepEqual(store.holdsOf(key), ['other', 'a']);
    assert.equal(store.done.reads, 1);
  });

  it('does not say sold out from a copy that nobody confirmed lately', async () => {
    const { clock, store, writer, reasons } = setUp(1);
    await writer.submit(key, hold('a'));
    store.elsewhere(key, (goods) => ({ ...goods, status: { ...goods.status, holds: [] } }));
    await clock.advance(1500);
    assert.deepEqual(reasons([await writer.submit(key, hold('b'))]), ['held']);
    assert.deepEqual(store.holdsOf(key), ['b']);
  });

  it('does say it without I/O from one that was', async () => {
    const { clock, store, writer, reasons } = setUp(1);
    await writer.submit(key, hold('a'));
    await clock.advance(500);
    const before = { ...store.done };
    assert.deepEqual(reasons([await writer.submit(key, hold('b'))]), ['SoldOut']);
    assert.deepEqual(store.done, before);
  });

  it('spares the read where the caller says that an old copy will do', async () => {
    const { store, writer } = setUp(1);
    await writer.submit(key, drop('nobody'), { fromStale: true });
    assert.deepEqual(store.done, { reads: 0, writes: 0, conflicts: 0 });
  });

  it('finds goods that this process has not seen, and says so when there are none', async () => {
    const { store, writer, reasons } = setUp(1);
    store.forget(key);
    assert.deepEqual(reasons([await writer.submit(key, hold('a'))]), ['held']);
    assert.deepEqual(reasons([await writer.submit('shop/none', hold('a'))]), ['GoodsNotFound']);
  });

  it('answers GoodsNotFound when the goods go between the read and the write', async () => {
    const { store, writer, reasons } = setUp(1);
    store.stored.delete(key);
    assert.deepEqual(reasons([await writer.submit(key, hold('a'))]), ['GoodsNotFound']);
  });

  it('gives up after twenty lost races', async () => {
    const { clock, store, writer, reasons } = setUp(100, { automatic: false });
    const outcome = writer.submit(key, hold('a'));
    for (let race = 0; race <= 20; race++) {
      store.elsewhere(key, heldElsewhere(`other${race}`, 1));
      store.next('write').go();
      await settle();
      await clock.advance(1000);
      if (race < 20) store.next('read').go();
      await settle();
    }
    assert.deepEqual(reasons([await outcome]), ['TooManyRequests']);
    assert.ok(!store.holdsOf(key).includes('a'));
  });

  it('lets a change that throws fail alone', async () => {
    const { store, writer } = setUp(5);
    const results = await Promise.allSettled([
      writer.submit(key, hold('a')),
      writer.submit(key, () => {
        throw new Error('a bug');
      }),
      writer.submit(key, hold('b')),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(store.holdsOf(key), ['a', 'b']);
  });
});

describe('a deadline', () => {
  const options = (clock: SimulatedClock, uid: string) => ({
    deadline: clock.monotonic() + 100,
    undo: drop(uid),
  });

  it('is answered at its time, whatever the write does', async () => {
    const { clock, writer, reasons } = setUp(5, { automatic: false });
    const outcome = writer.submit(key, hold('a'), options(clock, 'a'));
    await clock.advance(100);
    assert.deepEqual(reasons([await outcome]), ['TooManyRequests']);
  });

  it('undoes what is stored after it', async () => {
    const { clock, store, writer } = setUp(5, { automatic: false });
    const outcome = writer.submit(key, hold('a'), options(clock, 'a'));
    await clock.advance(100);
    await outcome;
    store.automatic = true;
    store.next('write').go();
    await settle();
    assert.deepEqual(store.holdsOf(key), []);
    assert.equal(store.done.writes, 2);
  });

  it('undoes what may have been stored before it', async () => {
    const { clock, store, writer } = setUp(5, { automatic: false });
    const outcome = writer.submit(key, hold('a'), options(clock, 'a'));
    store.next('write').lose(true);
    await settle();
    await clock.advance(100);
    await outcome;
    assert.deepEqual(store.holdsOf(key), ['a'], 'the write was carried out');
    store.automatic = true;
    store.next('read').lose(false);
    await settle();
    await clock.advance(1000);
    assert.deepEqual(store.holdsOf(key), []);
  });

  it('leaves no timer behind when all went well', async () => {
    const { clock, writer } = setUp(5);
    await writer.submit(key, hold('a'), options(clock, 'a'));
    assert.equal(clock.pending, 0);
  });

  it('does not stop the others of its batch', async () => {
    const { clock, store, writer, reasons } = setUp(5, { automatic: false });
    const first = writer.submit(key, hold('first'));
    const late = writer.submit(key, hold('late'), options(clock, 'late'));
    const last = writer.submit(key, hold('last'));
    await clock.advance(100);
    store.automatic = true;
    store.next('write').go();
    assert.deepEqual(reasons([await first, await late, await last]), ['held', 'TooManyRequests', 'held']);
    await settle();
    assert.deepEqual(store.holdsOf(key), ['first', 'last']);
  });
});

describe('a write whose answer is lost', () => {
  it('is not made a second time when it was stored', async () => {
    const { clock, store, writer, reasons } = setUp(5, { automatic: false });
    const outcome = writer.submit(key, hold('a', 2));
    store.next('write').lose(true);
    await settle();
    store.automatic = true;
    store.next('read').go();
    await clock.advance(1000);
    assert.deepEqual(reasons([await outcome]), ['held']);
    assert.deepEqual(store.holdsOf(key), ['a']);
    assert.equal(store.done.writes, 1);
  });

  it('is made again when it was not', async () => {
    const { clock, store, writer, reasons } = setUp(5, { automatic: false });
    const outcome = writer.submit(key, hold('a', 2));
    store.next('write').lose(false);
    await settle();
    store.automatic = true;
    store.next('read').go();
    await clock.advance(1000);
    assert.deepEqual(reasons([await outcome]), ['held']);
    assert.deepEqual(store.holdsOf(key), ['a']);
  });

  it('fails the change when the store stays away', async () => {
    const { clock, store, writer } = setUp(5, { automatic: false });
    const outcome = writer.submit(key, hold('a'));
    const failed = assert.rejects(outcome, /the connection broke/);
    while (store.calls.length > 0) {
      store.calls.shift()?.lose(false);
      await settle();
      await clock.advance(1000);
    }
    await failed;
    store.automatic = true;
    assert.equal((await writer.submit(key, hold('b'))).refusal, undefined, 'the lane goes on');
  });

  it('leaves the known copy unconfirmed: who must know what is stored reads it', async () => {
    const { clock, store, writer } = setUp(10);
    await writer.submit(key, hold('a'));
    store.automatic = false;
    const failed = assert.rejects(writer.submit(key, hold('b')));
    for (let i = 0; i < 3; i++) {
      await settle();
      store.next('write').lose(i === 0);
      if (i === 2) break;
      await settle();
      await clock.advance(50);
      store.next('read').lose(false);
      await settle();
    }
    await failed;
    store.automatic = true;
    await writer.submit(key, drop('b'));
    assert.deepEqual(store.holdsOf(key), ['a']);
  });
});
