// What the board says of a sale: goods, orders, refusals and news, within bounds and in words that are only text.
import assert from 'node:assert/strict';
import { describe, it, type TestContext, test } from 'node:test';
import { refusalCodes } from '../../src/api/refusals.ts';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import { clipped } from '../../src/board/clipped.ts';
import type { State } from '../../src/board/wire.ts';
import { settle } from '../simulated-clock.ts';
import { at, type BoardWorld, follow, goods, openBoard, order, pass, type Stream, start } from './world.ts';

/** What a viewer knows once time stands still. */
async function seen(
  { clock }: BoardWorld,
  stream: Stream,
  holds: (state: State) => boolean,
): Promise<Required<State>> {
  await pass(clock, 250, () => holds(stream.state()));
  return stream.state() as Required<State>;
}

test('a goods row adds up: left, held, reserved and sold are the stock', async (t) => {
  const world = await openBoard(t);
  world.caches.goods.replaceAll(
    [goods('phone', { title: 'Phone', left: 40, reserved: 20, num: 30 })],
    '1000',
  );
  const state = await seen(world, await follow(world), ({ goods: it }) => it?.rows.length === 1);
  const [row] = state.goods.rows;
  assert.deepEqual(
    { ...row, startsAt: 0, endsAt: 0 },
    {
      key: 'shop/phone',
      title: 'Phone',
      phase: 'OnSale',
      price: '800',
      before: '1000',
      stock: 100,
      left: 40,
      held: 10,
      reserved: 20,
      sold: 30,
      pace: 0,
      startsAt: 0,
      endsAt: 0,
    },
  );
  assert.deepEqual(
    [state.totals.stock, state.totals.left, state.totals.held, state.totals.reserved, state.totals.sold],
    [100, 40, 10, 20, 30],
  );
});

test('stock that goes shows as a pace, and the row follows it', async (t) => {
  const world = await openBoard(t);
  world.caches.goods.replaceAll([goods('phone')], '1000');
  const stream = await follow(world);
  await seen(world, stream, ({ goods: it }) => it?.rows.length === 1);
  world.caches.goods.observe({ ...goods('phone', { left: 70 }), metadata: newer(world, 'shop/phone') });
  const state = await seen(world, stream, ({ goods: it }) => it?.rows[0]?.left === 70);
  assert.equal(state.goods.rows[0]?.pace, 3);
  world.caches.goods.observe({ ...goods('phone', { left: 85 }), metadata: newer(world, 'shop/phone') });
  const returned = await seen(world, stream, ({ goods: it }) => it?.rows[0]?.left === 85);
  assert.equal(returned.goods.rows[0]?.pace, 3, 'what comes back makes nobody slower');
  const later = await seen(world, stream, ({ goods: it }) => it?.rows[0]?.pace === 0);
  assert.equal(later.goods.rows[0]?.left, 85);
});

test('phases follow the clock, not the last write of a leader', async (t) => {
  const world = await openBoard(t);
  const times = { startTime: at(5000), endTime: at(20_000) };
  world.caches.goods.replaceAll([goods('phone', times), goods('gone', { left: 0 })], '1000');
  const stream = await follow(world);
  const phases = (state: State) => state.goods?.rows.map(({ key, phase }) => `${key} ${phase}`);
  const before = await seen(world, stream, ({ goods: it }) => it?.rows.length === 2);
  assert.deepEqual(phases(before), ['shop/gone SoldOut', 'shop/phone Scheduled']);
  const during = await seen(world, stream, ({ goods: it }) => it?.rows[0]?.phase === 'OnSale');
  assert.deepEqual(phases(during), ['shop/phone OnSale', 'shop/gone SoldOut']);
  await seen(world, stream, ({ goods: it }) => it?.rows[1]?.phase === 'Ended');
});

