// Carries out a plan. It removes the parts of the installation in their order, then our finalizers, which would block
// the deletion of people's data, and then, on request, the data and the CRDs. A second run after an interruption does
// the rest.
import type { Client, KeyLike } from '../kube/client.ts';
import { definitions } from '../kube/discovery.ts';
import { isAmbiguous, isConflict, isInvalid, isNotFound } from '../kube/errors.ts';
import { type KubeObject, keyOf, type Resource } from '../kube/objects.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { atOnce } from '../workloads/parallel.ts';
import { rbacGroup } from './parts.ts';
import { type Batch, isOurFinalizer, objectsOf, type PlannedObject, type RemovalPlan } from './plan.ts';

export interface UninstallOptions {
  client: Client;
  clock: Clock;
  print(line: string): void;
  deleteData: boolean;
  /** Maximum time to wait for one deletion, in ms. When it is over, the uninstallation fails. */
  patienceMs: number;
}

/** Maximum number of requests at once, a load that the kube-apiserver of a small cluster can handle. */
const parallelCalls = 16;

/** @throws ApiError, ConnectionError, or Error when something is not deleted in time */
export async function uninstall(plan: RemovalPlan, options: UninstallOptions): Promise<void> {
  for (const { batches } of plan.stages) {
    for (const batch of batches) await remove(batch, options);
    await waitUntilGone(batches, options);
  }
  for (const { resource } of plan.data) await removeFinalizers(resource, options);
  if (!options.deleteData) return;
  for (const { resource } of plan.data) await removeAll(resource, options);
  const crds: Batch = { resource: definitions, items: plan.definitions.map((name) => ({ name })) };
  await remove(crds, options);
  await waitUntilGone([crds], options);
}

async function remove({ resource, items }: Batch, { client, print }: UninstallOptions): Promise<void> {
  for (const key of items) {
    if (await deleteOne(client, resource, key)) print(`${titleOf(resource, key)} deleted`);
  }
}

/** Returns false when the object was already gone. */
async function deleteOne(client: Client, resource: Resource, key: KeyLike): Promise<boolean> {
  // With Foreground the Deployment disappears only after its pods. Then no program of ours runs any more.
  const propagationPolicy = resource.kind === 'Deployment' ? 'Foreground' : 'Background';
  try {
    await client.delete(resource, key, { propagationPolicy });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** The name of an object for a person. Only Roles and RoleBindings may be in several namespaces, so it names theirs. */
export function titleOf({ kind, group }: Resource, { namespace, name }: PlannedObject): string {
  const where = group === rbacGroup && namespace ? ` in ${namespace}` : '';
  return `${kind.toLowerCase()}${group ? `.${group}` : ''}/${name}${where}`;
}

async function waitUntilGone(batches: readonly Batch[], options: UninstallOptions): Promise<void> {
  const { client } = options;
  for (const { resource, items } of batches) {
    for (const key of items) {
      await until(options, `${titleOf(resource, key)} to go`, () =>
        client.get(resource, key).then(
          () => false,
          (error) => {
            if (isNotFound(error)) return true;
            throw error;
          },
        ),
      );
    }
  }
}

/**
 * Removes our finalizers until none is left. API servers learn late that the webhooks are gone. Until then a write
 * may fail, or a webhook may add the finalizer again.
 */
async function removeFinalizers(resource: Resource, options: UninstallOptions): Promise<void> {
  const { client, print } = options;
  const changed = new Set<string>();
  await until(options, `finalizers of ${resource.plural} to go`, async () => {
    const held: KubeObject[] = [];
    for await (const object of objectsOf(client, resource)) {
      if (object.metadata.finalizers?.some(isOurFinalizer)) held.push(object);
    }
    await atOnce(parallelCalls, held, async (object) => {
      if (await removeFinalizersOf(client, resource, object)) changed.add(keyOf(object));
    });
    return held.length === 0;
  });
  if (changed.size > 0) print(`${resource.plural}: our finalizers taken off ${changed.size} objects`);
}

async function removeFinalizersOf(
  client: Client,
  resource: Resource,
  { metadata }: KubeObject,
): Promise<boolean> {
  const { resourceVersion } = metadata;
  const finalizers = (metadata.finalizers ?? []).filter((name) => !isOurFinalizer(name));
  try {
    await client.patch(resource, metadata, { metadata: { resourceVersion, finalizers } }, { type: 'merge' });
    return true;
  } catch (error) {
    // The object changed or is gone, or the API server still calls a deleted webhook. The caller lists and tries again.
    if (isConflict(error) || isNotFound(error) || isInvalid(error) || isAmbiguous(error)) return false;
    throw error;
  }
}

async function removeAll(resource: Resource, options: UninstallOptions): Promise<void> {
  const { client, print } = options;
  let count = 0;
  const foreignFinalizers = new Set<string>();
  await until(
    options,
    () =>
      `${resource.plural} to go${foreignFinalizers.size > 0 ? `, which wait for ${[...foreignFinalizers].join(', ')}` : ''}`,
    async () => {
      const remaining: KubeObject[] = [];
      foreignFinalizers.clear();
      for await (const object of objectsOf(client, resource)) remaining.push(object);
      for (const { metadata } of remaining) {
        if (metadata.deletionTimestamp)
          for (const name of metadata.finalizers ?? []) foreignFinalizers.add(name);
      }
      const toDelete = remaining.filter(({ metadata }) => !metadata.deletionTimestamp);
      await atOnce(parallelCalls, toDelete, async ({ metadata }) => {
        const isDeleted = await deleteOne(client, resource, metadata).catch((error) => {
          if (isAmbiguous(error)) return false;
          throw error;
        });
        if (isDeleted) count++;
      });
      return remaining.length === 0;
    },
  );
  if (count > 0) print(`${resource.plural}: ${count} deleted`);
}

async function until(
  { clock, patienceMs }: UninstallOptions,
  what: string | (() => string),
  isDone: () => Promise<boolean>,
): Promise<void> {
  const end = clock.monotonic() + patienceMs;
  while (!(await isDone())) {
    if (clock.monotonic() > end) {
      const text = typeof what === 'string' ? what : what();
      throw new Error(`waited ${patienceMs / 1000} s for ${text}; call uninstall again to go on from here`);
    }
    await sleep(clock, 200);
  }
}
