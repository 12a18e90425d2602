// Data about built-in types that types.generated.ts lacks: how lists merge, which strings are quantities, which
// structs Go writes even when they are empty, and defaults. The keys are `Type.field`.

/**
 * How a list merges. `keys`: the list-map keys of server-side apply. `merge` and `strategy`: the merge key and the
 * strategy of strategic merge patch.
 */
export interface ListRule {
  type: 'map' | 'set' | 'atomic';
  keys?: readonly string[];
  merge?: string;
  strategy?: string;
}

/** A list whose items have an identity. `keys`: default is the merge key. */
const map = (merge: string, ...keys: string[]): ListRule => ({
  type: 'map',
  keys: keys.length > 0 ? keys : [merge],
  merge,
  strategy: 'merge',
});
const set: ListRule = { type: 'set', strategy: 'merge' };
const conditions = map('type');

export const listRules: Record<string, ListRule> = {
  'ObjectMeta.ownerReferences': map('uid'),
  'ObjectMeta.finalizers': set,
  'PodSpec.containers': map('name'),
  'PodSpec.initContainers': map('name'),
  'PodSpec.ephemeralContainers': map('name'),
  'PodSpec.volumes': { ...map('name'), strategy: 'merge,retainKeys' },
  'PodSpec.imagePullSecrets': map('name'),
  'PodSpec.hostAliases': map('ip'),
  'PodSpec.topologySpreadConstraints': map('topologyKey', 'topologyKey', 'whenUnsatisfiable'),
  'PodSpec.resourceClaims': { ...map('name'), strategy: 'merge,retainKeys' },
  'PodSpec.schedulingGates': map('name'),
  'Container.env': map('name'),
  'Container.ports': map('containerPort', 'containerPort', 'protocol'),
  'Container.volumeMounts': map('mountPath'),
  'Container.volumeDevices': map('devicePath'),
  'EphemeralContainer.env': map('name'),
  'EphemeralContainer.ports': map('containerPort', 'containerPort', 'protocol'),
  'EphemeralContainer.volumeMounts': map('mountPath'),
  'EphemeralContainer.volumeDevices': map('devicePath'),
  'ResourceRequirements.claims': { type: 'map', keys: ['name'] },
  'PodStatus.conditions': conditions,
  'PodStatus.podIPs': map('ip'),
  'PodStatus.hostIPs': { ...map('ip'), type: 'atomic' },
  'ServiceSpec.ports': map('port', 'port', 'protocol'),
  'ServiceStatus.conditions': conditions,
  'ServiceAccount.secrets': map('name'),
  'NamespaceStatus.conditions': conditions,
  'NodeSpec.podCIDRs': set,
  'NodeStatus.conditions': conditions,
  'NodeStatus.addresses': map('type'),
  'DeploymentStatus.conditions': conditions,
  'ReplicaSetStatus.conditions': conditions,
  'StatefulSetStatus.conditions': conditions,
  'DaemonSetStatus.conditions': conditions,
  'PersistentVolumeClaimStatus.conditions': conditions,
  'PodDisruptionBudgetStatus.conditions': conditions,
  'V2HorizontalPodAutoscalerStatus.conditions': { type: 'map', keys: ['type'] },
  'CustomResourceDefinitionStatus.conditions': { type: 'map', keys: ['type'] },
  'MutatingWebhookConfiguration.webhooks': map('name'),
  'ValidatingWebhookConfiguration.webhooks': map('name'),
  'MutatingWebhook.matchConditions': map('name'),
  'ValidatingWebhook.matchConditions': map('name'),
  'EndpointSlice.endpoints': { type: 'atomic' },
};

/** Strategies of strategic merge patch for fields that are not lists. */
export const patchStrategies: Record<string, string> = { 'DeploymentSpec.strategy': 'retainKeys' };

/** Types that server-side apply replaces as a whole: selectors and references. */
export const atomicTypes = new Set([
  'LabelSelector',
  'ObjectReference',
  'LocalObjectReference',
  'TypedLocalObjectReference',
  'SecretReference',
  'NodeSelector',
  'NodeSelectorTerm',
  'SecretKeySelector',
  'ConfigMapKeySelector',
  'ObjectFieldSelector',
  'ResourceFieldSelector',
  'RoleRef',
]);
export const atomicFields = new Set(['PodSpec.nodeSelector', 'ServiceSpec.selector']);

