// Ids that Spikegate allocates. An id is bound to the object that it is for: a hash of its kind, namespace and name is
// in it. So admission tells an id of its own for this object from one that was copied from another object, without a
// look at anything stored, and two objects never have the same id. Pure.
import { createHash } from 'node:crypto';
import type { KubeObject } from '../src/kube/objects.ts';
import type { Call } from './webhook.ts';

type Named = Pick<Call<KubeObject>, 'object' | 'namespace' | 'context'>;

/** Hexadecimal digits at the end of an id that are random: an object that is made anew under its name gets a new id. */
const randomDigits = 10;

/** A UUID of version 8 (RFC 9562: custom). `more`: what it is bound to besides kind, namespace and name. */
export function allocateId(call: Named, ...more: string[]): string {
  return bound(call, call.context.newId().slice(-randomDigits), more);
}

/** Whether the id was allocated for this very object. */
export const isOwnId = (call: Named, id: string | undefined, ...more: string[]): boolean =>
  id !== undefined && id === bound(call, id.slice(-randomDigits), more);

function bound({ object, namespace }: Named, random: string, more: readonly string[]): string {
  const about = JSON.stringify([object.kind, namespace, object.metadata.name, random, ...more]);
  const hash = createHash('sha256').update(about).digest('hex');
  const variant = ((Number.parseInt(hash[16]!, 16) & 0b0011) | 0b1000).toString(16);
  const groups = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `${variant}${hash.slice(17, 20)}`,
  ];
  return [...groups, `${hash.slice(20, 22)}${random}`].join('-');
}

/** As Kubernetes cuts them (apiserver pkg/storage/names): names that are generated have at most 63 characters. */
const longestGenerated = 63;

/**
 * The name of an object that is created with `generateName`. Kubernetes would give it after the mutating webhooks, and
 * an id can be bound only to a name that is known.
 */
export function withName<T extends KubeObject>(call: Call<T>): Call<T> {
  const { object, context } = call;
  const { name, generateName } = object.metadata as { name?: string; generateName?: string };
  if (call.old || name || !generateName) return call;
  const suffix = context.newId().slice(-randomDigits);
  const generated = `${generateName.slice(0, longestGenerated - randomDigits)}${suffix}`;
  return { ...call, object: { ...object, metadata: { ...object.metadata, name: generated } } };
}
