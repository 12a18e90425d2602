// A replica dies with a lot: how much of the stock that locks, and for how long, also when the leader changes meanwhile. The
// real ledger and leader on the model of Kubernetes. Other histories kill replicas too, but look only whether a unit is
// lost for ever, and not how long it is away.
import '../unfollowed.ts';

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { longestUndecidedMs, lotsOf } from '../../src/api/holds.ts';
import { LotWatch } from '../../src/ledger/lot-watch.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';
import { ApiServer } from './api-server.ts';
import { Checks } from './checks.ts';
import type { Wire } from './client.ts';
import { FrontDoor } from './front-door.ts';
import { goodsOf } from './manual-store.ts';
import { plan } from './plan.ts';
import { Random } from './random.ts';
import { Replica } from './replica.ts';
import { Life, Schedule } from './schedule.ts';

const share = 1 / 16;

/** A crowd; then one replica dies with its lot, and the leader changes 40 s later. Resolves to when the lot is back. */
async function death(seed: number): Promise<{ units: number; left: number; backAfterMs: number }> {
  const clock = new SimulatedClock();
  const random = new Random(seed);
  const schedule = new Schedule(random);
  const checks = new Checks();
  const server = new ApiServer(clock, checks);
  const weather = { lostRequest: 0, lostAnswer: 0, late: 0, refused: 0 };
  const wire: Wire = { random, schedule, server, weather, note() {} };
  const settings = {
    ...plan(seed, new Random(seed)).settings,
    paymentWindowMs: 600_000,
    crowd: 100,
    acceptDelayMs: 0,
    looks: false,
    lots: { leastDemand: 2, share, dense: 4 },
  };
  server.create(server.goods, goodsOf('apple', 400));
  const replicas = ['r1', 'r2', 'r3'].map(
    (name) => new Replica(new Life(name, clock, 0), wire, settings, {}),
  );
  const alive = () => replicas.filter(({ life }) => life.alive);
  const mishaps = { deniedByOthers: 0, judgedTwice: 0, answerLost: 0, slowOthers: 0, slowStore: 0 };
  const door = new FrontDoor({ wire, clock, checks, replicas: alive, mishaps });
  const run = async (enough: () => boolean) => {
    for (let step = 0; !enough(); step++) {
      assert.ok(step < 100_000, 'no end');
      const feeds = alive().flatMap((replica) => replica.feeds.filter(({ backlog }) => backlog > 0));
      if (schedule.size > 0 && random.chance(0.6)) schedule.runOne();
      else if (feeds.length > 0) random.pick(feeds).deliver(3);
      else if (schedule.size === 0) await clock.advance(Math.min(clock.untilNext ?? 10, 10));
      await settle();
      if (checks.violation) throw checks.violation;
    }
  };
  const goods = () => server.goods.objects.get('shop/apple')!;
  const [dying, first, second] = replicas as [Replica, Replica, Replica];
  await run(() => replicas.every(({ ready }) => ready));
  first.lead(1, (why) => assert.fail(String(why)));
  let made = 0;
  const dyingLot = () => lotsOf(goods().status).find(({ order }) => order === dying.life.name);
  let isCrowd = true;
  const order = () => {
    void door.createOrder(`o${made++}`, { buyerId: 'buyer', goodsMap: { apple: 1 } });
    if (isCrowd) clock.after(40, order);
  };
  order();
  await run(() => (dyingLot()?.quantity ?? 0) >= 4);
  isCrowd = false;
  const units = dyingLot()!.quantity;
  const left = goods().status?.lastStockCount ?? 0;
  schedule.kill(dying.life);
  const diedAt = clock.monotonic();
  await run(() => clock.monotonic() - diedAt > 40_000);
  schedule.kill(first.life);
  second.lead(2, (why) => assert.fail(String(why)));
  await run(() => dyingLot() === undefined);
  return { units, left, backAfterMs: clock.monotonic() - diedAt };
}

/** A request to be stored, the use of the lot, its date in whole seconds, and the moment in which a leader sees it. */
const withinMs = longestUndecidedMs + 2000 + 2000 + 2000;

describe('a replica that dies with a lot', () => {
  for (const seed of [1, 2, 3]) {
    it(`takes at most a share of what is left, until its last request is over (seed ${seed})`, async (test) => {
      const { units, left, backAfterMs } = await death(seed);
      test.diagnostic(`${units} of ${left} units, for ${Math.round(backAfterMs / 1000)} s`);
      assert.ok(units <= (left + units) * share, `${units} of ${left}`);
      assert.ok(backAfterMs <= withinMs, `back after ${backAfterMs} ms`);
    });
  }

  it('takes them longer when each leader counts from when it saw the lot: the bound says something', async () => {
    const { prototype } = LotWatch;
    const { ageOf } = prototype;
    prototype.ageOf = function (this: LotWatch, goods, uid) {
      return ageOf.call(this, goods, uid) - longestUndecidedMs;
    };
    try {
      const { backAfterMs } = await death(1);
      assert.ok(backAfterMs > withinMs, `back after ${backAfterMs} ms`);
    } finally {
      prototype.ageOf = ageOf;
    }
  });
});
