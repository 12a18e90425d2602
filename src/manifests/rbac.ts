// The permissions of a Spikegate process: exactly what its code uses.
import { Buyer } from '../api/buyer.ts';
import type { Kind } from '../api/define-kind.ts';
import { kindsOf, type Part, saleKinds, workloadKinds } from '../api/kinds.ts';
import { Seller } from '../api/seller.ts';
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import { definitionName } from '../kube/discovery.ts';
import { allChildKinds, type ChildKind, pods } from '../workloads/child-kinds.ts';
import { type Extent, everything } from './extent.ts';
import { type Manifest, partOfSpikegate } from './manifest.ts';
import type { InstallationNames } from './names.ts';

export type RbacOptions = { namespace: string } & Pick<
  InstallationNames,
  'name' | 'configuration' | 'serviceAccount' | 'lease' | 'certSecret' | 'pathSecret'
>;

export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** The permissions of every replica, and the roles for people. */
export const rbac = (options: RbacOptions, extent: Extent = everything): Manifest[] => [
  ...commonRbac(options, extent),
  ...extent.parts.flatMap((part) => partRbac(part, options, extent.namespaces)),
  ...personRoles(options.name, kindsOf(extent.parts)),
];

/** The permissions that every replica needs, whatever parts are on. */
export function commonRbac(options: RbacOptions, { namespaces }: Pick<Extent, 'namespaces'>): Manifest[] {
  const { namespace, serviceAccount: name } = options;
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels: partOfSpikegate } },
    ...granted(name, options, [...clusterRules(namespaces), publishRule(options)]),
    ...granted(name, options, [...leaseRules(options), ...secretRules(options.pathSecret)], namespace),
  ];
}

/** The permissions of a part on its kinds. If `namespaces` is not empty, they apply in these namespaces only. */
export function partRbac(part: Part, options: RbacOptions, namespaces: readonly string[]): Manifest[] {
  const name = partRole(options, part);
  const { clusterScoped, namespaced } = part === 'sale' ? saleRules() : workloadRules();
  if (namespaces.length === 0) return granted(name, options, [...namespaced, ...clusterScoped]);
  return [
    ...(clusterScoped.length > 0 ? granted(name, options, clusterScoped) : []),
    ...namespaces.flatMap((namespace) => granted(name, options, namespaced, namespace)),
  ];
}

/** Name of the roles with the permissions of a part. */
const partRole = ({ serviceAccount }: Pick<RbacOptions, 'serviceAccount'>, part: Part): string =>
  `${serviceAccount}-part-${part}`;

/** Additional permissions when Spikegate issues its own certificates (`--certs self-signed`). */
export function certificateRbac(options: RbacOptions): Manifest[] {
  const name = `${options.serviceAccount}-certificates`;
  return granted(name, options, secretRules(options.certSecret), options.namespace);
}

/**
 * Permissions for `--metrics-auth`: `serve` may ask the API server whether a token is valid and what its user may
 * do. Also a role for readers of the metrics and the board. The administrator must bind this role.
 */
export function metricsRbac(options: RbacOptions): Manifest[] {
  const name = `${options.serviceAccount}-metrics-auth`;
  const reviews: PolicyRule[] = [
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  ];
  return [
    ...granted(name, options, reviews),
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: `${options.name}-metrics-reader`, labels: partOfSpikegate },
      rules: [{ nonResourceURLs: ['/metrics', '/board'], verbs: ['get'] }],
    },
  ];
}

/** A role with these rules, and its binding to the service account: in `namespace`, or in the cluster without one. */
function granted(
  name: string,
  { namespace: home, serviceAccount }: RbacOptions,
  rules: PolicyRule[],
  namespace?: string,
): Manifest[] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name, ...(namespace ? { namespace } : {}), labels: partOfSpikegate };
  const kind = namespace ? 'Role' : 'ClusterRole';
  return [
    { apiVersion, kind, metadata, rules },
    {
      ...{ apiVersion, kind: `${kind}Binding`, metadata },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccount, namespace: home }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
    },
  ];
}

