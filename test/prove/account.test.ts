// Every kind of contradiction, planted one at a time into a sale that is in order.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds } from '../../src/api/holds.ts';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import type { SpikeOrder } from '../../src/api/spike-order.ts';
import { type ContradictionReason, prove } from '../../src/prove/account.ts';
import { asText, headline } from '../../src/prove/report.ts';
import { apple, goods, hold, holdsAt, lot, order, orders, standing } from './objects.ts';

const holdLimitMs = 150_000;
const soon = Date.parse(holdsAt) + 1000;

interface Planted {
  reason: ContradictionReason;
  what: string;
  goods?: SpikeGoods[];
  orders?: SpikeOrder[];
  now?: number;
  message: RegExp;
}

const planted: Planted[] = [
  {
    reason: 'GoodsMissing',
    what: 'an unpaid order has units of goods that are gone',
    orders: [...orders(), order('late', { berry: 2 }, 'Unpaid')],
    message: /it is Unpaid and has 2 of goods berry, which do not exist/,
  },
  {
    reason: 'IdShared',
    what: 'two goods have one id',
    goods: [apple(), { ...goods('copy', 1), spec: { ...goods('copy', 1).spec, goodsId: 'id-of-apple' } }],
    message: /apple has the id id-of-apple, too/,
  },
  {
    reason: 'HoldUnreadable',
    what: 'somebody wrote a hold that nobody can read',
    goods: [apple({ holds: [...formatHolds(standing()), `${holdsAt} what-is-this`] })],
    message: /names 4 holds, of which 3 can be read/,
  },
  {
    reason: 'HeldTwice',
    what: 'an order has two holds',
    goods: [apple({ lastStockCount: 5 }, [...standing(), hold('waiting', 2)])],
    message: /waiting \(uid-of-waiting\) has two holds/,
  },
  {
    reason: 'HoldDiffers',
    what: 'a hold has fewer units than its order',
    goods: [apple({ lastStockCount: 8 }, [hold('waiting', 1), ...standing().slice(1)])],
    message: /1 held for waiting \(uid-of-waiting\); that is waiting, an order of 2/,
  },
  {
    reason: 'HoldUnneeded',
    what: 'an expired order still has its hold',
    goods: [
      apple({ num: 2, reserved: 3, lastStockCount: 0 }, [...standing(), hold('expired', 9)].slice(0, 4)),
    ].map((it) => ({ ...it, spec: { ...it.spec, stockCount: 22 } })),
    message: /9 held for expired, which is Expired/,
  },
  {
    reason: 'HoldOverdue',
    what: 'a hold of an order that was never stored is past its limit',
    goods: [apple({ lastStockCount: 6 }, [...standing(), hold('never', 1)])],
    now: Date.parse(holdsAt) + holdLimitMs + 1,
    message: /1 held for never \(uid-of-never\) since 2026-01-01T00:00:00.000Z, which was never stored/,
  },
  {
    reason: 'NoUnit',
    what: 'an order was let in and has neither a hold nor a lot that it can be in',
    goods: [apple({ lastStockCount: 9 }, [...standing().slice(0, 2), lot(3)])],
    message: /it was let in with 4 of apple: no hold, and no lot has so many/,
  },
  {
    reason: 'Oversold',
    what: 'live orders have more than the stock',
    goods: [goods('apple', 6, { num: 5, reserved: 2, lastStockCount: 0 })],
    orders: [order('a', { apple: 5 }, 'Paid'), order('b', { apple: 2 }, 'Unpaid')],
    message: /its live orders have 7 units, its stock is 6/,
  },
  {
    reason: 'Overcommitted',
    what: 'counters and holds are more than the stock',
    goods: [
      goods('apple', 4, { num: 2, reserved: 0, lastStockCount: 0, holds: formatHolds([hold('a', 3)]) }),
    ],
    orders: [order('b', { apple: 2 }, 'Paid'), order('a', { apple: 3 })],
    message: /num 2 \+ reserved 0 \+ held 3 are more than stockCount 4/,
  },
  {
    reason: 'SumDiffers',
    what: 'a unit is counted that no order has',
    goods: [apple({ reserved: 4, lastStockCount: 6 })],
    message: /num 2 and reserved 4; its orders without a hold say 2 and 3/,
  },
  {
    reason: 'RemainderDiffers',
    what: 'a unit is left out of what is left',
    goods: [apple({ lastStockCount: 6 })],
    message: /lastStockCount 6, but 7 are left/,
  },
];

describe('a sale in order', () => {
  it('is proved, with each unit at its place', () => {
    const proof = prove({ goods: [apple()], orders: orders(), now: soon }, { holdLimitMs });
    assert.deepEqual(proof.contradictions, []);
    assert.equal(
      asText(proof, { isShort: false }),
      [
        'shop/apple: 20 units = 2 paid + 4 unpaid + 2 held + 5 in a lot + 7 left',
        '  paid      2  paid',
        '  unpaid    3  unpaid',
        '  unpaid    1  accepted',
        '  held      2  waiting',
        '  in a lot  5  replica-1',
        '  left      7',
        '',
        'proved: every unit of 1 goods is accounted for; 3 orders have their units',
      ].join('\n'),
    );
  });

  it('may have goods that no leader has settled yet, and names and ids that are alike', () => {
    const both = [goods('a', 3), { ...goods('b', 3), spec: { ...goods('b', 3).spec, goodsId: 'a' } }];
    const { contradictions, accounts } = prove({ goods: both, orders: [] }, { holdLimitMs });
    assert.deepEqual(contradictions, []);
    assert.deepEqual(accounts.map(headline), ['shop/a: 3 units = 3 left', 'shop/b: 3 units = 3 left']);
  });

  it('may have a hold of a request that is still on its way', () => {
    const held = apple({ lastStockCount: 6 }, [...standing(), hold('coming', 1)]);
    assert.deepEqual(
      prove({ goods: [held], orders: orders(), now: soon }, { holdLimitMs }).contradictions,
      [],
    );
  });

  it('may have goods called like what every object has', () => {
    const odd = goods('constructor', 1, { num: 1, reserved: 0, lastStockCount: 0 });
    const sale = { goods: [odd], orders: [order('o', { constructor: 1 }, 'Paid')] };
    assert.deepEqual(prove(sale, { holdLimitMs }).contradictions, []);
  });
});

describe('a sale in which', () => {
  for (const { reason, what, message, ...changed } of planted) {
    it(`${what}: ${reason}`, () => {
      const sale = { goods: [apple()], orders: orders(), now: soon, ...changed };
      const { contradictions } = prove(sale, { holdLimitMs });
      const found = contradictions.find((it) => it.reason === reason);
      assert.match(found?.message ?? JSON.stringify(contradictions), message);
    });
  }

  it('nothing else is planted: each kind has its case', () => {
    assert.equal(new Set(planted.map(({ reason }) => reason)).size, 12);
  });
});
