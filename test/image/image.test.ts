// What the image would hold, assembled from the Dockerfile itself: nothing that it does not need, and `serve` runs from
// it in production as its service account, within the memory that the Deployment gives it.
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { user, workload } from '../../src/manifests/deploy.ts';
import { explainNotFound, findBinaries } from '../control-plane/index.ts';
import { Cluster } from '../install/cluster.ts';
import { playSale } from '../install/sale.ts';
import { assemble, type Image } from './assemble.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : false;

describe('the image', () => {
  let folder: string;
  let image: Image;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spikegate-image-'));
    image = await assemble(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('holds the program and what it depends on, and nothing else', async () => {
    const top = globSync('*', { cwd: image.directory }).sort();
    assert.deepEqual(top, ['dist', 'node_modules', 'package.json']);
    assert.deepEqual(globSync('dist/**/*.ts', { cwd: image.directory }), []);
    const { dependencies, devDependencies } = JSON.parse(
      await readFile(join(image.directory, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, string>>;
    const isThere = (name: string) =>
      globSync(`node_modules/${name}/package.json`, { cwd: image.directory }).length > 0;
    for (const name of Object.keys(dependencies!)) assert.ok(isThere(name), `${name} is missing`);
    // A dependency may have brought types of its own.
    const tools = Object.keys(devDependencies!).filter((name) => !name.startsWith('@types/'));
    for (const name of tools) assert.ok(!isThere(name), `${name} is not needed`);
  });

  test('runs as the user of the Deployment, in production, with labels that say what it is', () => {
    assert.equal(image.user, `${user}:${user}`);
    assert.equal(image.env.NODE_ENV, 'production');
    assert.deepEqual(image.command, ['node', 'dist/src/cli/main.js', 'serve']);
    for (const label of ['title', 'version', 'revision', 'source']) {
      assert.ok(image.labels.includes(`org.opencontainers.image.${label}`), label);
    }
  });

  test('serves a sale, within its memory', { skip, timeout: 120_000 }, async (t) => {
    const cluster = await Cluster.start();
    t.after(() => cluster.stop());
    await cluster.kubectl(['apply', '-k', cluster.overlay('self-signed')]);
    await cluster.aimWebhooks();
    const main = join(image.directory, 'dist', 'src', 'cli', 'main.js');
    const replica = await cluster.serve([], { main, env: image.env });
    await playSale(cluster, await cluster.namespace());
    const [, kibibytes] =
      /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${replica.pid}/status`, 'utf8')) ?? [];
    const { limits, requests } = (workload as never as Pods).spec.template.spec.containers[0]!.resources;
    t.diagnostic(
      `at most ${Math.round(Number(kibibytes) / 1024)} MiB resident; asked for: ${requests.memory}`,
    );
    assert.ok(Number(kibibytes) < Number.parseInt(limits.memory, 10) * 1024);
  });
});

interface Pods {
  spec: {
    template: { spec: { containers: { resources: Record<'limits' | 'requests', { memory: string }> }[] } };
  };
}