test('orders are counted by state, per second of their own times, and the next to expire come first', async (t) => {
  const world = await openBoard(t);
  world.clock.jump(10_000);
  world.caches.orders.replaceAll(
    [
      ...Array.from({ length: 30 }, (_, n) =>
        order(`u${n}`, { expiredTime: at(300_000 - n * 1000), createTime: at(9000) }),
      ),
      order('p', { phase: 'Paid', createTime: at(7000), payTime: at(8000) }),
      order('e', { phase: 'Expired', createTime: at(-400_000) }),
      order('r', { phase: 'Rejected', createTime: at(-400_000) }),
    ],
    '1000',
  );
  const state = await seen(world, await follow(world), ({ totals }) => totals?.unpaid === 30);
  assert.deepEqual(
    [state.totals.unpaid, state.totals.paid, state.totals.expired, state.totals.rejected],
    [30, 1, 1, 1],
  );
  assert.deepEqual(state.due.rows.map(({ key }) => key).slice(0, 3), ['shop/u29', 'shop/u28', 'shop/u27']);
  assert.equal(state.due.rows.length, 6);
  assert.equal(state.due.more, 24);
  assert.equal(state.due.rows[0]?.at, start + 271_000);
  assert.deepEqual(state.pulse.accepted.slice(-3), [1, 0, 30]);
  assert.deepEqual(state.pulse.paid.slice(-3), [0, 1, 0]);
});

test('an order that is paid, expires or is deleted leaves the list of those that wait', async (t) => {
  const world = await openBoard(t);
  world.caches.orders.replaceAll(
    ['a', 'b', 'c', 'd'].map((name) => order(name)),
    '1000',
  );
  const stream = await follow(world);
  await seen(world, stream, ({ due }) => due?.rows.length === 4);
  const { orders } = world.caches;
  orders.observe({ ...order('a', { phase: 'Paid' }), metadata: newer(world, 'shop/a', 'orders') });
  orders.observe({ ...order('b', { phase: 'Expired' }), metadata: newer(world, 'shop/b', 'orders') });
  orders.apply({ type: 'DELETED', object: { ...order('c'), metadata: newer(world, 'shop/c', 'orders') } });
  const state = await seen(world, stream, ({ due }) => due?.rows.length === 1);
  assert.deepEqual(
    state.due.rows.map(({ key }) => key),
    ['shop/d'],
  );
  assert.deepEqual([state.totals.unpaid, state.totals.paid, state.totals.expired], [1, 1, 1]);
});

test('what was derived on opening and what was followed since are the same counts', async (t) => {
  const world = await openBoard(t);
  const stream = await follow(world);
  const { orders } = world.caches;
  orders.replaceAll([], '1');
  for (let n = 0; n < 200; n++) {
    const name = `o${n % 40}`;
    const phase = (['Unpaid', 'Paid', 'Expired', 'Rejected'] as const)[(n * 7) % 4]!;
    if (n % 11 === 10) {
      const gone = orders.get(`shop/${name}`);
      if (gone)
        orders.apply({
          type: 'DELETED',
          object: { ...gone, metadata: newer(world, `shop/${name}`, 'orders') },
        });
    } else orders.observe(order(name, { phase }));
  }
  const phases = [...orders.values()].map(({ status }) => status?.phase);
  const expected = (['Unpaid', 'Paid', 'Expired', 'Rejected'] as const).map(
    (it) => phases.filter((phase) => phase === it).length,
  );
  const counts = ({ totals: it }: State) => it && [it.unpaid, it.paid, it.expired, it.rejected];
  const followed = await seen(world, stream, (state) => String(counts(state)) === String(expected));
  stream.close();
  // After the lingering the next viewer finds everything counted anew.
  await pass(world.clock, 1000, () => world.clock.pending === 0);
  const derived = await seen(world, await follow(world), ({ totals }) => totals !== undefined);
  assert.deepEqual(derived.totals, followed.totals);
  assert.deepEqual(derived.due, followed.due);
});

test('refusals are counted by reason, a dry run is none, and reasons that are not ours share a row', async (t) => {
  const world = await openBoard(t);
  const decided = (reason: string, more: object = {}) =>
    world.board.decided(
      { allowed: false, reason, dryRun: undefined, ms: 2, ...more },
      `message of ${reason}`,
    );
  for (let n = 0; n < 5; n++) decided('SoldOut');
  decided('Invalid');
  decided('SoldOut', { dryRun: true });
  for (let n = 0; n < 1000; n++) decided(`__proto__${n}`);
  decided('constructor');
  world.board.decided({ allowed: true, reason: undefined, dryRun: undefined, ms: 9 }, 'allowed');
  const state = await seen(world, await follow(world), ({ refusals }) => refusals !== undefined);
  assert.deepEqual(
    state.refusals.rows.map(({ reason, total }) => [reason, total]),
    [
      ['Error', 1001],
      ['SoldOut', 5],
      ['Invalid', 1],
    ],
  );
  assert.equal(state.refusals.rows[1]?.example, 'message of SoldOut');
  assert.equal(state.refusals.total, 1007);
  assert.deepEqual([state.health.admission.p50, state.health.admission.p99], [2, 2]);
  assert.equal(state.health.admission.calls, 1009);
});

