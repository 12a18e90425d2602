// The default roles and bindings for people and for every authenticated user, copied from Kubernetes
// (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go). The roles of Kubernetes' components are omitted, because
// RBAC does not apply to the sandbox's own controllers.

import type { Obj } from '../types.ts';

const rule = (apiGroups: string[], resources: string[], verbs: string[]): Obj => ({
  apiGroups,
  resources,
  verbs,
});
const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const all = [...write, ...read];
const star = ['*'];

const controllerScale = ['replicationcontrollers/scale'];
const apps = {
  plain: [
    'daemonsets',
    'deployments',
    'deployments/scale',
    'replicasets',
    'replicasets/scale',
    'statefulsets',
    'statefulsets/scale',
  ],
  status: ['daemonsets/status', 'deployments/status', 'replicasets/status', 'statefulsets/status'],
};

const viewRules: Obj[] = [
  rule(
    [''],
    [
      'configmaps',
      'endpoints',
      'persistentvolumeclaims',
      'persistentvolumeclaims/status',
      'pods',
      'replicationcontrollers',
      ...controllerScale,
      'serviceaccounts',
      'services',
      'services/status',
    ],
    read,
  ),
  rule(
    [''],
    [
      'bindings',
      'events',
      'limitranges',
      'namespaces/status',
      'pods/log',
      'pods/status',
      'replicationcontrollers/status',
      'resourcequotas',
      'resourcequotas/status',
    ],
    read,
  ),
  rule([''], ['namespaces'], read),
  rule(['discovery.k8s.io'], ['endpointslices'], read),
  rule(['apps'], ['controllerrevisions', ...apps.plain, ...apps.status], read),
  rule(['autoscaling'], ['horizontalpodautoscalers', 'horizontalpodautoscalers/status'], read),
  rule(['batch'], ['cronjobs', 'cronjobs/status', 'jobs', 'jobs/status'], read),
  rule(['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status'], read),
  rule(['networking.k8s.io'], ['ingresses', 'ingresses/status', 'networkpolicies'], read),
  rule(['resource.k8s.io'], ['resourceclaims', 'resourceclaims/status', 'resourceclaimtemplates'], read),
];

const editRules: Obj[] = [
  rule(
    [''],
    ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'],
    read,
  ),
  rule([''], ['serviceaccounts'], ['impersonate']),
  rule([''], ['pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'], write),
  rule([''], ['pods/eviction'], ['create']),
  rule(
    [''],
    [
      'configmaps',
      'events',
      'persistentvolumeclaims',
      'replicationcontrollers',
      ...controllerScale,
      'secrets',
      'serviceaccounts',
      'services',
      'services/proxy',
    ],
    write,
  ),
  rule([''], ['serviceaccounts/token'], ['create']),
  rule(
    ['apps'],
    [
      'daemonsets',
      'deployments',
      'deployments/rollback',
      'deployments/scale',
      'replicasets',
      'replicasets/scale',
      'statefulsets',
      'statefulsets/scale',
    ],
    write,
  ),
  rule(['autoscaling'], ['horizontalpodautoscalers'], write),
  rule(['batch'], ['cronjobs', 'jobs'], write),
  rule(['policy'], ['poddisruptionbudgets'], write),
  rule(['networking.k8s.io'], ['ingresses', 'networkpolicies'], write),
  rule(['coordination.k8s.io'], ['leases'], all),
  rule(['resource.k8s.io'], ['resourceclaims', 'resourceclaimtemplates'], write),
];

const adminRules: Obj[] = [
  rule(['authorization.k8s.io'], ['localsubjectaccessreviews'], ['create']),
  rule(['rbac.authorization.k8s.io'], ['rolebindings', 'roles'], [...all]),
];

/** The label of a role whose rules the role `into` gets. */
const label = (into: string) => ({ [`rbac.authorization.k8s.io/aggregate-to-${into}`]: 'true' });
const aggregated = (into: string): Obj => ({ clusterRoleSelectors: [{ matchLabels: label(into) }] });

export interface BootstrapRole {
  name: string;
  labels?: Record<string, string>;
  rules?: Obj[];
  aggregationRule?: Obj;
}

export const bootstrapRoles: readonly BootstrapRole[] = [
  { name: 'cluster-admin', rules: [rule(star, star, star), { nonResourceURLs: star, verbs: star }] },
  { name: 'admin', aggregationRule: aggregated('admin') },
  { name: 'edit', labels: label('admin'), aggregationRule: aggregated('edit') },
  { name: 'view', labels: label('edit'), aggregationRule: aggregated('view') },
  { name: 'system:aggregate-to-admin', labels: label('admin'), rules: adminRules },
  { name: 'system:aggregate-to-edit', labels: label('edit'), rules: editRules },
  { name: 'system:aggregate-to-view', labels: label('view'), rules: viewRules },
  {
    name: 'system:discovery',
    rules: [
      {
        nonResourceURLs: [
          '/livez',
          '/readyz',
          '/healthz',
          '/version',
          '/version/',
          '/openapi',
          '/openapi/*',
          '/api',
          '/api/*',
          '/apis',
          '/apis/*',
        ],
        verbs: ['get'],
      },
    ],
  },
  {
    name: 'system:basic-user',
    rules: [
      rule(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
      rule(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
    ],
  },
  {
    name: 'system:public-info-viewer',
    rules: [{ nonResourceURLs: ['/livez', '/readyz', '/healthz', '/version', '/version/'], verbs: ['get'] }],
  },
];

/** Each cluster role with the groups to which it is bound. */
export const bootstrapBindings: readonly { role: string; groups: string[] }[] = [
  { role: 'cluster-admin', groups: ['system:masters'] },
  { role: 'system:discovery', groups: ['system:authenticated'] },
  { role: 'system:basic-user', groups: ['system:authenticated'] },
  { role: 'system:public-info-viewer', groups: ['system:authenticated', 'system:unauthenticated'] },
];
