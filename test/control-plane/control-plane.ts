// Starts, restarts and stops one control plane: etcd, kube-apiserver and, where there is one,
// kube-controller-manager, all on 127.0.0.1. No kubelet, no scheduler: Pods stay Pending, everything that is
// API semantics is real. Webhooks are reached by URL only, since no service address leads anywhere.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Binaries, explainNotFound, findBinaries } from './binaries.ts';
import {
  apiserverFlags,
  controllerManagerFlags,
  etcdFlags,
  kubernetesServiceIp,
  type Ports,
} from './flags.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { ensurePki, type KeyPair, pkiFiles } from './pki.ts';
import { choosePorts } from './ports.ts';
import { isRunning, type Program, ProgramFailed } from './process.ts';
import { type ControlPlane, Running } from './running.ts';
import { layoutOf, type ProgramName, readState, type State } from './state.ts';

export interface TestUser {
  name: string;
  groups?: string[];
}

/** The static users every control plane has; RBAC grants them nothing but `admin` everything. */
const testUsers: TestUser[] = [
  { name: 'alice' },
  { name: 'bob' },
  { name: 'spikegate-test', groups: ['spikegate:testers'] },
  { name: 'admin', groups: ['system:masters'] },
];

export interface StartOptions {
  /** Kept when the control plane stops, and taken up again with its data. Default: a temporary one, removed. */
  dir?: string;
  /** Default: free ones; in a `dir` that had a control plane, the same again where they are free. */
  ports?: Partial<Ports>;
  log?: (line: string) => void;
  /** Default: whether the binaries have one. */
  controllerManager?: boolean;
  /** In addition to `testUsers`. */
  users?: TestUser[];
  featureGates?: Record<string, boolean>;
  /** Put after our own flags, so they win: `{ apiserver: ['--max-requests-inflight=2000'] }`. */
  extraArgs?: { etcd?: string[]; apiserver?: string[]; controllerManager?: string[] };
  /** false: etcd answers before its data is on the disk. For tests only, never where anything is measured. */
  fsync?: boolean;
  /** The programs outlive this process. Default: they end with it, however it ends. */
  detached?: boolean;
  binaries?: Binaries;
}

