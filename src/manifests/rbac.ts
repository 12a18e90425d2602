// What a Spikegate process may do in the cluster: exactly what its code does.
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

/** What every replica needs, and the roles of people. */
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

/** What is needed besides where Spikegate makes its own certificates (`--certs self-signed`), and nowhere else. */
export function certificateRbac(options: RbacOptions): Manifest[] {
  const name = `${options.serviceAccount}-certificates`;
  return granted(name, options, { cluster: [publishRule(options)], own: secretRules(options) });
}

/** The rules as roles of this name, bound to the service account: across the cluster, and in its own namespace. */
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
    // Looked for, live, by those who refer to them.
    ...rulesFor([SpikeGoods, SpikeOrder, Buyer, Seller], '', ['get']),
    // patch puts finalizers on, and lets admission complete an object that got past it; update takes them off.
    ...rulesFor([SpikeGoods, Buyer, Seller], '', ['update', 'patch']),
    ...rulesFor(sale, '/status', ['update']),
    { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    // Whether another Spikegate is installed.
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      verbs: ['list'],
    },
    ...workloadRules(kinds.filter((kind) => workloadKinds.includes(kind))),
  ];
}

type Rated = Pick<Kind, 'group' | 'plural'>;

/** One rule for each group: a rule for several would also be about every resource in every other's group. */
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
    // What blockOwnerDeletion needs where OwnerReferencesPermissionEnforcement is on.
    ...rulesFor(kinds, '/finalizers', ['update']),
    ...allChildKinds.map(childRule),
    // Why a StatefulSet or a DaemonSet makes no pods stands only in its events.
    { apiGroups: [''], resources: ['events'], verbs: ['list'] },
    {
      apiGroups: ['apiextensions.k8s.io'],
      resources: ['customresourcedefinitions'],
      resourceNames: allChildKinds.filter(({ install }) => install).map(definitionName),
      verbs: ['list', 'watch'],
    },
  ];
}

/** Pods are made by create, since their names are generated; all else by server-side apply, which is patch. */
function childRule(kind: ChildKind): PolicyRule {
  const verbs = kind === pods ? ['create', 'delete'] : ['get', 'create', 'patch', 'update', 'delete'];
  return { apiGroups: [kind.group], resources: [kind.plural], verbs: ['list', 'watch', ...verbs] };
}

function leaseRules({ lease }: RbacOptions): PolicyRule[] {
  return [
    // A create cannot be limited by name: the name is not known yet when it is authorised.
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

/** The CA goes into our own webhook configurations, and into no others. */
const publishRule = ({ configuration }: RbacOptions): PolicyRule => ({
  apiGroups: ['admissionregistration.k8s.io'],
  resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
  resourceNames: [configuration],
  // A list or watch is permitted by name when its field selector names the object.
  verbs: ['get', 'list', 'watch', 'update'],
});

/** Aggregated into the cluster's own view and edit roles, as kubebuilder's scaffolding has them. */
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
