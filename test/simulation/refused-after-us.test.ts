// Orders that another webhook or a quota refuses after us: what they lock, and for whom. The real ledger, webhooks and leader
// on the model of Kubernetes. Other histories refuse orders now and then, and look only whether all comes back in the end.
import '../unfollowed.ts';

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { longestUndecidedMs } from '../../src/api/holds.ts';
import type { UserLimits } from '../../src/ledger/user-holds.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';
import { ApiServer } from './api-server.ts';
import { Checks } from './checks.ts';
import type { Wire } from './client.ts';
import { FrontDoor } from './front-door.ts';
import { goodsOf } from './manual-store.ts';
import { Random } from './random.ts';
import { Replica } from './replica.ts';
import { Life, Schedule } from './schedule.ts';

const limits: UserLimits = { share: 1 / 4, holds: 1024, decidedAfterMs: longestUndecidedMs };

async function open(seed: number, stockCount: number, users: UserLimits | undefined) {
  const clock = new SimulatedClock();
  const random = new Random(seed);
  const schedule = new Schedule(random);
  const checks = new Checks();
  const server = new ApiServer(clock, checks);
  const weather = { lostRequest: 0, lostAnswer: 0, late: 0, refused: 0 };
  const wire: Wire = { random, schedule, server, weather, note() {} };
  const settings = {
    paymentWindowMs: 600_000,
    holdLimitMs: longestUndecidedMs,
    crowd: 100,
    acceptDelayMs: 0,
    freeze: false,
    looks: false,
    lots: { leastDemand: 0, share: 1 / 16, dense: 4 },
    ...(users ? { users } : {}),
  };
  server.create(server.goods, goodsOf('apple', stockCount));
  const replicas = ['r1', 'r2'].map((name) => new Replica(new Life(name, clock, 0), wire, settings, {}));
  const mishaps = { deniedByOthers: 0, judgedTwice: 0, answerLost: 0, slowOthers: 0, slowStore: 0 };
  const door = new FrontDoor({ wire, clock, checks, replicas: () => replicas, mishaps });
  const run = async (enough: () => boolean) => {
    for (let step = 0; !enough(); step++) {
      assert.ok(step < 200_000, 'no end');
      const feeds = replicas.flatMap((replica) => replica.feeds.filter(({ backlog }) => backlog > 0));
      if (schedule.size > 0 && random.chance(0.6)) schedule.runOne();
      else if (feeds.length > 0) random.pick(feeds).deliver(3);
      else if (schedule.size === 0) await clock.advance(Math.min(clock.untilNext ?? 50, 50));
      await settle();
      if (checks.violation) throw checks.violation;
    }
  };
  await run(() => replicas.every(({ ready }) => ready));
  replicas[0]?.lead(1, (why) => assert.fail(String(why)));
  let made = 0;
  const order = (user: string, isDenied = () => false) =>
    door.createOrder(`o${made++}`, { buyerId: 'buyer', goodsMap: { apple: 1 } }, false, { user, isDenied });
  const left = () => server.goods.objects.get('shop/apple')?.status?.lastStockCount ?? stockCount;
  return { clock, run, order, left };
}

/** One client sends 3 orders a second that another webhook refuses, for two minutes. The most that it locked of 50, late in it. */
async function threeASecond(seed: number, users: UserLimits | undefined): Promise<number> {
  const { clock, run, order, left } = await open(seed, 50, users);
  let isOver = false;
  const send = () => {
    void order('mallory', () => true);
    if (!isOver) clock.after(333, send);
  };
  send();
  let locked = 0;
  await run(() => {
    if (clock.monotonic() > 60_000) locked = Math.max(locked, 50 - left());
    return clock.monotonic() > 120_000;
  });
  isOver = true;
  return locked;
}

/** A quota lets 20 of 100 orders in, and then an honest buyer comes. What the quota refused still holds, and his answer. */
async function quota(
  seed: number,
  users: UserLimits | undefined,
): Promise<{ locked: number; answer: string }> {
  const { run, order, left } = await open(seed, 100, users);
  let stored = 0;
  let answered = 0;
  for (let number = 0; number < 100; number++) {
    const isFull = () => stored >= 20 || !++stored;
    void order('shop', isFull).then(() => answered++);
  }
  await run(() => answered === 100);
  const locked = 80 - left();
  const answers: string[] = [];
  void order('buyer').then((result) => answers.push(typeof result === 'string' ? result : 'stored'));
  await run(() => answers.length === 1);
  return { locked, answer: answers[0]! };
}

describe('a client whose orders are refused after us, 3 a second', () => {
  for (const seed of [1, 2, 3]) {
    it(`locks next to nothing of 50 units after a minute (seed ${seed})`, async (test) => {
      const locked = await threeASecond(seed, limits);
      test.diagnostic(`${locked} of 50`);
      assert.ok(locked <= 4, `${locked} of 50`);
    });
  }

  it('locks all of them when nothing bounds it', async (test) => {
    const locked = await threeASecond(1, undefined);
    test.diagnostic(`${locked} of 50`);
    assert.equal(locked, 50);
  });
});

describe('a quota of 20 orders, and 100 orders for 100 units', () => {
  for (const seed of [1, 2, 3]) {
    it(`locks no more than the share of a user at each replica (seed ${seed})`, async (test) => {
      const { locked, answer } = await quota(seed, limits);
      test.diagnostic(`${locked} of 80`);
      assert.ok(locked <= 30, `${locked} of 80`);
      assert.equal(answer, 'stored');
    });
  }

  it('locks all that is left when nothing bounds it, and the next buyer is told to try again', async () => {
    const { locked, answer } = await quota(1, undefined);
    assert.equal(locked, 80);
    assert.match(answer, /held for orders that are not stored yet; try again/);
  });
});