/** @throws Error when there are no binaries, or with the end of the failing program's log */
export async function startControlPlane(options: StartOptions = {}): Promise<ControlPlane> {
  const binaries = options.binaries ?? (await findBinaries());
  if ('missing' in binaries) throw new Error(explainNotFound(binaries));
  const temporary = options.dir === undefined;
  const dir = temporary
    ? mkdtempSync(join(tmpdir(), 'spikegate-control-plane-'))
    : resolve(options.dir ?? '');
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await startIn(dir, temporary, binaries, options);
      } catch (error) {
        // Somebody took a port between our choice and its use.
        const portTaken = error instanceof ProgramFailed && error.tail.includes('address already in use');
        if (!portTaken || options.ports || attempt === 3) throw error;
      }
    }
  } catch (error) {
    if (temporary) rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

/** The control plane that `dir` holds, as long as its API server's process runs. */
export function openControlPlane(dir: string): ControlPlane | undefined {
  const state = readState(resolve(dir));
  const apiserver = state?.programs.find(({ name }) => name === 'kube-apiserver');
  return state && apiserver && isRunning(apiserver) ? new Running(resolve(dir), state, false) : undefined;
}

/** Stops what `dir` says was started there and still is the same process. @returns what it stopped */
export async function stopControlPlane(dir: string): Promise<{ name: ProgramName; pid: number }[]> {
  const state = readState(resolve(dir));
  const running = state?.programs.filter(isRunning) ?? [];
  if (state) await new Running(resolve(dir), state, false).stop();
  return running.map(({ name, pid }) => ({ name, pid }));
}

async function startIn(
  dir: string,
  temporary: boolean,
  binaries: Binaries,
  options: StartOptions,
): Promise<ControlPlane> {
  const log = options.log ?? (() => {});
  const layout = layoutOf(dir);
  const before = readState(dir);
  if (before?.programs.some(isRunning)) throw new Error(`a control plane runs in ${dir} already`);
  if (before && before.binaries.version !== binaries.version) {
    throw new Error(
      `${dir} holds the data of Kubernetes ${before.binaries.version}, the programs are ${binaries.version}: wipe it first`,
    );
  }
  const controllerManager = options.controllerManager ?? binaries.controllerManager !== undefined;
  if (controllerManager && !binaries.controllerManager) {
    throw new Error(`controllerManager must be false: ${binaries.dir} has no kube-controller-manager`);
  }
  if (!controllerManager) {
    log(
      'no kube-controller-manager: nothing collects garbage, ends a namespace, runs a Deployment or counts a quota',
    );
  }

  mkdirSync(layout.logs, { recursive: true, mode: 0o700 });
  const pki = await ensurePki(layout.pki, kubernetesServiceIp);
  const ports = await choosePorts(options.ports ?? {}, before?.ports ?? {});
  const server = `https://127.0.0.1:${ports.apiserver}`;
  const tokens = writeTokens(layout.tokens, [...testUsers, ...(options.users ?? [])], before?.tokens ?? {});
  const write = (path: string, user: string, pair: KeyPair) =>
    writeFileSync(path, kubeconfigText(server, pki.ca.cert, user, pair), { mode: 0o600 });
  write(layout.kubeconfig, 'admin', pki.admin);
  write(layout.controllerManagerKubeconfig, 'system:kube-controller-manager', pki.controllerManager);

  const state: State = { binaries, ports, tokens, programs: [], detached: options.detached ?? false };
  const controlPlane = new Running(dir, state, temporary);
  const begin = systemClock.monotonic();
  const seconds = () => `${((systemClock.monotonic() - begin) / 1000).toFixed(1)} s`;
  try {
    for (const program of programsOf(dir, state, options, controllerManager)) {
      await controlPlane.start(program);
      log(`${program.name} is ready after ${seconds()}`);
    }
    if (controllerManager) await controlPlane.waitForServiceAccounts();
    log(`Kubernetes ${binaries.version} on ${server} is ready after ${seconds()}`);
    return controlPlane;
  } catch (error) {
    await controlPlane.stopPrograms();
    throw error;
  }
}

function programsOf(
  dir: string,
  { binaries, ports }: State,
  options: StartOptions,
  controllerManager: boolean,
): (Program & { name: ProgramName })[] {
  const layout = layoutOf(dir);
  const { extraArgs = {}, featureGates } = options;
  const server = { ports, pki: pkiFiles(layout.pki) };
  const program = (name: ProgramName, path: string, flags: string[], extra: string[] = []) => {
    return { name, path, args: [...flags, ...extra], logFile: join(layout.logs, `${name}.log`) };
  };
  const etcd = etcdFlags({ dataDir: layout.etcdData, ports, fsync: options.fsync ?? true });
  const apiserver = apiserverFlags({
    ...server,
    tokenFile: layout.tokens,
    controllerManager,
    ...(featureGates && { featureGates }),
  });
  const programs = [
    program('etcd', binaries.etcd, etcd, extraArgs.etcd),
    program('kube-apiserver', binaries.apiserver, apiserver, extraArgs.apiserver),
  ];
  if (controllerManager && binaries.controllerManager) {
    const flags = controllerManagerFlags({ ...server, kubeconfig: layout.controllerManagerKubeconfig });
    const name = 'kube-controller-manager';
    programs.push(program(name, binaries.controllerManager, flags, extraArgs.controllerManager));
  }
  return programs;
}

function writeTokens(
  path: string,
  users: TestUser[],
  before: Record<string, string>,
): Record<string, string> {
  const tokens = Object.fromEntries(
    users.map(({ name }) => [name, before[name] ?? randomBytes(16).toString('hex')]),
  );
  // Lines of: token, user name, uid, "groups".
  const lines = users.map(
    ({ name, groups = [] }) => `${tokens[name]},${name},${name},"${groups.join(',')}"\n`,
  );
  writeFileSync(path, lines.join(''), { mode: 0o600 });
  return tokens;
}
