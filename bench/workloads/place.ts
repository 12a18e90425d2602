// Where the workloads of the bench are: a sandbox or a real control plane, and one `serve` that reaches it through the
// proxy that counts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import { deployment } from '../../src/manifests/generated.ts';
import { install } from '../../src/manifests/install.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { kubeconfigFor, startControlPlane } from '../../test/control-plane/index.ts';
import { Balancer } from '../../test/e2e/balancer.ts';
import { startKubelet } from '../../test/e2e/kubelet.ts';
import { Replica } from '../../test/e2e/replica.ts';
import { endWithThisProcess, Worker } from '../worker.ts';
import type { Seen } from './counting-proxy.ts';

export const targets = ['sandbox', 'control-plane'] as const;
export type TargetName = (typeof targets)[number];

interface Target {
  /** The administrator's. */
  kubeconfig: string;
  /** That of `serve`. */
  serveAs: string;
  stop(): Promise<void>;
}

export class Place {
  /** Of the administrator, past the proxy. */
  readonly admin: Client;
  readonly serve: Replica;
  readonly #proxy: Worker;
  readonly #stops: (() => unknown)[];

  private constructor(admin: Client, serve: Replica, proxy: Worker, stops: (() => unknown)[]) {
    this.admin = admin;
    this.serve = serve;
    this.#proxy = proxy;
    this.#stops = stops;
  }

  static async open(name: TargetName): Promise<Place> {
    const stops: (() => unknown)[] = [];
    try {
      const dir = await mkdtemp(join(tmpdir(), 'spikegate-bench-'));
      stops.unshift(() => rm(dir, { recursive: true, force: true }));
      const target = name === 'sandbox' ? await sandbox(join(dir, 'sandbox')) : await controlPlane();
      stops.unshift(target.stop);
      const admin = createClient(loadConfig({ file: target.kubeconfig }), {
        userAgent: 'spikegate-bench',
        maxSockets: 32,
      });
      stops.unshift(() => admin.close());
      const balancer = await Balancer.listen();
      stops.unshift(() => balancer.close());
      await install(admin, {
        target: { url: `https://127.0.0.1:${balancer.port}` },
        rbac: deployment,
        clock: systemClock,
        log: () => {},
      });
      const proxy = new Worker(join(import.meta.dirname, 'counting-proxy.ts'));
      stops.unshift(() => proxy.stop());
      const port = await proxy.ask<number>('start', { kubeconfig: target.serveAs });
      const kubeconfig = join(dir, 'kubeconfig');
      await writeFile(kubeconfig, throughProxy(port));
      const serve = await Replica.start(kubeconfig, ['--drain', '0s']);
      endWithThisProcess(serve.process);
      stops.unshift(() => serve.stop());
      balancer.backends = [serve.port];
      return new Place(admin, serve, proxy, stops);
    } catch (error) {
      for (const stop of stops) await stop();
      throw error;
    }
  }

  seen(): Promise<Seen> {
    return this.#proxy.ask<Seen>('seen');
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) await stop();
  }
}

/** The proxy puts the credentials in. */
function throughProxy(port: number): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'proxy', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'none', user: {} }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'none' } }],
    'current-context': 'proxy',
  });
}

/** Its own process, and its own stand-in for nodes: pods are ready after a second. */
async function sandbox(dir: string): Promise<Target> {
  const main = join(import.meta.dirname, '..', '..', 'src', 'sandbox', 'main.ts');
  const child = spawn(process.execPath, [main, '--dir', dir], { stdio: ['ignore', 'pipe', 'ignore'] });
  endWithThisProcess(child);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the sandbox did not start'))),
  ])) as [string];
  const { kubeconfig } = JSON.parse(line) as { kubeconfig: string };
  return {
    kubeconfig,
    serveAs: kubeconfig,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** With a stand-in for a kubelet; its controllers are not held to 20 requests a second, so that ours are measured. */
async function controlPlane(): Promise<Target> {
  const user = `system:serviceaccount:${deployment.namespace}:${deployment.serviceAccount}`;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${deployment.namespace}`];
  const plane = await startControlPlane({
    users: [{ name: user, groups }],
    extraArgs: { controllerManager: ['--kube-api-qps=200', '--kube-api-burst=400'] },
  });
  const client = createClient(loadConfig({ file: plane.kubeconfig }), { userAgent: 'kubelet' });
  const kubelet = await startKubelet(client);
  return {
    kubeconfig: plane.kubeconfig,
    serveAs: kubeconfigFor(plane, { user }),
    async stop() {
      await kubelet.stop();
      client.close();
      await plane.stop();
    },
  };
}
