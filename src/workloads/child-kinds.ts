// The kinds of children in one table. The watches (sources.ts) and Spikegate's RBAC come from it. Children are deleted in
// its order: autoscalers and monitors first, then Services, then workloads and pods, and last the objects that pods read.
import type { WantedKind } from '../kube/discovery.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';

export interface ChildKind<T extends KubeObject = KubeObject> extends WantedKind {
  /** Set for a kind that a cluster may lack: the name of the software that brings the kind. */
  install?: string;
  /** Deleted before anything new is made: two autoscalers must never drive the same workload. */
  isDeletedFirst?: boolean;
  /** Only carries the object type; never set. */
  readonly __object?: T;
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: Record<string, unknown>;
}

export interface PodCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

export interface ContainerStatus {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: { waiting?: { reason?: string; message?: string } };
}

export interface Pod extends KubeObject {
  spec: Record<string, unknown> & { nodeName?: string };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: PodCondition[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface WorkloadCondition extends PodCondition {
  lastUpdateTime?: string;
}

export interface Deployment extends KubeObject {
  spec: { replicas?: number; selector: LabelSelector; template: PodTemplate; paused?: boolean };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    conditions?: WorkloadCondition[];
  };
}

export interface StatefulSet extends KubeObject {
  spec: { replicas?: number; selector: LabelSelector; template: PodTemplate; serviceName: string };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    currentRevision?: string;
    updateRevision?: string;
    conditions?: WorkloadCondition[];
  };
}

export interface DaemonSet extends KubeObject {
  spec: { selector: LabelSelector; template: PodTemplate };
  status?: {
    observedGeneration?: number;
    desiredNumberScheduled?: number;
    currentNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberReady?: number;
    conditions?: WorkloadCondition[];
  };
}

export interface Service extends KubeObject {
  spec: {
    type?: string;
    clusterIP?: string;
    selector?: Record<string, string>;
    ports?: {
      name?: string;
      port: number;
      targetPort?: number | string;
      protocol?: string;
      nodePort?: number;
    }[];
  };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}

const kind = <T extends KubeObject>(wanted: ChildKind<T>): ChildKind<T> => wanted;

export const scaledObjects = kind({
  group: 'keda.sh',
  versions: ['v1alpha1'],
  kind: 'ScaledObject',
  plural: 'scaledobjects',
  install: 'KEDA',
  isDeletedFirst: true,
});
export const autoscalers = kind({
  group: 'autoscaling',
  versions: ['v2'],
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  isDeletedFirst: true,
});
export const serviceMonitors = kind({
  group: 'monitoring.coreos.com',
  versions: ['v1'],
  kind: 'ServiceMonitor',
  plural: 'servicemonitors',
  install: 'the Prometheus operator',
});
export const services = kind<Service>({ group: '', versions: ['v1'], kind: 'Service', plural: 'services' });
export const disruptionBudgets = kind({
  group: 'policy',
  versions: ['v1'],
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
});
export const deployments = kind<Deployment>({
  group: 'apps',
  versions: ['v1'],
  kind: 'Deployment',
  plural: 'deployments',
});
export const statefulSets = kind<StatefulSet>({
  group: 'apps',
  versions: ['v1'],
  kind: 'StatefulSet',
  plural: 'statefulsets',
});
export const daemonSets = kind<DaemonSet>({
  group: 'apps',
  versions: ['v1'],
  kind: 'DaemonSet',
  plural: 'daemonsets',
});
export const pods = kind<Pod>({ group: '', versions: ['v1'], kind: 'Pod', plural: 'pods' });
export const configMaps = kind<KubeObject & { data?: Record<string, string> }>({
  group: '',
  versions: ['v1'],
  kind: 'ConfigMap',
  plural: 'configmaps',
});
export const secrets = kind<KubeObject & { data?: Record<string, string>; type?: string }>({
  group: '',
  versions: ['v1'],
  kind: 'Secret',
  plural: 'secrets',
});

/**
 * Every kind of child, in the order in which children are deleted. Spikegate's RBAC permits these kinds and no others. A
 * test compares this list with the kinds that the workloads declare.
 */
export const allChildKinds: readonly ChildKind[] = [
  scaledObjects,
  autoscalers,
  serviceMonitors,
  services,
  disruptionBudgets,
  deployments,
  statefulSets,
  daemonSets,
  pods,
  configMaps,
  secrets,
];

/** Only changes the type: `T` must be the object type of the resource's kind. */
export const asResource = <T extends KubeObject>(resource: Resource): Resource<T> => resource as Resource<T>;
