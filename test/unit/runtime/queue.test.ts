// The work queue: what is taken when, and by how many at a time.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Backoff } from '../../../src/runtime/backoff.ts';
import { lowPriority, type QueueGauges, WorkQueue } from '../../../src/runtime/queue.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';

let clock: SimulatedClock;
let queue: WorkQueue;

beforeEach(() => {
  clock = new SimulatedClock();
  queue = new WorkQueue({ name: 'q', clock });
});

/** Takes and finishes everything that waits now. */
async function takeAll(): Promise<string[]> {
  const keys: string[] = [];
  while (queue.depth() > 0) {
    const key = await queue.take();
    keys.push(key!);
    queue.done(key!);
  }
  return keys;
}

describe('a key', () => {
  test('waits once, in the order of its first add', async () => {
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    assert.deepEqual(await takeAll(), ['a', 'b', 'c']);
  });

  test('is given to whoever waits for one', async () => {
    const taken = [queue.take(), queue.take()];
    queue.add('a');
    queue.add('b');
    assert.deepEqual(await Promise.all(taken), ['a', 'b']);
    assert.equal(queue.depth(), 0);
  });

  test('added while it is worked on waits until that is done', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    assert.equal(queue.depth(), 0);
    queue.done('a');
    assert.deepEqual(await takeAll(), ['a']);
  });

  test('of a higher priority comes first, and one that is raised moves', async () => {
    queue.add('listed-1', lowPriority);
    queue.add('listed-2', lowPriority);
    queue.add('listed-3', lowPriority);
    queue.add('news');
    queue.add('listed-2');
    queue.add('news', lowPriority);
    assert.deepEqual(await takeAll(), ['news', 'listed-2', 'listed-1', 'listed-3']);
  });

  test('raised while it is worked on comes back at the higher priority', async () => {
    queue.add('a', lowPriority);
    await queue.take();
    queue.add('a', lowPriority);
    queue.add('b');
    queue.add('a', 7);
    queue.done('a');
    assert.deepEqual(await takeAll(), ['a', 'b']);
  });
});

describe('groups of keys', () => {
  const groupOf = (key: string) => key.slice(0, key.indexOf('/'));

  test('take turns: 60,000 keys of one make another wait for a single one', async () => {
    queue = new WorkQueue({ name: 'q', clock, groupOf });
    for (let i = 0; i < 60_000; i++) queue.add(`huge/${i}`);
    for (let i = 0; i < 3; i++) queue.add(`small/${i}`);
    const taken: string[] = [];
    for (let i = 0; i < 6; i++) {
      const key = (await queue.take())!;
      queue.done(key);
      taken.push(key);
    }
    assert.deepEqual(taken, ['huge/0', 'small/0', 'huge/1', 'small/1', 'huge/2', 'small/2']);
  });

  test('take turns whatever the priorities: what one has found does not wait for the news of another', async () => {
    queue = new WorkQueue({ name: 'q', clock, groupOf });
    queue.add('found/1', lowPriority);
    queue.add('found/2', lowPriority);
    for (const key of ['busy/1', 'busy/2', 'busy/3', 'busy/4']) queue.add(key);
    assert.deepEqual(await takeAll(), ['found/1', 'busy/1', 'found/2', 'busy/2', 'busy/3', 'busy/4']);
  });

  test('one that comes back after its last key waits for its turn again', async () => {
    queue = new WorkQueue({ name: 'q', clock, groupOf });
    for (const key of ['a/1', 'b/1', 'b/2']) queue.add(key);
    queue.done((await queue.take())!);
    queue.add('a/2');
    assert.deepEqual(await takeAll(), ['b/1', 'a/2', 'b/2']);
  });
});

test('a low priority is ten seconds of waiting, not for ever: news that never end do not starve what was found', async () => {
  queue.add('found', lowPriority);
  const before: string[] = [];
  for (let i = 0; i < 30; i++) {
    queue.add(`news-${i}`);
    queue.add(`more-${i}`);
    const key = (await queue.take())!;
    queue.done(key);
    before.push(key);
    await clock.advance(1000);
  }
  // Two keys came at each of the seconds 0 to 10.
  assert.equal(before.indexOf('found'), 22);
});

