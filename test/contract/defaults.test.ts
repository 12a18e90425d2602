// What admission fills in: identity and times, and what it never touches.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buyer, goods, idOf, keptBack, long, order, seller } from '../refusals/scenario.ts';
import { kindOf, type Thing } from './things.ts';
import { at, day, minute, World } from './world.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

async function created(world: World, manifest: ReturnType<typeof goods>): Promise<Thing> {
  const { object, response } = await world.create(manifest);
  assert.ok(object, response.status?.message);
  return object;
}

async function changed(world: World, kind: string, name: string, patch: object): Promise<Thing> {
  const { object, response } = await world.patch(kind, name, patch);
  assert.ok(object, response.status?.message);
  return object;
}

describe('new goods', () => {
  it('get an id, begin now and end after a day', async () => {
    await using world = new World();
    const { spec, metadata } = await created(world, goods());
    assert.match(spec.goodsId, uuid);
    assert.deepEqual(spec, {
      goodsName: 'iphone 13',
      price: 10,
      spikePrice: 8,
      stockCount: 5,
      day: 1,
      goodsId: spec.goodsId,
      startTime: at(0),
      endTime: at(day),
    });
    assert.equal(metadata.finalizers, undefined);
  });

  it('keep what the client set, and end after their own days', async () => {
    await using world = new World();
    const own = { startTime: '2030-01-01T08:00:00+08:00', day: 3 };
    const { spec, metadata } = await created(world, keptBack(goods('goods1', own)));
    assert.equal(spec.startTime, own.startTime);
    assert.equal(spec.endTime, '2030-01-04T00:00:00.000Z');
    assert.deepEqual(metadata.finalizers, ['example.com/keep']);
  });

  it('may name the end that admission would have given', async () => {
    await using world = new World();
    const { spec } = await created(world, goods('goods1', { ...long, endTime: '2029-12-29T00:00:00Z' }));
    assert.equal(spec.endTime, '2029-12-29T00:00:00Z');
  });

  it('end with the year 9999 at the latest, which is the last that the API can write', async () => {
    await using world = new World();
    for (const startTime of ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59-23:59']) {
      const { spec } = await created(world, goods(`g${startTime.length}`, { startTime, day: 3650 }));
      assert.equal(spec.endTime, '9999-12-31T23:59:59.999Z');
    }
    const { spec } = await created(world, goods('old', { startTime: '0000-01-01T00:00:00+23:59' }));
    assert.equal(spec.endTime, '0000-01-01T00:01:00.000Z');
  });

  it('get their id though the client says that they are being deleted', async () => {
    await using world = new World();
    const manifest = goods();
    Object.assign(manifest.metadata, { deletionTimestamp: at(0) });
    const response = await world.mutate({
      kind: kindOf('SpikeGoods'),
      operation: 'CREATE',
      object: manifest,
    });
    assert.ok(patchOf(response).some(({ path }) => path === '/spec/goodsId'));
  });
});

describe('goods that change', () => {
  it('keep what was allocated when a client replaces them without it', async () => {
    await using world = new World();
    const { spec, metadata } = await created(world, goods('goods1', { day: 2 }));
    await world.clock.advance(minute);
    const { object } = await world.replace({ ...goods('goods1', { day: 2, stockCount: 9 }) } as Thing);
    assert.deepEqual(object?.spec, { ...spec, stockCount: 9 });
    assert.deepEqual(object?.metadata.finalizers, metadata.finalizers);
  });

  it('end later when days are added', async () => {
    await using world = new World();
    await created(world, goods());
    await world.clock.advance(minute);
    const { spec } = await changed(world, 'SpikeGoods', 'goods1', { spec: { day: 3 } });
    assert.equal(spec.startTime, at(0));
    assert.equal(spec.endTime, at(3 * day));
  });

  it('end later when a sale that has not begun is put off', async () => {
    await using world = new World();
    await created(world, goods('goods1', { startTime: at(day) }));
    const { spec } = await changed(world, 'SpikeGoods', 'goods1', { spec: { startTime: at(5 * day) } });
    assert.equal(spec.endTime, at(6 * day));
  });

  it('keep start and end when a client takes them away', async () => {
    await using world = new World();
    const before = await created(world, goods('goods1', { startTime: at(day) }));
    const change = { spec: { startTime: null, endTime: null, goodsId: null, stockCount: 6 } };
    const { spec } = await changed(world, 'SpikeGoods', 'goods1', change);
    assert.deepEqual(spec, { ...before.spec, stockCount: 6 });
  });

  it('are completed from their creation when they got past admission, though their sale is over', async () => {
    await using world = new World();
    for (const name of ['patched', 'replaced']) world.bypass(goods(name));
    await world.clock.advance(5 * day);
    const label = { metadata: { labels: { a: 'b' } } };
    const patched = await changed(world, 'SpikeGoods', 'patched', label);
    const replaced = (await world.replace(goods('replaced') as Thing)).object;
    for (const object of [patched, replaced]) {
      assert.match(object?.spec.goodsId, uuid);
      assert.equal(object?.spec.startTime, at(0));
      assert.equal(object?.spec.endTime, at(day));
    }
  });
});

