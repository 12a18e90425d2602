// Creates what clients expect in every cluster, and starts the sandbox's own controllers.

import type { Core } from '../operations/core.ts';
import type { Item } from '../types.ts';
import { ControllerApi } from './api.ts';
import { EventExpiry } from './expiry.ts';
import { GarbageCollector } from './garbage.ts';
import { NamespaceController } from './namespaces.ts';
import { startWorkloads } from './start.ts';

export interface ControllerOptions {
  workloads: { readyAfterMs?: number } | false;
  controllers: boolean;
  /** PEM of the CA, for kube-root-ca.crt. */
  ca: string;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const roles = 'rbac.authorization.k8s.io/clusterroles';
const star = ['*'];
const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({ apiGroups, resources, verbs });
const readVerbs = ['get', 'list', 'watch'];

/** The roles to which people bind. `view` and `edit` allow what they allow on a cluster, in fewer rules. */
const clusterRoles: Record<string, object[]> = {
  'cluster-admin': [rule(star, star, star), { nonResourceURLs: star, verbs: star }],
  admin: [rule(star, star, star)],
  edit: [rule(['', 'apps', 'autoscaling', 'policy', 'networking.k8s.io', 'coordination.k8s.io'], star, star)],
  view: [
    rule(
      ['', 'apps', 'autoscaling', 'policy', 'networking.k8s.io'],
      [
        'pods',
        'services',
        'configmaps',
        'events',
        'endpoints',
        'persistentvolumeclaims',
        'serviceaccounts',
        'deployments',
        'replicasets',
        'statefulsets',
        'daemonsets',
        'horizontalpodautoscalers',
        'poddisruptionbudgets',
        'ingresses',
        'networkpolicies',
      ],
      readVerbs,
    ),
  ],
};

async function seed(core: Core): Promise<void> {
  const api = new ControllerApi(core, 'bootstrap');
  for (const name of namespaces)
    await api.ensure('/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } as Item);
  for (const [name, rules] of Object.entries(clusterRoles)) {
    const metadata = { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } };
    await api.ensure(roles, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata,
      rules,
    } as unknown as Item);
  }
}

/** The Service `kubernetes`: clients list it, and its address is taken. */
async function kubernetesService(core: Core): Promise<void> {
  const api = new ControllerApi(core, 'bootstrap');
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  await api.ensure('/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels },
    spec: {
      type: 'ClusterIP',
      clusterIP: '10.96.0.1',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
    },
  } as unknown as Item);
}

/** Resolves when the cluster can be used. Returns a function that stops the controllers. */
export async function bootstrap(core: Core, options: ControllerOptions): Promise<() => void> {
  await seed(core);
  await kubernetesService(core);
  const running: { close(): void }[] = [];
  if (options.controllers) {
    const all = [
      new GarbageCollector(core),
      new NamespaceController(core, options.ca),
      new EventExpiry(core),
    ];
    for (const controller of all) controller.start();
    running.push(...all);
  }
  if (options.workloads) running.push(await startWorkloads(core, options.workloads.readyAfterMs ?? 1000));
  return () => {
    for (const controller of running.toReversed()) controller.close();
  };
}
