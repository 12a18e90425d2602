// A sandbox with the CRDs of the workload kinds and a leader in this process, for tests that break things: children,
// the leader itself, and what is installed. No admission: what is tried here gets past it anyway.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kind } from '../../src/api/define-kind.ts';
import { workloadKinds } from '../../src/api/kinds.ts';
import { WorkloadLeader } from '../../src/controllers/workload-leader.ts';
import { type Client, createClient } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { definitions } from '../../src/kube/discovery.ts';
import type { Draft, KubeObject, Resource } from '../../src/kube/objects.ts';
import type { RequestInfo } from '../../src/kube/transport.ts';
import { crdOf } from '../../src/manifests/crd.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';

const namespaces: Resource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

export interface Said {
  name: string;
  type: string;
  reason: string;
  message: string;
}

export class Lab {
  /** A person's. */
  readonly client: Client;
  /** Requests of the leaders. */
  readonly requests: RequestInfo[] = [];
  readonly events: Said[] = [];
  readonly #sandbox: Sandbox;
  readonly #dir: string;
  #leader: { leader: WorkloadLeader; abort: AbortController; client: Client } | undefined;
  #namespaces = 0;

  private constructor(sandbox: Sandbox, dir: string) {
    this.#sandbox = sandbox;
    this.#dir = dir;
    this.client = this.#newClient();
  }

  static async open(options: { kinds?: readonly Kind[]; readyAfterMs?: number } = {}): Promise<Lab> {
    const dir = await mkdtemp(join(tmpdir(), 'spikegate-lab-'));
    const sandbox = await startSandbox({
      ...{ dir, inMemory: true },
      workloads: { readyAfterMs: options.readyAfterMs ?? 30 },
    });
    const lab = new Lab(sandbox, dir);
    for (const kind of options.kinds ?? workloadKinds) await lab.install(crdOf(kind) as unknown as Draft);
    return lab;
  }

  async close(): Promise<void> {
    await this.stopLeader();
    this.client.close();
    await this.#sandbox.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async install(definition: Draft): Promise<void> {
    await this.client.create(definitions, definition as never);
  }

  async lead(): Promise<void> {
    const client = this.#newClient((info) => this.requests.push(info));
    const leader = new WorkloadLeader({
      client,
      clock: systemClock,
      log: silentLog,
      recorder: {
        event: (object, type, reason, message) =>
          this.events.push({ name: object.metadata.name, type, reason, message }),
      },
      workers: 4,
    });
    const abort = new AbortController();
    this.#leader = { leader, abort, client };
    await leader.start(abort.signal);
  }

  async stopLeader(): Promise<void> {
    const running = this.#leader;
    this.#leader = undefined;
    await running?.leader.stop();
    running?.client.close();
  }

  /** As a process that dies: what it is about to do is not done, what it has sent is stored or not. */
  killLeader(): void {
    const running = this.#leader;
    this.#leader = undefined;
    running?.abort.abort();
    void running?.leader.stop().then(() => running.client.close());
  }

  async namespace(): Promise<string> {
    const name = `lab-${++this.#namespaces}`;
    await this.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    return name;
  }

  create<T extends KubeObject>(
    resource: Resource<T>,
    namespace: string,
    name: string,
    rest: object,
  ): Promise<T> {
    const { group, version, kind } = resource;
    const apiVersion = group ? `${group}/${version}` : version;
    return this.client.create(resource, {
      apiVersion,
      kind,
      metadata: { namespace, name },
      ...rest,
    } as never);
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    namespace: string,
    name: string,
    patch: object,
  ): Promise<T> {
    return this.client.patch(resource, { namespace, name }, patch, { type: 'merge' });
  }

  #newClient(onRequest?: (info: RequestInfo) => void): Client {
    const config = loadConfig({ file: this.#sandbox.kubeconfig });
    return createClient(config, onRequest ? { onRequest } : {});
  }
}

/** Tries until it does not throw; then its last error. */
export async function soon<T>(attempt: () => Promise<T> | T, withinMs = 5000): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
