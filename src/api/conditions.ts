// status.conditions by the Kubernetes API conventions: one condition per type, and lastTransitionTime changes only
// when status does.
import type { Condition } from './schema.ts';

export type ConditionUpdate = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** A copy of the list with one condition set. The copy is equal when nothing changed. `now` is RFC 3339. */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  update: ConditionUpdate,
  generation: number | undefined,
  now: string,
): Condition[] {
  const list = [...(conditions ?? [])];
  const index = list.findIndex((condition) => condition.type === update.type);
  const before = list[index];
  const next: Condition = {
    ...update,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: before?.status === update.status ? before.lastTransitionTime : now,
  };
  if (index < 0) list.push(next);
  else list[index] = next;
  return list;
}
