// One history of a flash sale, drawn from a seed: the real ledger, webhooks and reconcilers on a model of
// Kubernetes. Every seed has its own network faults (`weather`), actions of people and failures of machines (`temper`),
// and number of replicas (plan.ts).
import { holdsOf } from '../../src/api/holds.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';
import { ApiServer } from './api-server.ts';
import { Checks, Violation } from './checks.ts';
import { summary, type Wire } from './client.ts';
import { Cluster } from './cluster.ts';
import { Crowd } from './crowd.ts';
import { FrontDoor } from './front-door.ts';
import { type Plan, plan } from './plan.ts';
import { Random } from './random.ts';
import type { Variant } from './replica.ts';
import { Schedule } from './schedule.ts';

export interface Report {
  seed: number;
  violation: string | undefined;
  steps: number;
  counts: Checks['counts'];
  trace: () => string;
}

/** More steps than any healthy history needs. */
const maxSteps = 60_000;

class Simulation {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #checks = new Checks();
  readonly #schedule: Schedule;
  readonly #server: ApiServer;
  readonly #wire: Wire;
  readonly #plan: Plan;
  readonly #cluster: Cluster;
  /** How the API server handles a client's write: webhooks first, then storage. */
  readonly #door: FrontDoor;
  readonly #crowd: Crowd;
  readonly #trace: [number, unknown[]][] = [];
  readonly #names: string[];
  #steps = 0;

