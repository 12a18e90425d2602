// What every topic stands on: one cluster that all of them share, Spikegate's image in it, and the commands that a person
// types. `npm run test:cluster` (test.ts) starts the cluster and names its folder; a topic that is run alone takes the one
// that `npm run cluster -- up` started.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { type Answer, callApi } from '../control-plane/api.ts';
import { eventually, namespaces } from '../e2e/world.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { findPrograms, programPath } from './programs.ts';

export const root = join(import.meta.dirname, '..', '..');
export const chart = join(root, 'charts', 'spikegate');
export const samples = join(root, 'manifests', 'samples');

/** Environment variables by which the runner and the topics find each other. */
export const variables = { cluster: 'SPIKEGATE_TEST_CLUSTER', figures: 'SPIKEGATE_TEST_FIGURES' } as const;

const builtIn = (kind: string, plural: string, group = '', namespaced = true): Resource => ({
  group,
  version: 'v1',
  kind,
  plural,
  namespaced,
});
export const pods = builtIn('Pod', 'pods') as Resource<Pod>;
const leases = builtIn('Lease', 'leases', 'coordination.k8s.io') as Resource<Lease>;

export interface Pod extends KubeObject {
  spec: { containers: { name: string; image: string }[] };
  status?: { phase?: string; podIP?: string; conditions?: { type: string; status: string }[] };
}

export interface Lease extends KubeObject {
  spec: { holderIdentity?: string };
}

export interface Release {
  name: string;
  namespace: string;
}

export const release: Release = { name: 'spikegate', namespace: 'spikegate-system' };

export class Lab {
  readonly cluster: Cluster;
  /** The administrator's. */
  readonly client: Client;
  readonly kubectlPath: string;

  private constructor(cluster: Cluster, kubectlPath: string) {
    this.cluster = cluster;
    this.kubectlPath = kubectlPath;
    this.client = createClient(loadConfig({ file: cluster.kubeconfig }), {
      userAgent: 'spikegate-test',
      maxSockets: 64,
    });
  }

  /** @throws Error that says how to start a cluster, when none runs */
  static async open(): Promise<Lab> {
    const dir = process.env[variables.cluster] ?? join(root, '.spikegate', 'cluster');
    const cluster = openCluster(dir);
    if (!cluster) throw new Error(`no cluster runs in ${dir}: \`npm run test:cluster\` starts one`);
    const { binaries } = await findPrograms();
    return new Lab(cluster, binaries.kubectl ?? 'kubectl');
  }

  /**
   * What it printed.
   * @throws Error with its words when it fails, or when it warns of anything but `expected`
   */
  async kubectl(args: readonly string[], stdin = '', expected?: RegExp): Promise<string> {
    const { stdout, stderr } = await this.#run(this.kubectlPath, args, stdin);
    const warnings = stderr.split('\n').filter((line) => /^warning:/i.test(line) && !expected?.test(line));
    assert.deepEqual(warnings, [], `kubectl ${args.join(' ')}`);
    return stdout;
  }

  async helm(args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await this.#run(programPath('helm'), args);
    assert.doesNotMatch(stderr, /^(warning|level=warn)/im, `helm ${args.join(' ')}`);
    return stdout;
  }