test('news of one sort within two seconds are one row', async (t) => {
  const world = await openBoard(t);
  const told = (who: string, topic: string, ms: number) =>
    world.board.told({
      at: start + ms,
      topic,
      namespace: 'shop',
      about: [],
      who,
      what: 'reserved',
      count: 1,
    });
  for (let n = 0; n < 50; n++) told(`order o${n}`, 'order.Unpaid', n * 10);
  told('order o1', 'order.Paid', 600);
  told('order o50', 'order.Unpaid', 2600);
  const state = await seen(world, await follow(world), ({ news }) => news?.length === 3);
  assert.deepEqual(
    state.news.map(({ who, more }) => [who, more]),
    [
      ['order o50', 0],
      ['order o1', 0],
      ['order o0', 49],
    ],
  );
});

test('however large the sale and whatever its names, a state is bounded and one line of JSON', async (t) => {
  const world = await openBoard(t);
  const hostile = '<script>alert(1)</script>\n\ndata: {}\r\u2028"😀'.repeat(40);
  world.caches.goods.replaceAll(
    Array.from({ length: 2000 }, (_, n) => goods(`g${n}`, { title: hostile })),
    '5000',
  );
  world.caches.orders.replaceAll(
    Array.from({ length: 20_000 }, (_, n) => order(`o${n}`, { buyerId: hostile })),
    '50000',
  );
  for (const reason of Object.keys(refusalCodes)) {
    world.board.decided({ allowed: false, reason, dryRun: undefined, ms: 1 }, hostile);
  }
  for (let n = 0; n < 500; n++) {
    world.board.told({
      at: start + n * 5000,
      topic: 'order.Paid',
      who: hostile,
      what: hostile,
      tone: 'good',
      count: 1,
    });
  }
  const stream = await follow(world);
  const state = await seen(world, stream, ({ goods: it }) => it?.rows.length === 24);
  assert.deepEqual([state.goods.more, state.due.more], [1976, 19_994]);
  assert.ok(stream.text().length < 64_000, `${stream.text().length} bytes`);
  // One event of one data line: no name can begin another one.
  assert.equal(stream.text().match(/^data: /gm)?.length, stream.events.length);
  assert.ok(state.goods.rows[0]!.title.startsWith('<script>alert(1)'));
});

test('of more goods than fit, the busy ones are shown', async (t) => {
  const world = await openBoard(t, { limits: { goods: 3 } });
  world.caches.goods.replaceAll(
    Array.from({ length: 20 }, (_, n) => goods(`g${n}`)),
    '1000',
  );
  const stream = await follow(world);
  await seen(world, stream, ({ goods: it }) => it?.rows.length === 3);
  for (const name of ['g17', 'g4']) {
    world.caches.goods.observe({ ...goods(name, { left: 5 }), metadata: newer(world, `shop/${name}`) });
  }
  const state = await seen(
    world,
    stream,
    ({ goods: it }) => it?.rows.some(({ key }) => key === 'shop/g17') ?? false,
  );
  assert.deepEqual(
    state.goods.rows.map(({ key }) => key),
    ['shop/g0', 'shop/g4', 'shop/g17'],
  );
});

/** The metadata of a cached object, one revision on. */
let revision = 1_000_000;
function newer({ caches }: BoardWorld, key: string, cache: 'goods' | 'orders' = 'goods') {
  return { ...caches[cache].get(key)!.metadata, resourceVersion: String(++revision) };
}

test('a text is cut between characters', () => {
  assert.equal(clipped('short', 10), 'short');
  assert.equal(clipped('0123456789', 10), '0123456789');
  assert.equal(clipped('01234567890', 10), '012345678…');
  assert.equal(clipped('01234567😀😀', 10), '01234567…');
});

