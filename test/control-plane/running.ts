// A control plane whose folder is laid out: starts its programs one by one, waits for each, stops them.

import { readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { callApi } from './api.ts';
import type { Binaries } from './binaries.ts';
import type { Ports } from './flags.ts';
import { type KeyPair, pkiFiles } from './pki.ts';
import { type Program, startProgram, stopProcess, waitUntil } from './process.ts';
import { layoutOf, type ProgramName, type State, writeState } from './state.ts';

export interface ControlPlane {
  dir: string;
  /** Kubernetes' version, `v1.37.2`. */
  version: string;
  /** `https://127.0.0.1:port` */
  server: string;
  /** Path of the administrator's kubeconfig (client certificate, group system:masters). */
  kubeconfig: string;
  /** PEM; signs the API server's certificate. */
  ca: string;
  /** PEM; the administrator's client certificate. */
  admin: KeyPair;
  /** Bearer tokens of the static test users, by name. */
  tokens: Record<string, string>;
  binaries: Binaries;
  ports: Ports;
  readonly pids: { etcd: number; apiserver: number; controllerManager: number | undefined };
  /** Ends all three; removes `dir` when it was temporary. May be called again. */
  stop(): Promise<void>;
  /** An outage: SIGKILL unless told otherwise. Requests fail until `startApiServer`. */
  stopApiServer(signal?: NodeJS.Signals): Promise<void>;
  /** The same API server on the same port; resolves when it is ready. */
  startApiServer(): Promise<void>;
  /**
   * Stops all three, and starts them again after `work`, which may put another folder in the place of etcd's data:
   * so Kubernetes' documentation wants a restore. Resolves when all are ready.
   */
  whileDown(work: (etcdData: string) => Promise<void> | void): Promise<void>;
}

// A start takes 7 s on two idle cores; a busy CI machine may need ten times that.
const readyWithinMs = 90_000;

export class Running implements ControlPlane {
  readonly dir: string;
  readonly version: string;
  readonly server: string;
  readonly kubeconfig: string;
  readonly ca: string;
  readonly admin: KeyPair;
  readonly tokens: Record<string, string>;
  readonly binaries: Binaries;
  readonly ports: Ports;
  readonly #state: State;
  readonly #temporary: boolean;

  constructor(dir: string, state: State, temporary: boolean) {
    const layout = layoutOf(dir);
    const files = pkiFiles(layout.pki);
    this.dir = dir;
    this.version = state.binaries.version;
    this.server = `https://127.0.0.1:${state.ports.apiserver}`;
    this.kubeconfig = layout.kubeconfig;
    this.ca = readFileSync(files.ca.cert, 'utf8');
    this.admin = { cert: readFileSync(files.admin.cert, 'utf8'), key: readFileSync(files.admin.key, 'utf8') };
    this.tokens = state.tokens;
    this.binaries = state.binaries;
    this.ports = state.ports;
    this.#state = state;
    this.#temporary = temporary;
  }

  get pids() {
    return {
      etcd: this.#running('etcd').pid,
      apiserver: this.#running('kube-apiserver').pid,
      controllerManager: this.#state.programs.find(({ name }) => name === 'kube-controller-manager')?.pid,
    };
  }

  async stop(): Promise<void> {
    await this.stopPrograms();
    if (this.#temporary) rmSync(this.dir, { recursive: true, force: true });
  }

  async stopPrograms(): Promise<void> {
    // Last started, first stopped: the API server waits for its watchers to go, so they go before it. It
    // holds no state of its own, so when it dawdles it may be killed; etcd gets the time it needs.
    for (const program of this.#state.programs.toReversed()) {
      await stopProcess(program, { graceMs: program.name === 'etcd' ? 10_000 : 2_000 });
    }
  }

  stopApiServer(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    // On SIGTERM it lets requests under way finish, for up to a minute.
    return stopProcess(this.#running('kube-apiserver'), { signal, graceMs: 65_000 });
  }

  startApiServer(): Promise<void> {
    return this.start(this.#running('kube-apiserver'));
  }

  async whileDown(work: (etcdData: string) => Promise<void> | void): Promise<void> {
    const programs = [...this.#state.programs];
    await this.stopPrograms();
    await work(layoutOf(this.dir).etcdData);
    for (const program of programs) await this.start(program);
  }

  /** Starts the program, in place of an earlier one of its name, and waits until it is ready. */
  async start(program: Program & { name: ProgramName }): Promise<void> {
    const { name } = program;
    const running = { ...(await startProgram(program, { detached: this.#state.detached })), name };
    const { programs } = this.#state;
    const index = programs.findIndex((other) => other.name === name);
    programs.splice(index < 0 ? programs.length : index, 1, running);
    writeState(this.dir, this.#state);
    await waitUntil(running, () => this.#isReady(name), readyWithinMs);
  }

  /** The API server refuses every Pod in a namespace until its service account is there. */
  async waitForServiceAccounts(): Promise<void> {
    const path = '/api/v1/namespaces/default/serviceaccounts/default';
    await waitUntil(
      this.#running('kube-controller-manager'),
      async () => (await callApi(this, 'GET', path)).status === 200,
      readyWithinMs,
    );
  }

  #running(name: ProgramName) {
    const program = this.#state.programs.find((other) => other.name === name);
    if (!program) throw new Error(`${name} was not started in ${this.dir}`);
    return program;
  }

  async #isReady(name: ProgramName): Promise<boolean> {
    if (name === 'etcd') return etcdIsHealthy(this.ports.etcd);
    const apiserver = name === 'kube-apiserver';
    const target = apiserver
      ? this
      : { ...this, server: `https://127.0.0.1:${this.ports.controllerManager}` };
    const { status } = await callApi(target, 'GET', apiserver ? '/readyz' : '/healthz', { timeoutMs: 5_000 });
    return status === 200;
  }
}

function etcdIsHealthy(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, path: '/health', agent: false, timeout: 5_000 },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', reject);
    call.end();
  });
}
