// Where `spikegate prove` reads the objects: from a cluster at one revision, or from a file. Does not know what
// the command proves.
import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import type { Client, ListOptions } from '../kube/client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Snapshot } from './account.ts';

const pageSize = 500;

/**
 * Reads goods and orders of the same moment. It lists the orders at the revision of the list of goods: etcd has one
 * revision for all kinds. Throws ApiError; code 410 when etcd has compacted that revision.
 */
export async function readCluster(client: Client, namespace: string | undefined): Promise<Snapshot> {
  const scope = namespace === undefined ? {} : { namespace };
  const goods = await listAll(client, SpikeGoods, scope);
  const sameRevision = { resourceVersion: goods.resourceVersion, resourceVersionMatch: 'Exact' } as const;
  const orders = await listAll(client, SpikeOrder, { ...scope, ...sameRevision });
  return { goods: goods.items, orders: orders.items };
}

async function listAll<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  options: ListOptions,
): Promise<{ items: T[]; resourceVersion: string }> {
  const first = await client.list(resource, { ...options, limit: pageSize });
  const items = [...first.items];
  const { namespace } = options;
  for (let next = first.metadata.continue; next; ) {
    const page = await client.list(resource, {
      ...(namespace === undefined ? {} : { namespace }),
      limit: pageSize,
      continue: next,
    });
    items.push(...page.items);
    next = page.metadata.continue;
  }
  return { items, resourceVersion: first.metadata.resourceVersion };
}

/** A document of the dump is invalid. The message says which one, and why. */
class DumpError extends Error {
  override readonly name = 'DumpError';
}

/**
 * Reads the output of `kubectl get spikegoods,spikeorders -A -o json` (or yaml): a List, or several documents, as
 * JSON, JSON lines or YAML. Skips other kinds. Throws DumpError.
 */
export async function readDump(file: string): Promise<Snapshot> {
  const goods: SpikeGoods[] = [];
  const orders: SpikeOrder[] = [];
  for (const object of objectsOf(documentsOf(await readFile(file, 'utf8')))) {
    const { kind, apiVersion } = object as { kind?: unknown; apiVersion?: unknown };
    if (apiVersion !== SpikeGoods.apiVersion) continue;
    if (kind === SpikeGoods.kind) goods.push(checked(object, isGoods));
    if (kind === SpikeOrder.kind) orders.push(checked(object, isOrder));
  }
  if (goods.length + orders.length === 0) throw new DumpError(`${file} has no SpikeGoods and no SpikeOrder`);
  return { goods, orders };
}

function documentsOf(text: string): unknown[] {
  const trimmed = text.trimStart();
  // The YAML parser reads JSON too, but takes minutes where JSON.parse takes a second.
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) {
    try {
      return [JSON.parse(text)];
    } catch {
      const lines = text.split('\n').filter((line) => line.trim() !== '');
      try {
        return lines.map((line) => JSON.parse(line));
      } catch (error) {
        throw new DumpError(`no JSON: ${(error as Error).message}`);
      }
    }
  }
  return [...parseAllDocuments(text)].map((document) => {
    const [error] = document.errors;
    if (error) throw new DumpError(`no YAML: ${error.message}`);
    return document.toJS();
  });
}

function* objectsOf(documents: readonly unknown[]): Iterable<object> {
  for (const document of documents) {
    if (Array.isArray(document)) yield* objectsOf(document);
    else if (isRecord(document) && Array.isArray(document.items)) yield* objectsOf(document.items);
    else if (isRecord(document)) yield document;
  }
}

function checked<T>(object: object, isValid: (it: object) => it is T & object): T {
  if (isValid(object)) return object;
  const { kind, metadata } = object as { kind?: unknown; metadata?: { namespace?: unknown; name?: unknown } };
  throw new DumpError(
    `${kind} ${metadata?.namespace ?? ''}/${metadata?.name ?? ''} is not one that Kubernetes stores`,
  );
}

const isRecord = (it: unknown): it is Record<string, unknown> =>
  typeof it === 'object' && it !== null && !Array.isArray(it);
const isUnits = (it: unknown): boolean => Number.isSafeInteger(it) && (it as number) >= 0;

function isStored(it: object): it is KubeObject & { spec: Record<string, unknown> } {
  const { metadata, spec, status } = it as Record<string, unknown>;
  const { name, uid } = (isRecord(metadata) ? metadata : {}) as Record<string, unknown>;
  const hasStatus = status === undefined || isRecord(status);
  return typeof name === 'string' && typeof uid === 'string' && isRecord(spec) && hasStatus;
}

const isGoods = (it: object): it is SpikeGoods => isStored(it) && isUnits(it.spec.stockCount);

const isOrder = (it: object): it is SpikeOrder =>
  isStored(it) && isRecord(it.spec.goodsMap) && Object.values(it.spec.goodsMap).every(isUnits);
