// What keeps a cluster apart from the machine that it runs on: a network and a mount namespace, a control group, and one
// link between the two networks. When the last process in the namespaces ends, the kernel removes every mount, bridge,
// pair of devices and rule in them.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProcessId, startProgram, startTimeOf } from '../control-plane/process.ts';
import { type Addresses, addressesOf, freeNumbers } from './addresses.ts';
import { run } from './commands.ts';
import { kernelSettings, mountPoints } from './configuration.ts';
import { makeGroup, programsGroups, removeGroup } from './control-groups.ts';
import type { ClusterState } from './state.ts';

const groupOf = (number: number) => `spikegate-${number}`;

/** `remember` is called before anything is made, and again whenever there is more to remove. */
export async function makeEnclosure(
  logFile: string,
  remember: (state: ClusterState) => void,
): Promise<{ state: ClusterState; addresses: Addresses }> {
  const number = await chooseNumber();
  const group = groupOf(number);
  const state: ClusterState = {
    number,
    group,
    link: group,
    holder: { pid: 0, started: 'not yet' },
    made: mountPoints.filter((path) => !existsSync(path)),
    kernel: Object.fromEntries(kernelSettings.map((name) => [name, readFileSync(kernelFile(name), 'utf8')])),
  };
  remember(state);
  makeGroup(group);
  for (const path of state.made) mkdirSync(path, { recursive: true, mode: 0o755 });
  // A holder is there for its namespaces only.
  const holder = await startProgram(
    {
      name: 'namespaces',
      path: 'sh',
      args: joining(group, [
        'unshare',
        '--net',
        '--mount',
        '--propagation',
        'private',
        '--',
        'sleep',
        'infinity',
      ]),
      logFile,
    },
    { detached: true },
  );
  state.holder = { pid: holder.pid, started: holder.started };
  remember(state);
  await untilApart(holder);
  const addresses = addressesOf(number);
  await linkNetworks(state, addresses);
  return { state, addresses };
}

/** A command line that runs `command` in the cluster's namespaces and control group. */
export function within(state: ClusterState, command: string[]): [path: string, args: string[]] {
  const namespaces = `/proc/${state.holder.pid}/ns`;
  const enter = ['nsenter', `--net=${namespaces}/net`, `--mount=${namespaces}/mnt`, '--'];
  return ['sh', joining(state.group, [...enter, ...command])];
}

/** Arguments of a shell that joins the control group and becomes the command. */
function joining(group: string, command: string[]): string[] {
  const script = `${programsGroups(group)
    .map((file) => `echo $$ > ${file}`)
    .join(' && ')} && exec "$@"`;
  return ['-c', script, 'sh', ...command];
}

export async function removeEnclosure(state: ClusterState): Promise<void> {
  await removeGroup(state.group);
  // The kernel removes it some time after the last process; its name must be free at once.
  spawnSync('ip', ['link', 'delete', state.link], { stdio: 'ignore' });
  for (const path of state.made.toReversed()) {
    try {
      rmdirSync(path);
    } catch (error) {
      // Somebody else uses it by now.
      if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw error;
    }
  }
  for (const [name, value] of Object.entries(state.kernel)) {
    if (readFileSync(kernelFile(name), 'utf8') !== value) writeFileSync(kernelFile(name), value);
  }
}

const kernelFile = (name: string) => join('/proc/sys', name);

async function chooseNumber(): Promise<number> {
  const routes: { dst: string }[] = JSON.parse(await run('ip', ['-json', 'route', 'show', 'table', 'all']));
  const number = freeNumbers(routes.map(({ dst }) => dst)).find(
    (candidate) => !existsSync(`/sys/class/net/${groupOf(candidate)}`),
  );
  if (number === undefined)
    throw new Error('this machine has routes to every 10.N.0.0/16 a cluster could use');
  return number;
}

/** unshare runs as the shell's process; its namespaces are its own from then on. */
async function untilApart({ pid }: ProcessId): Promise<void> {
  const own = (kind: string) => execFileSync('readlink', [`/proc/${pid}/ns/${kind}`], { encoding: 'utf8' });
  const ours = (kind: string) => execFileSync('readlink', [`/proc/self/ns/${kind}`], { encoding: 'utf8' });
  while (own('net') === ours('net') || own('mnt') === ours('mnt') || commandOf(pid) !== 'sleep') {
    if (startTimeOf(pid) === undefined) throw new Error('the process that holds the namespaces ended');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const commandOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();

async function linkNetworks({ link, holder }: ClusterState, { link: ends, range }: Addresses): Promise<void> {
  const ip = (...args: string[]) => run('ip', args);
  await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(holder.pid));
  await ip('address', 'add', `${ends.host}/${ends.prefix}`, 'dev', link);
  await ip('link', 'set', link, 'up');
  await ip('route', 'add', range, 'via', ends.cluster);
}
