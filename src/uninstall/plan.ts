// Finds what exists of an installation and of its data, and makes a plan. Only reads.
import { kinds as everyKind } from '../api/kinds.ts';
import { partOfLabels } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import { definitions, discover } from '../kube/discovery.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { installationsOf, installedConfigurations, ownerNamed } from '../manifests/installations.ts';
import { type InstalledNames, type Part, stages } from './parts.ts';

export interface PlannedObject {
  namespace?: string;
  name: string;
}

export interface Batch {
  resource: Resource;
  items: PlannedObject[];
}

export interface DataBatch {
  resource: Resource;
  count: number;
  /** Number of objects with a finalizer of ours. */
  held: number;
}

export interface RemovalPlan {
  stages: { title: string; batches: Batch[] }[];
  /** One entry for each kind of ours. A kind without objects has one too: somebody may create objects meanwhile. */
  data: DataBatch[];
  /** Names of the CRDs that exist. */
  definitions: string[];
  /** Names of the Helm releases that installed these objects. Helm keeps a record of each release. */
  releases: string[];
}

const label = 'app.kubernetes.io/part-of';
const labelSelector = `${label}=${partOfLabels[label]}`;
const pageSize = 500;

/** Only our programs remove a finalizer with our prefix, and the uninstallation removes these programs. */
export const isOurFinalizer = (name: string): boolean => name.startsWith('spikegate.io/');

/** @throws ApiError, ConnectionError */
export async function makePlan(client: Client, names: InstalledNames): Promise<RemovalPlan> {
  const releases = new Set<string>();
  const installations = installationsOf(await installedConfigurations(client));
  const others = installations.filter(({ configuration }) => configuration !== names.configuration);
  const allConfigurations = [names.configuration, ...others.map(({ configuration }) => configuration)];
  // An object whose name fits no installation counts as ours.
  const isOurs = ({ metadata: { name } }: KubeObject) =>
    (ownerNamed(allConfigurations, name) ?? names.configuration) === names.configuration;
  // Kinds that another installation serves stay, with their objects.
  const kinds = everyKind.filter(({ plural, group }) =>
    others.every((other) => !other.kinds.includes(`${plural}.${group}`)),
  );
  const found = await Promise.all(
    stages.map(async ({ title, parts }) => {
      const batches = await Promise.all(
        parts.map((part) => batchOf(client, part, names, { releases, isOurs })),
      );
      return {
        title,
        batches: batches.filter((batch) => batch !== undefined && batch.items.length > 0) as Batch[],
      };
    }),
  );
  const data = await Promise.all(kinds.map((kind) => dataOf(client, kind as Resource)));
  const installed = await Promise.all(
    kinds.map(({ plural, group }) => ifThere(() => client.get(definitions, { name: `${plural}.${group}` }))),
  );
  return {
    stages: found.filter(({ batches }) => batches.length > 0),
    data,
    definitions: installed.flatMap((definition) => (definition ? [definition.metadata.name] : [])),
    releases: [...releases],
  };
}

async function batchOf(
  client: Client,
  part: Part,
  names: InstalledNames,
  { releases, isOurs }: { releases: Set<string>; isOurs(object: KubeObject): boolean },
): Promise<Batch | undefined> {
  const resource = await discover(client, part);
  if (!resource) return undefined;
  const scope = resource.namespaced ? { namespace: names.namespace } : {};
  const { items } = await client.list(resource, { ...(part.elsewhere ? {} : scope), labelSelector });
  // Skip owned objects: Kubernetes deletes them after their owner. And a workload labels its children with its own name,
  // so the children of a workload named spikegate look like parts of Spikegate.
  const objects = items.filter(
    (it) => !it.metadata.ownerReferences?.length && !isOfAnotherRelease(it, names.namespace) && isOurs(it),
  );
  for (const name of part.unlabelled?.(names) ?? []) {
    const object = await ifThere(() => client.get(resource, { ...scope, name }));
    if (object && !objects.some(({ metadata }) => metadata.name === name)) objects.push(object);
  }
  for (const { metadata } of objects) {
    const release = metadata.annotations?.['meta.helm.sh/release-name'];
    if (release) releases.add(release);
  }
  const keyOf = ({ metadata: { namespace, name } }: KubeObject) =>
    namespace ? { namespace, name } : { name };
  return { resource, items: objects.map(keyOf) };
}

/** A cluster-wide object may belong to a Helm release in another namespace. Only that release may remove it. */
function isOfAnotherRelease({ metadata }: KubeObject, namespace: string): boolean {
  const release = metadata.annotations?.['meta.helm.sh/release-namespace'];
  return release !== undefined && release !== namespace;
}

async function dataOf(client: Client, resource: Resource): Promise<DataBatch> {
  let count = 0;
  let held = 0;
  for await (const { metadata } of objectsOf(client, resource)) {
    count++;
    if (metadata.finalizers?.some(isOurFinalizer)) held++;
  }
  return { resource, count, held };
}

/** All objects of a kind in all namespaces. None when the kind is not served. */
export async function* objectsOf(client: Client, resource: Resource): AsyncGenerator<KubeObject> {
  let next: string | undefined;
  do {
    const page = await ifThere(() =>
      client.list(resource, { limit: pageSize, ...(next ? { continue: next } : {}) }),
    );
    if (!page) return;
    yield* page.items;
    next = page.metadata.continue;
  } while (next);
}

async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
