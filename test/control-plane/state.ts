// What is kept of a control plane in its folder, so that another process can find, use and end it.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import type { Ports } from './flags.ts';
import type { RunningProgram } from './process.ts';

export type ProgramName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager';

export interface State {
  binaries: Binaries;
  ports: Ports;
  /** Of the static test users, by name. */
  tokens: Record<string, string>;
  /** In the order they were started. */
  programs: (RunningProgram & { name: ProgramName })[];
  /** Whether they were started to outlive their starter. */
  detached: boolean;
}

export function layoutOf(dir: string) {
  return {
    state: join(dir, 'state.json'),
    pki: join(dir, 'pki'),
    etcdData: join(dir, 'etcd'),
    tokens: join(dir, 'tokens.csv'),
    kubeconfig: join(dir, 'kubeconfig'),
    controllerManagerKubeconfig: join(dir, 'pki', 'controller-manager.kubeconfig'),
    logs: join(dir, 'logs'),
  };
}

export function readState(dir: string): State | undefined {
  try {
    return JSON.parse(readFileSync(layoutOf(dir).state, 'utf8')) as State;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function writeState(dir: string, state: State): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = layoutOf(dir).state;
  // A reader, or a crash, must never meet half a file: it is what says whom to stop.
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
