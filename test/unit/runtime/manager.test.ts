// The manager: parts start in order and stop in the reverse order, whatever fails or hangs.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Component, ComponentError, Manager } from '../../../src/runtime/manager.ts';
import { SimulatedClock, settle } from '../../simulated-clock.ts';

function set() {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const take = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
  const part = (name: string, ms = 0, more: Partial<Component> = {}): Component => ({
    name,
    async start() {
      told.push(`start ${name}`);
      await take(ms);
      told.push(`${name} is up`);
    },
    async stop() {
      told.push(`stop ${name}`);
      await take(ms);
      told.push(`${name} is down`);
    },
    ...more,
  });
  const manager = new Manager({ clock, stopTimeout: 10_000, gracePeriod: 25_000 });
  return { clock, told, part, manager };
}

describe('starting', () => {
  test('waits for each group, and a group starts together; stopping goes the other way', async () => {
    const { clock, told, part, manager } = set();
    manager.add(part('certs', 10)).add(part('goods', 20), part('orders', 10)).add(part('lease'));
    const started = manager.start();
    await clock.advance(100);
    await started;
    assert.deepEqual(told.splice(0), [
      'start certs',
      'certs is up',
      'start goods',
      'start orders',
      'orders is up',
      'goods is up',
      'start lease',
      'lease is up',
    ]);
    const stopped = manager.stop();
    await clock.advance(100);
    await stopped;
    assert.deepEqual(told, [
      'stop lease',
      'lease is down',
      'stop goods',
      'stop orders',
      'orders is down',
      'goods is down',
      'stop certs',
      'certs is down',
    ]);
  });

  test('that fails stops what was started, and names the part', async () => {
    const { clock, told, part, manager } = set();
    let signal: AbortSignal | undefined;
    const bad = part('server', 0, {
      start: async () => {
        throw new Error('port 8443 is taken');
      },
    });
    const hung = part('probe', 0, {
      start: (given) => {
        signal = given;
        return new Promise((_, reject) => given.addEventListener('abort', () => reject(given.reason)));
      },
    });
    manager.add(part('certs')).add(hung, bad).add(part('lease'));
    const started = manager.start().catch((error) => error);
    await clock.advance(100);
    const error = await started;
    assert.ok(error instanceof ComponentError && error.component === 'server', String(error));
    assert.equal(error.message, 'server did not start: port 8443 is taken');
    assert.equal(signal!.aborted, true);
    assert.deepEqual(told.slice(2).sort(), [
      'certs is down',
      'probe is down',
      'server is down',
      'stop certs',
      'stop probe',
      'stop server',
    ]);
    assert.equal(manager.ready().ok, false);
  });

  test('is given up when stop comes first: what comes later is not started', async () => {
    const { clock, told, part, manager } = set();
    const caches = part('caches', 0, {
      start: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    });
    manager.add(part('server')).add(caches).add(part('lease'));
    const started = manager.start();
    await clock.advance(10);
    const stopped = manager.stop();
    await clock.advance(10);
    await Promise.all([started, stopped]);
    assert.deepEqual(told, [
      'start server',
      'server is up',
      'stop caches',
      'caches is down',
      'stop server',
      'server is down',
    ]);
  });
});

describe('stopping', () => {
  test('goes on without a part that hangs, and tells it to end at once', async () => {
    const { clock, told, part, manager } = set();
    let signal: AbortSignal | undefined;
    const hung = part('controllers', 0, {
      start: async (given) => {
        signal = given;
      },
      stop: () => new Promise(() => {}),
    });
    manager.add(part('server')).add(hung);
    const started = manager.start();
    await clock.advance(1);
    await started;
    const stopped = manager.stop();
    await clock.advance(9_999);
    assert.equal(signal!.aborted, false);
    assert.ok(!told.includes('stop server'));
    await clock.advance(2);
    await stopped;
    assert.equal(signal!.aborted, true);
    assert.deepEqual(told.slice(2), ['stop server', 'server is down']);
    assert.equal(clock.pending, 0);
  });

  test('ends within the grace period however many parts hang', async () => {
    const { clock, part, manager } = set();
    const hung = (name: string) => part(name, 0, { stop: () => new Promise(() => {}) });
    manager.add(hung('a')).add(hung('b')).add(hung('c')).add(hung('d'));
    const started = manager.start();
    await clock.advance(1);
    await started;
    let down = false;
    void manager.stop().then(() => {
      down = true;
    });
    await clock.advance(25_000);
    assert.equal(down, true);
  });

  test('goes on when a part fails to stop, and happens once', async () => {
    const { clock, told, part, manager } = set();
    const bad = part('bad', 0, { stop: () => Promise.reject(new Error('no')) });
    manager.add(part('server')).add(bad);
    const started = manager.start();
    await clock.advance(1);
    await started;
    const both = [manager.stop(), manager.stop()];
    await clock.advance(1);
    await Promise.all(both);
    assert.deepEqual(told.slice(4), ['stop server', 'server is down']);
  });
});

test('readiness is that of all parts, and says why not', async () => {
  const { clock, part, manager } = set();
  let listed = false;
  const cache = part('cache goods', 0, {
    ready: () => (listed ? { ok: true } : { ok: false, why: 'not listed yet' }),
  });
  const broken = part('probe', 0, {
    ready: () => {
      throw new Error('boom');
    },
  });
  manager.add(part('certs')).add(cache);
  assert.deepEqual(manager.ready(), { ok: false, why: 'cache goods: not listed yet' });
  const started = manager.start();
  listed = true;
  assert.deepEqual(manager.ready(), { ok: false, why: 'starting' });
  await clock.advance(1);
  await started;
  assert.deepEqual(manager.ready(), { ok: true });
  listed = false;
  assert.equal(manager.ready().ok, false);
  const stopped = manager.stop();
  assert.deepEqual(manager.ready(), { ok: false, why: 'shutting down' });
  await clock.advance(1);
  await stopped;
  await settle();

  const other = new Manager().add(broken);
  assert.deepEqual(other.ready(), { ok: false, why: 'probe: boom' });
});
