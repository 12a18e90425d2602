// Several namespaces, one of them huge or being deleted: what a new leader does first, and what it leaves alone. The
// real leader, queues and caches on the model of Kubernetes; requests take as long as chance has it.
import '../unfollowed.ts';

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inUseFinalizer } from '../../src/api/names.ts';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import type { SpikeOrder } from '../../src/api/spike-order.ts';
import { keyOf } from '../../src/kube/objects.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';
import { ApiServer } from './api-server.ts';
import type { Wire } from './client.ts';
import { goodsOf } from './manual-store.ts';
import { Random } from './random.ts';
import { Replica } from './replica.ts';
import { Life, Schedule } from './schedule.ts';

const settings = {
  ...{
    paymentWindowMs: 60_000,
    holdLimitMs: 120_000,
    looks: false,
    crowd: 100,
    acceptDelayMs: 0,
    freeze: false,
  },
  lots: { leastDemand: 0, share: 1, dense: 4 },
};

/** A cluster, and every state that an order enters: `namespace/name phase`. */
function world(seed: number) {
  const clock = new SimulatedClock();
  const random = new Random(seed);
  const schedule = new Schedule(random);
  const entered: string[] = [];
  const server = new ApiServer(clock, {
    goodsStored() {},
    refusedNegative() {},
    orderStored(before, after) {
      if (after?.status?.phase && after.status.phase !== before?.status?.phase) {
        entered.push(`${keyOf(after)} ${after.status.phase}`);
      }
    },
  });
  const weather = { lostRequest: 0, lostAnswer: 0, late: 0, refused: 0 };
  const wire: Wire = { random, schedule, server, weather, note() {} };
  const replicas: Replica[] = [];
  const start = (): Replica => {
    const replica = new Replica(new Life(`r${replicas.length}`, clock, 0), wire, settings, {});
    replicas.push(replica);
    return replica;
  };
  /** A leader that was deposed ends, as a process does. */
  const lead = (replica: Replica, epoch: number) => replica.lead(epoch, () => schedule.kill(replica.life));
  const run = async (enough = () => false, most = 200_000) => {
    await settle();
    for (let step = 0; !enough(); step++) {
      assert.ok(step < most, 'no end');
      const waiting = replicas.flatMap(({ life, feeds }) =>
        life.alive ? feeds.filter(({ backlog }) => backlog > 0) : [],
      );
      if (schedule.size > 0 && (waiting.length === 0 || random.chance(0.6))) schedule.runOne();
      else if (waiting.length > 0) random.pick(waiting as { deliver(events: number): void }[]).deliver(3);
      else if ((clock.untilNext ?? 60_000) < 15_000) await clock.advance(clock.untilNext ?? 0);
      else return;
      await settle();
    }
  };
  return { clock, random, schedule, server, entered, start, lead, run };
}

type World = ReturnType<typeof world>;

function storeGoods({ server }: World, namespace: string, stockCount: number): SpikeGoods {
  const goods = goodsOf('apple', stockCount);
  const metadata = { ...goods.metadata, namespace, uid: server.newUid(), finalizers: [inUseFinalizer] };
  return server.create(server.goods, { ...goods, metadata });
}