export const quantities = new Set([
  'ResourceRequirements.limits',
  'ResourceRequirements.requests',
  'VolumeResourceRequirements.limits',
  'VolumeResourceRequirements.requests',
  'PersistentVolumeSpec.capacity',
  'PersistentVolumeClaimStatus.capacity',
  'NodeStatus.capacity',
  'NodeStatus.allocatable',
  'EmptyDirVolumeSource.sizeLimit',
  'PodSpec.overhead',
  'ResourceFieldSelector.divisor',
  'V2MetricTarget.value',
  'V2MetricTarget.averageValue',
]);

/**
 * Structs that Go holds by value, so that they exist in every object, perhaps empty. When managed fields are computed,
 * the first value inside does not count as an addition of the whole struct.
 */
export const valueStructs = new Set([
  ...['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Pod', 'Service', 'Namespace', 'Node'].flatMap(
    (type) => [`${type}.spec`, `${type}.status`],
  ),
  ...['PersistentVolume', 'PersistentVolumeClaim', 'PodDisruptionBudget', 'Lease', 'Ingress'].flatMap(
    (type) => [`${type}.spec`, `${type}.status`],
  ),
  'HorizontalPodAutoscaler.spec',
  'V2HorizontalPodAutoscaler.spec',
  'DeploymentSpec.template',
  'DeploymentSpec.strategy',
  'ReplicaSetSpec.template',
  'StatefulSetSpec.template',
  'StatefulSetSpec.updateStrategy',
  'DaemonSetSpec.template',
  'DaemonSetSpec.updateStrategy',
  'PodTemplateSpec.metadata',
  'PodTemplateSpec.spec',
  'Container.resources',
  'CustomResourceDefinition.spec',
  'CustomResourceDefinitionSpec.names',
]);

const probe = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
const container = {
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};
const webhook = {
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  timeoutSeconds: 10,
};
/** 0644 */
const fileMode = 420;

/** Defaults that depend on no other field. The others are in the `fillIn` hooks of the strategies. */
export const defaults: Record<string, Record<string, unknown>> = {
  PodSpec: {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  },
  Pod: {},
  Container: container,
  EphemeralContainer: container,
  ContainerPort: { protocol: 'TCP' },
  Probe: probe,
  HTTPGetAction: { path: '/', scheme: 'HTTP' },
  ObjectFieldSelector: { apiVersion: 'v1' },
  ConfigMapVolumeSource: { defaultMode: fileMode },
  SecretVolumeSource: { defaultMode: fileMode },
  DownwardAPIVolumeSource: { defaultMode: fileMode },
  ProjectedVolumeSource: { defaultMode: fileMode },
  ServiceAccountTokenProjection: { expirationSeconds: 3600 },
  HostPathVolumeSource: { type: '' },
  DeploymentSpec: { replicas: 1, strategy: {}, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 },
  DeploymentStrategy: { type: 'RollingUpdate' },
  RollingUpdateDeployment: { maxUnavailable: '25%', maxSurge: '25%' },
  ReplicaSetSpec: { replicas: 1 },
  StatefulSetSpec: {
    replicas: 1,
    podManagementPolicy: 'OrderedReady',
    revisionHistoryLimit: 10,
    updateStrategy: {},
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  },
  StatefulSetUpdateStrategy: { type: 'RollingUpdate' },
  RollingUpdateStatefulSetStrategy: { partition: 0 },
  DaemonSetSpec: { revisionHistoryLimit: 10, updateStrategy: {} },
  DaemonSetUpdateStrategy: { type: 'RollingUpdate' },
  RollingUpdateDaemonSet: { maxUnavailable: 1, maxSurge: 0 },
  ServiceSpec: { type: 'ClusterIP', sessionAffinity: 'None' },
  ServicePort: { protocol: 'TCP' },
  EndpointPort: { protocol: 'TCP' },
  DiscoveryV1EndpointPort: { name: '', protocol: 'TCP' },
  Secret: { type: 'Opaque' },
  Namespace: {},
  NamespaceStatus: { phase: 'Active' },
  PersistentVolumeSpec: { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' },
  PersistentVolumeClaimSpec: { volumeMode: 'Filesystem' },
  HorizontalPodAutoscalerSpec: { minReplicas: 1 },
  V2HorizontalPodAutoscalerSpec: { minReplicas: 1 },
  MutatingWebhook: { ...webhook, reinvocationPolicy: 'Never' },
  ValidatingWebhook: webhook,
  RuleWithOperations: { scope: '*' },
  NetworkPolicyPort: { protocol: 'TCP' },
  StorageClass: { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' },
  PriorityClass: { preemptionPolicy: 'PreemptLowerPriority' },
  CustomResourceDefinitionSpec: { conversion: { strategy: 'None' } },
};
