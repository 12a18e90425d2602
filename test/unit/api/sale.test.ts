// The rules of a sale: its times, its money, and the states of an order.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Buyer } from '../../../src/api/buyer.ts';
import {
  acceptedStatus,
  deadlineOf,
  endOfSale,
  isLive,
  isPaid,
  linesOf,
  nextPhase,
  type OrderLine,
  parseTime,
  phaseFields,
  priceOf,
  salePhase,
  timestamp,
  whyNotOnSale,
} from '../../../src/api/sale.ts';
import { highestPrice, maxGoodsPerOrder, maxPieces } from '../../../src/api/schema.ts';
import type { SpikeGoods, SpikeGoodsSpec } from '../../../src/api/spike-goods.ts';
import {
  type OrderPhase,
  orderPhases,
  type SpikeOrder,
  type SpikeOrderSpec,
} from '../../../src/api/spike-order.ts';
import { Random } from '../../simulation/random.ts';

const created = Date.UTC(2026, 0, 1);
const window = 300_000;
const at = (ms: number) => new Date(created + ms).toISOString();

function goodsOf(spec: Partial<SpikeGoodsSpec> = {}, name = 'goods1'): SpikeGoods {
  const metadata = { name, namespace: 'shop', uid: name, resourceVersion: '1', creationTimestamp: at(0) };
  const prices = { price: 10, spikePrice: 8, stockCount: 5 };
  return { apiVersion: 'myapp.spike.com/v1', kind: 'SpikeGoods', metadata, spec: { ...prices, ...spec } };
}

function orderOf(spec: Partial<SpikeOrderSpec> = {}, phase?: OrderPhase): SpikeOrder {
  const metadata = {
    name: 'o',
    namespace: 'shop',
    uid: 'uid',
    resourceVersion: '1',
    creationTimestamp: at(0),
  };
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata,
    spec: { buyerId: 'buyer1', goodsMap: { goods1: 2 }, ...spec },
    ...(phase ? { status: { phase } } : {}),
  };
}

describe('times', () => {
  it('are RFC 3339, in the range that it can write', () => {
    assert.equal(timestamp(created), '2026-01-01T00:00:00.000Z');
    assert.equal(timestamp(8.64e15), '9999-12-31T23:59:59.999Z');
    assert.equal(timestamp(Number.POSITIVE_INFINITY), '9999-12-31T23:59:59.999Z');
    assert.equal(timestamp(-8.64e15), '0000-01-01T00:00:00.000Z');
  });

  it('that nobody can read are not there', () => {
    for (const time of [undefined, '', 'soon', '2016-12-31T23:59:60Z'])
      assert.equal(parseTime(time), undefined);
    assert.equal(parseTime('2026-01-01T08:00:00+08:00'), created);
    assert.equal(parseTime('2026-01-01T00:00:00.123456789Z'), created + 123);
  });

  it('of a sale end after days of 24 hours', () => {
    assert.equal(endOfSale(at(0), 1), '2026-01-02T00:00:00.000Z');
    assert.equal(endOfSale('2026-03-29T00:00:00+01:00', 1), '2026-03-29T23:00:00.000Z');
    assert.equal(endOfSale('9999-12-31T12:00:00Z', 3650), '9999-12-31T23:59:59.999Z');
    assert.equal(endOfSale('unreadable', 1), '1970-01-02T00:00:00.000Z');
  });
});

describe('a sale', () => {
  const spec = goodsOf({ startTime: at(1000), endTime: at(2000) }).spec;

  it('is on from its first to before its last moment', () => {
    const rows: [number, number, string][] = [
      [999, 5, 'Scheduled'],
      [1000, 5, 'OnSale'],
      [1000, 0, 'SoldOut'],
      [1999, 1, 'OnSale'],
      [2000, 5, 'Ended'],
      [2000, 0, 'Ended'],
    ];
    for (const [ms, left, phase] of rows) assert.equal(salePhase(spec, left, created + ms), phase);
  });

  const made = (startTime: string, createdMs: number) => {
    const goods = goodsOf({ ...spec, startTime });
    return { ...goods, metadata: { ...goods.metadata, creationTimestamp: at(createdMs) } };
  };

  it('takes orders exactly then', () => {
    const announced = made(at(1000), -3_600_000);
    for (const [ms, reason] of [
      [999, 'SaleNotStarted'],
      [1000, undefined],
      [1999, undefined],
      [2000, 'SaleEnded'],
    ] as const) {
      assert.equal(whyNotOnSale(announced, created + ms)?.reason, reason);
    }
    assert.equal(whyNotOnSale(goodsOf(), created), undefined);
  });

  it('takes orders of goods that start with their creation, at a replica whose time is behind', () => {
    assert.equal(whyNotOnSale(made(at(828), 0), created + 810), undefined);
    assert.equal(whyNotOnSale(made(at(10_000), 0), created + 9_999)?.reason, 'SaleNotStarted');
  });
});

