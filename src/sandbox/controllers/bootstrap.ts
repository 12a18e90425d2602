// Creates what clients expect in every cluster, and starts the sandbox's own controllers.

import type { Core } from '../operations/core.ts';
import { equal, type Item } from '../types.ts';
import { RoleAggregation } from './aggregation.ts';
import { ControllerApi } from './api.ts';
import { bootstrapBindings, bootstrapRoles } from './bootstrap-roles.ts';
import { EventExpiry } from './expiry.ts';
import { GarbageCollector } from './garbage.ts';
import { NamespaceController } from './namespaces.ts';
import { startWorkloads } from './start.ts';

export interface ControllerOptions {
  /** Whether the controllers of workloads (Deployments, pods) run. */
  workloads: { readyAfterMs?: number } | false;
  /** Whether garbage collection and the controllers of namespaces, events and roles run. */
  controllers: boolean;
  /** PEM of the CA, for kube-root-ca.crt. */
  ca: string;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const rbac = 'rbac.authorization.k8s.io';
const bootstrapping = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const autoupdate = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };

async function seed(core: Core): Promise<void> {
  const api = new ControllerApi(core, 'bootstrap');
  for (const name of namespaces)
    await api.ensure('/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } as Item);
  for (const { name, labels, rules = [], aggregationRule } of bootstrapRoles) {
    const role = {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name, labels: { ...bootstrapping, ...labels }, annotations: autoupdate },
      rules,
      ...(aggregationRule ? { aggregationRule } : {}),
    } as unknown as Item;
    await api.ensure(`${rbac}/clusterroles`, role);
    await bringUpToDate(api, role);
  }
  for (const { role, groups } of bootstrapBindings) {
    await api.ensure(`${rbac}/clusterrolebindings`, {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: role, labels: bootstrapping, annotations: autoupdate },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role },
      subjects: groups.map((name) => ({ apiGroup: rbac, kind: 'Group', name })),
    } as unknown as Item);
  }
}

/** Updates a role that an earlier version created, unless somebody has set its autoupdate annotation to false. */
async function bringUpToDate(api: ControllerApi, wanted: Item): Promise<void> {
  const table = `${rbac}/clusterroles`;
  const { name, labels, annotations } = wanted.metadata;
  const found = api.get(table, '', name);
  if (found?.metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'] === 'false') return;
  const isAggregated = wanted.aggregationRule !== undefined;
  const isCurrent =
    equal(found?.aggregationRule, wanted.aggregationRule) &&
    (isAggregated || equal(found?.rules, wanted.rules));
  if (isCurrent) return;
  await api.update(table, '', name, (live) => {
    live.metadata.labels = { ...live.metadata.labels, ...labels };
    live.metadata.annotations = { ...live.metadata.annotations, ...annotations };
    if (isAggregated) live.aggregationRule = wanted.aggregationRule;
    else live.rules = wanted.rules;
  });
}

/** The Service `kubernetes`. Clients expect to list it, and no other Service may get its address. */
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
      new RoleAggregation(core),
    ];
    for (const controller of all) controller.start();
    running.push(...all);
  }
  if (options.workloads) running.push(await startWorkloads(core, options.workloads.readyAfterMs ?? 1000));
  return () => {
    for (const controller of running.toReversed()) controller.close();
  };
}
