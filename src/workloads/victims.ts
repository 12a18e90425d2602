// Chooses the pods to delete when there are too many: the pods whose loss matters least. The order is that of
// Kubernetes' ReplicaSet controller (pkg/controller, ActivePods). Pure.
import type { Pod } from './child-kinds.ts';
import { isReady } from './rollout.ts';

const phaseRank: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

const restarts = ({ status }: Pod): number =>
  Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount = 0 }) => restartCount));

/** The pod with the smaller rank is deleted first. A later rank counts only when all earlier ranks are equal. */
const ranks: readonly ((pod: Pod) => number)[] = [
  (pod) => (pod.spec.nodeName ? 1 : 0),
  (pod) => phaseRank[pod.status?.phase ?? 'Pending'] ?? 0,
  (pod) => (isReady(pod) ? 1 : 0),
  (pod) => -restarts(pod),
  // The newest pod is deleted first, because it has served least.
  (pod) => -Date.parse(pod.metadata.creationTimestamp),
];

export function victims(pods: readonly Pod[], count: number): Pod[] {
  return [...pods].sort(compare).slice(0, count);
}

function compare(a: Pod, b: Pod): number {
  for (const rank of ranks) {
    const difference = rank(a) - rank(b);
    if (difference !== 0) return difference;
  }
  return a.metadata.name < b.metadata.name ? 1 : -1;
}
