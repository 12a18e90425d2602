// What a kind's validator says: which field, which rule, which value. And that nothing makes it throw.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Buyer } from '../../../src/api/buyer.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { highestPrice, maxPieces } from '../../../src/api/schema.ts';
import { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../../src/api/spike-order.ts';
import { Random } from '../../simulation/random.ts';

const order = { buyerId: 'buyer1', goodsMap: { goods1: 1 } };
const goods = { price: 10, spikePrice: 8, stockCount: 5 };
const ofOrder = (spec: unknown) =>
  SpikeOrder.validate({ apiVersion: SpikeOrder.apiVersion, kind: 'SpikeOrder', spec });
const ofGoods = (spec: unknown) =>
  SpikeGoods.validate({ apiVersion: SpikeGoods.apiVersion, kind: 'SpikeGoods', spec });

describe('a validator', () => {
  it('has nothing to say about what is right', () => {
    for (const quantity of [1, maxPieces])
      assert.equal(ofOrder({ ...order, goodsMap: { a: quantity } }), undefined);
    assert.equal(ofOrder({ ...order, unknown: { field: 1 } }), undefined);
    for (const price of [0, highestPrice]) assert.equal(ofGoods({ ...goods, price }), undefined);
    const times = ['2026-01-01T00:00:00Z', '2026-01-01T08:00:00.123456789+08:00', '9999-12-31T23:59:59Z'];
    for (const startTime of times) assert.equal(ofGoods({ ...goods, startTime }), undefined);
  });

  it('names the field, what must hold, and what came', () => {
    const rows: [unknown, string][] = [
      [undefined, 'spec is required'],
      [5, 'spec must be an object, got 5'],
      [[], 'spec must be an object, got an array'],
      [{}, 'spec.buyerId is required'],
      [{ buyerId: 'b' }, 'spec.goodsMap is required'],
      [{ ...order, buyerId: '' }, 'spec.buyerId must have at least 1 character, got 0'],
      [{ ...order, buyerId: 'é'.repeat(254) }, 'spec.buyerId must have at most 253 characters, got 254'],
      [{ ...order, buyerId: '😀'.repeat(254) }, 'spec.buyerId must have at most 253 characters, got 254'],
      [{ ...order, buyerId: {} }, 'spec.buyerId must be a string, got an object'],
      [{ ...order, goodsMap: {} }, 'spec.goodsMap must have at least 1 entry, got 0'],
      [{ ...order, goodsMap: [1] }, 'spec.goodsMap must be an object, got an array'],
      [{ ...order, goodsMap: { 'a/b~c.d': 0 } }, 'spec.goodsMap.a/b~c.d must be at least 1, got 0'],
      [{ ...order, goodsMap: { a: 100_001 } }, 'spec.goodsMap.a must be at most 100000, got 100001'],
      [{ ...order, goodsMap: { a: 1.5 } }, 'spec.goodsMap.a must be an integer, got 1.5'],
      [{ ...order, goodsMap: { a: Number.NaN } }, 'spec.goodsMap.a must be an integer, got NaN'],
      [{ ...order, isPay: 'yes' }, 'spec.isPay must be a boolean, got "yes"'],
      [{ ...order, isPay: null }, 'spec.isPay must be a boolean, got null'],
      [{ ...order, payTime: 'soon' }, 'spec.payTime must be a time such as 2026-01-02T03:04:05Z, got "soon"'],
      [
        { ...order, orderId: 'x' },
        'spec.orderId must match pattern "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", got "x"',
      ],
    ];
    for (const [spec, message] of rows) {
      const found = ofOrder(spec);
      assert.equal(found?.message, message);
      assert.ok(message.startsWith(`${found?.field} `), found?.field);
    }
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`g${i}`, 1]));
    assert.equal(
      ofOrder({ ...order, goodsMap: many })?.message,
      'spec.goodsMap must have at most 64 entries, got 65',
    );
  });

  it('takes no time that the API server would not, and none that JavaScript cannot read', () => {
    const wrong = [
      '',
      '2026',
      '2026-01-01',
      '2026-02-30T00:00:00Z',
      '2026-01-01T25:00:00Z',
      '2026-01-01T00:00:00',
    ];
    for (const startTime of [
      ...wrong,
      '2016-12-31T23:59:60Z',
      '+010000-01-01T00:00:00Z',
      '2026-01-01T00:00:00+99:00',
      0,
    ]) {
      assert.ok(ofGoods({ ...goods, startTime }), String(startTime));
    }
  });

  it('looks at apiVersion and kind', () => {
    const found = SpikeOrder.validate({ apiVersion: 'v1', kind: 'SpikeOrder', spec: order });
    assert.equal(found?.message, 'apiVersion must be "myapp.spike.com/v1", got "v1"');
    const other = SpikeOrder.validate({ apiVersion: SpikeOrder.apiVersion, kind: 'Buyer', spec: order });
    assert.equal(other?.message, 'kind must be "SpikeOrder", got "Buyer"');
    assert.equal(SpikeOrder.validate(null)?.message, '(the object) must be an object, got null');
  });

  it('keeps its messages short', () => {
    const huge = 'x'.repeat(1_000_000);
    for (const spec of [
      { ...order, buyerId: huge },
      { ...order, goodsMap: { [huge]: 0 } },
      { ...order, isPay: huge },
    ]) {
      assert.ok((ofOrder(spec)?.message.length ?? 0) < 300);
    }
  });

  it('does not throw, whatever it is given', () => {
    const random = new Random(3);
    const odd: unknown[] = [
      undefined,
      null,
      true,
      0,
      -0,
      '',
      'x',
      [],
      {},
      Number.NaN,
      1e300,
      Object.create(null),
    ];
    const names = [
      'apiVersion',
      'kind',
      'spec',
      'status',
      'holds',
      'goodsMap',
      'price',
      '__proto__',
      'length',
      '',
    ];
    const value = (depth: number): unknown => {
      if (depth === 0 || random.chance(0.4)) return random.pick(odd);
      if (random.chance(0.3)) return Array.from({ length: random.int(0, 3) }, () => value(depth - 1));
      return Object.fromEntries(
        Array.from({ length: random.int(0, 6) }, () => [random.pick(names), value(depth - 1)]),
      );
    };
    for (let run = 0; run < 5000; run++) {
      const object = value(4);
      for (const kind of kinds) {
        kind.validate(object);
        kind.validateStatus(object);
        kind.isReadable(object);
      }
    }
  });
});

