// The event recorder: what people see in `kubectl describe`, and how little of a flood reaches the server.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Client } from '../../../src/kube/client.ts';
import { ApiError, ConnectionError } from '../../../src/kube/errors.ts';
import { EventRecorder, type EventRecorderOptions, type KubeEvent } from '../../../src/kube/events.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';
import { thing } from './fake-server.ts';

let clock: SimulatedClock;
let stored: Map<string, KubeEvent>;
let requests: number;
/** Errors for the next requests, in order. */
let failures: Error[];
let dropped: string[];

const client = {
  async create(_: unknown, event: KubeEvent) {
    requests++;
    const failure = failures.shift();
    if (failure) throw failure;
    assert.ok(!stored.has(event.metadata.name));
    stored.set(event.metadata.name, structuredClone(event));
  },
  async patch(_: unknown, { name }: { name: string }, patch: Partial<KubeEvent>) {
    requests++;
    const failure = failures.shift();
    if (failure) throw failure;
    const event = stored.get(name);
    if (!event) throw new ApiError(404, { reason: 'NotFound' });
    Object.assign(event, patch);
  },
} as unknown as Client;

function recorder(more: Partial<EventRecorderOptions> = {}): EventRecorder {
  return new EventRecorder({
    client,
    component: 'spikegate',
    instance: 'pod-1',
    clock,
    random: () => 0,
    onDrop: (why) => dropped.push(why),
    ...more,
  });
}

beforeEach(() => {
  clock = new SimulatedClock();
  stored = new Map();
  requests = 0;
  failures = [];
  dropped = [];
});

const shown = () =>
  [...stored.values()].map(({ reason, message, count }) => `${count}x ${reason}: ${message}`);
const a = thing('a', 7);

describe('an event', () => {
  test('says what happened, to what, when, and who says so', async () => {
    const events = recorder();
    events.event(a, 'Warning', 'SoldOut', 'all 100 units are sold');
    await events.flush();
    const [event] = stored.values();
    const { metadata, ...rest } = event!;
    assert.equal(metadata.namespace, 'default');
    assert.match(metadata.name, /^a\.[0-9a-f]{15,16}$/);
    assert.deepEqual(rest, {
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: {
        apiVersion: 'test.spikegate.io/v1',
        kind: 'Thing',
        namespace: 'default',
        name: 'a',
        uid: 'uid-a',
        resourceVersion: '7',
      },
      type: 'Warning',
      reason: 'SoldOut',
      message: 'all 100 units are sold',
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      source: { component: 'spikegate', host: 'pod-1' },
      reportingComponent: 'spikegate',
      reportingInstance: 'pod-1',
    });
  });

  test('of the longest name and message still fits', async () => {
    const events = recorder();
    events.event(thing('x'.repeat(253), 1), 'Normal', 'Long', 'm'.repeat(5_000));
    await events.flush();
    const [event] = stored.values();
    assert.equal(event!.metadata.name.length, 253);
    assert.equal(event!.message.length, 1_024);
  });
});

describe('the same again', () => {
  test('counts up one event, for ten minutes after the last', async () => {
    const events = recorder();
    for (let i = 0; i < 3; i++) {
      events.event(a, 'Normal', 'Tried', 'it was tried');
      await events.flush();
      await clock.advance(9 * 60_000);
    }
    assert.deepEqual(shown(), ['3x Tried: it was tried']);
    const [event] = stored.values();
    assert.deepEqual(
      [event!.firstTimestamp, event!.lastTimestamp],
      ['2026-01-01T00:00:00Z', '2026-01-01T00:18:00Z'],
    );
    await clock.advance(60_000);
    events.event(a, 'Normal', 'Tried', 'it was tried');
    await events.flush();
    assert.deepEqual(shown(), ['3x Tried: it was tried', '1x Tried: it was tried']);
  });

  test('while it waits to be stored costs no request', async () => {
    const events = recorder();
    for (let i = 0; i < 500; i++) events.event(a, 'Normal', 'Tried', 'it was tried');
    await events.flush();
    assert.deepEqual(shown(), ['500x Tried: it was tried']);
    assert.equal(requests, 1);
  });

  test('begins a new event when the server has forgotten the old one', async () => {
    const events = recorder();
    events.event(a, 'Normal', 'Tried', 'it was tried');
    await events.flush();
    stored.clear();
    events.event(a, 'Normal', 'Tried', 'it was tried');
    await events.flush();
    assert.deepEqual(shown(), ['1x Tried: it was tried']);
  });
});

describe('a flood', () => {
  test('of one object is cut after 25, and let through again one in five minutes', async () => {
    const events = recorder();
    for (let i = 0; i < 40; i++) events.event(a, 'Normal', 'N', `message ${i}`);
    events.event(thing('b', 1), 'Normal', 'N', 'of another object');
    await events.flush();
    assert.equal(stored.size, 26);
    assert.deepEqual(new Set(dropped), new Set(['rate']));
    await clock.advance(5 * 60_000);
    events.event(a, 'Normal', 'N', 'later');
    events.event(a, 'Normal', 'N', 'too soon');
    await events.flush();
    assert.equal(stored.size, 27);
  });

  test('is no larger for an object that was quiet for an hour', async () => {
    const events = recorder();
    events.event(a, 'Normal', 'N', 'first');
    await clock.advance(3_600_000);
    for (let i = 0; i < 40; i++) events.event(a, 'Normal', 'N', `message ${i}`);
    await events.flush();
    assert.equal(stored.size, 26);
  });

  test('of many objects is cut where the queue ends', async () => {
    const events = recorder({ queueSize: 10 });
    for (let i = 0; i < 15; i++) events.event(thing(`t${i}`, 1), 'Normal', 'N', 'x');
    await events.flush();
    assert.equal(stored.size, 10);
    assert.deepEqual(dropped, Array(5).fill('queue full'));
  });
});

describe('a server', () => {
  test('that is away for a moment gets it later; one that stays away does not hold up the rest for ever', async () => {
    const away = () => new ConnectionError('network', 'away', { ambiguous: false });
    failures = [away(), away()];
    const events = recorder();
    events.event(a, 'Normal', 'First', 'x');
    await clock.advance(3_000);
    await events.flush();
    assert.deepEqual(shown(), ['1x First: x']);
    failures = [away(), away(), away()];
    events.event(a, 'Normal', 'Second', 'x');
    events.event(a, 'Normal', 'Third', 'x');
    await clock.advance(3_000);
    await events.flush();
    assert.deepEqual(shown(), ['1x First: x', '1x Third: x']);
    assert.deepEqual(dropped, ['unreachable']);
  });

  test('that refuses is not asked again', async () => {
    failures = [new ApiError(403, { reason: 'Forbidden', message: 'the namespace is being terminated' })];
    const events = recorder();
    events.event(a, 'Normal', 'N', 'x');
    await events.flush();
    assert.deepEqual([requests, dropped], [1, ['refused']]);
  });

  test('that is away does not keep the process from ending', async () => {
    failures = Array.from({ length: 9 }, () => new ConnectionError('network', 'away', { ambiguous: false }));
    const events = recorder();
    const abort = new AbortController();
    await events.start(abort.signal);
    for (let i = 0; i < 5; i++) events.event(thing(`t${i}`, 1), 'Normal', 'N', 'x');
    await settle();
    const stopped = events.stop();
    abort.abort();
    await stopped;
    assert.equal(clock.pending, 0);
    events.event(a, 'Normal', 'Late', 'x');
    await settle();
    assert.equal(stored.size, 0);
  });
});
