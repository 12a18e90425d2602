// The status of a workload. Computes Ready, Progressing and Degraded from one verdict, and writes the status through
// /status when it differs from the stored one. Knows no kind.
import { type ConditionUpdate, withCondition } from '../api/conditions.ts';
import type { Kind } from '../api/define-kind.ts';
import { timestamp } from '../api/sale.ts';
import type { Condition } from '../api/schema.ts';
import { shortened, withinBounds } from '../api/within-bounds.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { Client } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { same } from '../kube/same.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Result } from '../runtime/controller.ts';

export const phases = ['Pending', 'Progressing', 'Degraded', 'Ready'] as const;
export type Phase = (typeof phases)[number];

/** The state of an owner as a whole. */
export interface Verdict {
  /** Everything that the spec wants is in place and ready. */
  isReady: boolean;
  /** Changes towards the spec are in progress. */
  isProgressing: boolean;
  /** CamelCase. Reason and message are those of Ready, and while `isProgressing`, also those of Progressing. */
  reason: string;
  /** A sentence for people. */
  message: string;
  /** A problem that waiting does not solve. */
  trouble?: { reason: string; message: string } | undefined;
}

export function phaseOf({ isReady, isProgressing, trouble }: Verdict): Phase {
  if (trouble) return 'Degraded';
  if (isReady) return 'Ready';
  return isProgressing ? 'Progressing' : 'Pending';
}

export function summaryOf({ isReady, isProgressing, reason, message, trouble }: Verdict): ConditionUpdate[] {
  const why = isReady ? { reason, message } : (trouble ?? { reason, message });
  return [
    { type: 'Ready', status: isReady ? 'True' : 'False', ...why },
    isProgressing
      ? { type: 'Progressing', status: 'True', reason, message }
      : { type: 'Progressing', status: 'False', reason: 'Settled', message: 'nothing is under way' },
    trouble
      ? { type: 'Degraded', status: 'True', ...trouble }
      : { type: 'Degraded', status: 'False', reason: 'AsExpected', message: 'nothing is wrong' },
  ];
}

export interface WithStatus extends KubeObject {
  status?: { conditions?: Condition[]; observedGeneration?: number } | undefined;
}

/** People read messages in a terminal. The schema allows far longer ones. */
const longestMessage = 4096;

export interface StatusWrite<T extends WithStatus> {
  client: Client;
  clock: Clock;
  resource: Resource<T> & Pick<Kind, 'statusSchema'>;
  cache: ObjectCache<T>;
  object: T;
  /** All other fields of the status. A stored field that is absent here is removed. */
  fields: Omit<NonNullable<T['status']>, 'conditions' | 'observedGeneration'>;
  conditions: readonly ConditionUpdate[];
}

export async function writeStatus<T extends WithStatus>(write: StatusWrite<T>): Promise<Result> {
  const { client, clock, resource, cache, object, fields } = write;
  const { generation } = object.metadata;
  const now = timestamp(clock.now());
  const types = new Set(write.conditions.map(({ type }) => type));
  let conditions = (object.status?.conditions ?? []).filter(({ type }) => types.has(type));
  for (const update of write.conditions) {
    const message = shortened(update.message || update.reason, longestMessage);
    conditions = withCondition(conditions, { ...update, message }, generation, now);
  }
  const status = withinBounds(resource.statusSchema, {
    ...fields,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions,
  });
  // Compare as JSON, which has no undefined.
  if (same(JSON.parse(JSON.stringify(status)), object.status)) return {};
  try {
    cache.observe(await client.replace(resource, { ...object, status }, { subresource: 'status' }));
  } catch (error) {
    if (isNotFound(error)) return {};
    if (isConflict(error)) return { requeueAfter: 50 };
    throw error;
  }
  return {};
}

/**
 * Reports an error that ended a reconcile before it had a verdict. Writes the error into Ready, Progressing and Degraded,
 * and leaves the rest of the status as it is.
 */
export async function writeFailure<T extends WithStatus>(
  write: Pick<StatusWrite<T>, 'client' | 'clock' | 'resource' | 'cache' | 'object'>,
  trouble: { reason: string; message: string },
): Promise<Result> {
  const { conditions = [], observedGeneration: _, ...fields } = write.object.status ?? {};
  const isReady = false;
  const summary = summaryOf({ isReady, isProgressing: false, ...trouble, trouble });
  const types = new Set(summary.map(({ type }) => type));
  const others = conditions.filter(({ type }) => !types.has(type));
  return writeStatus<T>({
    ...write,
    fields: { ...fields, phase: 'Degraded' } as StatusWrite<T>['fields'],
    conditions: [...summary, ...others],
  });
}
