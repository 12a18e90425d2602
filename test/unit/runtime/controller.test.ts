// A controller: keys are reconciled, tried again, and never by two workers at once.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Controller,
  type ControllerMetrics,
  type ControllerOptions,
  type ReconcileContext,
  TerminalError,
} from '../../../src/runtime/controller.ts';
import type { Log } from '../../../src/runtime/log.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';

type Line = { level: string; message: string; reason?: string; retryInMs?: number; key?: string };

function set(
  {
    clock = new SimulatedClock(),
    ...opts
  }: Omit<ControllerOptions, 'name' | 'clock'> & { clock?: SimulatedClock },
  debugging = false,
) {
  const lines: Line[] = [];
  const write = (level: string) => (fields: object, message: string) =>
    lines.push({ level, message, ...fields });
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    isLevelEnabled: () => debugging,
  };
  const counts: Record<string, number> = {};
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  let read = { activeWorkers: () => 0, maxConcurrentReconciles: 0 };
  const metrics: ControllerMetrics = {
    begin: (_, gauges) => {
      read = gauges;
    },
    reconciled: (_, result) => count(result),
    failed: () => count('errors'),
    failedForGood: () => count('terminal'),
  };
  const controller = new Controller({ name: 'orders', clock, log, metrics, ...opts });
  const abort = new AbortController();
  return { clock, lines, counts, controller, abort, gauges: () => read };
}

describe('a reconcile', () => {
  test('that waits its turn between failures does not shorten the back-off', async () => {
    const clock = new SimulatedClock();
    const tried: number[] = [];
    let last = Number.NEGATIVE_INFINITY;
    const { controller, abort } = set({
      async reconcile() {
        const wait = last + 100 - clock.monotonic();
        if (wait > 0) return { requeueAfter: wait, untried: true };
        last = clock.monotonic();
        tried.push(last);
        throw new Error('broken');
      },
      clock,
    });
    controller.enqueue('a');
    await controller.start(abort.signal);
    await clock.advance(60_000);
    // 5 ms doubled each time reaches a minute after 14 failures; ten a second would be 600.
    assert.ok(tried.length >= 8 && tried.length <= 14, `${tried.length} tries in a minute`);
  });

  test('that succeeds is not repeated; one that asks for it is, after its time', async () => {
    const runs: string[] = [];
    const { controller, clock, counts, abort } = set({
      async reconcile(key) {
        runs.push(key);
        return key === 'later' && runs.length < 3 ? { requeueAfter: 60_000 } : undefined;
      },
    });
    controller.enqueue('once');
    controller.enqueue('later');
    await controller.start(abort.signal);
    await clock.advance(59_999);
    assert.deepEqual(runs, ['once', 'later']);
    await clock.advance(1);
    assert.deepEqual(runs, ['once', 'later', 'later']);
    await clock.advance(3_600_000);
    assert.equal(runs.length, 3);
    assert.deepEqual(counts, { success: 2, requeue_after: 1 });
  });

  test('that fails is tried again at growing distances, with one line each, and starts anew after a success', async () => {
    const times: number[] = [];
    const failures: number[] = [];
    let wrong = 4;
    const { controller, clock, lines, counts, abort } = set({
      async reconcile(_, ctx) {
        times.push(clock.monotonic());
        failures.push(ctx.failures);
        if (wrong-- > 0) throw Object.assign(new Error('no'), { reason: 'Conflict' });
      },
    });
    controller.enqueue('a');
    await controller.start(abort.signal);
    await clock.advance(10_000);
    assert.deepEqual(times, [0, 5, 15, 35, 75]);
    assert.deepEqual(failures, [0, 1, 2, 3, 4]);
    assert.deepEqual(
      lines.map(({ level, key, reason, retryInMs }) => [level, key, reason, retryInMs]),
      [5, 10, 20, 40].map((ms) => ['warn', 'a', 'Conflict', ms]),
    );
    assert.deepEqual(counts, { error: 4, errors: 4, success: 1 });
    assert.equal(controller.queue.failures('a'), 0);
  });

  test('that throws before its first await, or what is no Error, is a failure like any other', async () => {
    let calls = 0;
    const { controller, clock, lines, abort } = set({
      reconcile() {
        calls++;
        if (calls === 1) throw new TypeError('undefined is not a function');
        if (calls === 2) throw 'a string';
        return Promise.resolve();
      },
    });
    controller.enqueue('a');
    await controller.start(abort.signal);
    await clock.advance(1_000);
    assert.equal(calls, 3);
    assert.deepEqual(
      lines.map(({ reason }) => reason),
      ['TypeError', 'string'],
    );
  });

  test('that fails for good is not tried again until its key is added anew', async () => {
    let calls = 0;
    const { controller, clock, lines, counts, abort } = set({
      async reconcile() {
        calls++;
        throw new TerminalError('BadSpec', 'it can never be');
      },
    });
    controller.enqueue('a');
    await controller.start(abort.signal);
    await clock.advance(3_600_000);
    assert.equal(calls, 1);
    assert.deepEqual(counts, { error: 1, errors: 1, terminal: 1 });
    assert.deepEqual([lines[0]!.level, lines[0]!.reason], ['error', 'BadSpec']);
    controller.enqueue('a');
    await settle();
    assert.equal(calls, 2);
  });

  test('that takes too long is told so, and its key waits until it has ended', async () => {
    let context: ReconcileContext | undefined;
    let end: (() => void) | undefined;
    let calls = 0;
    const { controller, clock, lines, gauges, abort } = set({
      workers: 2,
      timeout: 30_000,
      reconcile: (_, ctx) => {
        context = ctx;
        calls++;
        return new Promise((_, reject) => {
          end = () => reject(new Error('given up'));
        });
      },
    });
    controller.enqueue('a');
    await controller.start(abort.signal);
    await clock.advance(30_000);
    assert.equal(context!.signal.aborted, true);
    controller.enqueue('a');
    await clock.advance(30_000);
    assert.equal(calls, 1);
    assert.equal(gauges().activeWorkers(), 1);
    assert.equal(controller.queue.longestRunningProcessorSeconds(), 60);
    end!();
    await clock.advance(5);
    assert.equal(lines[0]!.reason, 'ReconcileTimeout');
    assert.equal(calls, 2);
  });
});

