// What a Spikegate process may do in the cluster: exactly what its code does.
import type { Kind } from '../api/define-kind.ts';
import { workloadKinds } from '../api/kinds.ts';
import { definitionName } from '../kube/discovery.ts';
import { type ChildKind, pods, usedChildKinds } from '../workloads/child-kinds.ts';
import type { Manifest } from './crd.ts';
import { configurationName } from './webhook-configurations.ts';

export interface RbacOptions {
  namespace: string;
  serviceAccount: string;
  lease: string;
  certSecret: string;
}

interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

export function rbac(kinds: readonly Kind[], options: RbacOptions): Manifest[] {
  const { namespace, serviceAccount } = options;
  const labels = { 'app.kubernetes.io/part-of': 'spikegate' };
  const subjects = [{ kind: 'ServiceAccount', name: serviceAccount, namespace }];
  const bind = (kind: 'ClusterRole' | 'Role') => ({
    subjects,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: serviceAccount },
  });
  const v1 = 'rbac.authorization.k8s.io/v1';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace, labels } },
    {
      apiVersion: v1,
      kind: 'ClusterRole',
      metadata: { name: serviceAccount, labels },
      rules: clusterRules(kinds),
    },
    {
      apiVersion: v1,
      kind: 'ClusterRoleBinding',
      metadata: { name: serviceAccount, labels },
      ...bind('ClusterRole'),
    },
    {
      apiVersion: v1,
      kind: 'Role',
      metadata: { name: serviceAccount, namespace, labels },
      rules: namespaceRules(options),
    },
    {
      apiVersion: v1,
      kind: 'RoleBinding',
      metadata: { name: serviceAccount, namespace, labels },
      ...bind('Role'),
    },
    ...kinds.flatMap((kind) => [personRole(kind, 'viewer'), personRole(kind, 'editor')]),
  ];
}

function clusterRules(kinds: readonly Kind[]): PolicyRule[] {
  const sale = kinds.filter((kind) => !workloadKinds.includes(kind));
  return [
    // update takes finalizers off, patch lets admission complete an object that got past it.
    rule(sale, '', ['get', 'list', 'watch', 'update', 'patch']),
    rule(sale, '/status', ['update']),
    { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      resourceNames: [configurationName],
      verbs: ['get', 'update'],
    },
    ...workloadRules(kinds.filter((kind) => workloadKinds.includes(kind))),
  ];
}

function rule(kinds: readonly Kind[], subresource: string, verbs: string[]): PolicyRule {
  const apiGroups = [...new Set(kinds.map((kind) => kind.group))];
  return { apiGroups, resources: kinds.map((kind) => `${kind.plural}${subresource}`), verbs };
}

function workloadRules(kinds: readonly Kind[]): PolicyRule[] {
  if (kinds.length === 0) return [];
  return [
    rule(kinds, '', ['get', 'list', 'watch']),
    rule(kinds, '/status', ['update']),
    // What blockOwnerDeletion needs where OwnerReferencesPermissionEnforcement is on.
    rule(kinds, '/finalizers', ['update']),
    ...usedChildKinds.map(childRule),
    {
      apiGroups: ['apiextensions.k8s.io'],
      resources: ['customresourcedefinitions'],
      resourceNames: usedChildKinds.filter(({ install }) => install).map(definitionName),
      verbs: ['list', 'watch'],
    },
  ];
}

/** Pods are made by create, since their names are generated; all else by server-side apply, which is patch. */
function childRule(kind: ChildKind): PolicyRule {
  const write = kind === pods ? ['create', 'delete'] : ['create', 'patch', 'update', 'delete'];
  return { apiGroups: [kind.group], resources: [kind.plural], verbs: ['get', 'list', 'watch', ...write] };
}

function namespaceRules({ lease, certSecret }: RbacOptions): PolicyRule[] {
  return [
    // A create cannot be limited by name: the name is not known yet when it is authorised.
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: [lease],
      verbs: ['get', 'update'],
    },
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: [certSecret], verbs: ['get', 'update'] },
  ];
}

/** Aggregated into the cluster's own view and edit roles, as kubebuilder's scaffolding has them. */
function personRole(kind: Kind, role: 'viewer' | 'editor'): Manifest {
  const view = ['get', 'list', 'watch'];
  const verbs = role === 'viewer' ? view : [...view, 'create', 'update', 'patch', 'delete'];
  const into = role === 'viewer' ? ['view', 'edit', 'admin'] : ['edit', 'admin'];
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: {
      name: `spikegate-${kind.singular}-${role}`,
      labels: {
        'app.kubernetes.io/part-of': 'spikegate',
        ...Object.fromEntries(into.map((name) => [`rbac.authorization.k8s.io/aggregate-to-${name}`, 'true'])),
      },
    },
    rules: [
      { apiGroups: [kind.group], resources: [kind.plural], verbs },
      { apiGroups: [kind.group], resources: [`${kind.plural}/status`], verbs: ['get'] },
      ...(kind.scale
        ? [
            {
              apiGroups: [kind.group],
              resources: [`${kind.plural}/scale`],
              verbs: role === 'viewer' ? ['get'] : ['get', 'update', 'patch'],
            },
          ]
        : []),
    ],
  };
}
