// The board in its process: off unless asked for, on the port of /metrics, with facts of the election and of the
// caches.
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import type { Buyer } from '../../src/api/buyer.ts';
import type { Seller } from '../../src/api/seller.ts';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import type { SpikeOrder } from '../../src/api/spike-order.ts';
import { SaleNews } from '../../src/board/news.ts';
import { ObjectCache } from '../../src/kube/cache.ts';
import type { ListOptions } from '../../src/kube/client.ts';
import { createBoard, type ServeBoardOptions } from '../../src/process/board.ts';
import { hostCheck } from '../../src/server/hosts.ts';
import { MetricsServer } from '../../src/server/metrics-server.ts';
import { defaultServeSettings } from '../../src/settings/options.ts';
import { SimulatedClock } from '../simulated-clock.ts';
import { ask, follow, goods, pass, start } from './world.ts';

type Elector = Pick<ServeBoardOptions['elector'], 'isLeader' | 'hasLeader' | 'leader'>;

async function open(t: TestContext, facts: { elector?: Elector; trouble?: string } = {}) {
  const clock = new SimulatedClock(start);
  const caches = {
    goods: new ObjectCache<SpikeGoods>(),
    orders: new ObjectCache<SpikeOrder>(),
    buyers: new ObjectCache<Buyer>(),
    sellers: new ObjectCache<Seller>(),
  };
  const news = new SaleNews({ clock, caches });
  const elector = { isLeader: true, hasLeader: true, leader: '', ...facts.elector };
  const asked: ListOptions[] = [];
  const cluster = { deployments: [] as object[], isDown: false };
  const client = {
    async list(_resource: unknown, options?: ListOptions) {
      asked.push(options ?? {});
      if (cluster.isDown) throw new Error('connect ECONNREFUSED');
      return { items: cluster.deployments, metadata: { resourceVersion: '1' } };
    },
  } as unknown as ServeBoardOptions['client'];
  const followed = { trouble: undefined as string | undefined, lastActivity: 0 };
  const board = createBoard({
    caches,
    news,
    clock,
    client,
    settings: { ...defaultServeSettings(), metricsHost: '127.0.0.1' },
    elector: elector as ServeBoardOptions['elector'],
    reflectors: [{ trouble: undefined, lastActivity: 0 }, followed],
    certificateExpires: () => (start + 86_400_000) / 1000,
  });
  const registry = new Registry();
  const server = new MetricsServer({
    host: '127.0.0.1',
    port: 0,
    registry,
    isOwnHost: hostCheck('127.0.0.1', ['spikegate.shop.svc']),
    pages: (request, response) => board.handle(request, response),
  });
  await server.start(new AbortController().signal);
  t.after(async () => {
    board.stop();
    await server.stop();
  });
  return { clock, caches, news, elector, followed, asked, cluster, port: server.port };
}

test('off by default: the port has /metrics and no board', async (t) => {
  assert.equal(defaultServeSettings().board, false);
  const server = new MetricsServer({
    host: '127.0.0.1',
    port: 0,
    registry: new Registry(),
    isOwnHost: hostCheck('127.0.0.1', []),
  });
  await server.start(new AbortController().signal);
  t.after(() => server.stop());
  assert.equal((await ask(server, '/metrics')).code, 200);
  for (const path of ['/board', '/board/board.js', '/board/events']) {
    assert.equal((await ask(server, path)).code, 404, path);
  }
});

test('on: it stands beside /metrics, under the names of this port only', async (t) => {
  const world = await open(t);
  assert.equal((await ask(world, '/board')).code, 200);
  assert.equal((await ask(world, '/metrics', { host: 'spikegate.shop.svc' })).code, 200);
  assert.equal((await ask(world, '/metrics', { host: 'evil.example' })).code, 421);
  assert.equal((await ask(world, '/other')).code, 404);
});

test('who leads is named as people know it', async (t) => {
  const world = await open(t);
  const stream = await follow(world);
  const leader = async (who: string) => {
    await pass(world.clock, 250, () => stream.state().health?.leader.who === who);
    return stream.state().health?.leader.name;
  };
  assert.equal(await leader('here'), hostname());
  Object.assign(world.elector, {
    isLeader: false,
    leader: 'spikegate-7d9f_3f0e7c1a-0d52-4a53-9b4e-0c8f3a4b5c6d',
  });
  assert.equal(await leader('elsewhere'), 'spikegate-7d9f');
  world.elector.hasLeader = false;
  assert.equal(await leader('nobody'), '');
});

test('a cache that cannot follow is told of with when it last heard, and no more once it can', async (t) => {
  const world = await open(t);
  const stream = await follow(world);
  await world.clock.advance(30_000);
  world.followed.trouble = 'connect ECONNREFUSED';
  world.followed.lastActivity = 10_000;
  await pass(world.clock, 250, () => stream.state().health?.trouble !== undefined);
  const told = stream.events.length;
  assert.deepEqual(stream.state().health?.trouble, { why: 'connect ECONNREFUSED', heardAt: start + 10_000 });
  await world.clock.advance(4000);
  assert.ok(stream.events.length - told <= 1, 'a trouble that lasts is told of once');
  world.followed.trouble = undefined;
  await pass(world.clock, 250, () => stream.state().health?.trouble === undefined);
});

test('the news reach it while nobody looks', async (t) => {
  const world = await open(t);
  world.caches.goods.replaceAll([], '0');
  const phone = goods('phone', { left: 7 });
  world.caches.goods.observe({ ...phone, status: { ...phone.status, phase: 'OnSale' } });
  const stream = await follow(world);
  await pass(world.clock, 250, () => stream.state().news?.length === 1);
  assert.equal(stream.state().news?.[0]?.what, 'on sale: 7 of 100 left');
});

test('replicas are counted by their Deployment: asked while somebody looks, every ten seconds', async (t) => {
  const world = await open(t);
  await world.clock.advance(60_000);
  assert.equal(world.asked.length, 0, 'nobody looks');
  const stream = await follow(world);
  await pass(world.clock, 250, () => stream.events.length > 0);
  await world.clock.advance(5000);
  assert.equal(world.asked.length, 1);
  assert.equal(stream.state().health?.replicas, undefined, 'a laptop has no Deployment of ours');
  world.cluster.deployments = [{ spec: { replicas: 3 }, status: { readyReplicas: 2 } }];
  await pass(world.clock, 250, () => stream.state().health?.replicas !== undefined);
  assert.deepEqual(stream.state().health?.replicas, { ready: 2, wanted: 3 });
  assert.equal(world.asked.length, 2);
  assert.match(String(world.asked[0]?.labelSelector), /part-of=spikegate/);
  assert.equal(world.asked[0]?.namespace, defaultServeSettings().namespace);
  world.cluster.isDown = true;
  await pass(world.clock, 250, () => stream.state().health?.replicas === undefined);
  stream.close();
  await pass(world.clock, 1000, () => world.clock.pending === 0);
  const before = world.asked.length;
  await world.clock.advance(60_000);
  assert.equal(world.asked.length, before, 'nobody looks any more');
});
