// The second look before "no such buyer": live, but not for ever the same question.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecondLook } from '../../../src/ledger/second-look.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

function looking(stored: Set<string>) {
  const clock = new SimulatedClock(0);
  const asked: string[] = [];
  const look = new SecondLook(async (key) => {
    asked.push(key);
    return stored.has(key) ? ({ metadata: {} } as never) : undefined;
  }, clock);
  return { clock, asked, look };
}

test('finds what is stored', async () => {
  const { look } = looking(new Set(['shop/ann']));
  assert.equal(await look.find('shop', 'ann'), true);
  assert.equal(await look.find('shop', 'bob'), false);
});

test('asks for the same missing object once a second at most', async () => {
  const stored = new Set<string>();
  const { look, clock, asked } = looking(stored);
  for (let i = 0; i < 5; i++) assert.equal(await look.find('shop', 'ann'), false);
  assert.deepEqual(asked, ['shop/ann']);
  stored.add('shop/ann');
  await clock.advance(1000);
  assert.equal(await look.find('shop', 'ann'), true);
});

test('never asks for what cannot be a name', async () => {
  const { look, asked } = looking(new Set());
  for (const name of ['', '..', 'A', 'a/b', '?', 'x'.repeat(254)])
    assert.equal(await look.find('shop', name), false);
  assert.deepEqual(asked, []);
});

test('a read that fails says nothing, and is tried again', async () => {
  let isAway = true;
  const look = new SecondLook(async () => {
    if (isAway) throw new Error('etcd is away');
    return { metadata: {} } as never;
  }, new SimulatedClock(0));
  await assert.rejects(look.find('shop', 'ann'), /etcd is away/);
  isAway = false;
  assert.equal(await look.find('shop', 'ann'), true);
});