  constructor(seed: number, variant: Variant = {}) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#plan = plan(seed, this.#random);
    this.#schedule = new Schedule(this.#random);
    this.#server = new ApiServer(this.#clock, this.#checks);
    this.#wire = {
      random: this.#random,
      schedule: this.#schedule,
      server: this.#server,
      weather: { ...this.#plan.weather },
      note: (...what) => {
        this.#trace.push([this.#clock.monotonic(), what]);
      },
    };
    const { replicas, settings, skewMs, goods } = this.#plan;
    this.#names = ['apple', 'berry', 'cherry'].slice(0, goods);
    this.#cluster = new Cluster(this.#wire, this.#clock, { settings, variant, size: replicas, skewMs });
    this.#door = new FrontDoor({
      wire: this.#wire,
      clock: this.#clock,
      checks: this.#checks,
      replicas: () => this.#cluster.replicas,
      mishaps: this.#plan.mishaps,
    });
    this.#crowd = new Crowd(
      this.#wire,
      { door: this.#door, cluster: this.#cluster, checks: this.#checks, clock: this.#clock },
      this.#names,
      replicas,
    );
  }

  async run(): Promise<Report> {
    try {
      await this.#open();
      await this.#storm();
      await this.#quiet(20_000);
      if (this.#plan.calm) this.#checkNoHoldsRemain();
      const { holdLimitMs, paymentWindowMs } = this.#plan.settings;
      // The default start time of a sale comes from a replica's clock, which may be ahead by up to `skewMs`.
      await this.#quiet(holdLimitMs + paymentWindowMs + this.#plan.skewMs + 60_000);
      this.#checks.atRest(this.#server, this.#clock.now());
      this.#throwOnViolation();
      await this.#everyoneIsServed();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#checks.fail(error.message);
    }
    return {
      seed: this.#seed,
      violation: this.#checks.violation?.message,
      steps: this.#steps,
      counts: this.#checks.counts,
      trace: () => this.#history(),
    };
  }

  /** Goods on sale, replicas synced, and usually a leader. */
  async #open(): Promise<void> {
    while (!this.#cluster.replicas.some((replica) => replica.ready)) await this.#step({ task: 1 });
    for (const name of this.#names)
      void this.#door.createGoods(name, this.#random.int(1, this.#plan.maxStock));
    if (this.#plan.calm || this.#random.chance(0.8)) this.#cluster.elect();
    while (this.#server.goods.objects.size < this.#names.length) {
      await this.#step({ task: 1 });
      if (this.#schedule.size > 0) continue;
      for (const name of this.#names)
        void this.#door.createGoods(name, this.#random.int(1, this.#plan.maxStock));
    }
    // In most histories, all caches have the goods before the sale begins.
    const steps = this.#random.chance(0.8) ? 40 : 0;
    for (let step = 0; step < steps && this.#schedule.size + this.#feedsWithEvents().length > 0; step++) {
      await this.#step({ task: 1, feed: 1 });
    }
  }

  async #storm(): Promise<void> {
    for (let actions = this.#plan.actions; actions > 0; ) {
      if ((await this.#step(this.#plan.pace)) === 'act') actions--;
    }
  }

  /**
   * Does one thing, chosen by the weights in `pace`: a `task` (a request or an answer arrives), a `feed` (watch events
   * arrive), `time` passes, or somebody does an `act`. Returns which.
   */
  async #step(pace: Partial<Plan['pace']>): Promise<string> {
    const { task = 0, feed = 0, time = 0, act = 0 } = pace;
    const waiting = this.#feedsWithEvents();
    const kind = this.#random.weighted({
      task: this.#schedule.size > 0 ? task : 0,
      feed: waiting.length > 0 ? feed : 0,
      time,
      act,
    });
    if (kind === 'task' && this.#schedule.size > 0) this.#schedule.runOne();
    else if (kind === 'feed' && waiting.length > 0)
      this.#random.pick(waiting).deliver(this.#random.int(1, 4));
    else if (kind === 'time') await this.#clock.advance(this.#timeSpan());
    else if (kind === 'act') this.#crowd.act(this.#plan.temper);
    await settle();
    this.#throwOnViolation();
    return kind;
  }

  /** Watches that have undelivered events. */
  #feedsWithEvents(): { backlog: number; deliver(events: number): void }[] {
    const awake = this.#cluster.replicas.filter(({ life }) => !life.isPaused);
    return awake.flatMap(({ feeds }) => feeds.filter(({ backlog }) => backlog > 0));
  }

  /** Milliseconds of one step of time. Mostly short, above all while tasks wait; sometimes longer than a time limit. */
  #timeSpan(): number {
    const moment = this.#schedule.size > 0 ? 30 : 300;
    switch (this.#random.weighted({ moment: 10, next: 4, seconds: 0.5, minute: 0.05 })) {
      case 'moment':
        return this.#random.int(1, moment);
      case 'next':
        return Math.min(this.#clock.untilNext ?? moment, 2_000);
      case 'seconds':
        return this.#random.int(500, 10_000);
      default:
        return this.#random.int(20_000, 150_000);
    }
  }

  /** Ends all faults, so that one replica leads and every message arrives. Then lets `ms` pass. */
  async #quiet(ms: number): Promise<void> {
    Object.assign(this.#wire.weather, { lostRequest: 0, lostAnswer: 0, late: 0, refused: 0 });
    // `Others`: other webhooks.
    Object.assign(this.#plan.mishaps, {
      deniedByOthers: 0,
      judgedTwice: 0,
      answerLost: 0,
      slowOthers: 0,
      slowStore: 0,
    });
    for (const replica of [...this.#cluster.replicas]) this.#cluster.wake(replica);
    // A replica that still thinks it leads must exit when it learns that it does not.
    for (const replica of this.#cluster.deposed) this.#cluster.crash(replica, 'it notices');
    const end = this.#clock.monotonic() + ms;
    while (this.#clock.monotonic() < end) {
      if (this.#cluster.replicas.length === 0) this.#cluster.start();
      if (!this.#cluster.leader) this.#cluster.elect();
      if (this.#schedule.size > 0 || this.#feedsWithEvents().length > 0)
        await this.#step({ task: 1, feed: 1 });
      else {
        const left = end - this.#clock.monotonic();
        await this.#clock.advance(Math.min(this.#clock.untilNext ?? left, left));
        this.#throwOnViolation();
      }
    }
  }

  /** Without faults, holds of refused and of deleted orders must be gone long before the hold limit. */
  #checkNoHoldsRemain(): void {
    const stored = new Set([...this.#server.orders.objects.values()].map((order) => order.metadata.uid));
    for (const goods of this.#server.goods.objects.values()) {
      for (const { uid, order } of holdsOf(goods.status)) {
        if (this.#door.refused.has(uid)) this.#checks.fail(`${order} was refused and left a hold`);
        // Only for admitted orders. The leader may take the hold of another order after its deletion; it must lapse.
        if (this.#checks.admitted.has(uid) && this.#checks.wasStored(uid) && !stored.has(uid)) {
          this.#checks.fail(`${order} was deleted and left a hold`);
        }
      }
    }
    this.#throwOnViolation();
  }

  /** After the crowd, an order for more units than are left must be refused, and an order for the rest admitted. */
  async #everyoneIsServed(): Promise<void> {
    for (const goods of [...this.#server.goods.objects.values()]) {
      const left = goods.status?.lastStockCount ?? 0;
      if (goods.metadata.deletionTimestamp) continue;
      for (const [name, quantity] of [
        ['too-much', left + 1],
        ['the-rest', left],
      ] as const) {
        if (quantity === 0) continue;
        const order = `${name}-${goods.metadata.name}`;
        let answer: unknown;
        const spec = { buyerId: 'buyer', goodsMap: { [goods.metadata.name]: quantity } };
        // Repeat the order, up to three times in all, while the refusal says "try again".
        for (let tries = 0; tries < 3 && (tries === 0 || /try again/.test(String(answer))); tries++) {
          void this.#door.createOrder(order, spec).then((result) => {
            answer = result;
          });
          await this.#quiet(1_000);
        }
        if (name === 'too-much' && typeof answer !== 'string') this.#checks.fail(`${order} was let in`);
        if (name === 'too-much' || typeof answer === 'object') continue;
        this.#checks.fail(`${left} left, and nobody can buy it: ${String(answer)}`);
      }
      const sold = this.#server.orders.objects.get(`shop/the-rest-${goods.metadata.name}`);
      if (sold && !['Unpaid', 'Expired'].includes(sold.status?.phase ?? ''))
        this.#checks.fail('the last order is not accepted');
    }
    this.#throwOnViolation();
  }

  /** Throws when a check has failed, or when there were too many steps. */
  #throwOnViolation(): void {
    if (++this.#steps > maxSteps) this.#checks.fail(`no end after ${maxSteps} steps`);
    if (this.#checks.violation) throw this.#checks.violation;
  }

  #history(): string {
    const lines = this.#trace.map(([at, what]) => {
      const words = what.map((word) =>
        typeof word === 'function' ? word() : word instanceof Error ? word.message : word,
      );
      return `${String(at).padStart(8)} ${words.join(' ')}`;
    });
    for (const object of [...this.#server.goods.objects.values(), ...this.#server.orders.objects.values()]) {
      lines.push(`   stored ${summary(object)()}`);
    }
    return [`seed ${this.#seed}: ${JSON.stringify(this.#plan)}`, ...lines].join('\n');
  }
}

export const simulate = (seed: number, variant?: Variant): Promise<Report> =>
  new Simulation(seed, variant).run();
