// What admission takes for an order, and that it leaves nothing behind where it should not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { holdsOf } from '../../src/api/holds.ts';
import { refuse } from '../../src/api/refusals.ts';
import { ApiError } from '../../src/kube/errors.ts';
import { GoodsWriteError } from '../../src/ledger/ports.ts';
import { buyer, goods, idOf, order } from '../refusals/scenario.ts';
import { settle } from '../simulated-clock.ts';
import { uidOf } from './reviews.ts';
import { kindOf } from './things.ts';
import { at, World } from './world.ts';

/** What a call ends with while etcd is away. */
const away = new ApiError(500, { reason: 'InternalError', message: 'etcdserver: no leader' });

const heldIn = (world: World, name = 'goods1') =>
  holdsOf(world.get('SpikeGoods', name)?.status).map(({ order, quantity }) => [order, quantity]);

const leftOf = (world: World, name = 'goods1') => world.get('SpikeGoods', name)?.status?.lastStockCount;

async function shop(...more: ReturnType<typeof goods>[]): Promise<World> {
  const world = new World();
  for (const manifest of [buyer(), goods(), ...more]) {
    const { response } = await world.create(manifest);
    assert.equal(response.allowed, true, response.status?.message);
  }
  return world;
}

describe('an order that is let in', () => {
  it('has its stock held under its uid, and says so in the audit log', async () => {
    await using world = await shop();
    const { object, response } = await world.create(order());
    assert.deepEqual(holdsOf(world.get('SpikeGoods', 'goods1')?.status), [
      { uid: object?.metadata.uid, order: 'order1', quantity: 2, time: at(0) },
    ]);
    assert.equal(leftOf(world), 3);
    assert.deepEqual(response.auditAnnotations, { hold: 'goods1=2' });
  });

  it('may come right after its buyer and goods, before any cache has seen them', async () => {
    await using world = new World();
    await world.create(buyer(), { seen: false });
    await world.create(goods(), { seen: false });
    const { response } = await world.create(order());
    assert.equal(response.allowed, true, response.status?.message);
    assert.equal(leftOf(world), 3);
  });

  it('may name 64 goods of which no cache has seen one', async () => {
    await using world = new World();
    await world.create(buyer(), { seen: false });
    const goodsMap: Record<string, number> = {};
    for (let number = 0; number < 64; number++) {
      await world.create(goods(`late-${number}`), { seen: false });
      goodsMap[`late-${number}`] = 1;
    }
    const { response } = await world.create(order('order1', { goodsMap }));
    assert.equal(response.allowed, true, response.status?.message);
  });

  it('takes its last units exactly', async () => {
    await using world = await shop();
    assert.equal((await world.create(order('order1', { goodsMap: { goods1: 5 } }))).response.allowed, true);
    assert.equal(leftOf(world), 0);
  });

  it('has one hold for goods that it names by name and by id', async () => {
    await using world = await shop();
    const both = order('order1', { goodsMap: { [idOf.goods]: 2, goods1: 1 } });
    const outcome = await world.run({ create: both });
    assert.ok(outcome);
    const { response } = outcome;
    assert.deepEqual(heldIn(world), [['order1', 3]]);
    assert.deepEqual(response.auditAnnotations, { hold: 'goods1=3' });
  });

  it('has one hold when it is asked about twice', async () => {
    await using world = await shop();
    const { object } = await world.create(order());
    const asked = { kind: kindOf('SpikeOrder'), operation: 'CREATE', object: object ?? null } as const;
    const [again, ...more] = await Promise.all([1, 2, 3].map(() => world.validate(asked)));
    for (const response of [again, ...more]) assert.equal(response?.allowed, true);
    assert.deepEqual(heldIn(world), [['order1', 2]]);
  });

  it('may leave its name to the API server', async () => {
    await using world = await shop();
    const { object } = await world.create({ ...order(), metadata: { generateName: 'order-' } });
    assert.match(object?.metadata.name ?? '', /^order-/);
    assert.deepEqual(heldIn(world), [[object?.metadata.name, 2]]);
  });

  it('may name goods and buyer as every object names its parts', async () => {
    await using world = await shop(goods('constructor'), goods('to-string'));
    await world.create(buyer('prototype'));
    const odd = order('valueof', { buyerId: 'prototype', goodsMap: { constructor: 1, 'to-string': 1 } });
    const { response } = await world.create(odd);
    assert.equal(response.allowed, true, response.status?.message);
    assert.deepEqual(heldIn(world, 'constructor'), [['valueof', 1]]);
  });

  it('has its stock, however many ask at once', async () => {
    await using world = await shop(goods('goods2', { stockCount: 1000 }));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        world.create(order(`o${i}`, { goodsMap: { goods1: 1, goods2: 2 } })),
      ),
    );
    const allowed = answers.filter(({ response }) => response.allowed);
    await settle();
    assert.equal(allowed.length, 5);
    for (const { response } of answers)
      if (!response.allowed) assert.match(response.status?.reason ?? '', /^(SoldOut|InsufficientStock)$/);
    assert.equal(heldIn(world).length, 5);
    assert.equal(heldIn(world, 'goods2').length, 5);
    assert.equal(leftOf(world, 'goods2'), 990);
  });
});