describe('the lines of an order', () => {
  const goods = [
    goodsOf({ goodsId: 'id-b' }, 'b'),
    goodsOf({ goodsId: 'id-a' }, 'a'),
    goodsOf({}, 'constructor'),
  ];
  const find = (reference: string) =>
    goods.find(({ metadata, spec }) => metadata.name === reference || spec.goodsId === reference);
  const of = (goodsMap: Record<string, number>) => {
    const { lines, missing } = linesOf({ buyerId: 'x', goodsMap }, find);
    return [lines.map((line) => [line.goods.metadata.name, line.quantity]), missing];
  };

  it('come in name order, one for each goods, however it is named', () => {
    assert.deepEqual(of({ b: 1, a: 2 }), [[['a', 2], ['b', 1]], []]); // biome-ignore format: pairs
    assert.deepEqual(of({ 'id-b': 1, b: 2, 'id-a': 4 }), [[['a', 4], ['b', 3]], []]); // biome-ignore format: pairs
    assert.deepEqual(of({ constructor: 1 }), [[['constructor', 1]], []]);
  });

  it('leave out what is not there, and say so', () => {
    const odd = JSON.parse('{"__proto__":1,"toString":2,"a":3}');
    assert.deepEqual(of(odd), [[['a', 3]], ['__proto__', 'toString']]);
  });
});

describe('money', () => {
  it('is what the goods cost in the sale, and the discount what that saves', () => {
    const lines = [
      { goods: goodsOf(), quantity: 2 },
      { goods: goodsOf({ price: 100, spikePrice: 1 }), quantity: 3 },
    ];
    assert.deepEqual(priceOf(lines), { money: 19, discount: 301 });
    assert.deepEqual(priceOf([]), { money: 0, discount: 0 });
  });

  it('of goods that got past admission and cost more in the sale saves nothing, and no less', () => {
    const dear = { goods: goodsOf({ price: 8, spikePrice: 10 }), quantity: 2 };
    assert.deepEqual(priceOf([dear, { goods: goodsOf(), quantity: 1 }]), { money: 28, discount: 2 });
  });

  it('is exact for the largest order that a schema lets in', () => {
    const random = new Random(1);
    for (let run = 0; run < 200; run++) {
      const lines: OrderLine[] = Array.from({ length: maxGoodsPerOrder }, () => {
        const price = run === 0 ? highestPrice : random.int(highestPrice / 2, highestPrice);
        const spikePrice = run % 2 ? random.int(0, price) : price;
        return {
          goods: goodsOf({ price, spikePrice }),
          quantity: run === 0 ? maxPieces : random.int(1, maxPieces),
        };
      });
      const exact = { money: 0n, discount: 0n };
      for (const { goods, quantity } of lines) {
        exact.money += BigInt(goods.spec.spikePrice) * BigInt(quantity);
        exact.discount += BigInt(goods.spec.price - goods.spec.spikePrice) * BigInt(quantity);
      }
      const { money, discount } = priceOf(lines);
      assert.deepEqual({ money: BigInt(money), discount: BigInt(discount) }, exact);
      assert.ok(money <= Number.MAX_SAFE_INTEGER);
    }
  });
});

