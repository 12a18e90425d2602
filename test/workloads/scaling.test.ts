// How many pods a load needs and how fast they follow it, what is believed of a Prometheus server, and quantities by
// value. No cluster.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { compareQuantities, quantityToNumber, sameQuantity } from '../../src/api/quantity.ts';
import { parseReach, thisMachine } from '../../src/api/reach.ts';
import { clamp, decide, type Recommendation, replicasFor } from '../../src/api/scaling.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Outside } from '../../src/workloads/outside.ts';
import { askPrometheus, MetricsError } from '../../src/workloads/prometheus.ts';
import { type MeterSettings, QpsMeters, type Reading } from '../../src/workloads/qps-meter.ts';
import { SimulatedClock } from '../simulated-clock.ts';

describe('replicas', () => {
  it('are the load over what a pod serves, rounded up', () => {
    const table = [
      [700, 500, 2],
      [600, 500, 2],
      [500, 500, 1],
      [501, 500, 2],
      [1, 500, 1],
      [0, 500, 0],
      [1_000_000_000, 1, 1_000_000_000],
    ];
    for (const [qps, single, expected] of table) assert.equal(replicasFor(qps!, single!), expected);
    assert.equal(clamp(replicasFor(10, 50), { min: 2, max: 5 }), 2);
    assert.equal(clamp(replicasFor(10_000, 50), { min: 2, max: 5 }), 5);
  });

  const steps = { stabilizationMs: 300_000 };
  const limits = { min: 1, max: 100 };
  const run = (
    start: number,
    wanted: number[],
    everyMs: number,
    how = steps as Parameters<typeof decide>[3],
  ) => {
    let current = start;
    let history: Recommendation[] = [{ at: 0, replicas: start }];
    return wanted.map((replicas, index) => {
      const decided = decide(current, { at: (index + 1) * everyMs, replicas }, history, how, limits);
      ({ replicas: current, history } = decided);
      return current;
    });
  };

  it('grow at once, by as many as there are and at least 4', () => {
    assert.deepEqual(run(1, [20, 20, 20, 20], 30_000), [5, 10, 20, 20]);
    assert.deepEqual(run(1, [20, 20], 30_000, { ...steps, maxStepUp: 2 }), [3, 5]);
  });

  it('shrink only when fewer would have done for the whole window, and by half at most', () => {
    const wanted = Array.from({ length: 14 }, () => 1);
    assert.deepEqual(run(8, wanted, 30_000), [8, 8, 8, 8, 8, 8, 8, 8, 8, 4, 2, 1, 1, 1]);
    assert.deepEqual(run(8, [1, 1], 300_000, { ...steps, maxStepDown: 3 }), [5, 2]);
  });

  it('do not swing with a load that swings', () => {
    const swing = Array.from({ length: 40 }, (_, index) => (index % 2 ? 2 : 6));
    const pods = run(6, swing, 30_000);
    assert.ok(
      pods.every((count) => count === 6),
      String(pods),
    );
  });
});

describe('a meter', () => {
  const settings: MeterSettings = {
    server: 'http://p',
    query: 'q',
    timeoutMs: 5000,
    intervalMs: 30_000,
    singlePodQPS: 50,
    stabilizationMs: 60_000,
    min: 1,
    max: 10,
  };
  function world(answers: (number | MetricsError)[]) {
    const clock = new SimulatedClock();
    const asked: number[] = [];
    const woken: string[] = [];
    let last = answers[0]!;
    const meters = new QpsMeters({
      clock,
      random: () => 0,
      wake: (key) => woken.push(key),
      async ask() {
        asked.push(clock.monotonic());
        last = answers.shift() ?? last;
        if (last instanceof MetricsError) throw last;
        return last;
      },
    });
    const known = { qps: undefined, seenAt: undefined, replicas: 1 };
    const read = (more: Partial<MeterSettings> = {}): Reading =>
      meters.follow('ns/web', { ...settings, ...more }, known);
    return { clock, asked, woken, meters, read };
  }
  const down = new MetricsError('Unreachable', 'ECONNREFUSED');

  it('asks once an interval, with one timer, however often it is read', async () => {
    const { clock, asked, read, meters } = world([120]);
    for (let i = 0; i < 20; i++) read();
    await clock.advance(0);
    for (let i = 0; i < 20; i++) read();
    await clock.advance(90_000);
    assert.deepEqual(asked, [0, 30_000, 60_000, 90_000]);
    assert.equal(clock.pending, 1);
    assert.equal(read().qps, 120);
    assert.equal(read().replicas, 3);
    meters.stop();
    assert.equal(clock.pending, 0);
  });

  it('keeps the last good answer through failures, tries again first, and never takes one for 0', async () => {
    const { clock, asked, read, woken } = world([240, down, down, down, down, 200]);
    read();
    await clock.advance(0);
    assert.equal(read().replicas, 5);
    await clock.advance(31_000);
    assert.equal(read().failure, undefined, 'one failure is tried again before it is told');
    await clock.advance(2000);
    assert.deepEqual(asked, [0, 30_000, 31_000, 33_000]);
    assert.deepEqual(
      { ...read(), seenAt: 0 },
      {
        qps: 240,
        replicas: 5,
        seenAt: 0,
        failure: { reason: 'Unreachable', message: 'ECONNREFUSED' },
      },
    );
    const told = woken.length;
    await clock.advance(30_000);
    assert.equal(woken.length, told, 'the same failure is no news');
    await clock.advance(30_000);
    assert.equal(read().failure, undefined);
    assert.equal(read().qps, 200);
  });

  it('other settings ask at once, and new limits count at once', async () => {
    const { clock, asked, read } = world([450]);
    read();
    await clock.advance(0);
    assert.equal(read().replicas, 5);
    assert.equal(read({ max: 3 }).replicas, 3);
    await clock.advance(1);
    assert.deepEqual(asked, [0, 0]);
  });

  it('an answer that comes after the owner is forgotten changes nothing', async () => {
    const { clock, read, meters, woken } = world([100]);
    read();
    meters.forget('ns/web');
    await clock.advance(100_000);
    assert.deepEqual(woken, []);
    assert.equal(meters.size, 0);
  });
});