describe('an order that is refused', () => {
  it('holds nothing of other goods', async () => {
    await using world = await shop(goods('goods2', { stockCount: 1 }), goods('goods0'));
    const many = order('order1', { goodsMap: { goods2: 2, goods1: 1, goods0: 1 } });
    const writes = world.store.writes;
    const { response } = await world.create(many);
    assert.equal(
      response.status?.message,
      'spec.goodsMap.goods2: not enough stock: requested 2, available 1',
    );
    await settle();
    assert.equal(world.store.writes, writes);
    for (const name of ['goods0', 'goods1', 'goods2']) assert.deepEqual(heldIn(world, name), []);
  });

  it('holds nothing when its name is taken, though the cache is late', async () => {
    await using world = await shop();
    await world.create(order());
    const writes = world.store.writes;
    assert.equal((await world.create(order())).response.status?.reason, 'AlreadyExists');
    assert.equal(world.liveReads, 1);
    assert.equal(world.store.writes, writes);
    assert.deepEqual(heldIn(world), [['order1', 2]]);
  });

  it('hears that its name is taken, not that the goods are sold out, when it is stored while it waits', async () => {
    await using world = await shop(goods('goods2', { stockCount: 1 }));
    const { hold } = world.context.gate;
    // Another request of the name takes the last unit, is stored, and the watch tells of it meanwhile.
    world.context.gate.hold = async () => {
      world.context.gate.hold = hold.bind(world.context.gate);
      await world.create(order('order1', { goodsMap: { goods2: 1 } }));
      return { ...refuse('SoldOut', 'spec.goodsMap.goods2: sold out'), field: 'spec.goodsMap.goods2' };
    };
    const { response } = await world.create(order('order1', { goodsMap: { goods2: 1 } }));
    assert.equal(response.status?.reason, 'AlreadyExists');
    assert.equal(world.liveReads, 1);
  });

  it('is not refused for a name that the cache has not seen go', async () => {
    await using world = await shop();
    const { object } = await world.create(order());
    await world.delete('SpikeOrder', 'order1');
    if (object) world.caches.orders.put(object);
    assert.equal((await world.create(order())).response.allowed, true);
    assert.equal(world.liveReads, 1);
  });

  it('costs one look when it names 64 goods that do not exist', async () => {
    await using world = await shop();
    const looks: string[] = [];
    const { refresh } = world.context.live;
    world.context.live.refresh = (kind, namespace, name) => {
      looks.push(name);
      return refresh(kind, namespace, name);
    };
    const unknown = Array.from({ length: 64 }, (_, number) => [`unknown-${number}`, 1]);
    const { response } = await world.create(order('order1', { goodsMap: Object.fromEntries(unknown) }));
    assert.equal(response.status?.reason, 'GoodsNotFound');
    assert.deepEqual(looks, ['unknown-0']);
  });

  it('hears that the goods are gone, though the cache still has them', async () => {
    await using world = await shop();
    const { object } = await world.create(goods('goods2', { stockCount: 0 }));
    await world.delete('SpikeGoods', 'goods2');
    if (object) world.caches.goods.put(object);
    const { response } = await world.create(order('order1', { goodsMap: { goods2: 1 } }));
    assert.equal(response.status?.reason, 'GoodsNotFound');
    assert.equal(response.status?.message, 'spec.goodsMap: no goods goods2 in this namespace');
  });

  it('hears that it may come again when others are always faster', async () => {
    await using world = await shop();
    world.store.failures = Array.from({ length: 30 }, () => new GoodsWriteError('conflict', 'modified'));
    const creating = world.create(order());
    for (let i = 0; i < 400; i++) {
      await settle();
      await world.clock.advance(25);
    }
    const { response } = await creating;
    assert.deepEqual(response.status, {
      status: 'Failure',
      code: 429,
      reason: 'TooManyRequests',
      message: 'the stock is being changed by too many others; try again',
      details: { group: 'myapp.spike.com', kind: 'SpikeOrder', name: 'order1', retryAfterSeconds: 1 },
    });
  });

  it('hears so in time when the store does not answer', async () => {
    await using world = await shop();
    let answered = false;
    world.context.gate.hold = () => new Promise(() => undefined);
    const creating = world.create(order()).finally(() => {
      answered = true;
    });
    while (world.clock.pending === 0) await settle();
    // ?timeout=10s is the API server's patience.
    await world.clock.advance(9700);
    assert.equal(answered, false);
    await world.clock.advance(299);
    const { response } = await creating;
    assert.equal(response.status?.code, 429);
    assert.equal(response.status?.details?.retryAfterSeconds, 1);
    assert.equal(world.clock.pending, 0);
  });

  const failing = async (world: World, error: GoodsWriteError) => {
    world.store.failures = Array.from({ length: 3 }, () => error);
    const creating = world.create(order(), { uid: uidOf(1) });
    for (let i = 0; i < 20; i++) {
      await settle();
      await world.clock.advance(25);
    }
    return (await creating).response;
  };

  it('is told which request failed when the store fails', async () => {
    await using world = await shop();
    const { status, uid } = await failing(world, new GoodsWriteError('unknown', 'a fault'));
    assert.equal(status?.code, 500);
    assert.equal(status?.message, `internal error (request ${uid})`);
  });

  it('hears that it may come again when the API server does not answer', async () => {
    await using world = await shop();
    const { status } = await failing(world, new GoodsWriteError('unknown', 'no leader', { cause: away }));
    assert.equal(status?.code, 429);
    assert.equal(status?.details?.retryAfterSeconds, 1);
    assert.equal(world.panics, 0);
  });

  it('does not hear that its buyer is missing when nobody could look', async () => {
    await using world = await shop();
    for (const kind of ['buyers', 'goods'] as const) {
      const { refresh } = world.context.live;
      world.context.live.refresh = async () => Promise.reject(away);
      const spec = kind === 'buyers' ? { buyerId: 'unseen' } : { goodsMap: { unseen: 1 } };
      const { response } = await world.create(order('order1', spec));
      assert.equal(response.status?.reason, 'TooManyRequests');
      world.context.live.refresh = refresh;
    }
  });
});

describe('a dry run', () => {
  it('gives the answer of a real one and leaves nothing behind', async () => {
    await using world = await shop(goods('goods2', { stockCount: 1 }));
    const before = JSON.stringify(world.all('SpikeGoods'));
    const dry = { dryRun: true };
    const bought = await world.create(order(), dry);
    assert.equal(bought.response.allowed, true);
    const soldOut = await world.create(order('order2', { goodsMap: { goods1: 1, goods2: 2 } }), dry);
    assert.equal(
      soldOut.response.status?.message,
      'spec.goodsMap.goods2: not enough stock: requested 2, available 1',
    );
    await settle();
    assert.equal(world.store.writes, 0);
    assert.equal(JSON.stringify(world.all('SpikeGoods')), before);
    assert.deepEqual(world.all('SpikeOrder'), []);
  });
});
