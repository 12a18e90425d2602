// What a scenario stands on: a cluster with Spikegate installed, replicas of `serve` behind a balancer, a
// namespace of its own, and hands to create, change and delete things like a person would.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { parseAllDocuments } from 'yaml';
import { Buyer } from '../../src/api/buyer.ts';
import { kinds } from '../../src/api/kinds.ts';
import { Seller } from '../../src/api/seller.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { ApiError, isNotFound } from '../../src/kube/errors.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { Draft, KubeObject, Resource } from '../../src/kube/objects.ts';
import { type Extent, everything } from '../../src/manifests/extent.ts';
import { deployment } from '../../src/manifests/generated.ts';
import { install } from '../../src/manifests/install.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Balancer } from './balancer.ts';
import { Replica, source } from './replica.ts';
import type { Target } from './targets.ts';

/** Leases that change hands within a few seconds, and a server that stops without a long farewell. */
const quick = [
  '--lease-duration',
  '6s',
  '--renew-deadline',
  '4s',
  '--retry-period',
  '500ms',
  '--drain',
  '500ms',
  // Stand-ins for what runs elsewhere are on this machine.
  '--prometheus-allow',
  '*.svc,127.0.0.1',
  '--third-party-allow',
  '*,127.0.0.1',
];

export const namespaces: Resource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

const extentFlags = ({ parts, namespaces }: Extent): string[] => [
  ...['--parts', parts.join(',')],
  ...(namespaces.length > 0 ? ['--namespaces', namespaces.join(',')] : []),
];

/** Flags of serve without their dashes; '' where a flag takes no value. */
export type Flags = Readonly<Record<string, string>>;

export class World {
  readonly target: Target;
  readonly client: Client;
  readonly balancer: Balancer;
  /** What Spikegate is installed for. With namespaces, there can be no more scenarios' namespaces than these. */
  readonly extent: Extent;
  replicas: Replica[] = [];
  #scenario = new AbortController();
  #flags = '';
  #namespaces = 0;

  private constructor(target: Target, client: Client, balancer: Balancer, extent: Extent) {
    this.extent = extent;
    this.target = target;
    this.client = client;
    this.balancer = balancer;
  }

  static async open(target: Target, extent: Extent = everything): Promise<World> {
    const config = loadConfig(target.kubeconfig ? { file: target.kubeconfig } : {});
    const client = createClient(config, { maxSockets: 64 });
    const balancer = await Balancer.listen();
    const world = new World(target, client, balancer, extent);
    await world.install();
    return world;
  }