describe('later', () => {
  test('the earlier of two deadlines wins, and one timer serves all', async () => {
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 9_000);
    for (let i = 0; i < 100; i++) queue.addAfter(`k${i}`, 2_000 + i);
    assert.equal(clock.pending, 1);
    await clock.advance(999);
    assert.equal(queue.depth(), 0);
    await clock.advance(1);
    assert.deepEqual(await takeAll(), ['a']);
    await clock.advance(10_000);
    assert.deepEqual(
      await takeAll(),
      Array.from({ length: 100 }, (_, i) => `k${i}`),
    );
    assert.equal(clock.pending, 0);
  });

  test('a key that is added now keeps its deadline', async () => {
    queue.addAfter('a', 1_000);
    queue.add('a');
    assert.deepEqual(await takeAll(), ['a']);
    await clock.advance(1_000);
    assert.deepEqual(await takeAll(), ['a']);
  });

  test('a deadline keeps the higher of its priorities', async () => {
    queue.addAfter('a', 1_000, lowPriority);
    queue.addAfter('a', 2_000, 5);
    queue.addAfter('b', 500);
    await clock.advance(1_000);
    assert.deepEqual(await takeAll(), ['a', 'b']);
  });

  test('a deadline of months is kept', async () => {
    const month = 30 * 24 * 3_600_000;
    queue.addAfter('a', 3 * month);
    await clock.advance(3 * month - 1);
    assert.equal(queue.depth(), 0);
    await clock.advance(1);
    assert.equal(queue.depth(), 1);
  });
});

describe('a key that fails', () => {
  test('waits 5 ms, then twice as long each time, up to 1000 s, until it is forgotten', async () => {
    const waits = Array.from({ length: 20 }, () => queue.retry('a'));
    assert.deepEqual(waits.slice(0, 5), [5, 10, 20, 40, 80]);
    assert.equal(waits.at(-1), 1_000_000);
    assert.equal(queue.failures('a'), 20);
    queue.forget('a');
    assert.equal(queue.retry('a'), 5);
  });

  test('comes back at the priority it had', async () => {
    queue.add('a', lowPriority);
    await queue.take();
    queue.retry('a');
    queue.done('a');
    await clock.advance(5);
    queue.add('b');
    assert.deepEqual(await takeAll(), ['b', 'a']);
  });
});

describe('shut down', () => {
  test('drops what waits and resolves when the workers are done', async () => {
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await queue.take();
    queue.add('a');
    const idle = queue.take();
    assert.equal(await idle, 'b');
    const nobody = queue.take();
    let closed = false;
    const closing = queue.shutDown().then(() => {
      closed = true;
    });
    assert.equal(await nobody, undefined);
    queue.add('d');
    queue.done('a');
    await settle();
    assert.equal(closed, false);
    queue.done('b');
    await closing;
    assert.equal(await queue.take(), undefined);
    assert.equal(clock.pending, 0);
  });

  test('with draining gives out what waits, and what was added to a key at work, before it ends', async () => {
    queue.add('a');
    queue.add('b');
    await queue.take();
    queue.add('a');
    const closing = queue.shutDown({ drain: true });
    queue.add('late');
    assert.equal(await queue.take(), 'b');
    const last = queue.take();
    queue.done('b');
    queue.done('a');
    assert.equal(await last, 'a');
    queue.done('a');
    await closing;
    assert.equal(await queue.take(), undefined);
  });
});

test('metrics tell adds, retries, waiting and working', async () => {
  const seen: string[] = [];
  let read: QueueGauges | undefined;
  const measured = new WorkQueue({
    name: 'orders',
    clock,
    metrics: {
      added: (name) => seen.push(`${name} added`),
      retried: (name) => seen.push(`${name} retried`),
      waited: (name, seconds) => seen.push(`${name} waited ${seconds}`),
      worked: (name, seconds) => seen.push(`${name} worked ${seconds}`),
      gauges: (_, gauges) => {
        read = gauges;
      },
    },
  });
  measured.add('a');
  measured.add('a');
  assert.equal(read!.depth(), 1);
  await clock.advance(2_000);
  await measured.take();
  await clock.advance(500);
  measured.add('b');
  await measured.take();
  await clock.advance(1_000);
  assert.deepEqual(
    [read!.depth(), read!.unfinishedWorkSeconds(), read!.longestRunningProcessorSeconds()],
    [0, 2.5, 1.5],
  );
  measured.done('a');
  measured.retry('a');
  assert.deepEqual(seen, [
    'orders added',
    'orders waited 2',
    'orders added',
    'orders waited 0',
    'orders worked 1.5',
    'orders retried',
  ]);
});

test('a back-off is stretched by its jitter, and begins anew after a reset', () => {
  const backoff = new Backoff({ base: 800, max: 30_000, jitter: 1, random: () => 0.5 });
  assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [1_200, 2_400, 4_800]);
  for (let i = 0; i < 2_000; i++) backoff.next();
  assert.equal(backoff.next(), 45_000);
  backoff.reset();
  assert.equal(backoff.next(), 1_200);
});
