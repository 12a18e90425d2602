// A name is asked for many times at once: by clients that retry, by double clicks, by somebody who creates and deletes it
// quickly. It exists once, so it never takes the units of more than one order. The real ledger, webhooks and leader on
// the model of Kubernetes; other histories ask for a name twice now and then, but look only whether there is too little.
import '../unfollowed.ts';

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { holdsOf, isLot, ownUnits } from '../../src/api/holds.ts';
import type { Gate } from '../../src/ledger/gate.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';
import { ApiServer } from './api-server.ts';
import { Checks } from './checks.ts';
import type { Wire } from './client.ts';
import { FrontDoor } from './front-door.ts';
import { goodsOf } from './manual-store.ts';
import { Random } from './random.ts';
import { Replica, type Variant } from './replica.ts';
import { Life, Schedule } from './schedule.ts';

class Shop {
  readonly clock = new SimulatedClock();
  readonly random: Random;
  readonly checks = new Checks();
  readonly server = new ApiServer(this.clock, this.checks);
  readonly #schedule: Schedule;
  readonly #replicas: Replica[];
  readonly #door: FrontDoor;
  /** What was answered to each name, and which names are stored. */
  readonly answers: string[] = [];
  readonly stored = new Set<string>();
  #open = 0;

  constructor(seed: number, stockCount: number, { lots = 0, variant = {} as Variant } = {}) {
    this.random = new Random(seed);
    this.#schedule = new Schedule(this.random);
    const { random, clock, checks, server } = this;
    const settings = {
      ...{ paymentWindowMs: 600_000, holdLimitMs: 120_000, crowd: 100, acceptDelayMs: 0 },
      ...{ freeze: false, looks: false, lots: { leastDemand: lots, share: 1 / 4, dense: 4 } },
    };
    const weather = { lostRequest: 0, lostAnswer: 0, late: 0, refused: 0 };
    const wire: Wire = { random, schedule: this.#schedule, server, weather, note() {} };
    server.create(server.goods, goodsOf('apple', stockCount));
    this.#replicas = ['r1', 'r2'].map(
      (name) => new Replica(new Life(name, clock, 0), wire, settings, variant),
    );
    const mishaps = { deniedByOthers: 0, judgedTwice: 0.2, answerLost: 0, slowOthers: 0.5, slowStore: 0 };
    this.#door = new FrontDoor({ wire, clock, checks, replicas: () => this.#replicas, mishaps });
  }

