// What looking costs: one look for all, none for nobody, and never more than a frame for who does not read.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { beatEveryMs, lingerMs, lookEveryMs, patienceMs, Viewers } from '../../src/board/viewers.ts';
import { SimulatedClock } from '../simulated-clock.ts';
import { follow, goods, openBoard, pass } from './world.ts';

/** A connection whose far end reads only when the test says so. */
class FakeResponse extends EventEmitter {
  written: string[] = [];
  reads = true;
  destroyed = false;

  write(text: string): boolean {
    this.written.push(text);
    return this.reads;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function rig() {
  const clock = new SimulatedClock();
  const counts = { looks: 0, opened: 0, closed: 0 };
  let changes: string | undefined = 'changed';
  const viewers = new Viewers({
    clock,
    next() {
      const look = ++counts.looks;
      return { whole: () => `whole ${look}`, changes: changes && `${changes} ${look}` };
    },
    beat: () => 'beat',
    onFirst: () => counts.opened++,
    onLast: () => counts.closed++,
  });
  const come = () => {
    const response = new FakeResponse();
    viewers.add(response as unknown as ServerResponse);
    return response;
  };
  return { clock, viewers, counts, come, quiet: () => (changes = undefined) };
}

test('nobody looks: nothing is done; many look: four looks a second for all of them', async () => {
  const { clock, counts, come } = rig();
  await clock.advance(60_000);
  assert.deepEqual(counts, { looks: 0, opened: 0, closed: 0 });
  assert.equal(clock.pending, 0);
  for (let n = 0; n < 8; n++) come();
  await clock.advance(10_000);
  assert.deepEqual(counts, { looks: 10_000 / lookEveryMs + 1, opened: 1, closed: 0 });
});

test('viewers who come and go do not quicken the pace, and a moment after the last one it rests', async () => {
  const { clock, counts, come, viewers } = rig();
  for (let n = 0; n < 200; n++) {
    const viewer = come();
    await clock.advance(5);
    viewer.destroy();
    await clock.advance(5);
  }
  assert.ok(counts.looks <= 2000 / lookEveryMs + 1, `${counts.looks} looks`);
  assert.equal(counts.opened, 1);
  await clock.advance(lingerMs);
  assert.deepEqual([counts.closed, clock.pending, viewers.size], [1, 0, 0]);
});

test('who joins gets everything first, then what changes', async () => {
  const { clock, come } = rig();
  const first = come();
  await clock.advance(lookEveryMs);
  const second = come();
  await clock.advance(lookEveryMs);
  assert.deepEqual(first.written, ['whole 1', 'changed 2', 'changed 3']);
  assert.deepEqual(second.written, ['whole 2', 'changed 3']);
});

test('while nothing changes there is only a beat', async () => {
  const { clock, come, quiet } = rig();
  const viewer = come();
  await clock.advance(0);
  quiet();
  await clock.advance(2 * beatEveryMs);
  assert.deepEqual(viewer.written, ['whole 1', 'beat', 'beat']);
});

test('a viewer that does not read is written nothing more, and gets everything once it does', async () => {
  const { clock, come } = rig();
  const slow = come();
  slow.reads = false;
  const quick = come();
  await clock.advance(10 * lookEveryMs);
  assert.deepEqual(slow.written, ['whole 1']);
  assert.equal(quick.written.length, 11);
  slow.reads = true;
  slow.emit('drain');
  await clock.advance(lookEveryMs);
  assert.deepEqual(slow.written, ['whole 1', 'whole 12']);
});

test('a viewer that never reads is let go; the others stay', async () => {
  const { clock, come, viewers } = rig();
  const slow = come();
  slow.reads = false;
  const quick = come();
  await clock.advance(patienceMs + lookEveryMs);
  assert.deepEqual([slow.destroyed, quick.destroyed, viewers.size], [true, false, 1]);
});

test('over a real connection: what waits for one that does not read stays within a buffer and a frame', async (t) => {
  const world = await openBoard(t);
  const waiting: number[] = [];
  world.server.on('request', (_request, response) => waiting.push(0) && responses.push(response));
  const responses: ServerResponse[] = [];
  const stream = await follow(world);
  stream.response.pause();
  const closed = new Promise((resolve) => responses[0]!.once('close', resolve));
  const title = 'x'.repeat(150);
  let most = 0;
  // Every look changes all rows, for longer than anybody is waited for.
  for (let n = 0; n < 2000 && !responses[0]!.destroyed; n++) {
    world.caches.goods.replaceAll(
      Array.from({ length: 24 }, (_, index) => goods(`g${index}`, { title: `${title}${n}`, left: n % 100 })),
      String(10_000_000 + n),
    );
    await world.clock.advance(lookEveryMs);
    most = Math.max(most, responses[0]!.writableLength);
  }
  await closed;
  assert.ok(responses[0]!.destroyed);
  const frame = 16_000;
  assert.ok(most < responses[0]!.writableHighWaterMark + frame, `${most} bytes waited`);
});

test('the real board derives everything anew after a rest, and hears of no change while it rests', async (t) => {
  const world = await openBoard(t);
  const stream = await follow(world);
  await pass(world.clock, 250, () => stream.events.length > 0);
  stream.close();
  await pass(world.clock, 1000, () => world.clock.pending === 0);
  world.caches.goods.replaceAll([goods('phone')], '1000');
  const again = await follow(world);
  await pass(world.clock, 250, () => again.state().goods?.rows.length === 1);
});
