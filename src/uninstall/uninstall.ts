// Carries out a plan: removes the installation in its order, then removes the finalizers that would keep people's
// data, then, if asked for, the data and the CRDs. After an interruption it may be called again and does the rest.
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
  /** How long to wait for a deletion before the next step, in ms. */
  patienceMs: number;
}

/** Requests at once. The kube-apiserver of a small cluster can take it. */
const calls = 16;

/** @throws ApiError, ConnectionError, or Error when something is not deleted in time */
export async function uninstall(plan: RemovalPlan, options: UninstallOptions): Promise<void> {
  for (const { batches } of plan.stages) {
    for (const batch of batches) await remove(batch, options);
    await gone(batches, options);
  }
  for (const { resource } of plan.data) await release(resource, options);
  if (!options.deleteData) return;
  for (const { resource } of plan.data) await removeAll(resource, options);
  const crds: Batch = { resource: definitions, items: plan.definitions.map((name) => ({ name })) };
  await remove(crds, options);
  await gone([crds], options);
}

async function remove({ resource, items }: Batch, { client, print }: UninstallOptions): Promise<void> {
  for (const key of items) {
    if (await deleted(client, resource, key)) print(`${titleOf(resource, key)} deleted`);
  }
}

/** Returns false when it was gone already. */
async function deleted(client: Client, resource: Resource, key: KeyLike): Promise<boolean> {
  // Foreground: the Deployment is gone when its pods are, so no program of ours runs any more.
  const propagationPolicy = resource.kind === 'Deployment' ? 'Foreground' : 'Background';
  try {
    await client.delete(resource, key, { propagationPolicy });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Roles may be in several namespaces. */
export function titleOf({ kind, group }: Resource, { namespace, name }: PlannedObject): string {
  const where = group === rbacGroup && namespace ? ` in ${namespace}` : '';
  return `${kind.toLowerCase()}${group ? `.${group}` : ''}/${name}${where}`;
}

async function gone(batches: readonly Batch[], options: UninstallOptions): Promise<void> {
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
async function release(resource: Resource, options: UninstallOptions): Promise<void> {
  const { client, print } = options;
  const freed = new Set<string>();
  await until(options, `finalizers of ${resource.plural} to go`, async () => {
    const held: KubeObject[] = [];
    for await (const object of objectsOf(client, resource)) {
      if (object.metadata.finalizers?.some(isOurFinalizer)) held.push(object);
    }
    await atOnce(calls, held, async (object) => {
      if (await freeOf(client, resource, object)) freed.add(keyOf(object));
    });
    return held.length === 0;
  });
  if (freed.size > 0) print(`${resource.plural}: our finalizers taken off ${freed.size} objects`);
}

async function freeOf(client: Client, resource: Resource, { metadata }: KubeObject): Promise<boolean> {
  const { resourceVersion } = metadata;
  const finalizers = (metadata.finalizers ?? []).filter((name) => !isOurFinalizer(name));
  try {
    await client.patch(resource, metadata, { metadata: { resourceVersion, finalizers } }, { type: 'merge' });
    return true;
  } catch (error) {
    // The object changed or is gone, or the API server still calls a deleted webhook. The next round tells.
    if (isConflict(error) || isNotFound(error) || isInvalid(error) || isAmbiguous(error)) return false;
    throw error;
  }
}

async function removeAll(resource: Resource, options: UninstallOptions): Promise<void> {
  const { client, print } = options;
  let count = 0;
  const others = new Set<string>();
  await until(
    options,
    () => `${resource.plural} to go${others.size > 0 ? `, which wait for ${[...others].join(', ')}` : ''}`,
    async () => {
      const left: KubeObject[] = [];
      others.clear();
      for await (const object of objectsOf(client, resource)) left.push(object);
      for (const { metadata } of left) {
        if (metadata.deletionTimestamp) for (const name of metadata.finalizers ?? []) others.add(name);
      }
      const here = left.filter(({ metadata }) => !metadata.deletionTimestamp);
      await atOnce(calls, here, async ({ metadata }) => {
        const isDone = await deleted(client, resource, metadata).catch((error) => {
          if (isAmbiguous(error)) return false;
          throw error;
        });
        if (isDone) count++;
      });
      return left.length === 0;
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
