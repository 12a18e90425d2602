// The state of a Deployment, StatefulSet or DaemonSet: numbers of ready pods, whether a roll-out is in progress,
// and what is wrong when it does not end. Pure.
import type { DaemonSet, Deployment, Pod, StatefulSet, WorkloadCondition } from './child-kinds.ts';

export interface Rollout {
  ready: number;
  wanted: number;
  /** Every wanted pod has the latest template and is ready. */
  isDone: boolean;
  trouble?: { reason: string; message: string };
}

const isComplete = ({ ready, wanted, updated, total, isObserved }: Counts): boolean =>
  isObserved && updated >= wanted && ready >= wanted && total <= wanted;

interface Counts {
  ready: number;
  wanted: number;
  updated: number;
  total: number;
  /** The status already describes the stored spec. */
  isObserved: boolean;
}

const isObserved = (it: Deployment | StatefulSet | DaemonSet): boolean =>
  (it.status?.observedGeneration ?? 0) >= (it.metadata.generation ?? 0);

function rollout(counts: Counts, trouble?: { reason: string; message: string }): Rollout {
  const { ready, wanted } = counts;
  return { ready, wanted, isDone: isComplete(counts), ...(trouble ? { trouble } : {}) };
}

export function deploymentRollout(it: Deployment): Rollout {
  const { status = {}, spec } = it;
  return rollout(
    {
      ready: status.readyReplicas ?? 0,
      wanted: spec.replicas ?? 1,
      updated: status.updatedReplicas ?? 0,
      total: status.replicas ?? 0,
      isObserved: isObserved(it),
    },
    problemOf(status.conditions),
  );
}

export function statefulSetRollout(it: StatefulSet): Rollout {
  const { status = {}, spec } = it;
  // When both revisions are the same, every pod has the latest template.
  const isOneRevision =
    status.updateRevision === undefined || status.currentRevision === status.updateRevision;
  return rollout({
    ready: status.readyReplicas ?? 0,
    wanted: spec.replicas ?? 1,
    updated: isOneRevision ? (status.replicas ?? 0) : (status.updatedReplicas ?? 0),
    total: status.replicas ?? 0,
    isObserved: isObserved(it),
  });
}

export function daemonSetRollout(it: DaemonSet): Rollout {
  const { status = {} } = it;
  const desired = status.desiredNumberScheduled ?? 0;
  // A DaemonSet without a matching node serves nobody. So it wants at least one pod, and does not count as ready.
  const wanted = Math.max(1, desired);
  return rollout({
    ready: status.numberReady ?? 0,
    wanted,
    updated: status.updatedNumberScheduled ?? 0,
    total: desired,
    isObserved: isObserved(it),
  });
}

/** What Kubernetes' own controllers report in conditions: pods that cannot be made, a roll-out without progress. */
function problemOf(
  conditions: readonly WorkloadCondition[] = [],
): { reason: string; message: string } | undefined {
  const found = conditions.find(
    ({ type, status }) =>
      (type === 'ReplicaFailure' && status === 'True') || (type === 'Progressing' && status === 'False'),
  );
  if (!found) return undefined;
  return { reason: found.reason || found.type, message: found.message || found.type };
}

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

/** Why a pod does not start, in Kubernetes' words: `ImagePullBackOff`, `Unschedulable`, … */
export function troubleOf(pod: Pod): { reason: string; message: string } | undefined {
  const { initContainerStatuses = [], containerStatuses = [], conditions = [] } = pod.status ?? {};
  const unscheduled = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled)
    return { reason: unscheduled.reason ?? 'Unschedulable', message: unscheduled.message ?? '' };
  for (const { name, state } of [...initContainerStatuses, ...containerStatuses]) {
    const { reason, message = '' } = state?.waiting ?? {};
    if (!reason || reason === 'ContainerCreating' || reason === 'PodInitializing') continue;
    return { reason, message: `container ${name}: ${message || reason}` };
  }
  return undefined;
}
