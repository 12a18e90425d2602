// Computes the hash of a pod template, and keeps the ControllerRevisions of StatefulSets and DaemonSets, which
// `kubectl rollout history|undo` reads.

import { createHash } from 'node:crypto';
import { asNumber, asObj, equal, type Item, type Obj } from '../types.ts';
import type { ControllerApi } from './api.ts';

/** Kubernetes' alphabet for generated names. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const table = 'apps/controllerrevisions';

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, canonical(v)]),
  );
}

/** Ten characters that are valid in a name. Equal templates have equal hashes. */
export function hashOf(template: Obj): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(canonical(template)))
    .digest();
  return [...digest.subarray(0, 10)].map((byte) => alphabet[byte % alphabet.length]).join('');
}

export interface Revision {
  name: string;
  hash: string;
  number: number;
}

/** The revision of `owner`'s template. Creates it when it is new, and deletes old ones beyond the limit. */
export async function currentRevision(
  api: ControllerApi,
  owner: Item,
  existing: readonly Item[],
  reference: Obj,
): Promise<Revision> {
  const template = asObj(asObj(owner.spec).template);
  const data = { spec: { template: { ...template, $patch: 'replace' } } };
  const hash = hashOf(template);
  const newest = Math.max(0, ...existing.map((revision) => asNumber(revision.revision)));
  const namespace = owner.metadata.namespace ?? '';
  const found = existing.find((revision) => equal(revision.data, data));
  if (found) {
    const number = asNumber(found.revision);
    if (number === newest) return { name: found.metadata.name, hash, number };
    // The owner went back to an older template, so its revision becomes the newest again.
    await api.update(table, namespace, found.metadata.name, (live) => {
      live.revision = newest + 1;
    });
    return { name: found.metadata.name, hash, number: newest + 1 };
  }
  const name = `${owner.metadata.name}-${hash}`;
  const labels = { ...asObj(asObj(template.metadata).labels), 'controller.kubernetes.io/hash': hash };
  const metadata = { name, namespace, labels, ownerReferences: [reference] };
  await api.ensure(table, {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata,
    data,
    revision: newest + 1,
  } as unknown as Item);
  const limit = asNumber(asObj(owner.spec).revisionHistoryLimit, 10);
  const surplus = [...existing]
    .sort((a, b) => asNumber(a.revision) - asNumber(b.revision))
    .slice(0, Math.max(0, existing.length - limit));
  for (const old of surplus) await api.delete(table, namespace, old.metadata.name);
  return { name, hash, number: newest + 1 };
}
