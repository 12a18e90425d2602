// The reflector lists and watches: however connections and events come in pieces, the cache comes to equal the
// server, and the server is not hammered.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { answer, listOf, refuse, thing, until } from './fake-server.ts';
import { from, ReflectorWorld } from './reflector-world.ts';

let world: ReflectorWorld;

beforeEach(async () => {
  world = await ReflectorWorld.create();
});
afterEach(() => world.stop());

describe('listing', () => {
  test('goes page by page, consistently, and then watches from there', async () => {
    const pages: Record<string, object> = {
      '': listOf([thing('a', 1), thing('b', 2)], '10', 'p2'),
      p2: listOf([thing('c', 3)], '10', 'p3'),
      p3: listOf([thing('d', 4)], '10'),
    };
    world.onList = (request, response) => answer(response, pages[request.query.get('continue') ?? '']);
    const sizes: number[] = [];
    world.cache.onChange(() => sizes.push(world.cache.size));
    const first = await world.begin();
    assert.deepEqual(world.held, ['a@1', 'b@2', 'c@3', 'd@4']);
    assert.deepEqual(sizes, [4, 4, 4, 4], 'the cache never shows half a list');
    assert.deepEqual(
      world.lists.map(({ query }) => String(query)),
      ['limit=500', 'limit=500&continue=p2', 'limit=500&continue=p3'],
    );
    assert.equal(from(first), '10');
    assert.equal(first.request.query.get('allowWatchBookmarks'), 'true');
    assert.equal(first.request.query.get('timeoutSeconds'), '300');
    assert.deepEqual(world.reflector.ready(), { ok: true });
  });

  test('starts over in one piece when the continue token has expired', async () => {
    world.onList = (request, response) => {
      if (request.query.get('continue')) refuse(response, 410, 'Expired', 'the continue token is too old');
      else if (request.query.get('limit')) answer(response, listOf([thing('a', 1)], '10', 'p2'));
      else answer(response, listOf([thing('a', 1), thing('b', 12)], '13'));
    };
    const first = await world.begin();
    assert.deepEqual(world.held, ['a@1', 'b@12']);
    assert.equal(from(first), '13');
    assert.deepEqual(world.failures, []);
  });

  test('a kind that is not installed yet is asked for again and again, then started', async () => {
    let installed = false;
    world.onList = (_, response) =>
      installed ? answer(response, listOf([], '10')) : refuse(response, 404, 'NotFound', 'no such kind');
    let started = false;
    const start = world.reflector.start(world.abort.signal).then(() => {
      started = true;
    });
    for (const ms of [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]) await world.passPause(ms);
    await until('it pauses', () => world.clock.pending === 1);
    assert.equal(started, false);
    assert.deepEqual(world.reflector.ready(), { ok: false, why: 'not listed yet: no such kind' });
    assert.deepEqual(world.failures.slice(0, 2), [
      'list #1 in 800: no such kind',
      'list #2 in 1600: no such kind',
    ]);
    installed = true;
    await world.passPause(30_000);
    await start;
    assert.equal(world.cache.isSynced, true);
    await world.watch();
  });
});

describe('watching', () => {
  test('goes on from the last event or bookmark when the server ends the watch', async () => {
    const first = await world.begin();
    first.event('ADDED', thing('b', 12));
    first.event('DELETED', thing('a', 13));
    first.bookmark('40');
    await world.follows('40');
    assert.deepEqual(world.held, ['b@12']);
    await world.clock.advance(60_000);
    first.end();
    assert.equal(from(await world.watch(2)), '40');
    assert.equal(world.lists.length, 1);
    assert.deepEqual(world.failures, []);
  });

  test('one that ends at once, again and again, is slowed down', async () => {
    const first = await world.begin();
    first.end();
    await world.passPause(800);
    (await world.watch(2)).end();
    await world.passPause(1_600);
    assert.equal(from(await world.watch(3)), '10');
    assert.deepEqual(world.failures, [
      'watch #1 in 800: the watch ended at once',
      'watch #2 in 1600: the watch ended at once',
    ]);
  });

  test('a connection that breaks inside an event costs that event nothing', async () => {
    const first = await world.begin();
    first.event('ADDED', thing('b', 12));
    const cut = Buffer.from(
      `${JSON.stringify({ type: 'ADDED', object: thing('c', 13, { spec: { note: 'ä' } }) })}\n`,
    );
    first.raw(cut.subarray(0, cut.indexOf(0xc3) + 1));
    await until('b is there', () => world.cache.size === 2);
    first.break();
    await world.passPause(800);
    const second = await world.watch(2);
    assert.equal(from(second), '12');
    second.raw(cut);
    await until('c is there', () => world.cache.size === 3);
    assert.equal(world.cache.get('default/c')!.spec!.note, 'ä');
    assert.equal(world.lists.length, 1);
  });

  test('events that come twice or late change nothing', async () => {
    const first = await world.begin();
    world.cache.observe(thing('a', 15));
    first.event('MODIFIED', thing('a', 12));
    first.event('ADDED', thing('b', 13));
    first.event('ADDED', thing('b', 13));
    first.event('DELETED', thing('b', 14));
    first.event('MODIFIED', thing('a', 15));
    await world.follows('15');
    assert.equal(world.cache.observe(thing('b', 13)), false);
    assert.deepEqual(world.held, ['a@15']);
  });

  test('after many failures a healthy watch starts the back-off anew', async () => {
    await world.begin();
    world.onWatch = (_, response) => refuse(response, 500, 'InternalError', 'etcd is away');
    world.watches[0]!.break();
    for (const ms of [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) await world.passPause(ms);
    await until('it pauses', () => world.clock.untilNext === 30_000);
    world.onWatch = world.open;
    await world.clock.advance(30_000);
    const second = await world.watch(2);
    await world.clock.advance(31_000);
    second.break();
    await world.passPause(800);
    await world.watch(3);
    assert.equal(world.lists.length, 1);
  });

  test('a server that asks for time is given it', async () => {
    await world.begin();
    world.onWatch = (_, response) => refuse(response, 429, 'TooManyRequests', 'full', { 'retry-after': '7' });
    world.watches[0]!.break();
    await world.passPause(800);
    await until('it pauses for 7 s', () => world.clock.untilNext === 7_000);
    assert.match(world.failures[1]!, /watch #2 in 7000: full/);
  });
});

test('stopping before the first list ends the start', async () => {
  world.onList = () => {};
  const start = world.reflector.start(world.abort.signal);
  await until('the list is asked for', () => world.lists.length === 1);
  world.abort.abort();
  await start;
  assert.equal(world.cache.isSynced, false);
  await until('no connection is left', () => world.server.connections === 0);
});
