// Deletions that must pass: of what nobody needs, of a collection, and of everything when a namespace goes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inUseFinalizer } from '../../src/api/names.ts';
import { buyer, goods, order, seller } from '../refusals/scenario.ts';
import { kindOf } from './things.ts';
import { at, World } from './world.ts';

const namespaceController = 'system:serviceaccount:kube-system:namespace-controller';
const garbageCollector = 'system:serviceaccount:kube-system:generic-garbage-collector';

/** A sale with everything in it that must not be deleted, and orders in every state. */
async function busySale(): Promise<World> {
  const world = new World();
  const orders = ['Unpaid', 'Paid', 'Expired', 'Rejected', 'new'].map((phase) =>
    order(phase.toLowerCase(), { goodsMap: { goods1: 1 }, isPay: phase === 'Paid' }),
  );
  for (const manifest of [seller(), buyer(), goods('goods1', { sellerId: 'seller1' }), ...orders]) {
    const { response } = await world.create(manifest);
    assert.equal(response.allowed, true, response.status?.message);
  }
  for (const phase of ['Unpaid', 'Paid', 'Expired', 'Rejected']) {
    await world.patchStatus('SpikeOrder', phase.toLowerCase(), { phase });
  }
  return world;
}

const everything = (world: World) =>
  ['SpikeGoods', 'SpikeOrder', 'Buyer', 'Seller'].flatMap((kind) => world.all(kind));

const kept = ['goods1', 'paid', 'buyer1', 'seller1'];

describe('a deletion', () => {
  it('of anything passes when the namespace controller asks, or the namespace is on its way out', async () => {
    for (const terminating of [false, true]) {
      await using world = await busySale();
      if (terminating) world.terminate();
      const how = terminating ? {} : { user: namespaceController };
      for (const { kind, metadata } of everything(world)) {
        const { response } = await world.delete(kind, metadata.name, { ...how, collection: true });
        assert.equal(response.allowed, true, `${kind} ${metadata.name}: ${response.status?.message}`);
      }
      assert.deepEqual(world.all('SpikeOrder'), []);
    }
  });

  it('is refused to everybody else, the garbage collector and collections included', async () => {
    await using world = await busySale();
    const hows = [
      {},
      { collection: true },
      { user: garbageCollector },
      { user: `${namespaceController}s` },
      { dryRun: true },
    ];
    for (const how of hows) {
      for (const { kind, metadata } of everything(world)) {
        if (!kept.includes(metadata.name)) continue;
        const { response } = await world.delete(kind, metadata.name, how);
        assert.equal(response.allowed, false, `${kind} ${metadata.name}`);
        assert.match(response.status?.message ?? '', new RegExp(metadata.name));
      }
    }
    assert.deepEqual(world.all('SpikeOrder').length, 5);
  });

  it('of an order that is not paid passes in every state', async () => {
    await using world = await busySale();
    for (const name of ['unpaid', 'expired', 'rejected', 'new']) {
      const { response } = await world.delete('SpikeOrder', name);
      assert.equal(response.allowed, true, `${name}: ${response.status?.message}`);
    }
  });

  it('of a late payment passes: the order is expired, and nothing was sold', async () => {
    await using world = new World();
    const late = { isPay: true, payTime: at(2000), expiredTime: at(1000) };
    world.bypass(order('late', late), { status: { phase: 'Expired' } });
    assert.equal((await world.delete('SpikeOrder', 'late')).response.allowed, true);
  });

  it('of buyer, goods and seller passes once only expired and rejected orders name them', async () => {
    await using world = await busySale();
    for (const { metadata } of world.all('SpikeOrder')) {
      await world.patchStatus('SpikeOrder', metadata.name, { phase: 'Expired' });
    }
    await world.patchStatus('SpikeGoods', 'goods1', { holds: [] });
    for (const [kind, name] of [
      ['Buyer', 'buyer1'],
      ['SpikeGoods', 'goods1'],
      ['Seller', 'seller1'],
    ] as const) {
      assert.equal((await world.deleteOnce(kind, name)).response.allowed, true);
      assert.equal(world.get(kind, name), undefined);
    }
  });

  it('of a kind of another namespace is its own affair', async () => {
    await using world = await busySale();
    const elsewhere = structuredClone(world.get('Buyer', 'buyer1'));
    assert.ok(elsewhere);
    elsewhere.metadata.namespace = 'elsewhere';
    elsewhere.metadata.finalizers = [inUseFinalizer];
    const response = await world.validate({
      kind: kindOf('Buyer'),
      operation: 'DELETE',
      oldObject: elsewhere,
    });
    assert.equal(response.allowed, true);
  });
});

