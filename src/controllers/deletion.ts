// Keeps an object from being deleted while other objects refer to it. The webhook refuses such a deletion, but between
// its check and the deletion another replica may admit an order. So markDeleted adds a finalizer when somebody asks for
// a deletion. The leader removes it (releaseDeleted) when the leader, too, sees no reference.
import { inUseFinalizer } from '../api/names.ts';
import { parseTime } from '../api/sale.ts';
import type { Client } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { atOnce } from '../workloads/parallel.ts';

/** A replica that has not seen the deletion may still admit a create. After this time the leader has seen it. */
const lateCreateMs = 2000;

export interface DeletionOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  clock: Clock;
  /** Returns the number of objects that refer to this one. */
  referrers(object: T): number;
  /** Whether the namespace is being deleted. Then references do not matter. */
  isTerminating(namespace: string): boolean;
}

/**
 * Removes the finalizer from an object that is being deleted and has no referrers. Otherwise returns the ms until the
 * next attempt.
 */
export async function releaseDeleted<T extends KubeObject>(
  object: T,
  { client, resource, clock, referrers, isTerminating }: DeletionOptions<T>,
): Promise<{ requeueAfter?: number }> {
  const { metadata } = object;
  if (!metadata.finalizers?.includes(inUseFinalizer)) return {};
  if (!isTerminating(metadata.namespace ?? '')) {
    const age = clock.now() - (parseTime(metadata.deletionTimestamp) ?? 0);
    if (age < lateCreateMs) return { requeueAfter: lateCreateMs - age };
    if (referrers(object) > 0) return { requeueAfter: lateCreateMs };
  }
  const finalizers = metadata.finalizers.filter((name) => name !== inUseFinalizer);
  try {
    await client.replace(resource, { ...object, metadata: { ...metadata, finalizers } });
  } catch (error) {
    if (isNotFound(error)) return {};
    if (isConflict(error)) return { requeueAfter: 50 };
    throw error;
  }
  return {};
}

/** Number of requests at once, and the time limit of each. */
const maxRequests = 16;
const markTimeoutMs = 2000;

/**
 * Adds the finalizer to an object that somebody asks to delete, and to `others`. First a live read must confirm that an
 * object with this uid is stored: a review may be forged, and a finalizer on an object that nobody deletes would block
 * the deletion of its namespace.
 */
export async function markDeleted<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  { metadata: { namespace, name, uid } }: T,
  others: () => readonly T[],
): Promise<void> {
  const stored = await client
    .get(resource, { namespace, name }, { timeoutMs: markTimeoutMs })
    .catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  if (stored?.metadata.uid !== uid) return;
  await markInUse(client, resource, [stored, ...others()]);
}

/**
 * Adds the finalizer to each object that has none and is not being deleted. Skips an object that changes meanwhile:
 * the caller repeats the deletion. Throws ApiError or ConnectionError.
 */
async function markInUse<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  objects: readonly T[],
): Promise<void> {
  await atOnce(maxRequests, objects, async ({ metadata }) => {
    const { namespace, name, resourceVersion, deletionTimestamp, finalizers = [] } = metadata;
    if (deletionTimestamp || finalizers.includes(inUseFinalizer)) return;
    const patch = { metadata: { resourceVersion, finalizers: [...finalizers, inUseFinalizer] } };
    try {
      const options = { type: 'merge', timeoutMs: markTimeoutMs, retry: false } as const;
      await client.patch(resource, { namespace, name }, patch, options);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  });
}
