// The API server's time, known from the Date of its answers.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { earliest, ServerTime } from '../../../src/kube/server-time.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import { Random } from '../../simulation/random.ts';

const origin = Date.UTC(2026, 0, 1);

/** A machine whose clock is `offMs` behind the API server's, and the answers that it hears. */
function setUp(offMs: number) {
  const clock = new SimulatedClock(origin);
  let doubts = 0;
  const time = new ServerTime({ clock, onDoubt: () => doubts++ });
  const server = { aheadMs: offMs };
  const trueNow = () => clock.now() + server.aheadMs;
  return {
    clock,
    time,
    server,
    trueNow,
    doubts: () => doubts,
    /** One request: `there` ms until it is answered, `back` ms until the answer is here. */
    async ask(there = 5, back = 5) {
      const sentAt = clock.monotonic();
      await clock.advance(there);
      const date = new Date(trueNow()).toUTCString();
      await clock.advance(back);
      time.heard(date, sentAt, clock.monotonic());
    },
    isRight() {
      const bounds = time.bounds();
      return bounds !== undefined && bounds.earliest <= trueNow() && trueNow() <= bounds.latest;
    },
    width: () => time.bounds()!.latest - time.bounds()!.earliest,
  };
}

describe("the API server's time", () => {
  it('is not known before an answer', () => {
    const { time, clock } = setUp(130_000);
    assert.equal(time.bounds(), undefined);
    assert.equal(time.status(), undefined);
    assert.equal(earliest(time), Number.NEGATIVE_INFINITY);
    assert.equal(time.now(), clock.now());
  });

  for (const offMs of [130_000, -60_000, 0]) {
    it(`is known within a second and the round trip after one answer, ${offMs} ms off`, async () => {
      const { time, ask, isRight, width, trueNow } = setUp(offMs);
      await ask(40, 60);
      assert.ok(isRight());
      assert.equal(width(), 1100);
      assert.ok(Math.abs(time.now() - trueNow()) <= 550);
      assert.ok(Math.abs(time.status()!.offsetMs - offMs) <= 550);
      assert.equal(time.status()!.uncertaintyMs, 550);
    });
  }

  it('is known more exactly with each answer, and less with time', async () => {
    const { clock, ask, isRight, width } = setUp(130_000);
    for (let i = 0; i < 40; i++) {
      await ask();
      await clock.advance(137);
    }
    assert.ok(isRight());
    assert.ok(width() < 100, `${width()} ms`);
    const narrow = width();
    await clock.advance(60_000);
    assert.equal(Math.round(width() - narrow), 120);
  });

  it('does not believe what is no date', async () => {
    const { time, clock } = setUp(0);
    for (const text of [undefined, '', 'yesterday']) time.heard(text, clock.monotonic(), clock.monotonic());
    assert.equal(time.bounds(), undefined);
  });

  it("is either of two while answers contradict each other: the API server's clock was set", async () => {
    const { time, clock, server, ask, isRight, trueNow } = setUp(0);
    await ask();
    server.aheadMs = 100_000;
    await ask();
    assert.ok(isRight());
    assert.ok(Math.abs(time.now() - trueNow()) <= 600, 'the newest answer is the best guess');
    assert.ok(earliest(time) <= trueNow() - 99_000, 'what was dated before is not older than it is');
    await clock.advance(151_000);
    assert.ok(isRight());
    assert.ok(earliest(time) > trueNow() - 2000);
  });

  it('is asked for again, once a second while somebody wants it, when no answer came', async () => {
    const { time, clock, ask, doubts } = setUp(0);
    await ask();
    clock.jump(30_000);
    for (let i = 0; i < 3; i++) assert.equal(time.bounds(), undefined);
    assert.equal(doubts(), 1);
    await clock.advance(1000);
    for (let i = 0; i < 3; i++) assert.equal(time.bounds(), undefined);
    assert.equal(doubts(), 2);
  });

  it('is not known when the clock of the machine leaps, until the next answer', async () => {
    const { time, clock, server, ask, isRight, doubts } = setUp(0);
    await ask();
    clock.jump(30_000);
    server.aheadMs = -30_000;
    assert.equal(time.bounds(), undefined);
    assert.equal(doubts(), 1);
    await ask();
    assert.ok(isRight());
    assert.equal(doubts(), 1);
  });

  it('does not believe an answer that was on its way while the machine was suspended', async () => {
    const { time, clock, server, ask, isRight } = setUp(0);
    await ask();
    const sentAt = clock.monotonic();
    const date = new Date(clock.now()).toUTCString();
    await clock.advance(1);
    // For 90 s nothing of it runs, its monotonic clock neither; then its wall clock is set right.
    clock.jump(90_000);
    time.heard(date, sentAt, clock.monotonic());
    assert.equal(time.bounds(), undefined);
    server.aheadMs = 0;
    await clock.advance(1);
    await ask();
    assert.ok(isRight());
  });

  it('lies between the bounds in every history without leaps', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed);
      const { clock, ask, isRight, server } = setUp(random.int(-200_000, 200_000));
      const drift = (random.next() - 0.5) * 0.001;
      for (let step = 0; step < 60; step++) {
        await ask(random.int(0, random.pick([2, 50, 3000])), random.int(0, random.pick([2, 50, 3000])));
        assert.ok(isRight(), `seed ${seed}, step ${step}`);
        const ms = random.int(0, random.pick([10, 1000, 30_000]));
        await clock.advance(ms);
        server.aheadMs += ms * drift;
        assert.ok(isRight(), `seed ${seed}, step ${step}`);
      }
    }
  });
});
