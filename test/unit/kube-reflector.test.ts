// The reflector against a scripted server: however connections, lists and watches fail, the cache comes to
// equal the server, and the server is not hammered.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ObjectCache } from '../../src/kube/cache.ts';
import { type Client, createClient } from '../../src/kube/client.ts';
import { staticConfig } from '../../src/kube/config.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';
import {
  answer,
  FakeServer,
  FakeWatch,
  listOf,
  type Request,
  refuse,
  type Thing,
  thing,
  things,
  until,
} from './kube-fake-server.ts';

let server: FakeServer;
let client: Client;
let clock: SimulatedClock;
let cache: ObjectCache<Thing>;
let reflector: Reflector<Thing>;
let abort: AbortController;
/** One line for each failure, as onError tells it. */
let failures: string[];
let watches: FakeWatch[];
let lists: Request[];
let onList: (request: Request, response: ServerResponse) => void;
let onWatch: (request: Request, response: ServerResponse) => void;

beforeEach(async () => {
  watches = [];
  lists = [];
  failures = [];
  onList = (_, response) => answer(response, listOf([thing('a', 1)], '10'));
  onWatch = (request, response) => {
    watches.push(new FakeWatch(request, response));
  };
  server = await FakeServer.start((request, response) => {
    if (request.query.get('watch')) return onWatch(request, response);
    lists.push(request);
    onList(request, response);
  });
  clock = new SimulatedClock();
  cache = new ObjectCache<Thing>({ freeze: true });
  client = createClient(staticConfig(server.url));
  abort = new AbortController();
  reflector = new Reflector({
    client,
    resource: things,
    cache,
    clock,
    random: () => 0,
    onError: (error, { phase, failures: count, retryInMs }) =>
      failures.push(`${phase} #${count} in ${retryInMs}: ${(error as Error).message}`),
  });
});
afterEach(async () => {
  await reflector.stop();
  client.close();
  await server.stop();
  assert.equal(clock.pending, 0, 'a stopped reflector leaves no timer');
});

