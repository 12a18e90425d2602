// What is kept of a cluster in its folder, so that another process can find, use and end it.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessId, RunningProgram } from '../control-plane/process.ts';

export interface ClusterState {
  /** Decides all its addresses. */
  number: number;
  /** Its control group. */
  group: string;
  /** The host's end of its link. */
  link: string;
  /** The process whose network and mount namespaces are the cluster's. */
  holder: ProcessId;
  /** Folders of this machine that were made to mount on, in the cluster's own mount namespace. */
  made: string[];
  /** Kernel settings of the whole machine as they were before: the kubelet changes them. */
  kernel: Record<string, string>;
}

export type ProgramName = 'containerd' | 'kube-scheduler' | 'kubelet' | 'kube-proxy';

export function layoutOf(dir: string) {
  return {
    state: join(dir, 'cluster.json'),
    programs: join(dir, 'programs.json'),
    controlPlane: join(dir, 'control-plane'),
    pki: join(dir, 'pki'),
    /** The administrator's, for this machine. */
    kubeconfig: join(dir, 'kubeconfig'),
    /** Configuration of the node's programs. */
    config: join(dir, 'config'),
    /** Of the node's programs; the containers' are in `var`. */
    logs: join(dir, 'logs'),
    containerd: join(dir, 'containerd'),
    /** What is mounted over folders of the machine, for the cluster's processes alone. */
    mounts: join(dir, 'mounts'),
    images: join(dir, 'images'),
  };
}

export function readState(dir: string): ClusterState | undefined {
  return readJson(layoutOf(dir).state);
}

export function writeState(dir: string, state: ClusterState): void {
  writeJson(layoutOf(dir).state, state);
}

/** In the order they were started. Written only by who is inside of the cluster's namespaces. */
export function readPrograms(dir: string): (RunningProgram & { name: ProgramName })[] {
  return readJson(layoutOf(dir).programs) ?? [];
}

export function writePrograms(dir: string, programs: (RunningProgram & { name: ProgramName })[]): void {
  writeJson(layoutOf(dir).programs, programs);
}

function readJson<T>(path: string): T | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined;
}

function writeJson(path: string, value: unknown): void {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  // A reader, or a crash, must never meet half a file: it is what says whom to stop.
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
