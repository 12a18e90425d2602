// etcd is put back to an earlier copy while replicas run and sell. They follow it back: no unit is sold twice, every sum
// is what the orders add up to, and what the copy lacks is said once.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { isLive } from '../../src/api/sale.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { crowd } from '../../src/demo/crowd.ts';
import { eventResource } from '../../src/kube/events.ts';
import { explainNotFound, findBinaries } from '../control-plane/index.ts';
import type { Replica } from './replica.ts';
import { saleManifest } from './sale.ts';
import { quiet, seenEverywhere } from './scenarios/crowds.ts';
import { SteadyOrders } from './steady.ts';
import { controlPlane } from './targets.ts';
import { eventually, World } from './world.ts';

const execute = promisify(execFile);
const found = await findBinaries();
const skip =
  'missing' in found ? explainNotFound(found) : found.etcdutl ? false : `no etcdutl in ${found.dir}`;

const stock = 200;
const price = 8;
/** As an installation has them, and not the quick ones of the other scenarios. */
const flags = {
  ...{ 'payment-window': '30m', 'hold-limit': '20s' },
  ...{ 'lease-duration': '15s', 'renew-deadline': '10s', 'retry-period': '2s' },
};

describe('etcd is restored from a copy while replicas run', { skip }, () => {
  let target: Awaited<ReturnType<typeof controlPlane>>;
  let world: World;
  before(async () => {
    target = await controlPlane();
    world = await World.open(target);
  });
  after(() => world.close());

  /** A sale on two replicas, each of which is started again when it ends, as a kubelet does. */
  async function sale(): Promise<{ namespace: string; replicas: Replica[]; lines(text: string): string[] }> {
    await world.serve(2, flags);
    const namespace = await world.namespace();
    await world.create(namespace, saleManifest({ stock, price: 10, spikePrice: price }));
    await seenEverywhere(world, namespace);
    const replicas = [...world.replicas];
    const keep = (replica: Replica) =>
      void replica.exited.then(async () => {
        if (world.scenarioEnds.aborted || !world.replicas.includes(replica)) return;
        world.leaveOut(replica);
        const next = await world.addReplica().catch(() => undefined);
        if (next) keep(next);
      });
    for (const replica of replicas) keep(replica);
    const lines = (text: string) =>
      replicas.flatMap(({ log, pid }) =>
        log.filter((line) => line.includes(text)).map((line) => `${pid} ${line}`),
      );
    return { namespace, replicas, lines };
  }

  async function copy(): Promise<string> {
    const { binaries, ports, dir } = target.plane;
    const file = join(dir, `copy-${Date.now()}.db`);
    await execute(join(binaries.dir, 'etcdctl'), [
      `--endpoints=http://127.0.0.1:${ports.etcd}`,
      ...['snapshot', 'save', file],
    ]);
    return file;
  }

  /** `raised`: with the revision raised and everything before it marked as compacted, as etcdutl advises. */
  async function putBack(file: string, raised: boolean): Promise<void> {
    await target.plane.whileDown(async (etcdData) => {
      rmSync(etcdData, { recursive: true });
      await execute(target.plane.binaries.etcdutl!, [
        ...['snapshot', 'restore', file, '--data-dir', etcdData],
        ...(raised ? ['--bump-revision', '1000000000', '--mark-compacted'] : []),
      ]);
    });
  }

  /** Everything that the objects say of a sale agrees: counters with orders, sums with orders. */
  async function assertExact(namespace: string): Promise<SpikeOrder[]> {
    await quiet(world, namespace, ['goods1'], 60_000);
    let orders: SpikeOrder[] = [];
    await eventually(async () => {
      orders = await world.orders(namespace);
      const { spec, status } = await world.goods(namespace, 'goods1');
      const live = orders.filter(isLive);
      assert.ok(live.length <= spec.stockCount, `${live.length} of ${spec.stockCount} units are sold`);
      assert.ok(
        orders.every((order) => order.status?.phase),
        'every order has a state',
      );
      assert.equal(status?.num, live.filter((order) => order.status?.phase === 'Paid').length);
      const paid = orders.filter((order) => order.status?.phase === 'Paid').length;
      const buyer = await world.buyer(namespace, 'buyer1');
      assert.equal(buyer.status?.orderCount, orders.length);
      assert.equal(buyer.status?.spendMoney, paid * price);
      const seller = await world.seller(namespace, 'seller1');
      assert.equal(seller.status?.salesMoney, paid * price);
    }, 60_000);
    return orders;
  }

  const sell = (namespace: string, from: number, count: number) =>
    crowd({
      ...{ client: world.client, signal: world.scenarioEnds, namespace, clients: 8, orders: count },
      isPatient: true,
      from,
      buyer: () => 'buyer1',
      goods: () => ({ goods1: 1 }),
    });

  for (const raised of [false, true]) {
    test(`the revision is ${raised ? 'raised' : 'lower than before'}`, { timeout: 300_000 }, async (t) => {
      const { namespace, lines } = await sale();
      const earlier = new Set(lines('RestoredFromBackup'));
      assert.equal((await sell(namespace, 0, 100)).accepted.length, 100);
      for (let i = 0; i < 30; i++) await world.pay(namespace, `o${i}`);
      await assertExact(namespace);
      const file = await copy();
      assert.equal((await sell(namespace, 100, 100)).accepted.length, 100);
      for (let i = 80; i < 100; i++) await world.client.delete(SpikeOrder, { namespace, name: `o${i}` });
      assert.equal((await sell(namespace, 200, 20)).accepted.length, 20);

      await putBack(file, raised);
      const backAt = Date.now();
      await world.client.patch(
        SpikeGoods,
        { namespace, name: 'goods1' },
        { metadata: { labels: { touched: 'yes' } } },
        { type: 'merge' },
      );
      assert.equal((await sell(namespace, 300, 1)).accepted.length, 1);
      t.diagnostic(
        `orders went on ${((Date.now() - backAt) / 1000).toFixed(1)} s after the API server was back`,
      );

      const rest = await sell(namespace, 301, 130);
      assert.equal(rest.accepted.length, 99, JSON.stringify(rest.refused));
      assert.equal(rest.lost, 0);
      const orders = await assertExact(namespace);
      assert.equal(orders.filter(isLive).length, stock);
      t.diagnostic(`the books were exact ${((Date.now() - backAt) / 1000).toFixed(1)} s after that`);

      const said = await eventually(async () => {
        const { items } = await world.client.list(eventResource, { namespace });
        const events = items.filter(({ reason }) => reason === 'RestoredFromBackup');
        assert.equal(events.length, 1, JSON.stringify(events));
        return events[0]!;
      });
      assert.match(said.message, /120 are gone .*20 that were deleted are there again/);
      assert.equal(said.count, 1);
      const logged = lines('RestoredFromBackup').filter(
        (line) => line.includes('spikeorders') && !earlier.has(line),
      );
      t.diagnostic(logged.join('\n'));
      assert.ok(logged.length >= 1);
      assert.equal(
        new Set(logged.map((line) => line.split(' ')[0])).size,
        logged.length,
        'each replica says it once',
      );
    });
  }

  test('a crowd orders meanwhile, and the copy is some seconds old', { timeout: 300_000 }, async (t) => {
    const { namespace } = await sale();
    await world.client.patch(
      SpikeGoods,
      { namespace, name: 'goods1' },
      { spec: { stockCount: 100_000 } },
      { type: 'merge' },
    );
    const orders = new SteadyOrders(world, namespace, {
      ...{ perSecond: 20, goods: () => 'goods1' },
      isPaid: (index) => index % 3 === 0,
    });
    const until = (count: number) =>
      eventually(() => assert.ok(orders.outcomes.filter(({ error }) => !error).length >= count), 60_000);
    await until(60);
    const file = await copy();
    const copiedAt = Date.now();
    await until(orders.outcomes.length + 20);
    const downAt = Date.now();
    await putBack(file, false);
    const backAt = Date.now();
    const accepted = () => orders.outcomes.filter(({ error, sentAt }) => !error && sentAt > backAt);
    await eventually(() => assert.ok(accepted().length >= 100), 60_000);
    await orders.stop();
    const first = Math.min(...accepted().map(({ answeredAt }) => answeredAt));
    t.diagnostic(
      `copy ${downAt - copiedAt} ms old; down for ${backAt - downAt} ms; orders went on ${first - backAt} ms after that`,
    );
    const stored = new Set((await assertExact(namespace)).map(({ metadata }) => metadata.name));
    const lost = orders.outcomes.filter(
      ({ error, name, answeredAt, sentAt }) =>
        !error && (answeredAt < copiedAt - 1000 || sentAt > backAt) && !stored.has(name),
    );
    assert.deepEqual(lost, [], 'what was accepted before the copy, or after the restore, is stored');
  });
});
