// Starts, opens and removes a real cluster of one node on this Linux machine, as root.

import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { callApi, type Target } from '../control-plane/api.ts';
import { isRunning, type RunningProgram, stopProcess, tailOf } from '../control-plane/process.ts';
import * as controlPlaneState from '../control-plane/state.ts';
import { addons } from './addons.ts';
import { type Addresses, addressesOf } from './addresses.ts';
import { adminOf } from './certificates.ts';
import { refuseOtherMachines, run, runWithInput } from './commands.ts';
import { containerdSocket, controlPlanePorts, nodeName } from './configuration.ts';
import { processesIn } from './control-groups.ts';
import { makeEnclosure, removeEnclosure, within } from './enclosure.ts';
import { nodeImages } from './images.ts';
import { findPrograms, programPath } from './programs.ts';
import { type ClusterState, layoutOf, readPrograms, readState, writeState } from './state.ts';

export type Log = (line: string) => void;

const readyWithinMs = 120_000;

/** Starts a cluster in `dir`. @throws Error when one runs there; with the ends of the logs when it does not come up */
export async function startCluster(dir: string, log: Log = () => {}): Promise<Cluster> {
  refuseOtherMachines();
  const layout = layoutOf(resolve(dir));
  if (readState(dir)) throw new Error(`${dir} holds a cluster already: \`down\` removes it`);
  const programs = await findPrograms();
  const begin = systemClock.monotonic();
  const say = (line: string) =>
    log(`${((systemClock.monotonic() - begin) / 1000).toFixed(1).padStart(5)} s  ${line}`);
  mkdirSync(layout.logs, { recursive: true, mode: 0o700 });
  try {
    const { state, addresses } = await makeEnclosure(join(layout.logs, 'namespaces.log'), (known) =>
      writeState(dir, known),
    );
    say(`its network is ${addresses.range}, its control group ${state.group}`);
    // Both end before anything is removed, where one fails.
    const [started, packed] = await Promise.allSettled([
      runInside(dir, state, ['up'], say),
      nodeImages(layout.images, programs),
    ]);
    if (started.status === 'rejected') throw started.reason;
    if (packed.status === 'rejected') throw packed.reason;
    const cluster = new Cluster(dir, state);
    for (const image of packed.value) await cluster.load(image);
    await cluster.applyAll(addons(addresses));
    await cluster.untilReady(readyWithinMs);
    say(`Kubernetes ${programs.binaries.version} is ready on ${cluster.server}`);
    return cluster;
  } catch (error) {
    const logs = readPrograms(dir).map(
      ({ name, logFile }) => `the end of ${name}'s log:\n${tailOf(logFile, 12)}`,
    );
    await removeCluster(dir);
    throw new Error([(error as Error).message, ...logs].join('\n\n'), { cause: error });
  }
}

/** The cluster that `dir` holds, as long as its API server's process runs. */
export function openCluster(dir: string): Cluster | undefined {
  const state = readState(dir);
  if (!state) return undefined;
  const cluster = new Cluster(resolve(dir), state);
  return cluster.programs().some((program) => program.name === 'kube-apiserver' && isRunning(program))
    ? cluster
    : undefined;
}

/** Ends every process of the cluster and removes all that it made, `dir` too. @returns whether there was one */
export async function removeCluster(dir: string): Promise<boolean> {
  const state = readState(dir);
  if (!state) return false;
  await removeEnclosure(state);
  rmSync(dir, { recursive: true, force: true });
  return true;
}

export class Cluster implements Target {
  readonly dir: string;
  readonly addresses: Addresses;
  readonly server: string;
  readonly ca: string;
  readonly admin: { cert: string; key: string };
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly #state: ClusterState;

  constructor(dir: string, state: ClusterState) {
    const credentials = adminOf(dir);
    if (!credentials) throw new Error(`${dir} holds no whole cluster: \`down\` removes what there is`);
    this.dir = dir;
    this.addresses = addressesOf(state.number);
    this.server = `https://${this.addresses.link.cluster}:${controlPlanePorts.apiserver}`;
    this.ca = credentials.ca;
    this.admin = credentials.admin;
    this.kubeconfig = layoutOf(dir).kubeconfig;
    this.#state = state;
  }

