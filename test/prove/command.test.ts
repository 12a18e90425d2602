// `spikegate prove` as a script sees it: dumps in every form, exit codes, and a cluster that settles while it looks.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import { crdOf } from '../../src/manifests/crd.ts';
import { prove, type Snapshot } from '../../src/prove/account.ts';
import { proveSettled } from '../../src/prove/command.ts';
import { readCluster, readDump } from '../../src/prove/sources.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { SimulatedClock } from '../simulated-clock.ts';
import { soon } from '../workloads/lab.ts';
import { apple, goods, order, orders } from './objects.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spikegate-prove-'));
});
after(() => rm(dir, { recursive: true, force: true }));

async function run(name: string, text: string, ...flags: string[]) {
  const file = join(dir, name);
  await writeFile(file, text);
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'prove', '-f', file, ...flags], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

const list = (items: object[]) => ({ apiVersion: 'v1', kind: 'List', items });
const good = [apple(), ...orders()];
const bad = [apple({ lastStockCount: 8 }), ...orders()];

describe('a dump', () => {
  const forms: [string, (items: object[]) => string][] = [
    ['list.json', (items) => JSON.stringify(list(items))],
    ['lines.json', (items) => items.map((item) => JSON.stringify(item)).join('\n')],
    ['list.yaml', (items) => stringify(list(items), { aliasDuplicateObjects: false })],
    ['documents.yaml', (items) => items.map((item) => stringify(item)).join('---\n')],
  ];
  for (const [name, form] of forms) {
    it(`${name} is read: goods and orders, and no other kind`, async () => {
      const file = join(dir, name);
      await writeFile(file, form([{ apiVersion: 'v1', kind: 'Pod' }, ...good]));
      const snapshot = await readDump(file);
      assert.deepEqual([snapshot.goods.length, snapshot.orders.length], [1, good.length - 1]);
      assert.deepEqual(prove(snapshot, { holdLimitMs: 1000 }).contradictions, []);
    });
  }

  it('in order is proved: exit code 0', async () => {
    const { status, stdout, stderr } = await run('good.json', JSON.stringify(list(good)), '--short');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^shop\/apple: 20 units = .*\n\nproved: every unit of 1 goods is accounted for/);
  });

  it('with a contradiction says the first one: exit code 1', async () => {
    const { status, stdout } = await run('bad.json', JSON.stringify(list(bad)));
    assert.equal(status, 1);
    assert.match(
      stdout,
      /contradiction: RemainderDiffers {2}spikegoods\/shop\/apple\n {2}lastStockCount 8, but 7 are left\n$/,
    );
    const { proved, contradiction } = JSON.parse(
      (await run('bad.json', JSON.stringify(list(bad)), '-o', 'json')).stdout,
    );
    assert.deepEqual([proved, contradiction.reason], [false, 'RemainderDiffers']);
  });

  it('is looked at in one namespace only, when it is named', async () => {
    const { status } = await run('bad.json', JSON.stringify(list(bad)), '-n', 'another');
    assert.equal(status, 0);
  });

  for (const [what, text, message] of [
    ['is empty', '', /has no SpikeGoods and no SpikeOrder/],
    ['is no JSON', '{"kind": ', /no JSON: /],
    [
      'has a goodsMap of words',
      JSON.stringify(order('o', { apple: 'two' as never })),
      /SpikeOrder shop\/o is not one that/,
    ],
    [
      'has goods without stock',
      JSON.stringify({ ...goods('g', 1), spec: {} }),
      /SpikeGoods shop\/g is not one that/,
    ],
  ] as const) {
    it(`that ${what} cannot be read`, async () => {
      const file = join(dir, 'broken.json');
      await writeFile(file, text);
      await assert.rejects(readDump(file), message);
    });
  }

  it('that cannot be read: exit code 2', async () => {
    const { status, stdout, stderr } = await run('broken.json', '{"kind": ');
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^spikegate prove: the objects could not be read: no JSON: /);
  });
});

describe('a running cluster', () => {
  const unsettled: Snapshot = { goods: [apple({ reserved: 4, lastStockCount: 6 })], orders: orders() };
  const settled: Snapshot = { goods: [apple()], orders: orders() };
  const look = (snapshots: Snapshot[]) => {
    const clock = new SimulatedClock();
    let looks = 0;
    const read = async () => snapshots[Math.min(looks++, snapshots.length - 1)]!;
    const options = { holdLimitMs: 1000, patienceMs: 10_000, clock };
    return { clock, looks: () => looks, proof: proveSettled(read, options) };
  };

  it('is looked at again while a settlement may be on its way', async () => {
    const { clock, looks, proof } = look([unsettled, unsettled, settled]);
    await clock.advance(2000);
    assert.deepEqual([(await proof).contradictions, looks()], [[], 3]);
  });

  it('is contradicted by a sum that stays wrong', async () => {
    const { clock, looks, proof } = look([unsettled]);
    await clock.advance(11_000);
    assert.deepEqual([(await proof).contradictions[0]?.reason, looks()], ['SumDiffers', 21]);
  });

  it('is contradicted at once by what no settlement puts right', async () => {
    const { looks, proof } = look([{ ...settled, goods: [apple({ lastStockCount: 8 })] }]);
    assert.deepEqual([(await proof).contradictions[0]?.reason, looks()], ['RemainderDiffers', 1]);
  });

  it('is read at one revision: an order that comes between the two lists is not in them', async () => {
    const sandbox = await startSandbox({ dir: join(dir, 'sandbox'), inMemory: true });
    const client = createClient(loadConfig({ file: sandbox.kubeconfig }));
    try {
      for (const kind of [SpikeGoods, SpikeOrder]) {
        const definitions = {
          group: 'apiextensions.k8s.io',
          version: 'v1',
          kind: 'CustomResourceDefinition',
        };
        const resource = { ...definitions, plural: 'customresourcedefinitions', namespaced: false };
        await client.create(resource, crdOf(kind) as never);
      }
      // Without what admission allocates.
      const bare = <T extends { metadata: { name: string }; spec: { goodsId?: string; orderId?: string } }>({
        metadata: { name },
        spec: { goodsId: _, orderId: __, ...spec },
        ...rest
      }: T) => ({ ...rest, spec, metadata: { name, namespace: 'default' } }) as never;
      await soon(() => client.create(SpikeGoods, bare(goods('apple', 5))), 20_000);
      await soon(() => client.create(SpikeOrder, bare(order('first', { apple: 1 }))), 20_000);
      const late = { ...client, list: client.list.bind(client) } as typeof client;
      late.list = async (resource, options) => {
        const listed = await client.list(resource, options);
        if (resource.plural === 'spikegoods')
          await client.create(SpikeOrder, bare(order('between', { apple: 1 })));
        return listed;
      };
      const { orders: seen } = await readCluster(late, undefined);
      assert.deepEqual(
        seen.map(({ metadata }) => metadata.name),
        ['first'],
      );
    } finally {
      client.close();
      await sandbox.stop();
    }
  });
});