describe('a new order', () => {
  it('has an id, its time, a deadline, and is unpaid', async () => {
    await using world = new World();
    const response = await world.mutate({ kind: kindOf('SpikeOrder'), operation: 'CREATE', object: order() });
    const added = Object.fromEntries(
      patchOf(response).map(({ op, path, value }) => [`${op} ${path}`, value]),
    );
    assert.match(added['add /spec/orderId'] as string, uuid);
    assert.deepEqual(added, {
      'add /spec/isPay': false,
      'add /spec/orderId': added['add /spec/orderId'],
      'add /spec/createTime': at(0),
      'add /spec/expiredTime': at(5 * minute),
    });
  });

  it('that is paid at once has a time of payment and no deadline', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods()]) await created(world, manifest);
    const { spec } = await created(world, order('order1', { isPay: true }));
    assert.equal(spec.payTime, at(0));
    assert.equal(spec.createTime, at(0));
    assert.equal('expiredTime' in spec, false);
  });

  it('loses the id and the times that a client gives it', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods()]) await created(world, manifest);
    const copied = {
      orderId: idOf.other,
      createTime: at(-minute),
      expiredTime: at(day),
      payTime: at(-minute),
    };
    const { spec } = await created(world, order('order1', copied));
    assert.notEqual(spec.orderId, idOf.other);
    assert.equal(spec.createTime, at(0));
    assert.equal(spec.expiredTime, at(5 * minute));
    assert.equal('payTime' in spec, false);
    // Not even a time of just now may come with a deadline of one's own.
    const soon = { ...copied, createTime: at(0) };
    assert.equal((await created(world, order('order2', soon))).spec.expiredTime, at(5 * minute));
  });
});

describe('an order that changes', () => {
  it('keeps what was allocated when a client replaces it without that', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods()]) await created(world, manifest);
    const { spec } = await created(world, order());
    await world.clock.advance(minute);
    const { object } = await world.replace(order() as Thing);
    assert.deepEqual(object?.spec, spec);
  });

  it('gets the time of its payment, whatever the client says', async () => {
    await using world = new World();
    for (const manifest of [buyer(), goods()]) await created(world, manifest);
    const { spec } = await created(world, order());
    await world.clock.advance(minute);
    const change = { spec: { isPay: true, payTime: at(-day) } };
    const paid = await changed(world, 'SpikeOrder', 'order1', change);
    assert.deepEqual(paid.spec, { ...spec, isPay: true, payTime: at(minute) });
    await world.clock.advance(minute);
    const again = await changed(world, 'SpikeOrder', 'order1', { metadata: { labels: { a: 'b' } } });
    assert.deepEqual(again.spec, paid.spec);
  });

  it('is completed by its next update when it got past admission, paid or not', async () => {
    await using world = new World();
    world.bypass(order('unpaid'));
    world.bypass(order('paid', { isPay: true }));
    await world.clock.advance(minute);
    const label = { metadata: { labels: { a: 'b' } } };
    const unpaid = await changed(world, 'SpikeOrder', 'unpaid', label);
    assert.equal(unpaid.spec.expiredTime, at(5 * minute));
    assert.equal(unpaid.spec.createTime, at(0));
    const paid = await changed(world, 'SpikeOrder', 'paid', label);
    assert.equal(paid.spec.payTime, at(0));
    assert.equal('expiredTime' in paid.spec, false);
    // It has no id before it is judged: that is how the leader knows that nobody let it in.
    assert.equal('orderId' in unpaid.spec, false);
    await world.patchStatus('SpikeOrder', 'unpaid', { phase: 'Unpaid' });
    const judged = await changed(world, 'SpikeOrder', 'unpaid', { metadata: { labels: { a: 'c' } } });
    assert.match(judged.spec.orderId, uuid);
  });
});

