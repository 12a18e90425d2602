// The second half of deletion control. The webhook refuses to delete what others refer to, but between its check
// and the deletion an order may come in through another replica. So an object to which others may refer gets a
// finalizer when somebody asks for its deletion. The leader removes the finalizer when it, too, sees no reference.
import { inUseFinalizer } from '../api/names.ts';
import { parseTime } from '../api/sale.ts';
import type { Client } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { atOnce } from '../workloads/parallel.ts';

/**
 * A replica that did not see the deletion yet may have admitted a create. After this time, that create has arrived.
 */
const lastComersMs = 2000;

export interface DeletionOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  clock: Clock;
  /** Number of objects that refer to the object. */
  referrers(object: T): number;
  /** In a namespace that is being deleted, everything goes. */
  isTerminating(namespace: string): boolean;
}

/**
 * Removes the finalizer from an object that is being deleted, once it may go. Returns the ms until the next
 * attempt.
 */
export async function releaseDeleted<T extends KubeObject>(
  object: T,
  { client, resource, clock, referrers, isTerminating }: DeletionOptions<T>,
): Promise<{ requeueAfter?: number }> {
  const { metadata } = object;
  if (!metadata.finalizers?.includes(inUseFinalizer)) return {};
  if (!isTerminating(metadata.namespace ?? '')) {
    const age = clock.now() - (parseTime(metadata.deletionTimestamp) ?? 0);
    if (age < lastComersMs) return { requeueAfter: lastComersMs - age };
    if (referrers(object) > 0) return { requeueAfter: lastComersMs };
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

/** Number of objects marked at once, and the time limit of each request. */
const parallel = 16;
const markMs = 2000;

/**
 * Marks an object that somebody asks to delete, together with `others`, once a live read has confirmed that it is
 * stored with this uid. A review can be forged, and a finalizer on an object that nobody deletes would block its
 * namespace.
 */
export async function markDeleted<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  { metadata: { namespace, name, uid } }: T,
  others: () => readonly T[],
): Promise<void> {
  const stored = await client
    .get(resource, { namespace, name }, { timeoutMs: markMs })
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
  await atOnce(parallel, objects, async ({ metadata }) => {
    const { namespace, name, resourceVersion, deletionTimestamp, finalizers = [] } = metadata;
    if (deletionTimestamp || finalizers.includes(inUseFinalizer)) return;
    const patch = { metadata: { resourceVersion, finalizers: [...finalizers, inUseFinalizer] } };
    try {
      const options = { type: 'merge', timeoutMs: markMs, retry: false } as const;
      await client.patch(resource, { namespace, name }, patch, options);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  });
}
