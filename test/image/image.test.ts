// What the image would hold, assembled from the Dockerfile itself: nothing that it does not need, and `serve` runs from
// it in production as its service account, within the memory that the Deployment gives it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { user, workload } from '../../src/manifests/deploy.ts';
import { version } from '../../src/manifests/names.ts';
import { assemble, type Image, merge } from '../../tools/image/dockerfile.ts';
import { explainNotFound, findBinaries } from '../control-plane/index.ts';
import { Cluster } from '../install/cluster.ts';
import { playSale } from '../install/sale.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : false;

describe('the image', () => {
  let folder: string;
  let image: Image;
  /** The whole file system of a container. */
  let system: string;
  let directory: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spikegate-image-'));
    image = await assemble(folder, { VERSION: '1.2.3' });
    system = join(folder, 'merged');
    merge(image.layers, system);
    directory = join(system, image.config.workingDir!);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('holds the program and what it depends on, and nothing else', async () => {
    const top = globSync('*', { cwd: directory }).sort();
    assert.deepEqual(top, ['dist', 'node_modules', 'package.json']);
    assert.deepEqual(globSync('dist/**/*.ts', { cwd: directory }), []);
    const { dependencies, devDependencies } = JSON.parse(
      await readFile(join(directory, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, string>>;
    const isThere = (name: string) =>
      globSync(`node_modules/${name}/package.json`, { cwd: directory }).length > 0;
    for (const name of Object.keys(dependencies!)) assert.ok(isThere(name), `${name} is missing`);
    // A dependency may have brought types of its own.
    const tools = Object.keys(devDependencies!).filter((name) => !name.startsWith('@types/'));
    for (const name of tools) assert.ok(!isThere(name), `${name} is not needed`);
  });

  test('holds no file that no process reads, and every library as it is without them', async () => {
    const unread = globSync(['**/*.map', '**/*.ts', '**/*.md', '**/test/*.js'], { cwd: directory });
    assert.deepEqual(
      unread.filter((file) => !/license\.md$/i.test(file)),
      [],
    );
    const { dependencies } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
    const names = Object.keys(dependencies);
    const program = `for (const name of ${JSON.stringify(names)}) await import(name)`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd: directory });
  });

  test('is small', async (t) => {
    const files = globSync('**/*', { cwd: system, withFileTypes: true }).filter((it) => it.isFile());
    const sizes = files.map(({ parentPath, name }) => statSync(join(parentPath, name)).size);
    const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1e6;
    t.diagnostic(`${megabytes.toFixed(0)} MB in ${files.length} files`);
    assert.ok(megabytes < 180, `${megabytes.toFixed(0)} MB`);
  });

  test('has no shell and no package manager, and its Node runs in it', async () => {
    const programs = globSync(['bin/*', 'sbin/*', 'usr/bin/*', 'usr/sbin/*', 'usr/local/bin/*'], {
      cwd: system,
    });
    assert.deepEqual(programs, ['usr/local/bin/node']);
    // With the libraries of the image and no others, by its own loader.
    const [loader] = globSync('lib*/**/ld-linux*', { cwd: system });
    const [libc] = globSync('lib/**/libc.so.6', { cwd: system });
    const { stdout } = await promisify(execFile)(join(system, loader!), [
      ...['--inhibit-cache', '--library-path', dirname(join(system, libc!))],
      ...[join(system, programs[0]!), join(directory, 'dist', 'src', 'cli', 'main.js'), '--version'],
    ]);
    assert.equal(stdout.trim(), version);
  });

  test('runs as the user of the Deployment, in production, with labels that say what it is', () => {
    const { user: runsAs, env, entrypoint, cmd, labels } = image.config;
    assert.equal(runsAs, `${user}:${user}`);
    assert.equal(env.NODE_ENV, 'production');
    assert.deepEqual([...entrypoint, ...cmd], ['node', 'dist/src/cli/main.js', 'serve']);
    const titles = ['title', 'description', 'version', 'revision', 'source'];
    assert.deepEqual(
      Object.keys(labels),
      titles.map((title) => `org.opencontainers.image.${title}`),
    );
    assert.equal(labels['org.opencontainers.image.version'], '1.2.3');
  });

  test('serves a sale, within its memory', { skip, timeout: 120_000 }, async (t) => {
    const cluster = await Cluster.start();
    t.after(() => cluster.stop());
    await cluster.kubectl(['apply', '-k', cluster.overlay('self-signed')]);
    await cluster.aimWebhooks();
    const main = join(directory, 'dist', 'src', 'cli', 'main.js');
    const replica = await cluster.serve([], { main, env: image.config.env });
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
