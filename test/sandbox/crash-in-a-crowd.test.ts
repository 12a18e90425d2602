// `npm start` killed (SIGKILL) in the middle of a crowd and started again: every order that was answered with
// success is there, and the counters settle to what the orders add up to.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { heldUnits } from '../../src/api/holds.ts';
import { isLive } from '../../src/api/sale.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { crowd } from '../../src/demo/crowd.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import { saleManifest } from '../e2e/sale.ts';
import { eventually, inNamespace, resourceOf } from '../e2e/world.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const namespace = 'default';
const stock = 200;

async function start(dir: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [main, 'start', '--dir', dir, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`start ended with ${code}`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.includes('Spikegate is ready')) resolve();
    });
  });
  child.removeAllListeners('exit');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

const connect = (dir: string) =>
  createClient(loadConfig({ file: join(dir, 'kubeconfig') }), { maxSockets: 32 });

test('a SIGKILL in the middle of a crowd loses no order', { timeout: 120_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'spikegate-crash-'));
  let child = await start(dir);
  try {
    let client = connect(dir);
    for (const document of parseAllDocuments(saleManifest({ stock, price: 10, spikePrice: 8 }))) {
      const object = document.toJS();
      await client.create(resourceOf(object.kind), inNamespace(object, namespace));
    }
    const known: { accepted: string[] } = { accepted: [] };
    const answered = new Promise<void>((resolve) => {
      void crowd({
        client,
        namespace,
        clients: 16,
        orders: 1000,
        buyer: () => 'buyer1',
        goods: () => ({ goods1: 1 }),
        onAnswer({ accepted }) {
          if (accepted.length === stock / 2) resolve();
          known.accepted = accepted;
        },
      });
    });
    await answered;
    await kill(child);
    const accepted = [...known.accepted];
    client.close();

    child = await start(dir);
    client = connect(dir);
    const stored = new Set(
      (await client.list(SpikeOrder, { namespace })).items.map(({ metadata }) => metadata.name),
    );
    assert.deepEqual(
      accepted.filter((name) => !stored.has(name)),
      [],
    );
    await eventually(async () => {
      const { items } = await client.list(SpikeOrder, { namespace });
      const { status } = await client.get(SpikeGoods, { namespace, name: 'goods1' });
      assert.equal(status?.reserved, items.filter((order) => isLive(order)).length);
      // Holds of orders that were never stored go by their time limit; none of them is sold twice meanwhile.
      assert.equal(status?.lastStockCount, stock - status!.reserved! - heldUnits(status));
    }, 20_000);
    client.close();
  } finally {
    await kill(child);
    await rm(dir, { recursive: true, force: true });
  }
});
