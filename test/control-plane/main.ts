// npm run control-plane -- up | down | status | build

import { rmSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { callApi } from './api.ts';
import { explainNotFound, findBinaries } from './binaries.ts';
import { buildControlPlane } from './build.ts';
import { openControlPlane, startControlPlane, stopControlPlane } from './control-plane.ts';
import { isRunning } from './process.ts';
import type { ControlPlane } from './running.ts';
import { readState } from './state.ts';
import { builtMinors, type Minor, minorNamed } from './versions.ts';

const usage = `A real Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager) on 127.0.0.1, for tests.

npm run control-plane -- <command>

  up       start it and leave it running; its data and its kubeconfig outlive \`down\`
             --build               build the programs first where there are none
             --port N              of the API server (default: a free one, the same again next time)
             --apiserver-arg FLAG  one more flag of kube-apiserver, e.g. --apiserver-arg=--v=4; repeatable
  down     stop what \`up\` started
             --wipe                and remove its data
  status   what runs, which version, whether it is ready; exit code 0 when it is
  build    build the programs into the cache folder (with Go; once per version, about 6 minutes)
             --force               even when they are there

  --kubernetes VERSION  ${builtMinors.join(' or ')}, for \`build\` and \`up\` (default: the newest there is)
  --dir D               where its state is (default: .spikegate/control-plane of this checkout)

The programs are looked for in KUBEBUILDER_ASSETS, then in the cache folder.`;

const log = (line: string) => console.log(line);
const shown = (path: string) => (relative('', path).startsWith('..') ? path : relative('', path));

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        dir: { type: 'string' },
        build: { type: 'boolean', default: false },
        port: { type: 'string' },
        'apiserver-arg': { type: 'string', multiple: true, default: [] },
        wipe: { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
        kubernetes: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

const { values, positionals } = parse();
const dir = resolve(values.dir ?? fileURLToPath(new URL('../../.spikegate/control-plane', import.meta.url)));

const commands: Record<string, () => Promise<number>> = { up, down, status, build };

const command = commands[positionals[0] ?? ''];
if (values.help || !command || positionals.length > 1) {
  console[values.help ? 'log' : 'error'](usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  process.exitCode = await command().catch((error: Error) => {
    console.error(error.message);
    return 1;
  });
}

async function up(): Promise<number> {
  const running = openControlPlane(dir);
  if (running) {
    log('already running');
    printUse(running);
    return 0;
  }
  const wanted = chosenVersion();
  const found = await findBinaries({
    ...process.env,
    ...(wanted.kubernetes && { SPIKEGATE_KUBERNETES: wanted.kubernetes }),
  });
  if ('missing' in found && !values.build) {
    console.error(explainNotFound(found));
    return 1;
  }
  const binaries = 'missing' in found ? await buildControlPlane({ log, ...wanted }) : found;
  log(`starting Kubernetes ${binaries.version} from ${binaries.dir}`);
  // Some of an earlier one may have outlived its API server.
  await stopControlPlane(dir);
  const controlPlane = await startControlPlane({
    dir,
    binaries,
    log,
    detached: true,
    extraArgs: { apiserver: values['apiserver-arg'] },
    ...(values.port ? { ports: { apiserver: Number(values.port) } } : {}),
  });
  printUse(controlPlane);
  return 0;
}

function printUse({ kubeconfig, binaries }: ControlPlane): void {
  log(`\n  export KUBECONFIG=${kubeconfig}`);
  if (binaries.kubectl) log(`  ${binaries.kubectl} get namespaces`);
  log('\nstop it with: npm run control-plane -- down');
}

async function down(): Promise<number> {
  const stopped = await stopControlPlane(dir);
  for (const { name, pid } of stopped) log(`stopped ${name} (${pid})`);
  if (!stopped.length) log(`nothing runs in ${shown(dir)}`);
  // Only what is known to be a control plane's folder is removed.
  if (values.wipe && readState(dir)) rmSync(dir, { recursive: true, force: true });
  return 0;
}

async function status(): Promise<number> {
  const found = await findBinaries();
  log(
    'missing' in found
      ? explainNotFound(found)
      : `programs: ${found.version} in ${found.dir} (${found.from})`,
  );
  const state = readState(dir);
  if (!state) {
    log(`no control plane in ${shown(dir)}`);
    return 1;
  }
  for (const program of state.programs) {
    log(`${program.name}: ${isRunning(program) ? `runs (${program.pid})` : 'not running'}`);
  }
  const running = openControlPlane(dir);
  if (!running) return 1;
  const ready = await callApi(running, 'GET', '/readyz?verbose').catch((error: Error) => ({
    status: 0,
    body: error.message,
  }));
  const version = ready.status === 200 ? (await callApi(running, 'GET', '/version')).body.gitVersion : '';
  log(ready.status === 200 ? `ready: ${version} on ${running.server}` : `not ready: ${ready.body}`);
  log(`kubeconfig: ${running.kubeconfig}`);
  return ready.status === 200 ? 0 : 1;
}

async function build(): Promise<number> {
  const { version, dir: folder } = await buildControlPlane({
    log,
    force: values.force,
    ...chosenVersion(),
  });
  log(`Kubernetes ${version} is in ${folder}`);
  return 0;
}

function chosenVersion(): { kubernetes?: Minor } {
  return values.kubernetes === undefined ? {} : { kubernetes: minorNamed(values.kubernetes) };
}