test('each run has an id of its own in every line, with what is known of the object', async () => {
  let ids = 0;
  const seen: string[] = [];
  const { controller, lines, abort, clock } = set(
    {
      newId: () => `run-${++ids}`,
      about: (key) => ({ kind: 'Order', name: key, uid: `uid-of-${key}` }),
      async reconcile(_key, { log, reconcileID, failures }) {
        seen.push(reconcileID);
        log.info({ step: 1 }, 'at work');
        if (failures === 0) throw new Error('not yet');
      },
    },
    true,
  );
  controller.enqueue('a');
  await controller.start(abort.signal);
  await clock.advance(1000);
  const about = { controller: 'orders', kind: 'Order', name: 'a', uid: 'uid-of-a' };
  assert.deepEqual(seen, ['run-1', 'run-2']);
  assert.deepEqual(
    lines
      .map(({ message, level, ...line }) => [level, message, JSON.parse(JSON.stringify(line))])
      .map(([level, message, { err: _, ...line }]) => [level, message, line]),
    [
      ['info', 'at work', { ...about, reconcileID: 'run-1', step: 1 }],
      [
        'warn',
        'reconcile failed',
        { ...about, reconcileID: 'run-1', reason: 'Error', failures: 1, retryInMs: 5 },
      ],
      ['info', 'at work', { ...about, reconcileID: 'run-2', step: 1 }],
      ['debug', 'reconciled', { ...about, reconcileID: 'run-2', result: 'success', ms: 0 }],
    ],
  );
});

test('no key is ever with two workers, whatever fails, and the last add is always followed by a run', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    let state = seed;
    const random = () => {
      state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
      return state / 2 ** 32;
    };
    const busy = new Set<string>();
    const wanted = new Map<string, number>();
    const seen = new Map<string, number>();
    let most = 0;
    const { controller, clock, abort } = set({
      workers: 4,
      timeout: 200,
      async reconcile(key) {
        assert.ok(!busy.has(key), `seed ${seed}: two workers on ${key}`);
        busy.add(key);
        most = Math.max(most, busy.size);
        const version = wanted.get(key) ?? 0;
        await new Promise<void>((resolve) => clock.after(random() * 300, resolve));
        busy.delete(key);
        if (random() < 0.2) throw new Error('again');
        seen.set(key, version);
        if (random() < 0.2) return { requeueAfter: random() * 50 };
      },
    });
    await controller.start(abort.signal);
    for (let i = 0; i < 60; i++) {
      const key = `k${Math.floor(random() * 6)}`;
      wanted.set(key, i);
      controller.enqueue(key, random() < 0.5 ? -100 : 0);
      if (random() < 0.3) await clock.advance(random() * 100);
    }
    await clock.advance(1_000_000);
    assert.deepEqual(seen, wanted, `seed ${seed}`);
    assert.ok(most > 1 && most <= 4);
    abort.abort();
  }
});

describe('stopping', () => {
  const waiting = () => {
    const ends: (() => void)[] = [];
    const signals: AbortSignal[] = [];
    const parts = set({
      workers: 1,
      reconcile: (_, { signal }) => {
        signals.push(signal);
        return new Promise((resolve) => ends.push(resolve));
      },
    });
    return { ...parts, ends, signals };
  };

  test('in good order lets what runs finish and drops the rest', async () => {
    const { controller, abort, ends, signals } = waiting();
    controller.enqueue('a');
    controller.enqueue('b');
    await controller.start(abort.signal);
    await settle();
    let stopped = false;
    const stop = controller.stop().then(() => {
      stopped = true;
    });
    await settle();
    assert.equal(stopped, false);
    assert.equal(signals[0]!.aborted, false);
    ends[0]!();
    await stop;
    await settle();
    assert.equal(signals.length, 1);
  });

  test('at once tells what runs to end, and does not call that a failure', async () => {
    const signals: AbortSignal[] = [];
    const { controller, abort, counts, lines, clock } = set({
      reconcile: (_, { signal }) => {
        signals.push(signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    controller.enqueue('a');
    await controller.start(abort.signal);
    await settle();
    abort.abort();
    await settle();
    assert.equal(signals[0]!.aborted, true);
    assert.deepEqual(counts, {});
    assert.deepEqual(lines, []);
    assert.equal(clock.pending, 0);
    controller.enqueue('b');
    await settle();
    assert.equal(signals.length, 1);
  });
});