  #run(program: string, args: readonly string[], stdin = ''): Promise<{ stdout: string; stderr: string }> {
    const env = { ...process.env, KUBECONFIG: this.cluster.kubeconfig };
    return new Promise((resolve, reject) => {
      const child = execFile(program, [...args], { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
        if (!error) return resolve({ stdout, stderr });
        reject(new Error(`${args.join(' ')}: ${(stderr || stdout || error.message).slice(-3000)}`));
      });
      child.stdin?.on('error', () => {});
      child.stdin?.end(stdin);
    });
  }

  /** Installs the chart as it lies in the repository, and waits until its pods are ready. @returns seconds */
  async install({ name, namespace }: Release = release, more: string[] = []): Promise<number> {
    const where = ['--namespace', namespace, '--create-namespace'];
    return seconds(() => this.helm(['install', name, chart, ...where, '--wait', '--timeout', '3m', ...more]));
  }

  /** Removes the release, its CRDs with everything of their kinds, and its namespace. */
  async uninstall({ name, namespace }: Release = release): Promise<void> {
    await this.helm(['uninstall', name, '--namespace', namespace, '--wait', '--ignore-not-found']);
    await this.removeKinds();
    await this.kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=120s']);
  }

  async removeKinds(): Promise<void> {
    const all = await this.kubectl(['get', 'crd', '-o', 'name']);
    const ours = all
      .split('\n')
      .filter((name) => /spike\.com$|couponkill|d3os|elasticweb|imoocpods/.test(name));
    if (ours.length) await this.kubectl(['delete', ...ours, '--timeout=120s']);
  }

  /** A namespace for a topic; it is deleted when the test ends. */
  async namespace(t: { after(hook: () => Promise<void>): void }, prefix = 'shop'): Promise<string> {
    const name = `${prefix}-${Date.now().toString(36)}`;
    await this.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    t.after(async () => {
      await this.client.delete(namespaces, { name }).catch(() => {});
    });
    return name;
  }

  async pods(namespace: string, labelSelector: string): Promise<Pod[]> {
    const { items } = await this.client.list(pods, { namespace, labelSelector });
    return items;
  }

  /**
   * Asks a service through the API server, and waits while no endpoint of it is known there: a pod is Ready a moment
   * before its service leads to it.
   * @param service `name:port`, the port by its name
   * @throws AssertionError when the answer is not 200
   */
  async askService(
    method: 'GET' | 'POST',
    namespace: string,
    service: string,
    path: string,
  ): Promise<Answer['body']> {
    return eventually(async () => {
      const url = `/api/v1/namespaces/${namespace}/services/${service}/proxy/${path}`;
      const { status, body } = await callApi(this.cluster, method, url);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    }, 60_000);
  }

  /** Spikegate's own. */
  replicas({ name, namespace }: Release = release): Promise<Pod[]> {
    return this.pods(namespace, `app.kubernetes.io/instance=${name}`);
  }

  /** The pod whose replica leads. */
  async leader(installed: Release = release): Promise<string> {
    const { items } = await this.client.list(leases, { namespace: installed.namespace });
    const running = (await this.replicas(installed)).map(({ metadata }) => metadata.name);
    const holders = items.map(({ spec }) => spec.holderIdentity?.split('_')[0] ?? '');
    const leader = running.find((name) => holders.includes(name));
    assert.ok(leader, `none of ${running.join(', ')} leads: ${holders.join(', ')}`);
    return leader;
  }

  /**
   * The books of a sale are exact: every order has a status, and each goods' counters are the sums over the orders that
   * are there. What a request held that was never stored comes back after the hold limit, 120 s.
   */
  async assertBooks(namespace: string, withinMs = 180_000): Promise<{ orders: number; units: number }> {
    return eventually(async () => {
      const orders = (await this.client.list(SpikeOrder, { namespace })).items;
      const unjudged = orders.filter(({ status }) => !status?.phase);
      assert.equal(unjudged.length, 0, `${unjudged.length} orders have no status`);
      let units = 0;
      for (const { metadata, spec, status } of (await this.client.list(SpikeGoods, { namespace })).items) {
        const sum = (phase: string) =>
          orders
            .filter((order) => order.status?.phase === phase)
            .reduce((total, order) => total + (order.spec.goodsMap[metadata.name] ?? 0), 0);
        const expected = { num: sum('Paid'), reserved: sum('Unpaid') };
        const { num = 0, reserved = 0, lastStockCount: left } = status ?? {};
        assert.deepEqual({ num, reserved }, expected, `${metadata.name}: counters and orders`);
        const held = JSON.stringify(status?.holds ?? []).slice(0, 500);
        assert.equal(left, spec.stockCount - num - reserved, `${metadata.name}: what is left; holds ${held}`);
        units += num + reserved;
      }
      return { orders: orders.length, units };
    }, withinMs);
  }

  close(): void {
    this.client.close();
  }
}

export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

/** A figure of the run: the runner prints all of them as a table at its end. */
export function figure(topic: string, what: string, value: number | string, unit = ''): void {
  const text = typeof value === 'number' ? `${Number(value.toFixed(1))} ${unit}`.trim() : value;
  const file = process.env[variables.figures];
  if (file) appendFileSync(file, `${JSON.stringify({ topic, what, value: text })}\n`);
}
