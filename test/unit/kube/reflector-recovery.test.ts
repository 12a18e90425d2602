// The reflector finds its way back: from an old resourceVersion, from silence, and when it is told to.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { settle } from '../../simulated-clock.ts';
import { answer, listOf, refuse, thing, until } from './fake-server.ts';
import { from, ReflectorWorld } from './reflector-world.ts';

let world: ReflectorWorld;

beforeEach(async () => {
  world = await ReflectorWorld.create();
});
afterEach(() => world.stop());

describe('an old resourceVersion', () => {
  const again = () => {
    world.onList = (_, response) => answer(response, listOf([thing('b', 90)], '100'));
  };

  test('told by status makes it list again, at once when the last list is long ago', async () => {
    await world.begin();
    again();
    world.onWatch = (_, response) => refuse(response, 500, 'InternalError', 'restarting');
    world.watches[0]!.break();
    for (const ms of [800, 1_600, 3_200, 6_400, 12_800]) await world.passPause(ms);
    world.onWatch = (_, response) => {
      world.onWatch = world.open;
      refuse(response, 410, 'Expired', 'too old resource version: 10 (80)');
    };
    await world.passPause(25_600);
    await until('it pauses for no time', () => world.clock.untilNext === 0);
    await world.clock.advance(0);
    assert.equal(from(await world.watch(2)), '100');
    assert.deepEqual(world.held, ['b@90']);
    assert.equal(world.lists.length, 2);
  });

  test('told by an ERROR event does the same; the second time in a row it waits', async () => {
    const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
    const first = await world.begin();
    again();
    await world.clock.advance(30_000);
    first.event('ERROR', gone);
    await world.passPause(0);
    (await world.watch(2)).event('ERROR', gone);
    await world.passPause(1_600);
    assert.equal(from(await world.watch(3)), '100');
    assert.equal(world.lists.length, 3);
  });

  test('a list keeps what was observed after it, and takes out what is gone', async () => {
    const first = await world.begin();
    world.onList = (_, response) => {
      // While the list is on its way: two writes of our own.
      world.cache.observe(thing('mine', 105));
      world.cache.observe(thing('b', 110));
      answer(response, listOf([thing('b', 90)], '100'));
    };
    first.event('ERROR', { kind: 'Status', code: 410, reason: 'Gone' });
    await world.passPause(800);
    await world.watch(2);
    assert.deepEqual(world.held, ['b@110', 'mine@105']);
  });
});

describe('silence', () => {
  test('ends a watch that had bookmarks after 150 s', async () => {
    const first = await world.begin();
    await world.clock.advance(60_000);
    first.bookmark('20');
    await world.follows('20');
    assert.equal(world.reflector.lastActivity, world.clock.monotonic());
    await world.clock.advance(149_999);
    await settle();
    assert.deepEqual(world.failures, []);
    await world.clock.advance(1);
    await world.passPause(800);
    assert.match(world.failures[0]!, /watch things: nothing came for 150 s/);
    assert.equal(from(await world.watch(2)), '20');
  });

  test('is fine without bookmarks, until the server should have ended the watch', async () => {
    await world.begin();
    await world.clock.advance(329_999);
    await settle();
    assert.deepEqual(world.failures, []);
    await world.clock.advance(1);
    await world.passPause(800);
    assert.match(world.failures[0]!, /did not end it in time/);
    await world.watch(2);
  });

  test('of a busy watch is none', async () => {
    const first = await world.begin();
    for (let i = 0; i < 8; i++) {
      first.bookmark(String(20 + i));
      await world.follows(String(20 + i));
      await world.clock.advance(40_000);
    }
    assert.deepEqual(world.failures, []);
  });
});

describe('resync', () => {
  test('lists again, consistently, and goes on watching from there', async () => {
    await world.begin();
    world.onList = (_, response) => answer(response, listOf([thing('b', 90)], '100'));
    await world.reflector.resync();
    assert.deepEqual(world.held, ['b@90']);
    assert.equal(String(world.lists[1]!.query), 'limit=500');
    assert.equal(from(await world.watch(2)), '100');
    assert.deepEqual(world.failures, [], 'a watch that was ended for it is no failure');
  });

  test('asked for while a list is on its way waits for the next one', async () => {
    await world.begin();
    const held: ServerResponse[] = [];
    world.onList = (_, response) => held.push(response);
    const first = world.reflector.resync();
    await until('the list is asked for', () => held.length === 1);
    let done = false;
    const second = world.reflector.resync().then(() => {
      done = true;
    });
    answer(held[0]!, listOf([], '100'));
    await first;
    await until('another list is asked for', () => held.length === 2);
    assert.equal(done, false);
    answer(held[1]!, listOf([], '101'));
    await second;
    assert.equal(world.reflector.lastSyncResourceVersion, '101');
    await world.watch(2);
  });

  test('goes on trying while lists fail, and cuts a pause short', async () => {
    await world.begin();
    world.onWatch = (_, response) => refuse(response, 500, 'InternalError', 'no');
    world.watches[0]!.break();
    await until('it pauses', () => world.clock.untilNext === 800);
    let wrong = 2;
    world.onList = (_, response) =>
      wrong-- > 0 ? refuse(response, 500, 'InternalError', 'no') : answer(response, listOf([], '100'));
    const resync = world.reflector.resync();
    await world.passPause(1_600);
    await world.passPause(3_200);
    await resync;
    assert.equal(world.cache.size, 0);
    await until('it pauses', () => world.clock.pending === 1);
  });

  test('is refused by a reflector that stops', async () => {
    await world.begin();
    world.onList = () => {};
    const resync = world.reflector.resync().catch((error) => error);
    await until('the list is asked for', () => world.lists.length === 2);
    await world.reflector.stop();
    assert.match(String(await resync), /is stopped/);
    assert.match(String(await world.reflector.resync().catch((error) => error)), /is stopped/);
  });
});