describe('what others may refer to', () => {
  const finalizersOf = (world: World, kind: string, name: string) =>
    world.get(kind, name)?.metadata.finalizers;

  it('that nothing stands against succeeds at once, and marks nothing', async () => {
    await using world = new World();
    for (const manifest of [buyer(), seller(), goods()]) await world.create(manifest);
    for (const [kind, name] of [
      ['Buyer', 'buyer1'],
      ['Seller', 'seller1'],
      ['SpikeGoods', 'goods1'],
    ] as const) {
      const { response } = await world.deleteOnce(kind, name);
      assert.equal(response.allowed, true, response.status?.message);
      assert.equal(world.get(kind, name), undefined);
    }
  });

  it('while orders are under way is marked by the first request, which comes again', async () => {
    await using world = new World();
    for (const manifest of [buyer(), buyer('other'), goods(), goods('goods2')]) await world.create(manifest);
    // Held by a replica, and not counted by the leader yet. Of goods2 there may be an order that nobody knows here.
    await world.create(order('order1', { buyerId: 'other' }));
    await world.patchStatus('SpikeGoods', 'goods2', { reserved: 1 });
    for (const [kind, name] of [
      ['Buyer', 'buyer1'],
      ['SpikeGoods', 'goods2'],
    ] as const) {
      assert.equal(finalizersOf(world, kind, name), undefined);
      const { response } = await world.deleteOnce(kind, name);
      assert.equal(response.status?.code, 429);
      assert.equal(response.status?.details?.retryAfterSeconds, 1);
      assert.deepEqual(finalizersOf(world, kind, name), [inUseFinalizer]);
      const second = await world.deleteOnce(kind, name);
      assert.equal(second.response.allowed, true);
      assert.ok(second.object?.metadata.deletionTimestamp);
    }
  });

  it('is marked once for a whole collection', async () => {
    await using world = new World();
    for (const manifest of [buyer('one'), goods(), order('order1', { buyerId: 'one' })])
      await world.create(manifest);
    for (const name of ['b1', 'b2', 'b3']) await world.create(buyer(name));
    await world.deleteOnce('Buyer', 'b1', { collection: true });
    for (const name of ['b1', 'b2', 'b3']) {
      assert.deepEqual(finalizersOf(world, 'Buyer', name), [inUseFinalizer]);
      const { response } = await world.deleteOnce('Buyer', name, { collection: true });
      assert.equal(response.allowed, true);
    }
  });

  it('is not marked by a dry run, by what is refused anyway, or in a namespace that goes', async () => {
    await using world = await busySale();
    const free = await world.create(buyer('free'));
    assert.ok(free.object);
    assert.equal((await world.deleteOnce('Buyer', 'free', { dryRun: true })).response.allowed, true);
    assert.equal((await world.deleteOnce('Buyer', 'buyer1')).response.status?.code, 403);
    world.terminate();
    assert.equal(finalizersOf(world, 'Buyer', 'free'), undefined);
    assert.equal(finalizersOf(world, 'Buyer', 'buyer1'), undefined);
    assert.equal((await world.deleteOnce('Buyer', 'free')).response.allowed, true);
    assert.equal(world.get('Buyer', 'free'), undefined);
  });
});

describe('a warning', () => {
  it('tells of goods without a seller, of an unknown seller, and of a sale that is over', async () => {
    await using world = new World();
    await world.create(seller());
    const warningsOf = async (spec: object) =>
      (await world.create(goods('g', spec), { dryRun: true })).response.warnings;
    assert.deepEqual(await warningsOf({ sellerId: 'seller1' }), undefined);
    assert.deepEqual(await warningsOf({}), [
      'spec.sellerId is empty: the sales of these goods are credited to nobody',
    ]);
    assert.deepEqual(await warningsOf({ sellerId: 'seller2' }), [
      'spec.sellerId: no seller seller2 in this namespace yet',
    ]);
    assert.deepEqual(await warningsOf({ sellerId: 'seller1', startTime: '2020-01-01T00:00:00Z' }), [
      'spec.endTime: the sale ended at 2020-01-02T00:00:00.000Z, no order will be accepted',
    ]);
  });
});