const held = () =>
  cache
    .list()
    .map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`)
    .sort();

/** The n-th watch, open on both sides. */
async function watch(n = 1): Promise<FakeWatch> {
  await until(`watch ${n} is open`, () => watches.length >= n);
  // The client has the headers, and the reflector its timer.
  await until(`watch ${n} is heard of`, () => clock.pending > 0);
  return watches[n - 1]!;
}

async function begin(): Promise<FakeWatch> {
  await reflector.start(abort.signal);
  return watch();
}

const from = ({ request }: FakeWatch) => request.query.get('resourceVersion');

/** Lets the pause pass that the reflector is in. */
async function passPause(ms: number): Promise<void> {
  await until(`it pauses for ${ms} ms`, () => clock.untilNext === ms);
  await clock.advance(ms);
}

describe('listing', () => {
  test('goes page by page, consistently, and then watches from there', async () => {
    const pages: Record<string, object> = {
      '': listOf([thing('a', 1), thing('b', 2)], '10', 'p2'),
      p2: listOf([thing('c', 3)], '10', 'p3'),
      p3: listOf([thing('d', 4)], '10'),
    };
    onList = (request, response) => answer(response, pages[request.query.get('continue') ?? '']);
    const sizes: number[] = [];
    cache.onChange(() => sizes.push(cache.size));
    const first = await begin();
    assert.deepEqual(held(), ['a@1', 'b@2', 'c@3', 'd@4']);
    assert.deepEqual(sizes, [4, 4, 4, 4], 'the cache never shows half a list');
    assert.deepEqual(
      lists.map(({ query }) => String(query)),
      ['limit=500', 'limit=500&continue=p2', 'limit=500&continue=p3'],
    );
    assert.equal(from(first), '10');
    assert.equal(first.request.query.get('allowWatchBookmarks'), 'true');
    assert.equal(first.request.query.get('timeoutSeconds'), '300');
    assert.deepEqual(reflector.ready(), { ok: true });
  });

  test('starts over in one piece when the continue token has expired', async () => {
    onList = (request, response) => {
      if (request.query.get('continue')) refuse(response, 410, 'Expired', 'the continue token is too old');
      else if (request.query.get('limit')) answer(response, listOf([thing('a', 1)], '10', 'p2'));
      else answer(response, listOf([thing('a', 1), thing('b', 12)], '13'));
    };
    const first = await begin();
    assert.deepEqual(held(), ['a@1', 'b@12']);
    assert.equal(from(first), '13');
    assert.deepEqual(failures, []);
  });

  test('a kind that is not installed yet is asked for again and again, then started', async () => {
    let installed = false;
    onList = (_, response) =>
      installed ? answer(response, listOf([], '10')) : refuse(response, 404, 'NotFound', 'no such kind');
    let started = false;
    const start = reflector.start(abort.signal).then(() => {
      started = true;
    });
    for (const ms of [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]) await passPause(ms);
    await until('it pauses', () => clock.pending === 1);
    assert.equal(started, false);
    assert.deepEqual(reflector.ready(), { ok: false, why: 'not listed yet: no such kind' });
    assert.deepEqual(failures.slice(0, 2), ['list #1 in 800: no such kind', 'list #2 in 1600: no such kind']);
    installed = true;
    await passPause(30_000);
    await start;
    assert.equal(cache.isSynced, true);
    await watch();
  });
});

describe('watching', () => {
  test('goes on from the last event or bookmark when the server ends the watch', async () => {
    const first = await begin();
    first.event('ADDED', thing('b', 12));
    first.event('DELETED', thing('a', 13));
    first.bookmark('40');
    await until('the bookmark is there', () => reflector.lastSyncResourceVersion === '40');
    assert.deepEqual(held(), ['b@12']);
    await clock.advance(60_000);
    first.end();
    assert.equal(from(await watch(2)), '40');
    assert.equal(lists.length, 1);
    assert.deepEqual(failures, []);
  });

  test('one that ends at once, again and again, is slowed down', async () => {
    const first = await begin();
    first.end();
    await passPause(800);
    (await watch(2)).end();
    await passPause(1_600);
    assert.equal(from(await watch(3)), '10');
    assert.deepEqual(failures, [
      'watch #1 in 800: the watch ended at once',
      'watch #2 in 1600: the watch ended at once',
    ]);
  });

  test('a connection that breaks inside an event costs that event nothing', async () => {
    const first = await begin();
    first.event('ADDED', thing('b', 12));
    const cut = Buffer.from(
      `${JSON.stringify({ type: 'ADDED', object: thing('c', 13, { spec: { note: 'ä' } }) })}\n`,
    );
    first.raw(cut.subarray(0, cut.indexOf(0xc3) + 1));
    await until('b is there', () => cache.size === 2);
    first.break();
    await passPause(800);
    const second = await watch(2);
    assert.equal(from(second), '12');
    second.raw(cut);
    await until('c is there', () => cache.size === 3);
    assert.equal(cache.get('default/c')!.spec!.note, 'ä');
    assert.equal(lists.length, 1);
  });

  test('events that come twice or late change nothing', async () => {
    const first = await begin();
    cache.observe(thing('a', 15));
    first.event('MODIFIED', thing('a', 12));
    first.event('ADDED', thing('b', 13));
    first.event('ADDED', thing('b', 13));
    first.event('DELETED', thing('b', 14));
    first.event('MODIFIED', thing('a', 15));
    await until('all are there', () => reflector.lastSyncResourceVersion === '15');
    assert.equal(cache.observe(thing('b', 13)), false);
    assert.deepEqual(held(), ['a@15']);
  });

  test('after many failures a healthy watch starts the back-off anew', async () => {
    await begin();
    onWatch = (_, response) => refuse(response, 500, 'InternalError', 'etcd is away');
    watches[0]!.break();
    for (const ms of [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) await passPause(ms);
    await until('it pauses', () => clock.untilNext === 30_000);
    onWatch = (request, response) => {
      watches.push(new FakeWatch(request, response));
    };
    await clock.advance(30_000);
    const second = await watch(2);
    await clock.advance(31_000);
    second.break();
    await passPause(800);
    await watch(3);
    assert.equal(lists.length, 1);
  });

  test('a server that asks for time is given it', async () => {
    await begin();
    onWatch = (_, response) => refuse(response, 429, 'TooManyRequests', 'full', { 'retry-after': '7' });
    watches[0]!.break();
    await passPause(800);
    await until('it pauses for 7 s', () => clock.untilNext === 7_000);
    assert.match(failures[1]!, /watch #2 in 7000: full/);
  });
});

describe('an old resourceVersion', () => {
  const again = () => {
    onList = (_, response) => answer(response, listOf([thing('b', 90)], '100'));
  };

  test('told by status makes it list again, at once when the last list is long ago', async () => {
    await begin();
    again();
    const healthy = onWatch;
    onWatch = (_, response) => refuse(response, 500, 'InternalError', 'restarting');
    watches[0]!.break();
    for (const ms of [800, 1_600, 3_200, 6_400, 12_800]) await passPause(ms);
    onWatch = (_, response) => {
      onWatch = healthy;
      refuse(response, 410, 'Expired', 'too old resource version: 10 (80)');
    };
    await passPause(25_600);
    await until('it pauses for no time', () => clock.untilNext === 0);
    await clock.advance(0);
    assert.equal(from(await watch(2)), '100');
    assert.deepEqual(held(), ['b@90']);
    assert.equal(lists.length, 2);
  });

  test('told by an ERROR event does the same; the second time in a row it waits', async () => {
    const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
    const first = await begin();
    again();
    await clock.advance(30_000);
    first.event('ERROR', gone);
    await passPause(0);
    (await watch(2)).event('ERROR', gone);
    await passPause(1_600);
    assert.equal(from(await watch(3)), '100');
    assert.equal(lists.length, 3);
  });

  test('a list keeps what was observed after it, and takes out what is gone', async () => {
    const first = await begin();
    onList = (_, response) => {
      // While the list is on its way: two writes of our own.
      cache.observe(thing('mine', 105));
      cache.observe(thing('b', 110));
      answer(response, listOf([thing('b', 90)], '100'));
    };
    first.event('ERROR', { kind: 'Status', code: 410, reason: 'Gone' });
    await passPause(800);
    await watch(2);
    assert.deepEqual(held(), ['b@110', 'mine@105']);
  });
});

describe('silence', () => {
  test('ends a watch that had bookmarks after 150 s', async () => {
    const first = await begin();
    await clock.advance(60_000);
    first.bookmark('20');
    await until('the bookmark is there', () => reflector.lastSyncResourceVersion === '20');
    assert.equal(reflector.lastActivity, clock.monotonic());
    await clock.advance(149_999);
    await settle();
    assert.deepEqual(failures, []);
    await clock.advance(1);
    await passPause(800);
    assert.match(failures[0]!, /watch things: nothing came for 150 s/);
    assert.equal(from(await watch(2)), '20');
  });

  test('is fine without bookmarks, until the server should have ended the watch', async () => {
    await begin();
    await clock.advance(329_999);
    await settle();
    assert.deepEqual(failures, []);
    await clock.advance(1);
    await passPause(800);
    assert.match(failures[0]!, /did not end it in time/);
    await watch(2);
  });

  test('of a busy watch is none', async () => {
    const first = await begin();
    for (let i = 0; i < 8; i++) {
      first.bookmark(String(20 + i));
      await until('the bookmark is there', () => reflector.lastSyncResourceVersion === String(20 + i));
      await clock.advance(40_000);
    }
    assert.deepEqual(failures, []);
  });
});

describe('resync', () => {
  test('lists again, consistently, and goes on watching from there', async () => {
    await begin();
    onList = (_, response) => answer(response, listOf([thing('b', 90)], '100'));
    await reflector.resync();
    assert.deepEqual(held(), ['b@90']);
    assert.equal(String(lists[1]!.query), 'limit=500');
    assert.equal(from(await watch(2)), '100');
    assert.deepEqual(failures, [], 'a watch that was ended for it is no failure');
  });

  test('asked for while a list is on its way waits for the next one', async () => {
    await begin();
    const held: ServerResponse[] = [];
    onList = (_, response) => held.push(response);
    const first = reflector.resync();
    await until('the list is asked for', () => held.length === 1);
    let done = false;
    const second = reflector.resync().then(() => {
      done = true;
    });
    answer(held[0]!, listOf([], '100'));
    await first;
    await until('another list is asked for', () => held.length === 2);
    assert.equal(done, false);
    answer(held[1]!, listOf([], '101'));
    await second;
    assert.equal(reflector.lastSyncResourceVersion, '101');
    await watch(2);
  });

  test('goes on trying while lists fail, and cuts a pause short', async () => {
    await begin();
    onWatch = (_, response) => refuse(response, 500, 'InternalError', 'no');
    watches[0]!.break();
    await until('it pauses', () => clock.untilNext === 800);
    let wrong = 2;
    onList = (_, response) =>
      wrong-- > 0 ? refuse(response, 500, 'InternalError', 'no') : answer(response, listOf([], '100'));
    const resync = reflector.resync();
    await passPause(1_600);
    await passPause(3_200);
    await resync;
    assert.equal(cache.size, 0);
    await until('it pauses', () => clock.pending === 1);
  });

  test('is refused by a reflector that stops', async () => {
    await begin();
    onList = () => {};
    const resync = reflector.resync().catch((error) => error);
    await until('the list is asked for', () => lists.length === 2);
    await reflector.stop();
    assert.match(String(await resync), /is stopped/);
    assert.match(String(await reflector.resync().catch((error) => error)), /is stopped/);
  });
});

test('stopping before the first list ends the start', async () => {
  onList = () => {};
  const start = reflector.start(abort.signal);
  await until('the list is asked for', () => lists.length === 1);
  abort.abort();
  await start;
  assert.equal(cache.isSynced, false);
  await until('no connection is left', () => server.connections === 0);
});
