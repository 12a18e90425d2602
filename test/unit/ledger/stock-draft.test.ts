// The arithmetic of one goods: available = stockCount − num − reserved − all holds, whatever is done to it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds, type Hold, holdsOf, mostHolds, ownUnits } from '../../../src/api/holds.ts';
import { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { availableOf, maxPerName, remainderOf, StockDraft } from '../../../src/ledger/stock-draft.ts';
import { goodsOf } from '../../simulation/manual-store.ts';
import { Random } from '../../simulation/random.ts';

const time = '2026-01-01T00:00:00.000Z';
/** No order of a name is in the sums. */
const nothing = () => 0;
const hold = (uid: string, quantity: number) => ({ uid, order: `order-${uid}`, quantity, time });

describe('a draft of stock', () => {
  it('holds what is available and says what is missing', () => {
    const draft = new StockDraft(goodsOf('apple', 5, { num: 1, reserved: 1 }));
    assert.equal(draft.hold(hold('a', 2)), undefined);
    const refusal = draft.hold(hold('b', 2));
    assert.equal(refusal?.reason, 'InsufficientStock');
    assert.match(refusal.message, /requested 2, available 1/);
    assert.equal(refusal.field, 'spec.goodsMap.apple');
    assert.deepEqual([...draft.holds()], [hold('a', 2)]);
    assert.equal(draft.result().status?.lastStockCount, 1);
  });

  it('takes a hold that is there already as held, even when nothing is left', () => {
    const draft = new StockDraft(goodsOf('apple', 2, { holds: [hold('a', 2)] }));
    assert.equal(draft.hold(hold('a', 2)), undefined);
    assert.equal(draft.changed, false);
  });

  it('keeps counters within their schema, whatever was stored past admission', () => {
    const draft = new StockDraft(goodsOf('apple', 2));
    draft.settle({ num: 3_000_000_000, reserved: 2_000_000_000 }, () => true, 2 ** 60, nothing);
    const goods = draft.result();
    assert.equal(SpikeGoods.validateStatus(goods), undefined);
    assert.deepEqual(
      [goods.status?.num, goods.status?.reserved, goods.status?.lastStockCount],
      [1e9, 1e9, 0],
    );
  });

  it('drops a hold once; one that is not there changes nothing', () => {
    const draft = new StockDraft(goodsOf('apple', 2, { holds: [hold('a', 2)] }));
    draft.drop('b');
    assert.equal(draft.changed, false);
    draft.drop('a');
    draft.drop('a');
    assert.equal(draft.available, 2);
    assert.equal(draft.changed, true);
  });

  it('bounds the number of holds, and asks to come back later', () => {
    const holds = Array.from({ length: mostHolds }, (_, index) => hold(`h${index}`, 1));
    const refusal = new StockDraft(goodsOf('apple', 10_000, { holds })).hold(hold('one more', 1));
    assert.equal(refusal?.reason, 'TooManyRequests');
    assert.equal(refusal.retryAfterSeconds, 1);
  });

  it('moves accounted holds into the counters without changing what is available', () => {
    const draft = new StockDraft(goodsOf('apple', 9, { holds: [hold('a', 2), hold('b', 3), hold('c', 1)] }));
    draft.settle({ reserved: 2, num: 3 }, (uid) => uid !== 'c', 7, nothing);
    assert.equal(draft.available, 3);
    const { status } = draft.result();
    assert.deepEqual(status, {
      ...{ num: 3, reserved: 2, ledgerEpoch: 7, lastStockCount: 3, lastCount: 3 },
      holds: formatHolds([hold('c', 1)]),
    });
  });

  it('has nothing to write when the counters are right already', () => {
    const draft = new StockDraft(goodsOf('apple', 9, { num: 3, reserved: 2, ledgerEpoch: 7 }));
    draft.settle({ reserved: 2, num: 3 }, () => true, 7, nothing);
    draft.set({ ledgerEpoch: 7 });
    assert.equal(draft.changed, false);
  });

  it('never changes the object it was made from', () => {
    const goods = frozen(goodsOf('apple', 9, { num: 1, holds: [hold('a', 2)] }));
    const draft = new StockDraft(goods);
    draft.hold(hold('b', 1));
    draft.drop('a');
    draft.settle({ reserved: 1, num: 2 }, () => true, 3, nothing);
    draft.set({ phase: 'OnSale' });
    assert.deepEqual(draft.result().status?.holds, []);
    assert.deepEqual(goods.status?.holds, formatHolds([hold('a', 2)]));
  });

  it('keeps its sum through any sequence of changes', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const draft = new StockDraft(goodsOf('apple', 20, { num: 2, reserved: 3, holds: [hold('1', 4)] }));
      for (let step = 0; step < 30; step++) {
        const uid = String(random.int(1, 9));
        const before = draft.available;
        if (random.chance(0.6)) {
          const refusal = draft.hold(hold(uid, random.int(1, 6)));
          if (refusal) assert.equal(draft.available, before);
        } else if (random.chance(0.7)) draft.drop(uid);
        else
          draft.settle({ num: random.int(0, 3), reserved: random.int(0, 3) }, (it) => it === uid, 1, nothing);
        const { spec, status } = draft.result();
        assert.equal(draft.available, availableOf(spec.stockCount, status), `seed ${seed}`);
        assert.equal(status?.lastStockCount, draft.available, `seed ${seed}`);
      }
    }
  });
});

