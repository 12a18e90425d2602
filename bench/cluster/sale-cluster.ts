// A real API server with Spikegate on it, as a cluster has it: two replicas of `serve` under their service
// account, behind a balancer that stands for the Service, and a shop that is an ordinary user, whom the API
// server's priority and fairness holds back as it would on a cluster.

import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { Draft, Resource } from '../../src/kube/objects.ts';
import { deployment } from '../../src/manifests/generated.ts';
import { install } from '../../src/manifests/install.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ControlPlane, kubeconfigFor, startControlPlane } from '../../test/control-plane/index.ts';
import { Balancer } from '../../test/e2e/balancer.ts';
import { Replica } from '../../test/e2e/replica.ts';
import { endWithThisProcess } from '../worker.ts';

const shop = 'shop';
const serviceAccount = `system:serviceaccount:${deployment.namespace}:${deployment.serviceAccount}`;

const clusterRoleBindings: Resource = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
};

export class SaleCluster {
  readonly plane: ControlPlane;
  /** Of the administrator: for what is not measured. */
  readonly admin: Client;
  readonly balancer: Balancer;
  replicas: Replica[] = [];

  private constructor(plane: ControlPlane, admin: Client, balancer: Balancer) {
    this.plane = plane;
    this.admin = admin;
    this.balancer = balancer;
  }

  static async start(say: (line: string) => void): Promise<SaleCluster> {
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${deployment.namespace}`];
    const plane = await startControlPlane({
      log: (line) => say(`  ${line}`),
      // A static token under the service account's own name: the same rights, the same place in the queues.
      users: [{ name: shop }, { name: serviceAccount, groups }],
      // A quota of a kind that was new when it was made is looked at again only then: 5 minutes by default.
      extraArgs: { controllerManager: ['--resource-quota-sync-period=5s'] },
    });
    const admin = createClient(loadConfig({ file: plane.kubeconfig }), { userAgent: 'spikegate-bench' });
    const balancer = await Balancer.listen();
    const cluster = new SaleCluster(plane, admin, balancer);
    await cluster.#mayDoAll(shop);
    return cluster;
  }

  /** CRDs, permissions and webhooks, at the balancer's address. */
  async install(): Promise<void> {
    await install(this.admin, {
      target: { url: `https://127.0.0.1:${this.balancer.port}` },
      rbac: deployment,
      clock: systemClock,
      log: () => {},
    });
  }

  /** One more replica of `serve`; a long payment window, so that no order expires meanwhile. */
  async addReplica(flags: readonly string[] = []): Promise<Replica> {
    const kubeconfig = kubeconfigFor(this.plane, { user: serviceAccount });
    const replica = await Replica.start(kubeconfig, ['--payment-window', '24h', '--drain', '0s', ...flags]);
    endWithThisProcess(replica.process);
    this.replicas.push(replica);
    this.balancer.backends = this.replicas.map(({ port }) => port);
    return replica;
  }

  /** What a client of the shop needs to reach the API server. */
  get endpoint() {
    return { port: this.plane.ports.apiserver, ca: this.plane.ca };
  }

  get token(): string {
    return this.plane.tokens[shop]!;
  }

  async metrics(): Promise<string[]> {
    return Promise.all(this.replicas.map((replica) => replica.metrics()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    await this.balancer.close();
    this.admin.close();
    await this.plane.stop();
  }

  async #mayDoAll(user: string): Promise<void> {
    await this.admin.create(clusterRoleBindings, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `bench-${user}` },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    } as Draft);
  }
}
