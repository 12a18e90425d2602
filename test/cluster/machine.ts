// What a cluster could leave behind on the machine: compared before and after, so that `down` is known to leave nothing.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kernelSettings } from './configuration.ts';
import { treesOf } from './control-groups.ts';

export type Machine = Record<string, string[]>;

/** Folders in which programs of a node keep things when they are not told otherwise. */
const folders = ['/run', '/var/lib', '/var/log', '/opt', '/etc', '/run/netns', '/var/run/containerd'];
/** Of these names: other software is installed meanwhile. */
const ofNodes = /cni|containerd|containers|kube|mount|netns|pods|runc|spikegate|xtables/;

export function lookAtMachine(): Machine {
  return {
    processes: processes(),
    mounts: lines(readFileSync('/proc/self/mounts', 'utf8')),
    'network devices': readdirSync('/sys/class/net'),
    routes: output('ip', ['route', 'show', 'table', 'all']),
    'packet rules': [...rules('iptables-save'), ...rules('ip6tables-save')],
    'control groups': treesOf().flatMap((tree) =>
      readdirSync(tree, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name)),
    ),
    files: folders.filter(existsSync).flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => ofNodes.test(name))
        .map((name) => join(folder, name)),
    ),
    'kernel settings': kernelSettings.map((name) => {
      return `${name} = ${readFileSync(join('/proc/sys', name), 'utf8').trim()}`;
    }),
  };
}

/**
 * What a cluster changed: lines such as `mounts: + /run/x`, empty when nothing differs. Other clusters of the machine come
 * and go meanwhile, and so do processes and control groups that are no cluster's.
 */
export function differences(
  before: Machine,
  after: Machine,
  { group, dir }: { group: string; dir: string },
): string[] {
  const isOther = (line: string) => ![undefined, group].includes(/spikegate-\d+/.exec(line)?.[0]);
  const isNamed = (line: string) => new RegExp(`${group}(?!\\d)`).test(line) || line.includes(dir);
  return Object.keys(before).flatMap((what) => {
    const named = what === 'control groups' || what === 'processes';
    const isOurs = (line: string) => (named ? isNamed(line) : !isOther(line));
    const [was, is] = [(before[what] ?? []).filter(isOurs), (after[what] ?? []).filter(isOurs)];
    return [
      ...is.filter((line) => !was.includes(line)).map((line) => `${what}: + ${line}`),
      ...was.filter((line) => !is.includes(line)).map((line) => `${what}: - ${line}`),
    ];
  });
}

/** Their control groups and command lines tell whose they are. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
        const [, group = ''] = /^\d+:(?:pids)?:(.*)$/m.exec(read('cgroup')) ?? [];
        return [`${pid} ${group} ${read('cmdline').replaceAll('\0', ' ').trim()}`];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}

const lines = (text: string) => text.split('\n').filter(Boolean);
const output = (command: string, args: string[] = []) =>
  lines(spawnSync(command, args, { encoding: 'utf8' }).stdout ?? '');

/** Without comments and counters, which differ each time. */
const rules = (command: string) =>
  output(command).flatMap((line) => (line.startsWith('#') ? [] : [line.replace(/ \[\d+:\d+\]$/, '')]));