describe('the status of a client', () => {
  it('is judged by its schema, and may be absent', () => {
    assert.equal(SpikeGoods.validateStatus({}), undefined);
    assert.equal(SpikeGoods.validateStatus({ status: { num: 1 } }), undefined);
    assert.deepEqual(SpikeGoods.validateStatus({ status: { holds: [5] } }), {
      field: 'status.holds.0',
      message: 'status.holds.0 must be a string, got 5',
    });
    assert.equal(SpikeGoods.validateStatus({ status: null })?.message, 'status must be an object, got null');
  });
});

describe('a stored object', () => {
  const readable = (spec: unknown, status?: unknown) =>
    SpikeGoods.isReadable({ spec, ...(status ? { status } : {}) });

  it('can be read though it breaks every bound', () => {
    assert.equal(readable({ price: -1, spikePrice: 1e12, stockCount: -5, day: 0, startTime: 'soon' }), true);
    assert.equal(readable(goods, { num: -1, phase: 'Gone', unknown: {} }), true);
    assert.equal(Buyer.isReadable({ spec: { buyerId: 'x' } }), true);
  });

  it('cannot be read without what it must have, or with another type', () => {
    const { price: _, ...free } = goods;
    for (const spec of [undefined, null, free, { ...goods, stockCount: '5' }, { ...goods, day: 1.5 }]) {
      assert.equal(readable(spec), false, JSON.stringify(spec));
    }
    for (const status of ['x', { num: '1' }, { holds: {} }, { holds: [null] }, { holds: [{ uid: 'u' }] }]) {
      assert.equal(readable(goods, status), false, JSON.stringify(status));
    }
  });
});

describe('the defaults of a schema', () => {
  it('are those that the CRD states', () => {
    assert.deepEqual(SpikeGoods.specDefaults, { day: 1 });
    assert.deepEqual(SpikeOrder.specDefaults, { isPay: false });
    assert.deepEqual(Buyer.specDefaults, {});
  });
});
