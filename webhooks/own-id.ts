// Ids that Spikegate allocates. An id contains a hash of the object's kind, namespace and name. So admission recognises
// an id that was copied from another object, without a look-up, and two objects never have the same id. Pure.
import { createHash } from 'node:crypto';
import type { KubeObject } from '../src/kube/objects.ts';
import type { Call } from './webhook.ts';

type Named = Pick<Call<KubeObject>, 'object' | 'namespace' | 'context'>;

/** Number of random hexadecimal digits at the end of an id. With them a new object of the same name gets a new id. */
const randomDigits = 10;

/** A UUID of version 8 (RFC 9562: custom). `more`: other texts for the hash, besides kind, namespace and name. */
export function allocateId(call: Named, ...more: string[]): string {
  return idWith(call, call.context.newId().slice(-randomDigits), more);
}

/** Whether the id was allocated for this object. */
export const isOwnId = (call: Named, id: string | undefined, ...more: string[]): boolean =>
  id !== undefined && id === idWith(call, id.slice(-randomDigits), more);

function idWith({ object, namespace }: Named, random: string, more: readonly string[]): string {
  const hashed = JSON.stringify([object.kind, namespace, object.metadata.name, random, ...more]);
  const hash = createHash('sha256').update(hashed).digest('hex');
  const variant = ((Number.parseInt(hash[16]!, 16) & 0b0011) | 0b1000).toString(16);
  const groups = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `${variant}${hash.slice(17, 20)}`,
  ];
  return [...groups, `${hash.slice(20, 22)}${random}`].join('-');
}

/** Kubernetes' limit for generated names (apiserver pkg/storage/names). */
const longestGenerated = 63;

/**
 * Sets the name of an object that is created with `generateName`. Kubernetes would do so after the mutating
 * webhooks, and the hash of an id needs the name.
 */
export function withName<T extends KubeObject>(call: Call<T>): Call<T> {
  const { object, context } = call;
  const { name, generateName } = object.metadata as { name?: string; generateName?: string };
  if (call.old || name || !generateName) return call;
  const suffix = context.newId().slice(-randomDigits);
  const generated = `${generateName.slice(0, longestGenerated - randomDigits)}${suffix}`;
  return { ...call, object: { ...object, metadata: { ...object.metadata, name: generated } } };
}
