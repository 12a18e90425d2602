// The control group of a cluster: every process of it is in there, its pods' too. So it tells whom `down` has to end.
// Works with version 1, where each controller has a tree, and with version 2, which has one tree for all.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '../../src/runtime/clock.ts';

/** The roots of this machine's trees. One tree is enough to find all processes by: the first. */
export function treesOf(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): string[] {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [type = ''] = after.split(' ');
    return type.startsWith('cgroup') ? [{ path: before.split(' ')[4] ?? '', type }] : [];
  });
  // Where both versions are mounted, the controllers are in version 1's trees, and runc uses both.
  const rank = ({ path, type }: { path: string; type: string }) =>
    path.endsWith('/pids') ? 0 : type === 'cgroup' ? 1 : 2;
  return mounts.toSorted((a, b) => rank(a) - rank(b)).map(({ path }) => path);
}

export function makeGroup(name: string): void {
  for (const tree of treesOf()) {
    const group = join(tree, name);
    mkdirSync(group, { recursive: true });
    // All pods together would get as much of a busy machine as one other process.
    for (const [file, weight] of [
      ['cpu.shares', '65536'],
      ['cpu.weight', '2500'],
    ] as const) {
      if (existsSync(join(group, file))) writeFileSync(join(group, file), weight);
    }
  }
}

/**
 * Files by which a process joins: in a group below, since under version 2 one that holds groups holds no processes. In the
 * tree that all are found by, and in that of the weights.
 */
export function programsGroups(name: string): string[] {
  const [tree = '', ...others] = treesOf();
  const weights = others.filter((path) => existsSync(join(path, name, 'cpu.shares')));
  return [tree, ...weights].map((path) => {
    const group = join(path, name, 'programs');
    mkdirSync(group, { recursive: true });
    return join(group, 'cgroup.procs');
  });
}

export function processesIn(name: string): number[] {
  const [tree = ''] = treesOf();
  return groupsBelow(join(tree, name)).flatMap((group) => {
    try {
      return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    } catch {
      // The group went meanwhile.
      return [];
    }
  });
}

/** Ends every process of the group, also what they start meanwhile, and removes the group. */
export async function removeGroup(name: string, timeoutMs = 20_000): Promise<void> {
  const deadline = systemClock.monotonic() + timeoutMs;
  const inTime = (what: string) => {
    if (systemClock.monotonic() < deadline) return;
    throw new Error(`${what} of control group ${name} were still there after ${timeoutMs / 1000} s`);
  };
  thaw(name);
  for (let pids = processesIn(name); pids.length; pids = processesIn(name)) {
    inTime(`processes ${pids.join(', ')}`);
    for (const pid of pids) kill(pid);
    await sleep(systemClock, 20);
  }
  for (const tree of treesOf()) {
    const top = join(tree, name);
    while (existsSync(top)) {
      inTime('groups');
      for (const group of groupsBelow(top)) {
        try {
          rmdirSync(group);
        } catch {
          // Busy until the kernel has let go of its last process.
        }
      }
      if (existsSync(top)) await sleep(systemClock, 20);
    }
  }
}

/** The group and all below it, the deepest first. */
function groupsBelow(top: string): string[] {
  let names: string[];
  try {
    names = readdirSync(top, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
  return [...names.flatMap((name) => groupsBelow(join(top, name))), top];
}

/** A frozen process does not end by a signal under version 1. */
function thaw(name: string): void {
  for (const tree of treesOf()) {
    for (const group of groupsBelow(join(tree, name)).reverse()) {
      const file = join(group, 'freezer.state');
      if (existsSync(file)) writeFileSync(file, 'THAWED');
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