describe('a part of the sale', () => {
  /** Two namespaces; in shop two sellers, whose orders name goods by name and by id. */
  async function two(t: TestContext) {
    const world = await openBoard(t);
    const of = (it: SpikeGoods, sellerId: string) => ({
      ...it,
      spec: { ...it.spec, sellerId, goodsId: `id-${it.metadata.name}` },
    });
    world.caches.goods.replaceAll(
      [
        of(goods('phone', { left: 90, reserved: 10 }), 'ann'),
        of(goods('shoe', { left: 70 }), 'bob'),
        of(goods('cup', { namespace: 'other', left: 50 }), 'ann'),
      ],
      '1000',
    );
    const named = (name: string, reference: string) => {
      const it = order(name);
      return { ...it, spec: { ...it.spec, goodsMap: { [reference]: 1 } } };
    };
    world.caches.orders.replaceAll([named('a', 'phone'), named('b', 'id-phone'), named('c', 'shoe')], '1000');
    const told = (namespace: string, name: string, about: string[]) =>
      world.board.told({
        at: start,
        topic: 'order.Unpaid',
        namespace,
        about,
        who: `order ${name}`,
        what: 'reserved',
        count: 1,
      });
    told('shop', 'a', ['shop/phone']);
    told('other', 'x', ['other/cup']);
    return world;
  }
  const look = async (world: BoardWorld, query: string) => {
    const { goods, totals, due, news, places } = await seen(
      world,
      await follow(world, query),
      (it) => it.goods !== undefined,
    );
    return {
      goods: goods.rows.map(({ key }) => key),
      left: totals.left,
      unpaid: totals.unpaid,
      due: due.rows.map(({ key }) => key),
      news: news.map(({ namespace, who }) => `${namespace} ${who}`),
      places,
    };
  };

  it('is a namespace, a seller, or both, and nothing else is in it', async (t) => {
    const world = await two(t);
    const all = await look(world, '');
    assert.deepEqual(all.goods, ['other/cup', 'shop/phone', 'shop/shoe']);
    assert.deepEqual([all.left, all.unpaid], [210, 3]);
    assert.deepEqual(all.news, ['other order x', 'shop order a']);
    assert.deepEqual(all.places, { namespaces: ['other', 'shop'], sellers: ['ann', 'bob'] });
    const shop = await look(world, '?namespace=shop');
    assert.deepEqual([shop.goods, shop.left, shop.unpaid], [['shop/phone', 'shop/shoe'], 160, 3]);
    assert.deepEqual(shop.news, ['shop order a']);
    const ann = await look(world, '?namespace=shop&seller=ann');
    assert.deepEqual([ann.goods, ann.left, ann.due], [['shop/phone'], 90, ['shop/a', 'shop/b']]);
    assert.deepEqual(ann.news, ['shop order a']);
    const other = await look(world, '?namespace=other');
    assert.deepEqual([other.unpaid, other.news, other.places.sellers], [0, ['other order x'], ['ann']]);
    assert.deepEqual((await look(world, '?namespace=__proto__')).goods, []);
  });

  it('follows its orders: one that ends, and one that comes', async (t) => {
    const world = await two(t);
    const stream = await follow(world, '?seller=bob');
    await seen(world, stream, ({ totals }) => totals?.unpaid === 1);
    const paid = order('c', { phase: 'Paid' });
    world.caches.orders.observe({
      ...paid,
      spec: { ...paid.spec, goodsMap: { shoe: 1 } },
      metadata: newer(world, 'shop/c', 'orders'),
    });
    await seen(world, stream, ({ totals }) => totals?.unpaid === 0 && totals.paid === 1);
  });

  it('has no more rooms than viewers', async (t) => {
    const world = await openBoard(t, { limits: { viewers: 2 } });
    const streams = [await follow(world, '?namespace=a'), await follow(world, '?namespace=b')];
    await assert.rejects(follow(world, '?namespace=c'), /503/);
    for (const stream of streams) stream.close();
    await pass(world.clock, 1000, () => world.board.viewers === 0 && world.clock.pending === 0);
    await follow(world, '?namespace=c');
  });
});

test('all figures of one frame are of one moment: the totals are the sums of the rows', async (t) => {
  const world = await openBoard(t);
  world.caches.goods.replaceAll([goods('a'), goods('b')], '1000');
  const stream = await follow(world);
  await seen(world, stream, ({ goods: it }) => it?.rows.length === 2);
  for (let left = 99; left > 60; left--) {
    for (const name of ['a', 'b'])
      world.caches.goods.observe({ ...goods(name, { left }), metadata: newer(world, `shop/${name}`) });
    await world.clock.advance(250);
    await settle();
  }
  await seen(world, stream, ({ goods: it }) => it?.rows.every(({ left }) => left === 61) === true);
  let state = {} as State;
  let frames = 0;
  for (const event of stream.events) {
    state = { ...state, ...event.state };
    assert.equal(
      state.totals?.left,
      state.goods?.rows.reduce((sum, { left }) => sum + left, 0),
      `frame ${event.id}`,
    );
    frames++;
  }
  assert.ok(frames > 10, `${frames}`);
});
