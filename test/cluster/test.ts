// `npm run test:cluster`: starts a cluster, runs every topic on it, removes it, and sees that nothing is left of it.
// `npm run test:cluster -- helm` runs the topics whose file names contain the word.
// It fails, and does not skip, where there is no root or no Go.

import { spawn } from 'node:child_process';
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
  const dir = join(work, 'cluster');
  const figures = join(work, 'figures');
  const before = lookAtMachine();
  let group = '';
  const end = async () => {
    group = readState(dir)?.group ?? group;
    await removeCluster(dir);
    rmSync(work, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void end().finally(() => process.exit(130)));
  }
  let passed = false;
  try {
    await withCluster(dir);
    passed = await runTopics({ ...process.env, [variables.cluster]: dir, [variables.figures]: figures });
    printFigures(figures);
  } finally {
    await end();
  }
  const left = differences(before, lookAtMachine(), { group, dir });
  for (const line of left) console.error(`left behind: ${line}`);
  if (left.length === 0) log('The cluster is removed, and nothing of it is left on this machine.');
  return passed && left.length === 0 ? 0 : 1;
}

async function withCluster(dir: string): Promise<void> {
  const cluster = await startCluster(dir, log);
  const archives = [...globSync(join(root, 'dist/image/*.tar')), await packWebImage(join(dir, 'images'))];
  for (const archive of archives) {
    for (const name of await cluster.load(archive)) log(`loaded ${name}`);
  }
}

function runTopics(env: NodeJS.ProcessEnv): Promise<boolean> {
  const files = topics.map((file) => join(import.meta.dirname, file));
  const args = ['--test', '--test-concurrency=1', '--test-reporter=spec', ...files];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { env, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === 0));
  });
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
