// The table of built-in kinds. schema/ has their fields, strategies/ the rules of single kinds, and printers/ the
// columns that kubectl prints.

import { columnsOf } from './printers/columns.ts';
import { allVerbs, apiVersionOf, type ResourceType } from './resources.ts';
import { builtinSchema } from './schema/builtin.ts';
import { conversions } from './strategies/conversions.ts';
import { strategies } from './strategies/strategies.ts';

interface Row {
  group: string;
  version: string;
  kind: string;
  plural: string;
  short?: string[];
  categories?: string[];
  /** Cluster-scoped. */
  cluster?: true;
  /** Has the subresource `status`. */
  status?: true;
  /** Has the subresource `scale`. */
  scale?: true;
  /** The server counts metadata.generation. */
  generation?: true;
  /** DELETE answers with the object instead of a Status. */
  returnsDeleted?: true;
  /** The name in schema/types.generated.ts, when it differs from the kind. */
  type?: string;
  /** The store's table, when it is not `group/plural`. */
  table?: string;
  /** Field selectors beyond metadata.name and metadata.namespace. */
  selectable?: string[];
  /** Default: all verbs. Reviews have only create. */
  verbs?: string[];
  subresources?: ResourceType['subresources'];
}

const core = { group: '', version: 'v1' } as const;
const apps = { group: 'apps', version: 'v1' } as const;
const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;
const authz = { group: 'authorization.k8s.io', version: 'v1', verbs: ['create'] };
const authn = { group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] };
const hooks = { group: 'admissionregistration.k8s.io', version: 'v1' } as const;
const all = ['all'];
const eventFields = ['reason', 'type', 'reportingComponent', 'source'];
const objectReferenceFields = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
];

