// What Prometheus, or whatever answers in its place, may say: only a number that is one counts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outside } from '../../../src/workloads/outside.ts';
import { askPrometheus, MetricsError } from '../../../src/workloads/prometheus.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

const question = { server: 'http://prometheus.monitoring.svc', query: 'sum(x)', timeoutMs: 1000 };

const ask = (answer: unknown, status = 200): Promise<number> => {
  const body = typeof answer === 'string' ? answer : JSON.stringify(answer);
  const outside = { get: async () => ({ status, body }) } as unknown as Outside;
  return askPrometheus(question, outside, new SimulatedClock());
};
const vector = (...values: unknown[]) => ({
  status: 'success',
  data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1, value] })) },
});

describe('an answer of Prometheus', () => {
  it('is the sum of its numbers', async () => {
    assert.equal(await ask(vector('1.5', '2e2', '0')), 201.5);
    assert.equal(await ask({ status: 'success', data: { resultType: 'scalar', result: [1, '7'] } }), 7);
  });

  it('is no number where one of its values is none: an empty text is not 0', async () => {
    for (const value of ['', ' ', null, true, [], {}, '0x10', 'NaN', '+Inf', '1e999', '-5', 5, '1,5', 'x']) {
      await assert.rejects(
        ask(vector('1', value, '-1')),
        (error: MetricsError) => error instanceof MetricsError && error.reason === 'NoData',
        JSON.stringify(value),
      );
    }
    for (const sample of [null, {}, { value: null }, { histogram: [1, {}] }]) {
      const answer = { status: 'success', data: { resultType: 'vector', result: [sample] } };
      await assert.rejects(ask(answer), (error: MetricsError) => error.reason === 'NoData');
    }
  });

  it('of a part of the series only changes no pod', async () => {
    const partial = { ...vector('1'), warnings: ['partial response: store a is down'] };
    await assert.rejects(
      ask(partial),
      (error: MetricsError) =>
        error.reason === 'BadAnswer' && /^the answer has warnings: [^:]*$/.test(error.message),
    );
    const remark = { ...vector('1'), warnings: ['PromQL info: metric might not be a counter'] };
    assert.equal(await ask(remark), 1);
  });

  it('of any other shape is a bad answer', async () => {
    for (const answer of ['', 'null', '[]', '5', '<html>', { status: 'success' }, { data: {} }]) {
      await assert.rejects(ask(answer), (error: MetricsError) => error.reason === 'BadAnswer');
    }
    await assert.rejects(ask(vector('1'), 502), (error: MetricsError) => error.reason === 'BadAnswer');
  });
});