/** The rules for cluster-scoped objects that every replica reads. */
const clusterRules = (namespaces: readonly string[]): PolicyRule[] => [
  {
    apiGroups: [''],
    resources: ['namespaces'],
    // RBAC permits a list or watch by name when its field selector names the object.
    ...(namespaces.length > 0 ? { resourceNames: [...namespaces] } : {}),
    verbs: ['list', 'watch'],
  },
  // `serve` looks for another installation.
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    verbs: ['list'],
  },
];

interface PartRules {
  clusterScoped: PolicyRule[];
  namespaced: PolicyRule[];
}

function saleRules(): PartRules {
  return {
    clusterScoped: [],
    namespaced: [
      ...rulesFor(saleKinds, '', ['list', 'watch']),
      // Live reads: of what an order refers to, of an order's name, and before a mark is added.
      ...rulesFor([SpikeGoods, Buyer, SpikeOrder], '', ['get']),
      // patch adds finalizers. It also makes the mutating webhook fill in an object that was created without
      // admission. update removes finalizers.
      ...rulesFor([SpikeGoods, Buyer, Seller], '', ['update', 'patch']),
      ...rulesFor(saleKinds, '/status', ['update']),
      eventRule(['create', 'patch']),
    ],
  };
}

const eventRule = (verbs: string[]): PolicyRule => ({ apiGroups: [''], resources: ['events'], verbs });

type KindName = Pick<Kind, 'group' | 'plural'>;

/** One rule per group. A rule for several groups would also cover each resource in every group. */
function rulesFor(kinds: readonly KindName[], subresource: string, verbs: string[]): PolicyRule[] {
  return [...new Set(kinds.map((kind) => kind.group))].map((group) => ({
    apiGroups: [group],
    resources: kinds.filter((it) => it.group === group).map((it) => `${it.plural}${subresource}`),
    verbs,
  }));
}

function workloadRules(): PartRules {
  return {
    clusterScoped: [
      {
        apiGroups: ['apiextensions.k8s.io'],
        resources: ['customresourcedefinitions'],
        resourceNames: allChildKinds.filter(({ install }) => install).map(definitionName),
        verbs: ['list', 'watch'],
      },
    ],
    namespaced: [
      ...rulesFor(workloadKinds, '', ['get', 'list', 'watch']),
      ...rulesFor(workloadKinds, '/status', ['update']),
      // Needed for blockOwnerDeletion when OwnerReferencesPermissionEnforcement is on.
      ...rulesFor(workloadKinds, '/finalizers', ['update']),
      ...allChildKinds.map(childRule),
      // list: only events show why a StatefulSet or a DaemonSet creates no pods.
      eventRule(['create', 'patch', 'list']),
    ],
  };
}

/**
 * Pods need `create`, because the API server generates their names. Spikegate writes all other children by
 * server-side apply, which is a patch.
 */
function childRule(kind: ChildKind): PolicyRule {
  const verbs = kind === pods ? ['create', 'delete'] : ['get', 'create', 'patch', 'update', 'delete'];
  return { apiGroups: [kind.group], resources: [kind.plural], verbs: ['list', 'watch', ...verbs] };
}

function leaseRules({ lease }: RbacOptions): PolicyRule[] {
  return [
    // RBAC cannot limit a create by name, because the authorizer does not know the name of the new object.
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: [lease],
      verbs: ['get', 'update'],
    },
  ];
}

function secretRules(name: string): PolicyRule[] {
  return [
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    {
      apiGroups: [''],
      resources: ['secrets'],
      resourceNames: [name],
      verbs: ['get', 'list', 'watch', 'update'],
    },
  ];
}

/** Writes the CA and the secret path into our own webhook configurations only. */
const publishRule = ({ configuration }: RbacOptions): PolicyRule => ({
  apiGroups: ['admissionregistration.k8s.io'],
  resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
  resourceNames: [configuration],
  // RBAC permits a list or watch by name when its field selector names the object.
  verbs: ['get', 'list', 'watch', 'update'],
});

export const personRoles = (installation: string, kinds: readonly Kind[]): Manifest[] =>
  kinds.flatMap((kind) => [
    personRole(installation, kind, 'viewer'),
    personRole(installation, kind, 'editor'),
  ]);

/** A role that Kubernetes adds to the cluster's roles view, edit and admin. kubebuilder scaffolds such roles, too. */
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
