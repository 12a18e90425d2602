// The permissions of a Spikegate process: exactly what its code uses.
import { Buyer } from '../api/buyer.ts';
import type { Kind } from '../api/define-kind.ts';
import { workloadKinds } from '../api/kinds.ts';
import { Seller } from '../api/seller.ts';
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import { definitionName } from '../kube/discovery.ts';
import { allChildKinds, type ChildKind, pods } from '../workloads/child-kinds.ts';
import { type Manifest, partOfSpikegate } from './manifest.ts';
import type { InstallationNames } from './names.ts';

export type RbacOptions = { namespace: string } & Pick<
  InstallationNames,
  'name' | 'configuration' | 'serviceAccount' | 'lease' | 'certSecret'
>;

export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** The permissions of every replica, and the roles for people. */
export function rbac(kinds: readonly Kind[], options: RbacOptions): Manifest[] {
  const { namespace, serviceAccount } = options;
  const metadata = { name: serviceAccount, namespace, labels: partOfSpikegate };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    ...granted(serviceAccount, options, { cluster: clusterRules(kinds), own: leaseRules(options) }),
    ...kinds.flatMap((kind) => [
      personRole(options.name, kind, 'viewer'),
      personRole(options.name, kind, 'editor'),
    ]),
  ];
}

/** Additional permissions when Spikegate issues its own certificates (`--certs self-signed`). */
export function certificateRbac(options: RbacOptions): Manifest[] {
  const name = `${options.serviceAccount}-certificates`;
  return granted(name, options, { cluster: [publishRule(options)], own: secretRules(options) });
}

/** The rules as roles of this name, bound to the service account: cluster-wide, and in its own namespace. */
function granted(
  name: string,
  { namespace, serviceAccount }: RbacOptions,
  rules: { cluster: PolicyRule[]; own: PolicyRule[] },
): Manifest[] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const labels = partOfSpikegate;
  const bound = (kind: 'ClusterRole' | 'Role') => ({
    subjects: [{ kind: 'ServiceAccount', name: serviceAccount, namespace }],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
  });
  return [
    { apiVersion, kind: 'ClusterRole', metadata: { name, labels }, rules: rules.cluster },
    { apiVersion, kind: 'ClusterRoleBinding', metadata: { name, labels }, ...bound('ClusterRole') },
    { apiVersion, kind: 'Role', metadata: { name, namespace, labels }, rules: rules.own },
    { apiVersion, kind: 'RoleBinding', metadata: { name, namespace, labels }, ...bound('Role') },
  ];
}

function clusterRules(kinds: readonly Kind[]): PolicyRule[] {
  const sale = kinds.filter((kind) => !workloadKinds.includes(kind));
  return [
    ...rulesFor(sale, '', ['list', 'watch']),
    // Live reads of what others refer to.
    ...rulesFor([SpikeGoods, SpikeOrder, Buyer, Seller], '', ['get']),
    // patch adds finalizers, and lets admission complete an object that was created past it; update removes
    // finalizers.
    ...rulesFor([SpikeGoods, Buyer, Seller], '', ['update', 'patch']),
    ...rulesFor(sale, '/status', ['update']),
    { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    // Looks for another installation.
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      verbs: ['list'],
    },
    ...workloadRules(kinds.filter((kind) => workloadKinds.includes(kind))),
  ];
}

type Rated = Pick<Kind, 'group' | 'plural'>;

/** One rule per group. A rule for several groups would also cover each resource in every group. */
function rulesFor(kinds: readonly Rated[], subresource: string, verbs: string[]): PolicyRule[] {
  return [...new Set(kinds.map((kind) => kind.group))].map((group) => ({
    apiGroups: [group],
    resources: kinds.filter((it) => it.group === group).map((it) => `${it.plural}${subresource}`),
    verbs,
  }));
}

function workloadRules(kinds: readonly Kind[]): PolicyRule[] {
  if (kinds.length === 0) return [];
  return [
    ...rulesFor(kinds, '', ['get', 'list', 'watch']),
    ...rulesFor(kinds, '/status', ['update']),
    // Needed for blockOwnerDeletion when OwnerReferencesPermissionEnforcement is on.
    ...rulesFor(kinds, '/finalizers', ['update']),
    ...allChildKinds.map(childRule),
    // Only events say why a StatefulSet or a DaemonSet makes no pods.
    { apiGroups: [''], resources: ['events'], verbs: ['list'] },
    {
      apiGroups: ['apiextensions.k8s.io'],
      resources: ['customresourcedefinitions'],
      resourceNames: allChildKinds.filter(({ install }) => install).map(definitionName),
      verbs: ['list', 'watch'],
    },
  ];
}

/** Pods are created, because their names are generated. Everything else is applied, which is patch. */
function childRule(kind: ChildKind): PolicyRule {
  const verbs = kind === pods ? ['create', 'delete'] : ['get', 'create', 'patch', 'update', 'delete'];
  return { apiGroups: [kind.group], resources: [kind.plural], verbs: ['list', 'watch', ...verbs] };
}

function leaseRules({ lease }: RbacOptions): PolicyRule[] {
  return [
    // RBAC cannot limit a create by name: the name is unknown when it is authorised.
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: [lease],
      verbs: ['get', 'update'],
    },
  ];
}

function secretRules({ certSecret }: RbacOptions): PolicyRule[] {
  return [
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    {
      apiGroups: [''],
      resources: ['secrets'],
      resourceNames: [certSecret],
      verbs: ['get', 'list', 'watch', 'update'],
    },
  ];
}

/** Writes the CA into our own webhook configurations only. */
const publishRule = ({ configuration }: RbacOptions): PolicyRule => ({
  apiGroups: ['admissionregistration.k8s.io'],
  resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
  resourceNames: [configuration],
  // RBAC permits a list or watch by name when its field selector names the object.
  verbs: ['get', 'list', 'watch', 'update'],
});

/** Aggregated into the cluster's view and edit roles, as kubebuilder scaffolds them. */
function personRole(installation: string, kind: Kind, role: 'viewer' | 'editor'): Manifest {
  const view = ['get', 'list', 'watch'];
  const verbs = role === 'viewer' ? view : [...view, 'create', 'update', 'patch', 'delete'];
  const into = role === 'viewer' ? ['view', 'edit', 'admin'] : ['edit', 'admin'];
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: {
      name: `${installation}-${kind.singular}-${role}`,
      labels: {
        ...partOfSpikegate,
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
