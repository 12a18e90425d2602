// etcd restored from a backup on a real control plane, while two replicas run: as the documentation of Kubernetes wants
// it, with the API server stopped meanwhile, with and without the raised revision that etcdutl can give it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { deployment } from '../../src/manifests/names.ts';
import { explainNotFound, findBinaries, kubeconfigFor, startControlPlane } from '../control-plane/index.ts';
import { orderManifest, saleManifest } from './sale.ts';
import { eventually, World } from './world.ts';

const binaries = await findBinaries();
const stock = 60;
/** Orders go on within this time after the API server answers again. */
const goesOnMs = 10_000;

const events: Resource<KubeObject & { reason: string; message: string }> = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

for (const isRaised of [false, true]) {
  const skip =
    'missing' in binaries ? explainNotFound(binaries) : isRaised && !binaries.etcdutl ? 'no etcdutl' : false;
  const name = `a restore of etcd ${isRaised ? 'with a raised revision' : 'as it was'} is followed back, and nothing is oversold`;
  test(name, { skip, timeout: 400_000 }, (t) => restore(isRaised, (line) => t.diagnostic(line)));
}

async function restore(isRaised: boolean, say: (line: string) => void): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'spikegate-restore-'));
  const { namespace: system, serviceAccount } = deployment;
  const user = `system:serviceaccount:${system}:${serviceAccount}`;
  const users = [{ name: user, groups: ['system:serviceaccounts', `system:serviceaccounts:${system}`] }];
  const start = () => startControlPlane({ dir, users, fsync: false });
  let plane = await start();
  const world = await World.open({
    name: 'control-plane',
    kubeconfig: plane.kubeconfig,
    serveAs: kubeconfigFor(plane, { user }),
    stop: () => plane.stop(),
  });
  try {
    // The leader outlives the time in which nothing answers, however slow this machine is.
    await world.serve(2, { 'payment-window': '10m', 'lease-duration': '280s', 'renew-deadline': '250s' });
    const shop = await world.namespace();
    await world.create(shop, saleManifest({ stock, price: 10, spikePrice: 8 }));
    const order = (name: string) =>
      world.create(shop, orderManifest({ name, buyer: 'buyer1', goods: { goods1: 1 } }));
    const orderAll = async (prefix: string, count: number) => {
      for (let i = 0; i < count; i++) await eventually(() => order(`${prefix}${i}`));
    };
    const isExact = async () => {
      const live = (await world.orders(shop)).filter(({ status }) => status?.phase !== 'Expired');
      const { status } = await world.goods(shop, 'goods1');
      assert.ok(live.every((it) => it.status?.phase === 'Unpaid'));
      assert.deepEqual(
        [status?.reserved, status?.lastStockCount, status?.holds],
        [live.length, stock - live.length, []],
      );
      assert.ok(live.length <= stock, `${live.length} live orders of ${stock}`);
      return live.length;
    };

    await orderAll('before', 20);
    await eventually(isExact, 30_000);
    await plane.stop();
    const data = join(dir, 'etcd');
    const backup = join(dir, 'backup');
    cpSync(data, backup, { recursive: true });
    plane = await start();

    await orderAll('after', 30);
    for (let i = 0; i < 10; i++)
      await world.client.delete(SpikeOrder, { namespace: shop, name: `before${i}` });
    await eventually(isExact, 30_000);

    await plane.stop();
    rmSync(data, { recursive: true });
    if (isRaised) raise(backup, data);
    else cpSync(backup, data, { recursive: true });
    plane = await start();
    const began = performance.now();
    await eventually(() => order('first'), 60_000);
    const firstMs = Math.round(performance.now() - began);
    say(`the first order is accepted ${firstMs} ms after the API server answers again`);
    // Somebody touches the goods at once: what the leader writes now must come from the restored orders.
    await world.client.patch(
      SpikeGoods,
      { namespace: shop, name: 'goods1' },
      { metadata: { labels: { touched: 'yes' } } },
      { type: 'merge' },
    );
    assert.ok(firstMs < goesOnMs, `${firstMs} ms`);
    assert.equal(await eventually(isExact, 60_000), 21);
    // Nobody gets more than the stock.
    const more = await Promise.allSettled(Array.from({ length: 60 }, (_, i) => order(`more${i}`)));
    assert.equal(more.filter(({ status }) => status === 'fulfilled').length, stock - 21);
    assert.equal(await eventually(isExact, 60_000), stock);
    const { items } = await world.client.list(events, { namespace: shop });
    const said = items.filter(({ reason }) => reason === 'RestoredFromBackup').map(({ message }) => message);
    say(said.join('; '));
    assert.equal(said.length, 1);
    assert.match(said[0]!, /30 are gone \(after.*10 that were deleted are there again \(before/);
  } catch (error) {
    for (const replica of world.replicas) say(`replica ${replica.pid}:\n${replica.tail()}`);
    throw error;
  } finally {
    await world.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** As etcd's documentation advises for a restore under running clients. */
function raise(backup: string, data: string): void {
  const { etcdutl } = binaries as { etcdutl: string };
  const db = join(backup, 'member', 'snap', 'db');
  const flags = ['--bump-revision', '1000000', '--mark-compacted', '--skip-hash-check', '--data-dir', data];
  const { status, stderr } = spawnSync(etcdutl, ['snapshot', 'restore', db, ...flags], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}
