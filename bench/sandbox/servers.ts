// The two API servers side by side, each in processes of its own and spoken to by a user that is not in
// system:masters: the sandbox, and kube-apiserver with etcd.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import { startControlPlane } from '../../test/control-plane/index.ts';
import { memoryOf } from '../machine.ts';
import type { Endpoint } from '../wire.ts';
import { endWithThisProcess } from '../worker.ts';

export interface Server {
  name: string;
  endpoint: Endpoint;
  token: string;
  kubeconfig: string;
  /** Of all its processes, MiB. */
  memory(): { rss: number; peak: number };
  /** Of its files, MiB. */
  disk(): number;
  stop(): Promise<void>;
}

const sum = (pids: readonly number[]) => {
  const all = pids.map(memoryOf);
  return { rss: all.reduce((n, m) => n + m.rssMiB, 0), peak: all.reduce((n, m) => n + m.peakMiB, 0) };
};

const filesOf = (dir: string) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size / 2 ** 20, 0);

/** Lets `user` do everything by role, and so stay within the server's fairness. */
async function mayDoAll(kubeconfig: string, subject: object): Promise<void> {
  const admin = createClient(loadConfig({ file: kubeconfig }), { userAgent: 'spikegate-bench' });
  const group = 'rbac.authorization.k8s.io';
  const resource = {
    group,
    version: 'v1',
    kind: 'ClusterRoleBinding',
    plural: 'clusterrolebindings',
    namespaced: false,
  };
  await admin.create(resource, {
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'bench' },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [subject],
  } as never);
}

export async function realServer(): Promise<Server> {
  const plane = await startControlPlane({ users: [{ name: 'bench' }], controllerManager: false });
  const apiGroup = 'rbac.authorization.k8s.io';
  await mayDoAll(plane.kubeconfig, { kind: 'User', name: 'bench', apiGroup });
  const { kubeconfig, ca, ports, tokens, pids } = plane;
  return {
    name: `kube-apiserver ${plane.version} + etcd`,
    endpoint: { port: ports.apiserver, ca },
    token: tokens.bench as string,
    kubeconfig,
    memory: () => sum([pids.etcd, pids.apiserver]),
    disk: () => filesOf(join(plane.dir, 'etcd')),
    stop: () => plane.stop(),
  };
}

export async function sandboxServer(): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'sandbox-bench-'));
  const main = join(import.meta.dirname, '..', '..', 'src', 'sandbox', 'main.ts');
  // As durable as etcd: every commit waits for the disk.
  const flags = ['--dir', dir, '--no-workloads', '--synchronous', 'FULL'];
  const child = spawn(process.execPath, [main, ...flags], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  endWithThisProcess(child);
  const said = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    child.once('exit', () => reject(new Error('the sandbox did not start')));
  });
  const { kubeconfig, server } = JSON.parse(said) as { kubeconfig: string; server: string };
  const config = parse(readFileSync(kubeconfig, 'utf8'));
  const ca = Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString();
  await mayDoAll(kubeconfig, { kind: 'ServiceAccount', name: 'default', namespace: 'default' });
  return {
    name: 'sandbox',
    endpoint: { port: Number(new URL(server).port), ca },
    token: await token(kubeconfig),
    kubeconfig,
    memory: () => sum([child.pid as number]),
    disk: () => filesOf(dir),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A token of the default service account, by a request of the administrator. */
async function token(kubeconfig: string): Promise<string> {
  const { KubeConfig, CoreV1Api } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const answer = await config.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    name: 'default',
    namespace: 'default',
    body: { spec: { audiences: ['https://kubernetes.default.svc'], expirationSeconds: 3600 } } as never,
  });
  return answer.status?.token as string;
}