  async open(): Promise<void> {
    await this.run(() => this.#replicas.every(({ ready }) => ready));
    const [leader] = this.#replicas;
    leader?.lead(1, (why) => assert.fail(String(why)));
  }

  /** A client, which comes back when it is told to. */
  async create(name: string, quantity = 1): Promise<void> {
    this.#open++;
    const spec = { buyerId: 'buyer', goodsMap: { apple: quantity } };
    let result = await this.#door.createOrder(name, spec);
    for (let tries = 1; tries < 5 && /try again/.test(String(result)); tries++) {
      await new Promise<void>((resolve) => {
        this.clock.after(2000 * tries, resolve);
      });
      result = await this.#door.createOrder(name, spec);
    }
    this.#open--;
    if (typeof result === 'string') this.answers.push(result);
    else this.stored.add(name);
  }

  async delete(name: string): Promise<void> {
    await this.#door.deleteOrder(name);
  }

  /** Until every request is answered and every event told. */
  async run(enough = () => this.#open === 0): Promise<void> {
    for (let step = 0; ; step++) {
      assert.ok(step < 200_000, 'no end');
      const feeds = this.#replicas.flatMap((replica) => replica.feeds.filter(({ backlog }) => backlog > 0));
      if (this.#schedule.size > 0 && this.random.chance(0.6)) this.#schedule.runOne();
      else if (feeds.length > 0) this.random.pick(feeds).deliver(3);
      else if (this.#schedule.size === 0) {
        if (enough()) break;
        await this.clock.advance(Math.min(this.clock.untilNext ?? 10, 50));
      }
      await settle();
      if (this.checks.violation) throw this.checks.violation;
    }
  }

  /** What is left for others a moment later: lots are given back, settlements are stored. */
  async left(): Promise<number> {
    const end = this.clock.monotonic() + 5000;
    await this.run(() => this.clock.monotonic() >= end);
    return this.goods.status?.lastStockCount ?? Number.NaN;
  }

  get goods() {
    return this.server.goods.objects.get('shop/apple')!;
  }

  /** Units held for a name that is no longer, or not yet, in the sums. */
  heldFor(name: string): number {
    const holds = holdsOf(this.goods.status).filter((hold) => !isLot(hold) && hold.order === name);
    return holds.reduce((sum, hold) => sum + ownUnits(hold), 0);
  }
}

/** As it was: each request has a hold of its own, whatever its name. */
const perRequest: Variant = {
  gate: (gate) =>
    ({
      hasHold: (goods, uid) => gate.hasHold(goods, uid),
      release: (request) => gate.release(request),
      hold: (request, deadline) =>
        gate.hold({ ...request, order: `${request.order}-${request.uid.slice(-4)}` }, deadline),
    }) satisfies Pick<Gate, 'hold' | 'release' | 'hasHold'> as unknown as Gate,
};

/** 60 buyers send their order three times at once; there are 60 units. How many have theirs, and what is left. */
async function doubleClicks(seed: number, options: { lots?: number; variant?: Variant } = {}) {
  const shop = new Shop(seed, 60, options);
  await shop.open();
  for (let click = 0; click < 3; click++) {
    for (let buyer = 0; buyer < 60; buyer++) void shop.create(`o${buyer}`);
  }
  await shop.run();
  const left = await shop.left();
  return { stored: shop.stored.size, left, answers: shop.answers };
}

async function sixtyOfOneName(seed: number, options: { lots?: number; variant?: Variant } = {}) {
  const shop = new Shop(seed, 60, options);
  await shop.open();
  for (let request = 0; request < 60; request++) void shop.create('same');
  await shop.run();
  return shop.left();
}

describe('60 buyers who send the same order three times, for 60 units', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`all have theirs, and none is told that it is sold out (seed ${seed})`, async () => {
      const { stored, left, answers } = await doubleClicks(seed);
      assert.deepEqual({ stored, left }, { stored: 60, left: 0 });
      assert.deepEqual(
        answers.filter((answer) => !/already exists|try again/.test(answer)),
        [],
      );
    });
  }

  it('have not when each request is held for itself: the scenario says something', async () => {
    const { stored } = await doubleClicks(1, { variant: perRequest });
    assert.ok(stored < 50, `${stored} of 60`);
  });
});

describe('60 creates of one name at once', () => {
  for (const lots of [0, 2]) {
    for (const seed of [1, 2, 3]) {
      it(`take one unit (${lots > 0 ? 'with' : 'without'} lots, seed ${seed})`, async () => {
        assert.equal(await sixtyOfOneName(seed, { lots }), 59);
      });
    }
  }

  it('take many when each request is held for itself', async () => {
    assert.ok((await sixtyOfOneName(1, { variant: perRequest })) < 30);
  });
});

describe('a name that is created and deleted, again and again', () => {
  for (const lots of [0, 1]) {
    it(`never takes more than its largest request (${lots > 0 ? 'with' : 'without'} lots, 60 histories)`, async () => {
      for (let seed = 1; seed <= 60; seed++) {
        const shop = new Shop(seed, 20, { lots });
        await shop.open();
        for (let turn = 0; turn < 12; turn++) {
          for (const _ of [1, 2]) void shop.create('same', shop.random.int(1, 3));
          if (shop.random.chance(0.5)) await shop.run(() => shop.random.chance(0.1));
          void shop.delete('same');
          if (shop.random.chance(0.3)) await shop.run();
        }
        await shop.run();
        const left = await shop.left();
        const order = shop.server.orders.objects.get('shop/same');
        const has = order?.spec.goodsMap.apple ?? 0;
        assert.ok(20 - left <= Math.max(3, has), `seed ${seed}: ${20 - left} units are taken`);
        assert.ok(shop.heldFor('same') <= 3, `seed ${seed}`);
      }
    });
  }
});