describe('buyers and sellers', () => {
  it('get an id, and keep it', async () => {
    await using world = new World();
    for (const [manifest, field] of [
      [buyer(), 'buyerId'],
      [seller(), 'sellerId'],
    ] as const) {
      const { spec } = await created(world, manifest);
      assert.match(spec[field], uuid);
      const { object } = await world.replace(manifest as Thing);
      assert.equal(object?.spec[field], spec[field]);
    }
  });
});

describe('defaults', () => {
  it('change nothing that they have filled in, however often they are asked', async () => {
    await using world = new World();
    for (const manifest of [seller(), buyer(), goods(), order(), order('order2', { isPay: true })]) {
      const object = await created(world, manifest);
      const kind = kindOf(manifest.kind);
      // Again on CREATE as after another webhook (reinvocationPolicy), a moment later and by a slower clock.
      for (const ms of [0, 900]) {
        await world.clock.advance(ms);
        assert.deepEqual(patchOf(await world.mutate({ kind, operation: 'CREATE', object })), []);
      }
      const oldObject = object;
      assert.deepEqual(patchOf(await world.mutate({ kind, operation: 'UPDATE', object, oldObject })), []);
    }
  });

  it('never touch a field that they do not know', async () => {
    await using world = new World();
    const odd = { 'a/b~c': [{ x: null }], constructor: { y: 1 }, '': '' };
    for (const manifest of [seller(), buyer(), goods(), order()]) {
      const { metadata, spec, ...rest } = manifest;
      const object = JSON.parse(
        `{"top":${JSON.stringify(odd)},"status":${JSON.stringify(odd)}}`.replace('"":', '"__proto__":'),
      );
      Object.assign(object, rest, { metadata: { ...metadata, odd }, spec: { ...spec, odd } });
      const kind = kindOf(manifest.kind);
      for (const operation of ['CREATE', 'UPDATE'] as const) {
        const oldObject = operation === 'UPDATE' ? manifest : null;
        const patch = patchOf(await world.mutate({ kind, operation, object, oldObject }));
        assert.ok(patch.length > 0);
        for (const { op, path } of patch) {
          assert.equal(op, 'add');
          assert.match(path, /^\/(spec\/(day|isPay|\w+(Id|Time))|metadata\/finalizers)$/);
        }
      }
    }
  });

  it('leave an object that breaks its schema to the API server', async () => {
    await using world = new World();
    const specs = [null, 5, 'x', [], {}, { price: '10' }, { ...goods().spec, startTime: 'soon' }];
    for (const spec of [...specs, { ...goods().spec, day: 0 }, { ...goods().spec, stockCount: 1e300 }]) {
      const object = { ...goods(), spec };
      for (const operation of ['CREATE', 'UPDATE'] as const) {
        const oldObject = operation === 'UPDATE' ? goods() : null;
        const response = await world.mutate({ kind: kindOf('SpikeGoods'), operation, object, oldObject });
        assert.equal(response.allowed, true);
        assert.deepEqual(patchOf(response), []);
      }
    }
    assert.equal(world.panics, 0);
  });
});

interface Operation {
  op: string;
  path: string;
  value?: unknown;
}

function patchOf(response: { patch?: string; patchType?: string }): Operation[] {
  assert.equal(response.patchType, response.patch === undefined ? undefined : 'JSONPatch');
  return response.patch ? JSON.parse(Buffer.from(response.patch, 'base64').toString()) : [];
}
