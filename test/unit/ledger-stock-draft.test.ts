// The arithmetic of one goods: available = stockCount − num − reserved − all holds, whatever is done to it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds, mostHolds } from '../../src/api/holds.ts';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import { availableOf, remainderOf, StockDraft } from '../../src/ledger/stock-draft.ts';
import { goodsOf } from '../simulation/manual-store.ts';
import { Random } from '../simulation/random.ts';

const time = '2026-01-01T00:00:00.000Z';
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
    draft.settle({ reserved: 2, num: 3 }, (uid) => uid !== 'c', 7);
    assert.equal(draft.available, 3);
    const { status } = draft.result();
    assert.deepEqual(status, {
      ...{ num: 3, reserved: 2, ledgerEpoch: 7, lastStockCount: 3, lastCount: 3 },
      holds: formatHolds([hold('c', 1)]),
    });
  });

  it('has nothing to write when the counters are right already', () => {
    const draft = new StockDraft(goodsOf('apple', 9, { num: 3, reserved: 2, ledgerEpoch: 7 }));
    draft.settle({ reserved: 2, num: 3 }, () => true, 7);
    draft.set({ ledgerEpoch: 7 });
    assert.equal(draft.changed, false);
  });

  it('never changes the object it was made from', () => {
    const goods = frozen(goodsOf('apple', 9, { num: 1, holds: [hold('a', 2)] }));
    const draft = new StockDraft(goods);
    draft.hold(hold('b', 1));
    draft.drop('a');
    draft.settle({ reserved: 1, num: 2 }, () => true, 3);
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
        else draft.settle({ num: random.int(0, 3), reserved: random.int(0, 3) }, (it) => it === uid, 1);
        const { spec, status } = draft.result();
        assert.equal(draft.available, availableOf(spec.stockCount, status), `seed ${seed}`);
        assert.equal(status?.lastStockCount, draft.available, `seed ${seed}`);
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