describe('the state of an order', () => {
  const deadline = { expiredTime: at(window) };
  const paid = (ms: number) => ({ isPay: true, payTime: at(ms) });
  const rows: [string, Partial<SpikeOrderSpec>, number, OrderPhase][] = [
    ['unpaid before its deadline', deadline, window - 1, 'Unpaid'],
    ['unpaid at its deadline', deadline, window, 'Expired'],
    ['unpaid after its deadline', deadline, 99 * window, 'Expired'],
    ['paid before its deadline', { ...deadline, ...paid(window - 1) }, window - 1, 'Paid'],
    ['paid before its deadline, seen later', { ...deadline, ...paid(window - 1) }, 99 * window, 'Paid'],
    ['paid at its deadline', { ...deadline, ...paid(window) }, window, 'Expired'],
    ['paid after its deadline', { ...deadline, ...paid(window + 1) }, window + 1, 'Expired'],
    ['paid at once', paid(0), 99 * window, 'Paid'],
    ['paid past admission, in time', { ...deadline, isPay: true }, window - 1, 'Paid'],
    ['paid past admission, too late', { ...deadline, isPay: true }, window, 'Expired'],
    ['without anything allocated, in time', {}, window - 1, 'Unpaid'],
    ['without anything allocated, too late', {}, window, 'Expired'],
    ['without anything allocated, paid in time', { isPay: true }, window - 1, 'Paid'],
    ['without anything allocated, paid too late', { isPay: true }, window, 'Expired'],
    ['with a deadline that nobody can read', { expiredTime: '2026-01-01T00:00:60Z' }, window, 'Expired'],
    ['with a payTime but no payment', { ...deadline, payTime: at(0) }, window, 'Expired'],
  ];
  for (const [name, spec, now, expected] of rows) {
    it(`${name} is ${expected}`, () => {
      for (const phase of [undefined, 'Unpaid'] as const) {
        assert.equal(nextPhase(orderOf(spec, phase), created + now, window), expected);
      }
    });
  }

  it('is final once it is Paid, Expired or Rejected, whatever the rest says', () => {
    for (const phase of ['Paid', 'Expired', 'Rejected'] as const) {
      for (const [, spec, now] of rows) {
        assert.equal(nextPhase(orderOf(spec, phase), created + now, window), phase);
      }
    }
  });

  it('never comes back: at a later time it is the same or final', () => {
    for (const [name, spec] of rows) {
      let phase: OrderPhase = 'Unpaid';
      for (const now of [0, 1, window - 1, window, window + 1, 99 * window]) {
        const next = nextPhase(orderOf(spec, phase), created + now, window);
        assert.ok(phase === 'Unpaid' || next === phase, `${name}: ${phase} → ${next}`);
        phase = next;
      }
      assert.notEqual(phase, 'Unpaid', `${name} ends`);
    }
  });

  it('has a deadline unless it was paid at once', () => {
    assert.equal(deadlineOf(orderOf(deadline), window), created + window);
    assert.equal(deadlineOf(orderOf({ expiredTime: at(7) }), window), created + 7);
    assert.equal(deadlineOf(orderOf(), window), created + window);
    assert.equal(deadlineOf(orderOf(paid(0)), window), undefined);
    assert.equal(deadlineOf(orderOf({ isPay: true }), window), created + window);
  });

  it('holds stock while it is new, unpaid or paid; only a paid one is a record', () => {
    const live = [undefined, ...orderPhases].filter((phase) => isLive(orderOf({}, phase)));
    assert.deepEqual(live, [undefined, 'Unpaid', 'Paid']);
    const kept = [undefined, ...orderPhases].filter((phase) => isPaid(orderOf({ isPay: true }, phase)));
    assert.deepEqual(kept, [undefined, 'Unpaid', 'Paid']);
    for (const phase of [undefined, ...orderPhases]) assert.equal(isPaid(orderOf({}, phase)), false);
  });
});

describe('the status of an order', () => {
  it('has the deadline until it is paid, and then the time of that', () => {
    const order = orderOf({ expiredTime: at(window), isPay: true, payTime: at(5) });
    assert.deepEqual(phaseFields(orderOf({ expiredTime: at(window) }), 'Unpaid', created, window), {
      phase: 'Unpaid',
      payStatus: '0',
      expiredTime: at(window),
    });
    assert.deepEqual(phaseFields(order, 'Paid', created + 9, window), {
      phase: 'Paid',
      payStatus: '1',
      payTime: at(5),
    });
    assert.deepEqual(phaseFields(orderOf(), 'Paid', created + 9, window), {
      phase: 'Paid',
      payStatus: '1',
      payTime: at(9),
    });
    assert.equal(phaseFields(order, 'Expired', created, window).payStatus, '2');
    assert.equal(phaseFields(order, 'Rejected', created, window).payStatus, '3');
  });

  it('has its terms, and the buyer as he was, without what is empty', () => {
    const { apiVersion, metadata } = goodsOf();
    const spec = { buyerName: 'Ann', address: '1 Main Street', phone: '' };
    const buyer: Buyer = { apiVersion, kind: 'Buyer', metadata, spec };
    const lines = [{ goods: goodsOf(), quantity: 2 }];
    assert.deepEqual(acceptedStatus(orderOf({ orderId: 'id', createTime: at(1) }), lines, buyer), {
      orderId: 'id',
      createTime: at(1),
      money: 16,
      discount: 4,
      moneyText: '16',
      discountText: '4',
      address: '1 Main Street',
      receiver: 'Ann',
    });
    const bare = {
      orderId: 'uid',
      createTime: at(0),
      money: 0,
      discount: 0,
      moneyText: '0',
      discountText: '0',
    };
    assert.deepEqual(acceptedStatus(orderOf(), [], undefined), bare);
  });
});
