// `npm run test:cluster`: starts two clusters, runs the topics on them side by side, removes them, and sees that nothing is
// left of them. `npm run test:cluster -- helm` runs the topics whose file names contain the word.
// It fails, and does not skip, where there is no root or no Go.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buildControlPlane } from '../control-plane/build.ts';
import { removeCluster, startCluster } from './cluster.ts';
import { ensurePackages, refuseOtherMachines, run } from './commands.ts';
import { root, variables } from './harness.ts';
import { packWebImage } from './images.ts';
import { differences, lookAtMachine } from './machine.ts';
import { ensureModules, moduleNames } from './programs.ts';
import { readState } from './state.ts';

const log = (line: string) => console.log(line);
const wanted = process.argv.slice(2);
const topics = globSync('topics/*.test.ts', { cwd: import.meta.dirname })
  .filter((file) => wanted.length === 0 || wanted.some((part) => basename(file).includes(part)))
  .sort();

process.exitCode = await main().catch((error: Error) => {
  console.error(error.message);
  return 1;
});

async function main(): Promise<number> {
  refuseOtherMachines();
  if (topics.length === 0) throw new Error(`no topic has ${wanted.join(' or ')} in its name`);
  await ensurePackages(log);
  await buildControlPlane({ log });
  await ensureModules(moduleNames, log);
  log(await run('npm', ['run', '--silent', 'image']));
  const work = mkdtempSync(join(tmpdir(), 'spikegate-cluster-'));
  const figures = join(work, 'figures');
  const before = lookAtMachine();
  // Most of a topic is waiting for leases, alerts and autoscalers, so two of them fit on two cores.
  const clusters = ['cluster-1', 'cluster-2']
    .slice(0, topics.length)
    .map((name) => ({ dir: join(work, name), group: '' }));
  const end = async () => {
    // The last first: each puts the machine's kernel settings back as it found them.
    for (const cluster of clusters.toReversed()) {
      cluster.group = readState(cluster.dir)?.group ?? cluster.group;
      await removeCluster(cluster.dir);
    }
    rmSync(work, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void end().finally(() => process.exit(130)));
  }
  const failed: string[] = [];
  try {
    const images = join(work, 'images');
    const archives = [...globSync(join(root, 'dist/image/*.tar')), await packWebImage(images)];
    for (const { dir } of clusters) await prepareCluster(dir, archives);
    const waiting = [...topics];
    await Promise.all(
      clusters.map(async ({ dir }) => {
        const env = { ...process.env, [variables.cluster]: dir, [variables.figures]: figures };
        for (let topic = waiting.shift(); topic; topic = waiting.shift()) {
          if (!(await runTopic(topic, env))) failed.push(topic);
        }
      }),
    );
    printFigures(figures);
  } finally {
    await end();
  }
  for (const topic of failed) console.error(`failed: ${topic}`);
  const after = lookAtMachine();
  const left = clusters.flatMap((cluster) => differences(before, after, cluster));
  for (const line of new Set(left)) console.error(`left behind: ${line}`);
  if (left.length === 0) log('The clusters are removed, and nothing of them is left on this machine.');
  return failed.length === 0 && left.length === 0 ? 0 : 1;
}

async function prepareCluster(dir: string, archives: readonly string[]): Promise<void> {
  const cluster = await startCluster(dir, log);
  for (const archive of archives) {
    for (const name of await cluster.load(archive)) log(`loaded ${name}`);
  }
}

/** Prints what the topic's tests say when it has ended, so that two topics do not mix. @returns whether all passed */
async function runTopic(topic: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const args = ['--test', '--test-reporter=spec', join(import.meta.dirname, topic)];
  log(`${topic} begins`);
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  log(`\n${topic}\n${said}`);
  return code === 0;
}

function printFigures(file: string): void {
  if (!existsSync(file)) return;
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  log('\n| topic | what | seen |\n| --- | --- | --- |');
  for (const line of lines) {
    const { topic, what, value } = JSON.parse(line) as Record<string, string>;
    log(`| ${topic} | ${what} | ${value} |`);
  }
}
