// A sandbox, or a real control plane, with the CRDs of the workload kinds and a leader in this process, for tests that
// break things: children, the leader itself, and what is installed. No admission: what is tried here gets past it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kind } from '../../src/api/define-kind.ts';
import { workloadKinds } from '../../src/api/kinds.ts';
import { anywhere, parseReach, thisMachine } from '../../src/api/reach.ts';
import { WorkloadLeader } from '../../src/controllers/workload-leader.ts';
import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { definitions } from '../../src/kube/discovery.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { Draft, KubeObject, Resource } from '../../src/kube/objects.ts';
import type { RequestInfo } from '../../src/kube/transport.ts';
import { crdOf } from '../../src/manifests/crd.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { explainNotFound, findBinaries, startControlPlane } from '../control-plane/index.ts';
import { startKubelet } from '../e2e/kubelet.ts';

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

export type Where = 'sandbox' | 'control-plane';

/** What a test stands in with is on this machine. */
const anything = parseReach([...anywhere, ...thisMachine]);

interface Cluster {
  kubeconfig: string;
  stop(): Promise<void>;
}

const found = await findBinaries();
const whyNot =
  'missing' in found ? explainNotFound(found) : !found.controllerManager && 'no kube-controller-manager';
/** Where the tests can run here; the reason where not. */
export const places: { where: Where; skip: string | false }[] = [
  { where: 'sandbox', skip: false },
  { where: 'control-plane', skip: whyNot },
];

interface LeadOptions {
  late?: number;
  refuse?: Refuse;
  isTerminating?(namespace: string): boolean;
  prometheusServer?: string;
}

export class Lab {
  /** A person's. */
  readonly client: Client;
  /** Requests of the leaders. */
  readonly requests: RequestInfo[] = [];
  readonly events: Said[] = [];
  /** Reconciles so far, by controller: the singular name of its kind. */
  readonly reconciles = new Map<string, number>();
  readonly #cluster: Cluster;
  #leader: { leader: WorkloadLeader; abort: AbortController; client: Client } | undefined;
  #namespaces = 0;

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.client = this.#newClient();
  }

  static async open(options: { where?: Where; kinds?: readonly Kind[] } = {}): Promise<Lab> {
    const lab = new Lab(options.where === 'control-plane' ? await controlPlane() : await sandbox());
    for (const kind of options.kinds ?? workloadKinds) await lab.install(crdOf(kind) as unknown as Draft);
    // A real API server serves a new kind a moment after its definition is stored.
    for (const kind of options.kinds ?? workloadKinds) {
      await soon(() => lab.client.list(kind, { limit: 1 }), 20_000);
    }
    return lab;
  }

  async close(): Promise<void> {
    await this.stopLeader();
    this.client.close();
    await this.#cluster.stop();
  }

  async install(definition: Draft): Promise<void> {
    await this.client.create(definitions, definition as never);
  }

  /** `late`: events of pods come so many ms after they happened. `refuse`: what a write of the leader fails with. */
  async lead({ late = 0, refuse, isTerminating, prometheusServer }: LeadOptions = {}): Promise<void> {
    const prompt = this.#newClient((info) => this.requests.push(info));
    const willing = late > 0 ? withLatePods(prompt, late) : prompt;
    const client = refuse ? withRefusals(willing, refuse) : willing;
    const leader = new WorkloadLeader({
      client,
      clock: systemClock,
      log: process.env.LAB_LOG ? (console as unknown as typeof silentLog) : silentLog,
      recorder: {
        event: (object, type, reason, message) =>
          this.events.push({ name: object.metadata.name, type, reason, message }),
      },
      controllerMetrics: {
        begin: () => {},
        reconciled: (name) => void this.reconciles.set(name, (this.reconciles.get(name) ?? 0) + 1),
        failed: () => {},
        failedForGood: () => {},
      },
      reach: { prometheus: anything, thirdParty: anything },
      workers: 4,
      ...(isTerminating ? { isTerminating } : {}),
      ...(prometheusServer ? { prometheusServer } : {}),
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
    const config = loadConfig({ file: this.#cluster.kubeconfig });
    return createClient(config, onRequest ? { onRequest } : {});
  }
}

/** The same client, but what it hears of pods is old. */
function withLatePods(client: Client, ms: number): Client {
  const watch: Client['watch'] = (resource, options) => {
    if (resource.plural !== 'pods') return client.watch(resource, options);
    const onEvent: typeof options.onEvent = (event) => {
      setTimeout(() => {
        if (!options.signal?.aborted) options.onEvent(event);
      }, ms);
    };
    return client.watch(resource, { ...options, onEvent });
  };
  return new Proxy(client, {
    get(target, verb) {
      if (verb === 'watch') return watch;
      const value = Reflect.get(target, verb);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const verbs = ['get', 'list', 'create', 'replace', 'patch', 'apply', 'delete'] as const;
export type Verb = (typeof verbs)[number];
export type Refuse = (verb: Verb, resource: Resource, object: KubeObject) => Error | undefined;

/** The same client, but some of what it asks for fails. */
function withRefusals(client: Client, refuse: Refuse): Client {
  return new Proxy(client, {
    get(target, verb) {
      const value = Reflect.get(target, verb);
      if (typeof value !== 'function') return value;
      if (!(verbs as readonly unknown[]).includes(verb)) return value.bind(target);
      return (resource: Resource, object: KubeObject, ...rest: unknown[]) => {
        const error = refuse(verb as Verb, resource, object);
        return error ? Promise.reject(error) : value.call(target, resource, object, ...rest);
      };
    },
  });
}

async function sandbox(): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), 'spikegate-lab-'));
  const running = await startSandbox({ dir, inMemory: true, workloads: { readyAfterMs: 30 } });
  return {
    kubeconfig: running.kubeconfig,
    async stop() {
      await running.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function controlPlane(): Promise<Cluster> {
  // One that runs already: `npm run control-plane -- up`.
  const kubeconfig = process.env.LAB_KUBECONFIG;
  if (kubeconfig) return { kubeconfig, stop: async () => {} };
  const plane = await startControlPlane({
    extraArgs: { controllerManager: ['--kube-api-qps=200', '--kube-api-burst=400'] },
    fsync: false,
  });
  const client = createClient(loadConfig({ file: plane.kubeconfig }));
  const kubelet = await startKubelet(client);
  return {
    kubeconfig: plane.kubeconfig,
    async stop() {
      await kubelet.stop();
      client.close();
      await plane.stop();
    },
  };
}

/** Kubernetes' garbage collector learns of a new kind of owner only every half minute. */
export const collectedMs = 60_000;

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