  /** All that were started, in this order; also those that do not run any more. */
  programs(): (RunningProgram & { name: string })[] {
    const controlPlane = controlPlaneState.readState(layoutOf(this.dir).controlPlane)?.programs ?? [];
    return [...controlPlane, ...readPrograms(this.dir)];
  }

  /** Ids of all its processes, its pods' too. */
  processes(): number[] {
    return processesIn(this.#state.group);
  }

  /** Imports the images of an archive. @returns the names they have on the node */
  async load(archive: string): Promise<string[]> {
    const command = this.#ctrCommand(['images', 'import', '-']);
    const output = await runWithInput(...within(this.#state, command), archive);
    return output.split('\n').flatMap((line) => /^(\S+?:\S+)\s/.exec(line)?.[1] ?? []);
  }

  /** Gives an image that was loaded further names. */
  async tag(image: string, names: string[]): Promise<void> {
    if (names.length === 0) return;
    await run(...within(this.#state, this.#ctrCommand(['images', 'tag', '--force', image, ...names])));
  }

  /** Ends a program as an outage does. Its containers run on. */
  async stopProgram(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await stopProcess(this.#program(name), { signal, graceMs: 30_000 });
  }

  /** The same program again; resolves when it is ready. */
  async startProgram(name: string, log: Log = () => {}): Promise<void> {
    await runInside(this.dir, this.#state, ['start', name], log);
  }

  #program(name: string) {
    const program = this.programs().find((other) => other.name === name);
    if (!program) throw new Error(`${name} was not started in ${this.dir}`);
    return program;
  }

  /** Creates or changes objects, by server-side apply. */
  async applyAll(objects: object[]): Promise<void> {
    for (const object of objects) {
      const path = await this.#pathOf(object as KubernetesObject);
      const { status, body } = await callApi(this, 'PATCH', `${path}?fieldManager=cluster&force=true`, {
        body: object,
        contentType: 'application/apply-patch+yaml',
      });
      if (status > 299) throw new Error(`${path}: ${body.message}`);
    }
  }

  async #pathOf({ apiVersion, kind, metadata }: KubernetesObject): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { body } = await callApi(this, 'GET', root);
    const resource = body.resources.find((each: { kind: string; name: string }) => {
      return each.kind === kind && !each.name.includes('/');
    });
    const namespace = resource.namespaced ? `/namespaces/${metadata.namespace}` : '';
    return `${root}${namespace}/${resource.name}/${metadata.name}`;
  }

  /** The node takes pods, names are answered. */
  async untilReady(timeoutMs: number): Promise<void> {
    const deadline = systemClock.monotonic() + timeoutMs;
    const isTrue = (type: string) => (condition: { type: string; status: string }) =>
      condition.type === type && condition.status === 'True';
    let waitsFor = '';
    const conditions: [what: string, path: string, condition: string][] = [
      ['the node', `/api/v1/nodes/${nodeName}`, 'Ready'],
      ['CoreDNS', '/apis/apps/v1/namespaces/kube-system/deployments/coredns', 'Available'],
    ];
    for (;;) {
      const missing = [];
      for (const [what, path, condition] of conditions) {
        const { body } = await callApi(this, 'GET', path);
        if (!body.status?.conditions?.some?.(isTrue(condition))) missing.push(what);
      }
      if (missing.length === 0) return;
      waitsFor = missing.join(' and ');
      if (systemClock.monotonic() > deadline) {
        throw new Error(`${waitsFor} not ready after ${timeoutMs / 1000} s`);
      }
      await sleep(systemClock, 100);
    }
  }

  #ctrCommand(args: string[]): string[] {
    return [programPath('ctr'), '--address', containerdSocket, '-n', 'k8s.io', ...args];
  }
}

interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

/** Runs inside.ts in the cluster's namespaces. */
function runInside(
  dir: string,
  state: ClusterState,
  [command = '', ...args]: string[],
  log: Log,
): Promise<void> {
  const script = join(import.meta.dirname, 'inside.ts');
  const line = within(state, [process.execPath, script, command, resolve(dir), ...args]);
  return new Promise((done, reject) => {
    const child = spawn(...line, { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: child.stdout }).on('line', log);
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) done();
      else reject(new Error(errors.trim() || `${command} ended with code ${code}`));
    });
  });
}
