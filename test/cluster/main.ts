// npm run cluster -- up | down | status | load ARCHIVE

import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isRunning } from '../control-plane/process.ts';
import { Cluster, openCluster, removeCluster, startCluster } from './cluster.ts';
import { ensurePackages, refuseOtherMachines } from './commands.ts';
import { ensureModules, findPrograms, nodeModules } from './programs.ts';
import { readState } from './state.ts';

const usage = `A real Kubernetes cluster of one node, on Linux as root. All its traffic stays on this machine.

npm run cluster -- <command>

  up            start it and leave it running. Its programs are built first where they are not (once, minutes):
                Kubernetes' own by \`npm run control-plane -- build\`, the others by \`up\`
  load ARCHIVE  import the images of an OCI archive, such as \`npm run image\` makes. There is no registry
  status        what runs, and whether the node is ready; exit code 0 when it is
  down          end all its processes and remove all that it made, its data too

  --dir D       where its state is (default: .spikegate/cluster of this checkout)`;

const log = (line: string) => console.log(line);

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { dir: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
    });
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

const { values, positionals } = parse();
const dir = resolve(values.dir ?? fileURLToPath(new URL('../../.spikegate/cluster', import.meta.url)));
const shown = relative('', dir).startsWith('..') ? dir : relative('', dir);

const [name = '', argument] = positionals;
const commands = new Map<string, () => Promise<number>>(Object.entries({ up, down, status, load }));
const command = commands.get(name);
if (values.help || !command || positionals.length > (name === 'load' ? 2 : 1)) {
  console[values.help ? 'log' : 'error'](usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  process.exitCode = await command().catch((error: Error) => {
    console.error(error.message);
    return 1;
  });
}

async function up(): Promise<number> {
  refuseOtherMachines();
  const running = openCluster(dir);
  if (running) {
    log('already running');
    await printUse(running);
    return 0;
  }
  // What an interrupted `up`, or the end of the machine, left.
  if (await removeCluster(dir)) log(`removed what was left of a cluster in ${shown}`);
  await ensurePackages(log);
  await ensureModules(nodeModules, log);
  await printUse(await startCluster(dir, log));
  return 0;
}

async function printUse({ kubeconfig }: Cluster): Promise<void> {
  const { binaries } = await findPrograms();
  log(`\n  export KUBECONFIG=${kubeconfig}`);
  log(`  ${binaries.kubectl ?? 'kubectl'} get pods --all-namespaces`);
  log('\nremove it with: npm run cluster -- down');
}

async function down(): Promise<number> {
  refuseOtherMachines();
  log((await removeCluster(dir)) ? `removed the cluster in ${shown}` : `no cluster in ${shown}`);
  return 0;
}

async function load(): Promise<number> {
  refuseOtherMachines();
  if (argument === undefined) throw new Error('load needs the path of an OCI archive');
  const cluster = openCluster(dir);
  if (!cluster) throw new Error(`no cluster runs in ${shown}: start it with \`npm run cluster -- up\``);
  for (const image of await cluster.load(resolve(argument))) log(`loaded ${image}`);
  return 0;
}

async function status(): Promise<number> {
  refuseOtherMachines();
  const state = readState(dir);
  if (!state) {
    log(`no cluster in ${shown}`);
    return 1;
  }
  const cluster = new Cluster(dir, state);
  const stopped = cluster.programs().filter((program) => !isRunning(program));
  for (const program of cluster.programs()) {
    log(`${program.name}: ${stopped.includes(program) ? 'not running' : `runs (${program.pid})`}`);
  }
  try {
    await cluster.untilReady(0);
  } catch (error) {
    log(`not ready: ${(error as Error).message}`);
    return 1;
  }
  log(`ready: ${cluster.server}`);
  log(`kubeconfig: ${cluster.kubeconfig}`);
  return stopped.length ? 1 : 0;
}
