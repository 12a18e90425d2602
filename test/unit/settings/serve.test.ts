// Flags of serve from the environment: what a variable says is what is set, and a flag has the last word.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { defaultServeSettings, withServeOptions } from '../../../src/settings/options.ts';
import type { ServeSettings } from '../../../src/settings/serve.ts';

function settings(environment: Record<string, string>, ...flags: string[]): ServeSettings {
  Object.assign(process.env, environment);
  try {
    return withServeOptions(new Command()).parse(flags, { from: 'user' }).opts<ServeSettings>();
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
  }
}

test('what takes a value takes it from the environment as well', () => {
  assert.equal(settings({ SPIKEGATE_PAYMENT_WINDOW: '10m' }).paymentWindow, 600_000);
  assert.equal(settings({ SPIKEGATE_PAYMENT_WINDOW: '10m' }, '--payment-window', '1m').paymentWindow, 60_000);
});

test('the board is off until it is asked for', () => {
  assert.equal(defaultServeSettings().board, false);
  assert.equal(settings({}, '--board').board, true);
  for (const text of ['true', '1', 'yes'])
    assert.equal(settings({ SPIKEGATE_BOARD: text }).board, true, text);
  for (const text of ['false', '0', 'no', 'OFF', '']) {
    assert.equal(settings({ SPIKEGATE_BOARD: text }).board, false, text);
  }
  assert.equal(settings({ SPIKEGATE_BOARD: 'false' }, '--board').board, true);
});

test('replicas elect a leader unless they are told not to', () => {
  assert.equal(defaultServeSettings().leaderElect, true);
  assert.equal(settings({}, '--no-leader-elect').leaderElect, false);
  assert.equal(settings({ SPIKEGATE_LEADER_ELECT: 'true' }).leaderElect, true);
  assert.equal(settings({ SPIKEGATE_LEADER_ELECT: 'false' }).leaderElect, false);
  assert.equal(settings({ SPIKEGATE_LEADER_ELECT: 'true' }, '--no-leader-elect').leaderElect, false);
});

test('parts and namespaces are lists, and say what is wrong with them', () => {
  const wrong = (...flags: string[]) => {
    const command = withServeOptions(new Command())
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    try {
      command.parse(flags, { from: 'user' });
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };
  const { parts, namespaces } = defaultServeSettings();
  assert.deepEqual([parts, namespaces], [['sale', 'workloads'], []]);
  assert.deepEqual(settings({ SPIKEGATE_PARTS: 'workloads, sale' }).parts, ['sale', 'workloads']);
  assert.deepEqual(settings({ SPIKEGATE_NAMESPACES: 'a,b' }, '--namespaces', 'c, d,c').namespaces, [
    'c',
    'd',
  ]);
  assert.match(wrong('--parts', 'sale,jobs') ?? '', /must be some of sale, workloads, got "jobs"/);
  assert.match(wrong('--parts', ',') ?? '', /must be some of sale, workloads, got ","/);
  assert.match(wrong('--namespaces', 'a,B/c') ?? '', /RFC 1123 label of at most 63 characters, got "B\/c"/);
  const many = Array.from({ length: 101 }, (_, index) => `n${index}`).join(',');
  assert.match(wrong('--namespaces', many) ?? '', /must be at most 100 namespaces, got 101/);
});