describe('requests of one name', () => {
  const of = (name: string, uid: string, quantity: number, own?: number): Hold => ({
    ...{ uid, order: name, quantity, time },
    ...(own === undefined ? {} : { own }),
  });
  const made = (draft: StockDraft) => [...draft.holds()].map(({ uid, own }) => [uid, own]);

  it('take together what the largest of them needs', () => {
    const draft = new StockDraft(goodsOf('apple', 5));
    for (const [uid, quantity] of [
      ['a', 2],
      ['b', 1],
      ['c', 3],
    ] as const)
      assert.equal(draft.hold(of('o', uid, quantity)), undefined);
    assert.equal(draft.available, 2);
    assert.deepEqual(made(draft), [
      ['a', undefined],
      ['b', 0],
      ['c', 1],
    ]);
    const { status } = draft.result();
    assert.deepEqual(status?.holds, [`${time} a:2:o b:0/1:o c:1/3:o`]);
    assert.equal(new StockDraft({ ...draft.goods, status }).available, 2);
  });

  it('are not refused for units that their name has', () => {
    const draft = new StockDraft(goodsOf('apple', 2, { holds: [of('o', 'a', 2)] }));
    assert.equal(draft.hold(of('o', 'b', 2)), undefined);
    assert.equal(draft.hold(of('o', 'c', 3))?.reason, 'SoldOut');
    assert.equal(draft.hold(of('other', 'd', 1))?.reason, 'SoldOut');
  });

  it('keep what the others need when one is given back', () => {
    const draft = new StockDraft(goodsOf('apple', 5));
    for (const [uid, quantity] of [
      ['a', 2],
      ['b', 1],
      ['c', 3],
    ] as const)
      draft.hold(of('o', uid, quantity));
    draft.drop('c');
    assert.equal(draft.available, 3);
    draft.drop('a');
    assert.equal(draft.available, 4);
    draft.drop('b');
    assert.equal(draft.available, 5);
  });

  it('take nothing while their name has an order in the sums, and its units when it gives them back', () => {
    const draft = new StockDraft(goodsOf('apple', 3));
    for (const uid of ['a', 'b']) draft.hold(of('o', uid, 2));
    const sold = (units: number) => (order: string) => (order === 'o' ? units : 0);
    draft.settle({ reserved: 2, num: 0 }, (uid) => uid === 'a', 1, sold(2));
    assert.deepEqual([draft.available, made(draft)], [1, [['b', 0]]]);
    assert.equal(draft.hold(of('o', 'c', 3)), undefined);
    assert.equal(draft.available, 0);
    draft.settle({ reserved: 0, num: 0 }, (uid) => uid === 'a', 1, nothing);
    assert.deepEqual(
      [draft.available, made(draft)],
      [
        0,
        [
          ['b', 0],
          ['c', undefined],
        ],
      ],
    );
    draft.drop('c');
    assert.deepEqual([draft.available, made(draft)], [1, [['b', undefined]]]);
  });

  it('leave in a lot what their name has already', () => {
    const draft = new StockDraft(goodsOf('apple', 5, { holds: [hold('lot-r', 3), of('o', 'a', 2)] }));
    assert.equal(draft.assign(of('o', 'b', 3), ['lot-r']), true);
    assert.deepEqual([draft.unitsOf('lot-r'), draft.available], [2, 0]);
  });

  it('are bounded in number', () => {
    const draft = new StockDraft(goodsOf('apple', 5));
    for (let uid = 0; uid < maxPerName; uid++) assert.equal(draft.hold(of('o', `${uid}`, 1)), undefined);
    assert.equal(draft.hold(of('o', 'more', 1))?.reason, 'TooManyRequests');
    assert.equal(draft.hold(of('other', 'more', 1)), undefined);
  });

  it('never have less than one of them needs and its name does not have, whatever happens', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = new Random(seed);
      let goods = goodsOf('apple', 12);
      const sold = new Map<string, number>();
      const open = new Map<string, Hold>();
      for (let step = 0; step < 40; step++) {
        const draft = new StockDraft(goods);
        const name = random.pick(['o', 'p']);
        const mine = [...open.values()].filter(({ order }) => order === name);
        const action = random.pick(['hold', 'hold', 'drop', 'accept', 'return'] as const);
        const settled = (done?: string) => {
          const reserved = [...sold.values()].reduce((sum, units) => sum + units, 0);
          draft.settle(
            { reserved, num: 0 },
            (uid) => uid === done,
            1,
            (order) => sold.get(order) ?? 0,
          );
        };
        if (action === 'hold') {
          const taken = of(name, `${step}`, random.int(1, 4));
          if (!draft.hold(taken)) open.set(taken.uid, taken);
        } else if (action === 'return' && sold.delete(name)) settled();
        else if (mine.length > 0 && action === 'drop') {
          const { uid } = random.pick(mine);
          open.delete(uid);
          draft.drop(uid);
        } else if (mine.length > 0 && action === 'accept' && !sold.has(name)) {
          const { uid, quantity } = random.pick(mine);
          open.delete(uid);
          sold.set(name, quantity);
          settled(uid);
        }
        goods = draft.result();
        assert.ok(availableOf(12, goods.status) >= 0, `seed ${seed}`);
        for (const order of ['o', 'p']) {
          const named = holdsOf(goods.status).filter((hold) => hold.order === order);
          const largest = Math.max(0, ...named.map(({ quantity }) => quantity));
          const own = named.reduce((sum, hold) => sum + ownUnits(hold), 0);
          assert.equal(named.length, [...open.values()].filter((hold) => hold.order === order).length);
          const missing = Math.max(0, largest - (sold.get(order) ?? 0));
          assert.ok(own >= missing && own <= largest, `seed ${seed}: ${own} for ${missing}`);
        }
      }
    }
  });
});

describe('the remainder', () => {
  it('is 0 when the orders alone exceed the stock', () => {
    assert.equal(remainderOf(3, { num: 2, reserved: 2 }), 0);
  });

  it('is negative when holds do, so that the schema refuses to store it', () => {
    assert.equal(remainderOf(3, { num: 2, holds: formatHolds([hold('a', 2)]) }), -1);
  });
});

function frozen(goods: SpikeGoods): SpikeGoods {
  Object.freeze(goods.status?.holds);
  Object.freeze(goods.status);
  return Object.freeze(goods);
}