  /** Everything but the server, as `spikegate manifests --install` does it; the webhooks point at the balancer. */
  async install(): Promise<void> {
    for (const name of this.extent.namespaces) {
      await this.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    await install(this.client, {
      target: { url: `https://127.0.0.1:${this.balancer.port}` },
      rbac: deployment,
      extent: this.extent,
      clock: systemClock,
      log: () => {},
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    await this.balancer.close();
    this.client.close();
    await this.target.stop();
  }

  /** Fires when the scenario that runs now has ended, however it ended. */
  get scenarioEnds(): AbortSignal {
    return this.#scenario.signal;
  }

  endScenario(): void {
    this.#scenario.abort();
    this.#scenario = new AbortController();
  }

  /** Exactly `count` replicas with these flags of `serve`; running ones are kept where they fit. */
  async serve(count: number, flags: Flags = {}): Promise<void> {
    const wanted = JSON.stringify(flags);
    this.replicas = this.replicas.filter(
      (replica) => replica.process.exitCode === null && !replica.process.killed,
    );
    if (wanted !== this.#flags) await this.stopReplicas();
    this.#flags = wanted;
    while (this.replicas.length > count) await this.replicas.pop()!.stop();
    while (this.replicas.length < count) await this.addReplica();
    await this.settled();
  }

  /** One more, with the flags of the others. `env`: variables besides those of this process. */
  async addReplica(env: Record<string, string> = {}): Promise<Replica> {
    const flags = Object.entries(JSON.parse(this.#flags) as Flags).flatMap(([name, value]) =>
      value === '' ? [`--${name}`] : [`--${name}`, value],
    );
    const kubeconfig = this.target.serveAs ?? this.target.kubeconfig ?? '';
    const { callers = [] } = this.target;
    const all = [...quick, ...callers, ...extentFlags(this.extent), ...flags];
    const replica = await Replica.start(kubeconfig, all, { ...source, env });
    this.replicas.push(replica);
    this.#aim();
    return replica;
  }

  async stopReplicas(): Promise<void> {
    this.balancer.backends = [];
    await Promise.all(this.replicas.splice(0).map((replica) => replica.stop()));
  }

  /** No new connection goes to it, as to an endpoint that is going; those that are open stay. */
  leaveOut(replica: Replica): void {
    this.replicas = this.replicas.filter((it) => it !== replica);
    this.#aim();
  }

  /** SIGKILL, as a node that dies; the balancer learns of it only by failing. */
  async kill(replica: Replica): Promise<void> {
    await replica.kill();
    this.leaveOut(replica);
  }

  async leader(): Promise<Replica> {
    return eventually(async () => {
      for (const replica of this.replicas) if (await replica.isLeader()) return replica;
      throw new Error('nobody leads');
    }, 30_000);
  }

  /** Every replica serves, and one of them leads. */
  async settled(): Promise<void> {
    this.#aim();
    if (this.replicas.length > 0) await this.leader();
  }

  #aim(): void {
    this.balancer.backends = this.replicas.map((replica) => replica.port);
  }

  /** A namespace of the scenario's own. */
  async namespace(): Promise<string> {
    const given = this.extent.namespaces[this.#namespaces];
    if (given) {
      this.#namespaces++;
      return given;
    }
    assert.equal(this.extent.namespaces.length, 0, 'Spikegate must be installed for one more namespace');
    const name = `e2e-${process.pid}-${++this.#namespaces}-${Date.now() % 100_000}`;
    await this.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    return name;
  }

  /** Creates what a manifest holds, in order. */
  async create(namespace: string, manifest: string): Promise<void> {
    for (const document of parseAllDocuments(manifest)) {
      const object = document.toJS() as Draft | null;
      if (object) await this.client.create(resourceOf(object.kind), inNamespace(object, namespace));
    }
  }

  async goods(namespace: string, name: string): Promise<SpikeGoods> {
    return this.client.get(SpikeGoods, { namespace, name });
  }

  async order(namespace: string, name: string): Promise<SpikeOrder> {
    return this.client.get(SpikeOrder, { namespace, name });
  }

  async orders(namespace: string): Promise<SpikeOrder[]> {
    return (await this.client.list(SpikeOrder, { namespace })).items;
  }

  async buyer(namespace: string, name: string): Promise<Buyer> {
    return this.client.get(Buyer, { namespace, name });
  }

  async seller(namespace: string, name: string): Promise<Seller> {
    return this.client.get(Seller, { namespace, name });
  }

  async isGone(resource: Resource, namespace: string, name: string): Promise<boolean> {
    try {
      await this.client.get(resource, { namespace, name });
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  pay(namespace: string, name: string): Promise<SpikeOrder> {
    return this.client.patch(SpikeOrder, { namespace, name }, { spec: { isPay: true } }, { type: 'merge' });
  }

  /** kubectl with the target's kubeconfig; undefined where there is no kubectl. */
  async kubectl(args: readonly string[], stdin = ''): Promise<Ran | undefined> {
    const program = this.target.kubectl ?? 'kubectl';
    const env = { ...process.env, ...(this.target.kubeconfig ? { KUBECONFIG: this.target.kubeconfig } : {}) };
    return new Promise((resolve) => {
      const child = execFile(program, [...args], { env }, (error, stdout, stderr) => {
        if (error && (error as NodeJS.ErrnoException).code === 'ENOENT') resolve(undefined);
        else resolve({ code: error ? 1 : 0, stdout, stderr });
      });
      child.stdin?.on('error', () => {});
      child.stdin?.end(stdin);
    });
  }
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export function resourceOf(kind: string): Resource {
  const found = kinds.find((it) => it.kind === kind);
  assert.ok(found, `no kind ${kind}`);
  return found as Resource;
}

export function inNamespace<T extends Draft<KubeObject>>(object: T, namespace: string): T {
  return { ...object, metadata: { ...object.metadata, namespace } };
}

/**
 * Tries until it does not throw; then its last error, after `withinMs`. The default is patience, not a promise:
 * two cores may carry a control plane and other tests. What must come in time says so itself.
 */
export async function eventually<T>(attempt: () => Promise<T> | T, withinMs = 45_000): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The error that a refusal is, or a failed assertion when there was none. */
export async function refused(attempt: Promise<unknown>): Promise<ApiError> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  return assert.fail('was not refused');
}
