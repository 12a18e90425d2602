// Names that a tenant chooses do not take the threads of the process: a few look-ups at once, each within its time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedLookup, type Resolve } from '../../../src/workloads/bounded-lookup.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

const limits = { running: 2, waiting: 3, timeoutMs: 5000, addresses: 2 };
const address = (text: string) => ({ address: text, family: 4 });

function world() {
  const clock = new SimulatedClock();
  const asked = new Map<string, Parameters<Resolve>[2]>();
  const bounded = boundedLookup((name, _, answer) => void asked.set(name, answer), clock, limits);
  const told: string[] = [];
  const ask = (name: string) =>
    bounded(name, { all: true }, (error, addresses) => {
      told.push(`${name}: ${error ? error.code : addresses.map((it) => it.address).join()}`);
    });
  return { clock, asked, told, ask };
}

test('no more than two run at once, the others take their turn', () => {
  const { asked, told, ask } = world();
  for (const name of ['a', 'b', 'c']) ask(name);
  assert.deepEqual([...asked.keys()], ['a', 'b']);
  asked.get('a')!(null, [address('192.0.2.1')]);
  assert.deepEqual(told, ['a: 192.0.2.1']);
  assert.deepEqual([...asked.keys()], ['a', 'b', 'c']);
});

test('a name that nobody answers keeps its thread, and no caller waits for it', async () => {
  const { clock, asked, told, ask } = world();
  for (const name of ['a', 'b', 'c']) ask(name);
  await clock.advance(5000);
  assert.deepEqual(told.sort(), ['a: EDNSTIMEOUT', 'b: EDNSTIMEOUT', 'c: EDNSTIMEOUT']);
  ask('d');
  assert.deepEqual([...asked.keys()], ['a', 'b'], 'both threads are still taken');
  asked.get('a')!(null, []);
  assert.deepEqual([...asked.keys()], ['a', 'b', 'd'], 'c has been given up');
  asked.get('b')!(null, [address('192.0.2.1')]);
  assert.equal(told.length, 3, 'a late answer reaches nobody');
});

test('more than may wait are refused at once, and so is a name of too many addresses', () => {
  const { asked, told, ask } = world();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) ask(name);
  assert.deepEqual(told, ['f: EDNSBUSY']);
  asked.get('a')!(
    null,
    [1, 2, 3].map((n) => address(`192.0.2.${n}`)),
  );
  assert.equal(told.at(-1), 'a: EDNSTOOMANY');
});