/** Past admission: the leader has to judge it, which takes several requests. */
function storeOrder({ server }: World, namespace: string, name: string): SpikeOrder {
  return server.create(server.orders, {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata: { name, namespace, uid: server.newUid(), resourceVersion: '', creationTimestamp: '' },
    spec: { buyerId: 'buyer', goodsMap: { apple: 1 } },
  });
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

describe('a new leader finds 400 orders without a state in one namespace and 10 in another', () => {
  for (const seed of [1, 2, 3]) {
    it(`and serves the two in turn (seed ${seed})`, async () => {
      const it = world(seed);
      it.server.createNamespace('huge');
      for (const namespace of ['huge', 'shop']) storeGoods(it, namespace, 1000);
      // The list shows the huge one first.
      for (let i = 0; i < 400; i++) storeOrder(it, 'huge', `o${i}`);
      for (let i = 0; i < 10; i++) storeOrder(it, 'shop', `o${i}`);
      const replica = it.start();
      await it.run(() => replica.ready);
      it.lead(replica, 1);
      const isServed = () => it.entered.filter((line) => line.startsWith('shop/')).length === 10;
      await it.run(isServed);
      const others = it.entered.filter((line) => line.startsWith('huge/')).length;
      // One for each, and as many as there are workers.
      assert.ok(others <= 10 + 8, `${others} of the huge namespace came before the tenth of the small one`);
    });

    it(`and serves first what was due first, whatever the order of the list (seed ${seed})`, async () => {
      const it = world(seed);
      storeGoods(it, 'shop', 1000);
      const names = Array.from({ length: 60 }, (_, i) => `o${i}`);
      for (const name of names) {
        storeOrder(it, 'shop', name);
        await it.clock.advance(1000);
      }
      // A list of etcd is in the order of keys; this is the other way round.
      const { objects } = it.server.orders;
      const reversed = [...objects].reverse();
      objects.clear();
      for (const [key, order] of reversed) objects.set(key, order);
      const replica = it.start();
      await it.run(() => replica.ready);
      it.lead(replica, 1);
      await it.run(() => it.entered.length === 60);
      const places = it.entered.map((line, place) => Math.abs(names.indexOf(/o\d+/.exec(line)![0]) - place));
      assert.ok(Math.max(...places) <= 8 * 2, `places are off by ${places}`);
    });
  }
});

describe('a namespace is deleted with its orders, goods before orders, over a change of leader', () => {
  it('and no order in it is rejected because its goods went first (100 histories)', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const it = world(seed);
      const { server, random, clock, schedule } = it;
      storeGoods(it, 'shop', 1000);
      for (let i = 0; i < 12; i++) storeOrder(it, 'shop', `o${i}`);
      const first = it.start();
      const second = it.start();
      await it.run(() => first.ready && second.ready);
      if (random.chance(0.7)) it.lead(first, 1);
      await it.run(() => it.entered.length >= random.int(0, 6), 60).catch(() => undefined);
      // Orders whose creation time tells the leader that its cache cannot be late.
      if (random.chance(0.5)) await clock.advance(15_000);
      server.terminate('shop');
      const doomed = shuffled(random, [...server.goods.objects.values(), ...server.orders.objects.values()]);
      const remove = (object: SpikeGoods | SpikeOrder) => {
        const collection = object.kind === 'SpikeGoods' ? server.goods : server.orders;
        const now = (collection.objects as Map<string, SpikeGoods | SpikeOrder>).get(keyOf(object));
        if (now) server.delete(collection as typeof server.orders, now as SpikeOrder);
      };
      // Some of it goes at once, the rest one by one.
      const atOnce = random.int(0, doomed.length);
      for (const object of doomed.splice(0, atOnce)) remove(object);
      if (random.chance(0.6)) {
        schedule.kill(first.life);
        it.lead(second, 2);
      }
      for (const object of doomed) {
        await it.run(() => random.chance(0.2)).catch(() => undefined);
        if (random.chance(0.2)) await clock.advance(random.int(1, 12_000));
        remove(object);
      }
      if (![first, second].some(({ life, epoch }) => life.alive && epoch > 0)) it.lead(second, 3);
      await it.run();
      const rejected = it.entered.filter((line) => line.endsWith('Rejected'));
      assert.deepEqual(rejected, [], `seed ${seed}`);
      assert.equal(server.orders.objects.size + server.goods.objects.size, 0, `seed ${seed}: left`);
    }
  });

  it('and nothing in it gets a status any more', async () => {
    const it = world(1);
    storeGoods(it, 'shop', 10);
    for (let i = 0; i < 5; i++) storeOrder(it, 'shop', `o${i}`);
    const replica = it.start();
    await it.run(() => replica.ready);
    it.server.terminate('shop');
    it.lead(replica, 1);
    // The namespace reaches the leader before the orders' turn.
    replica.feeds[2].deliver(1);
    await it.run();
    assert.deepEqual(it.entered, []);
    assert.equal([...it.server.goods.objects.values()][0]?.status?.phase, undefined);
  });

  it('and one of the same name that comes after it is served', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const it = world(seed);
      const { server } = it;
      const replica = it.start();
      await it.run(() => replica.ready);
      it.lead(replica, 1);
      await it.run();
      server.terminate('shop');
      await it.run();
      server.removeNamespace('shop');
      server.createNamespace('shop');
      storeGoods(it, 'shop', 10);
      storeOrder(it, 'shop', 'new');
      await it.run();
      assert.deepEqual(it.entered, ['shop/new Unpaid'], `seed ${seed}`);
    }
  });
});