const rows: Row[] = [
  {
    ...core,
    kind: 'Namespace',
    plural: 'namespaces',
    short: ['ns'],
    cluster: true,
    status: true,
    selectable: ['status.phase'],
    verbs: allVerbs.filter((verb) => verb !== 'deletecollection'),
    subresources: { finalize: { kind: 'Namespace', verbs: ['update'] } },
  },
  {
    ...core,
    kind: 'Pod',
    plural: 'pods',
    short: ['po'],
    categories: all,
    status: true,
    generation: true,
    returnsDeleted: true,
    selectable: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'status.phase',
      'status.podIP',
      'status.nominatedNodeName',
    ],
    subresources: { eviction: { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] } },
  },
  {
    ...core,
    kind: 'Service',
    plural: 'services',
    short: ['svc'],
    categories: all,
    status: true,
    returnsDeleted: true,
    selectable: ['spec.clusterIP', 'spec.type'],
  },
  { ...core, kind: 'ConfigMap', plural: 'configmaps', short: ['cm'] },
  { ...core, kind: 'Secret', plural: 'secrets', selectable: ['type'] },
  {
    ...core,
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    short: ['sa'],
    returnsDeleted: true,
    subresources: {
      token: { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
    },
  },
  {
    ...core,
    kind: 'Event',
    plural: 'events',
    short: ['ev'],
    selectable: [...eventFields, ...objectReferenceFields.map((f) => `involvedObject.${f}`)],
  },
  {
    ...core,
    kind: 'PersistentVolume',
    plural: 'persistentvolumes',
    short: ['pv'],
    cluster: true,
    status: true,
    returnsDeleted: true,
  },
  {
    ...core,
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    short: ['pvc'],
    status: true,
    returnsDeleted: true,
  },
  { ...core, kind: 'Endpoints', plural: 'endpoints', short: ['ep'] },
  {
    ...core,
    kind: 'Node',
    plural: 'nodes',
    short: ['no'],
    cluster: true,
    status: true,
    selectable: ['spec.unschedulable'],
  },
  {
    ...apps,
    kind: 'Deployment',
    plural: 'deployments',
    short: ['deploy'],
    categories: all,
    status: true,
    scale: true,
    generation: true,
  },
  {
    ...apps,
    kind: 'ReplicaSet',
    plural: 'replicasets',
    short: ['rs'],
    categories: all,
    status: true,
    scale: true,
    generation: true,
    selectable: ['status.replicas'],
  },
  {
    ...apps,
    kind: 'StatefulSet',
    plural: 'statefulsets',
    short: ['sts'],
    categories: all,
    status: true,
    scale: true,
    generation: true,
  },
  {
    ...apps,
    kind: 'DaemonSet',
    plural: 'daemonsets',
    short: ['ds'],
    categories: all,
    status: true,
    generation: true,
  },
  { ...apps, kind: 'ControllerRevision', plural: 'controllerrevisions' },
  {
    group: 'autoscaling',
    version: 'v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    short: ['hpa'],
    categories: all,
    status: true,
    generation: true,
    type: 'V2HorizontalPodAutoscaler',
  },
  {
    group: 'autoscaling',
    version: 'v1',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    short: ['hpa'],
    categories: all,
    status: true,
    generation: true,
  },
  {
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    short: ['pdb'],
    status: true,
    generation: true,
  },
  { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases' },
  { ...rbac, kind: 'Role', plural: 'roles' },
  { ...rbac, kind: 'RoleBinding', plural: 'rolebindings' },
  { ...rbac, kind: 'ClusterRole', plural: 'clusterroles', cluster: true },
  { ...rbac, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', cluster: true },
  { ...authn, kind: 'TokenReview', plural: 'tokenreviews', cluster: true },
  { ...authn, kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', cluster: true },
  { ...authz, kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', cluster: true },
  { ...authz, kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', cluster: true },
  { ...authz, kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', cluster: true },
  { ...authz, kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews' },
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    short: ['crd', 'crds'],
    categories: ['api-extensions'],
    cluster: true,
    status: true,
    generation: true,
  },
  {
    ...hooks,
    kind: 'MutatingWebhookConfiguration',
    plural: 'mutatingwebhookconfigurations',
    categories: ['api-extensions'],
    cluster: true,
    generation: true,
  },
  {
    ...hooks,
    kind: 'ValidatingWebhookConfiguration',
    plural: 'validatingwebhookconfigurations',
    categories: ['api-extensions'],
    cluster: true,
    generation: true,
  },
  {
    group: 'events.k8s.io',
    version: 'v1',
    kind: 'Event',
    plural: 'events',
    short: ['ev'],
    table: '/events',
    type: 'EventsV1Event',
    selectable: [
      'reason',
      'type',
      'reportingController',
      ...objectReferenceFields.map((f) => `regarding.${f}`),
    ],
  },
  { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices' },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'Ingress',
    plural: 'ingresses',
    short: ['ing'],
    status: true,
    generation: true,
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'IngressClass',
    plural: 'ingressclasses',
    cluster: true,
    generation: true,
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    short: ['netpol'],
    generation: true,
  },
  {
    group: 'storage.k8s.io',
    version: 'v1',
    kind: 'StorageClass',
    plural: 'storageclasses',
    short: ['sc'],
    cluster: true,
  },
  {
    group: 'scheduling.k8s.io',
    version: 'v1',
    kind: 'PriorityClass',
    plural: 'priorityclasses',
    short: ['pc'],
    cluster: true,
    generation: true,
  },
];

const scalePaths = { spec: 'spec.replicas', status: 'status.replicas', selector: 'spec.selector' };

function resource(row: Row, order: number): ResourceType {
  const type = row.type ?? row.kind;
  const convert = conversions[`${apiVersionOf(row)}/${row.kind}`];
  return {
    group: row.group,
    version: row.version,
    kind: row.kind,
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    listKind: `${row.kind}List`,
    namespaced: !row.cluster,
    shortNames: row.short ?? [],
    categories: row.categories ?? [],
    table: row.table ?? `${row.group}/${row.plural}`,
    builtin: true,
    schema: builtinSchema(type),
    typeName: type,
    status: row.status === true,
    scale: row.scale ? scalePaths : undefined,
    generation: row.generation === true,
    returnsDeleted: row.returnsDeleted === true,
    strategy: strategies[type] ?? {},
    columns: columnsOf(row.kind),
    selectable: row.selectable ?? [],
    verbs: row.verbs ?? allVerbs,
    subresources: row.subresources ?? {},
    ...(convert ? { convert } : {}),
    order,
  };
}

export const builtinResources = (): ResourceType[] => rows.map(resource);