describe('what a Prometheus server says', () => {
  const outside = new Outside({ reach: parseReach(thisMachine) });
  const vector = (...values: string[]) => ({
    status: 'success',
    data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1, value] })) },
  });
  const told = async (answer: { code?: number; body: string | object } | 'silence', timeoutMs = 2000) => {
    const server = createServer((request, response) => {
      assert.equal(new URL(request.url!, 'http://x').searchParams.get('query'), 'sum(rate(x{a="b"}[1m]))');
      if (answer === 'silence') return;
      response.statusCode = answer.code ?? 200;
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const question = { server: `http://127.0.0.1:${port}/`, query: 'sum(rate(x{a="b"}[1m]))', timeoutMs };
    try {
      return await askPrometheus(question, outside, systemClock);
    } catch (error) {
      return (error as MetricsError).reason;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  it('is the sum of all series, and never a 0 that nobody said', async () => {
    assert.equal(await told({ body: vector('1.5', '2.5') }), 4);
    assert.equal(await told({ body: vector('0') }), 0);
    assert.equal(
      await told({ body: { status: 'success', data: { resultType: 'scalar', result: [1, '7'] } } }),
      7,
    );
    assert.equal(await told({ body: vector() }), 'NoData');
    assert.equal(await told({ body: vector('NaN') }), 'NoData');
    assert.equal(await told({ body: vector('+Inf') }), 'NoData');
    assert.equal(await told({ body: 'hello' }), 'BadAnswer');
    assert.equal(await told({ body: 'null' }), 'BadAnswer');
    assert.equal(await told({ code: 503, body: '{}' }), 'BadAnswer');
    assert.equal(await told({ code: 302, body: vector('9') }), 'BadAnswer');
    assert.equal(
      await told({ body: { status: 'success', data: { resultType: 'matrix', result: [] } } }),
      'BadAnswer',
    );
    const bad = { status: 'error', errorType: 'bad_data', error: 'parse error' };
    assert.equal(await told({ code: 400, body: bad }), 'Refused');
    assert.equal(await told({ body: 'x'.repeat(2 << 20) }), 'BadAnswer');
    assert.equal(await told('silence', 100), 'TimedOut');
  });

  it('nobody there is Unreachable', async () => {
    const asked = askPrometheus(
      { server: 'http://127.0.0.1:1', query: 'x', timeoutMs: 1000 },
      outside,
      systemClock,
    );
    await assert.rejects(asked, (error: MetricsError) => error.reason === 'Unreachable');
  });
});

describe('quantities', () => {
  it('are the same by value', () => {
    const same = [
      ['1000m', '1'],
      ['1', 1],
      ['1Gi', '1024Mi'],
      ['1.5', '1500m'],
      ['1e3', '1k'],
      ['0.5Gi', '512Mi'],
      ['1000000n', '1m'],
      ['.5', '500m'],
      ['1E', '1000P'],
    ];
    for (const [a, b] of same) assert.ok(sameQuantity(a, b), `${a} = ${b}`);
    for (const [a, b] of [
      ['1G', '1Gi'],
      ['100m', '1'],
      ['1', 'x'],
      ['', '0'],
    ])
      assert.ok(!sameQuantity(a, b));
    assert.equal(compareQuantities('2Gi', '500Mi'), 1);
    assert.equal(compareQuantities('100m', '0.2'), -1);
    assert.equal(quantityToNumber('1500m'), 1.5);
  });
});
