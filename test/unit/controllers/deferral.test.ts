// Admission first: whose state waits while a crowd orders, and for how long at the most.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deferral } from '../../../src/controllers/deferral.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

function setUp(options: { writeMs?: number; delayMs?: number; most?: number } = {}) {
  const clock = new SimulatedClock();
  const released: string[] = [];
  const deferral = new Deferral({
    clock,
    crowd: 2,
    writeMs: () => options.writeMs ?? 20,
    delayMs: options.delayMs ?? 5000,
    most: options.most ?? 1000,
    groupOf: (key) => (key.includes('/') ? key.slice(0, key.indexOf('/')) : ''),
    release: (key) => released.push(key),
  });
  /** Keys from..to, `everyMs` apart. */
  const come = async (from: number, to: number, everyMs: number) => {
    for (let key = from; key < to; key++) {
      deferral.add(`o${key}`);
      await clock.advance(everyMs);
    }
  };
  return { clock, released, deferral, come };
}

describe('while orders come one by one', () => {
  it('each is released at once: at 100 a second and 5 ms a write, half of one is on its way', async () => {
    const { released, deferral, come } = setUp({ writeMs: 5 });
    await come(0, 300, 10);
    assert.equal(released.length, 300);
    assert.equal(deferral.size, 0);
  });
});

describe('while a crowd orders', () => {
  it('orders wait, and are released in their order when it is over', async () => {
    const { clock, released, deferral, come } = setUp();
    await come(0, 1000, 2);
    // Up to 2 on their way at 20 ms each is up to 100 a second: 50 in the window that is looked at.
    assert.equal(released.length, 50);
    assert.equal(deferral.size, 950);
    await clock.advance(600);
    assert.deepEqual(
      released,
      Array.from({ length: 1000 }, (_, key) => `o${key}`),
    );
    assert.equal(deferral.size, 0);
  });

  it('none waits longer than the delay', async () => {
    const { clock, released, come } = setUp({ delayMs: 1000 });
    const since = new Map<string, number>();
    for (let key = 0; key < 3000; key++) {
      since.set(`o${key}`, clock.monotonic());
      await come(key, key + 1, 2);
      const late = [...since].filter(([, at]) => clock.monotonic() - at > 1100).map(([name]) => name);
      for (const name of late) since.delete(name);
      assert.deepEqual(
        late.filter((name) => !released.includes(name)),
        [],
      );
    }
    assert.ok(released.length < 3000);
  });

  it('no more wait than may: the one that waited longest goes', async () => {
    const { released, deferral, come } = setUp({ most: 10 });
    await come(0, 200, 1);
    assert.equal(deferral.size, 10);
    assert.equal(released.length, 190);
    assert.equal(released.at(-1), 'o189');
  });

  it('one that is deleted meanwhile is not released', async () => {
    const { clock, released, deferral, come } = setUp();
    await come(0, 100, 1);
    deferral.forget('o99');
    await clock.advance(1000);
    assert.equal(released.length, 99);
    assert.ok(!released.includes('o99'));
  });

  it('with a delay of 0 nobody waits; once stopped nothing is released', async () => {
    const none = setUp({ delayMs: 0 });
    await none.come(0, 500, 1);
    assert.equal(none.released.length, 500);
    const { clock, released, deferral, come } = setUp();
    await come(0, 500, 1);
    const before = released.length;
    deferral.stop();
    await clock.advance(10_000);
    assert.equal(released.length, before);
  });
});

describe('while a crowd orders in one namespace', () => {
  it('the few orders of others do not wait', async () => {
    const { clock, released, deferral } = setUp({ most: 10_000 });
    for (let i = 0; i < 2000; i++) {
      deferral.add(`huge/o${i}`);
      if (i % 50 === 0) deferral.add(`small/o${i}`);
      await clock.advance(1);
    }
    const small = released.filter((key) => key.startsWith('small/'));
    assert.equal(small.length, 40);
    assert.ok(released.length - small.length < 100, `${released.length} released`);
  });

  it('a sale waits no more than it would alone, also beside one that is only a few times as large', async () => {
    for (const times of [2, 3, 5]) {
      const { clock, released, deferral } = setUp({ most: 10_000 });
      // 50 a second: one is on its way.
      for (let i = 0; i < 200; i++) {
        deferral.add(`small/o${i}`);
        for (let j = 0; j < times; j++) deferral.add(`large/o${i}-${j}`);
        await clock.advance(20);
      }
      const small = released.filter((key) => key.startsWith('small/'));
      assert.equal(small.length, 200, `beside one ${times} times as large`);
    }
  });

  it('two that order equally much are the crowd together: both wait', async () => {
    const { clock, released, deferral } = setUp({ most: 10_000 });
    for (let i = 0; i < 1000; i++) {
      deferral.add(`a/o${i}`);
      deferral.add(`b/o${i}`);
      await clock.advance(1);
    }
    assert.ok(released.length < 100, `${released.length} released`);
  });

  it('a namespace whose crowd is over does not wait for the crowd of another', async () => {
    const { clock, released, deferral } = setUp({ most: 10_000 });
    for (let i = 0; i < 300; i++) {
      deferral.add(`over/o${i}`);
      deferral.add(`huge/o${i}`);
      await clock.advance(1);
    }
    for (let i = 300; i < 1100; i++) {
      deferral.add(`huge/o${i}`);
      await clock.advance(1);
    }
    assert.equal(released.filter((key) => key.startsWith('over/')).length, 300);
    assert.ok(released.filter((key) => key.startsWith('huge/')).length < 100);
  });
});
