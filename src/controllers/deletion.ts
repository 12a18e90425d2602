// The other half of deletion control. The webhook refuses to delete what is referred to; but between its
// check and the deletion an order may come in through another replica. So what others refer to gets a finalizer when
// somebody asks for its deletion, and goes only when the leader, too, sees nobody refer to it.
import { inUseFinalizer } from '../api/names.ts';
import { parseTime } from '../api/sale.ts';
import type { Client } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { atOnce } from '../workloads/parallel.ts';

/** A create that was admitted before the deletion was seen everywhere has arrived by then. */
const lastComersMs = 2000;

export interface DeletionOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  clock: Clock;
  /** Who still refers to the object. */
  referrers(object: T): number;
  /** A namespace on its way out takes everything with it. */
  isTerminating(namespace: string): boolean;
}

/** Takes the finalizer off an object that is being deleted once it may go. Returns the ms until the next look. */
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

/** How many are marked at once, and for how long such a request may take. */
const parallel = 16;
const markMs = 2000;

/**
 * Marks an object that somebody asks to delete, and `others` with it, once a live read has confirmed that it is stored
 * under this uid. A review can be forged, and a finalizer on what nobody deletes would hold its namespace.
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
 * Puts the finalizer on each of the objects that has none and is not being deleted. One that is changed meanwhile is
 * left: whoever asked for its deletion asks again, and finds it so. Throws ApiError or ConnectionError.
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
