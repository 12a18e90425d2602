// Updates that must never be blocked: what ends an object, what leaves its spec alone, what repairs it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inUseFinalizer } from '../../src/api/names.ts';
import { buyer, goods, keptBack, type Manifest, order, seller } from '../refusals/scenario.ts';
import { kindOf, merge, type Thing } from './things.ts';
import { at, day, minute, World } from './world.ts';

const everything = [
  seller(),
  buyer(),
  goods('goods1', { day: 1 }),
  order('order1', { isPay: false }),
  order('order2', { isPay: true }),
];

/** Objects that rules of today would not let in. */
const brokenRules = [
  goods('dear', { spikePrice: 99, day: 1, startTime: at(0), endTime: at(9 * day) }),
  goods('cheap', { price: -5 }),
  order('free', { goodsMap: {} }),
  order('late', { isPay: true, payTime: at(9 * day), expiredTime: at(0) }),
  buyer('strange', { buyerId: 'no id' }),
];

const label = { metadata: { labels: { a: 'b' } } };

describe('an update', () => {
  it('that leaves the spec alone is allowed, though the stored spec breaks the rules of today', async () => {
    await using world = new World();
    for (const manifest of brokenRules) {
      const stored = world.bypass(manifest);
      await world.clock.advance(2 * day);
      const { response, object } = await world.patch(manifest.kind, stored.metadata.name, label);
      assert.equal(response.allowed, true, `${stored.metadata.name}: ${response.status?.message}`);
      assert.deepEqual(object?.metadata.labels, { a: 'b' });
    }
  });

  it('of what is being deleted may always take finalizers off, and never puts one on', async () => {
    await using world = new World();
    for (const manifest of [...everything, ...brokenRules]) {
      const { kind } = manifest;
      const name = manifest.metadata.name ?? '';
      const metadata = { deletionTimestamp: at(0), finalizers: ['example.com/keep', 'example.com/other'] };
      world.bypass(manifest, { metadata: { name, ...metadata } });
      await world.clock.advance(2 * day);
      const patched = await world.patch(kind, name, { metadata: { finalizers: ['example.com/keep'] } });
      assert.equal(patched.response.allowed, true, `${name}: ${patched.response.status?.message}`);
      assert.deepEqual(patched.object?.metadata.finalizers, ['example.com/keep']);
      // A client that replaces it leaves deletionTimestamp out, and what was allocated.
      const bare = structuredClone(manifest) as Thing;
      bare.metadata.finalizers = ['example.com/keep'];
      const asked = { kind: kindOf(kind), operation: 'UPDATE', object: bare } as const;
      const { patch, allowed } = await world.mutate({ ...asked, oldObject: patched.object ?? null });
      assert.equal(allowed, true);
      assert.equal(patch, undefined, `${name}: ${Buffer.from(patch ?? '', 'base64')}`);
      const gone = await world.patch(kind, name, { metadata: { finalizers: null } });
      assert.equal(gone.response.allowed, true, `${name}: ${gone.response.status?.message}`);
      assert.equal(world.get(kind, name), undefined);
    }
  });

  it('of what is being deleted keeps what was allocated, so that a replace is no edit', async () => {
    await using world = new World();
    const stored: [Manifest, Thing][] = [];
    for (const manifest of everything.map(keptBack)) {
      const { object } = await world.create(manifest);
      assert.ok(object);
      stored.push([manifest, object]);
    }
    for (const [manifest, object] of stored) {
      const name = object.metadata.name;
      world.bypass(manifest, { ...object, metadata: { ...object.metadata, deletionTimestamp: at(0) } });
      const bare = structuredClone(manifest) as Thing;
      bare.metadata.finalizers = [inUseFinalizer];
      const { response, object: replaced } = await world.replace(bare);
      assert.equal(response.allowed, true, `${name}: ${response.status?.message}`);
      assert.deepEqual(replaced?.spec, object.spec);
    }
  });

  it('of what was stored under another schema is not judged, with a warning', async () => {
    await using world = new World();
    const odd = [
      goods('g1', { stockCount: '5' }),
      merge(goods('g2'), { status: { holds: 'none' } }),
      merge(goods('g3'), { spec: { stockCount: null } }),
      order('o1', { goodsMap: ['goods1'] }),
      merge(order('o2'), { status: { phase: 7 } }),
      { ...buyer('b1'), spec: undefined as never },
    ];
    for (const manifest of odd) {
      const stored = world.bypass(manifest);
      const kind = kindOf(manifest.kind);
      const object = merge(stored, { spec: { ...goods().spec, ...order().spec, stockCount: 0 } });
      const update = { kind, operation: 'UPDATE', object, oldObject: stored } as const;
      assert.equal((await world.mutate(update)).patch, undefined);
      for (const asked of [update, { kind, operation: 'DELETE', oldObject: stored } as const]) {
        const { allowed, warnings } = await world.validate(asked);
        assert.equal(allowed, true);
        assert.deepEqual(warnings, [
          'what is stored does not have the fields of its kind; no rule was applied',
        ]);
      }
    }
    assert.equal(world.panics, 0);
  });

  it('of a subresource is not judged', async () => {
    await using world = new World();
    const { object } = await world.create(goods());
    assert.ok(object);
    const sold = merge(object, { status: { phase: 'SoldOut' }, spec: { price: 99 } });
    const asked = { kind: kindOf('SpikeGoods'), operation: 'UPDATE', subResource: 'status' } as const;
    assert.equal((await world.validate({ ...asked, object: sold, oldObject: object })).allowed, true);
  });

  it('lets stock grow, and shrink to what is committed', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods(), order()]) await world.create(manifest);
    for (const stockCount of [7, 2]) {
      const { object, response } = await world.patch('SpikeGoods', 'goods1', { spec: { stockCount } });
      assert.equal(object?.spec.stockCount, stockCount, response.status?.message);
    }
  });

  it('gives goods without a seller one, even one that is not there yet, with a warning', async () => {
    await using world = new World();
    await world.create(goods());
    const { response } = await world.patch('SpikeGoods', 'goods1', { spec: { sellerId: 'seller1' } });
    assert.equal(response.allowed, true);
    assert.deepEqual(response.warnings, ['spec.sellerId: no seller seller1 in this namespace yet']);
  });

  it('pays an order up to the last moment', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods(), order()]) await world.create(manifest);
    await world.clock.advance(world.paymentWindowMs - 1);
    const { response } = await world.patch('SpikeOrder', 'order1', { spec: { isPay: true } });
    assert.equal(response.allowed, true, response.status?.message);
  });

  it('pays an order though other webhooks took half a minute after ours', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods(), order()]) await world.create(manifest);
    await world.clock.advance(minute);
    const meddled = { spec: { payTime: at(minute / 2) } };
    const { response } = await world.patch('SpikeOrder', 'order1', { spec: { isPay: true } }, { meddled });
    assert.equal(response.allowed, true, response.status?.message);
    const atOnce = order('order2', { isPay: true });
    assert.equal((await world.create(atOnce, { meddled })).response.allowed, true);
  });

  it('takes an order whose deadline comes from a replica with a longer payment window, as in a rollout', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods()]) await world.create(manifest);
    const meddled = { spec: { expiredTime: at(2 * world.paymentWindowMs) } };
    const { response } = await world.create(order(), { meddled });
    assert.equal(response.allowed, true, response.status?.message);
  });

  it('does not pay an order whose payment another replica stamped after the deadline', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods(), order()]) await world.create(manifest);
    await world.clock.advance(world.paymentWindowMs - 1000);
    const meddled = { spec: { payTime: at(world.paymentWindowMs + 1000) } };
    const { response } = await world.patch('SpikeOrder', 'order1', { spec: { isPay: true } }, { meddled });
    assert.equal(response.status?.reason, 'OrderExpired');
  });
});
