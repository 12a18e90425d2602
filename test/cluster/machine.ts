// What a cluster could leave behind on the machine: compared before and after, so that `down` is known to leave nothing.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kernelSettings } from './configuration.ts';
import { treesOf } from './control-groups.ts';

export type Machine = Record<string, string[]>;

/** Folders in which programs of a node keep things when they are not told otherwise. */
const folders = ['/run', '/var/lib', '/var/log', '/opt', '/etc', '/run/netns', '/var/run/containerd'];
const programs = /^(containerd|kube|etcd|coredns|pause|runc|unshare)/;

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
    files: folders
      .filter(existsSync)
      .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name))),
    'kernel settings': kernelSettings.map((name) => {
      return `${name} = ${readFileSync(join('/proc/sys', name), 'utf8').trim()}`;
    }),
  };
}

/**
 * What the cluster of this control group changed: lines such as `mounts: + /run/x`, empty when nothing differs. Other
 * clusters of the machine come and go meanwhile, and so do control groups that are no cluster's.
 */
export function differences(before: Machine, after: Machine, group: string): string[] {
  const isOurs = (line: string) => [undefined, group].includes(/spikegate-\d+/.exec(line)?.[0]);
  return Object.keys(before).flatMap((what) => {
    const ours = what === 'control groups' ? (line: string) => line.includes(group) : isOurs;
    const [was, is] = [(before[what] ?? []).filter(ours), (after[what] ?? []).filter(ours)];
    return [
      ...is.filter((line) => !was.includes(line)).map((line) => `${what}: + ${line}`),
      ...was.filter((line) => !is.includes(line)).map((line) => `${what}: - ${line}`),
    ];
  });
}

function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
        if (!programs.test(name)) return [];
        // The control group tells whose it is.
        const [, group = ''] =
          /^\d+:(?:pids)?:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? [];
        return [`${pid} ${name} ${group}`];
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
