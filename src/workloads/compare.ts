// Decides whether the stored object has every wanted value. Quantities are compared by value, list items by
// the key by which server-side apply merges them. Pure; knows field names, no kind.

import { sameQuantity } from '../api/quantity.ts';
import { own } from '../runtime/own-keys.ts';

type Json = Record<string, unknown>;

/** Fields that are lists of objects, with the keys of their items (the list-map keys of Kubernetes' own types). */
const itemKeys: Record<string, readonly string[]> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  ownerReferences: ['uid'],
};
const containerPort = ['containerPort', 'protocol'];
const servicePort = ['port', 'protocol'];

/** Maps with quantities as values. */
const quantityMaps = new Set(['limits', 'requests', 'capacity']);
const quantityFields = new Set(['sizeLimit', 'averageValue', 'divisor']);

/** Fields that only we may fill: an entry that somebody adds there changes what the object does. */
const exclusive = new Set(['selector', 'matchLabels', 'data', 'stringData', 'binaryData', 'env', 'ports']);

/** Lists whose order matters: a variable may refer to earlier ones. */
const ordered = new Set(['env']);

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The API server does not store empty values, so an absent field equals an empty one. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/**
 * Whether `stored` has every value of `wanted`. `field`: the name of the field that has these values; `parent`: the name of
 * the field around it.
 */
export function includes(stored: unknown, wanted: unknown, field = '', parent = ''): boolean {
  if (stored === undefined || stored === null) return isEmpty(wanted);
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) return Array.isArray(stored) && includesItems(stored, wanted, field);
  if (isObject(wanted)) {
    if (!isObject(stored)) return false;
    return Object.entries(wanted).every(([name, value]) => includes(own(stored, name), value, name, field));
  }
  if (stored === wanted) return true;
  const isQuantity = quantityMaps.has(parent) || quantityFields.has(field);
  return isQuantity && sameQuantity(stored, wanted);
}

function includesItems(stored: unknown[], wanted: unknown[], field: string): boolean {
  const keys = keysOf(field, wanted);
  if (!keys) {
    return stored.length === wanted.length && wanted.every((item, index) => includes(stored[index], item));
  }
  return wanted.every((item) => {
    const match = stored.find((other) => haveSameKey(other, item, keys));
    return match !== undefined && includes(match, item);
  });
}

function keysOf(field: string, items: unknown[]): readonly string[] | undefined {
  if (field !== 'ports') return own(itemKeys, field);
  const first = items[0];
  return isObject(first) && 'containerPort' in first ? containerPort : servicePort;
}

const keyValue = (item: Json, key: string): unknown =>
  key === 'protocol' ? (own(item, key) ?? 'TCP') : own(item, key);

const haveSameKey = (a: unknown, b: unknown, keys: readonly string[]): boolean =>
  isObject(a) && isObject(b) && keys.every((key) => keyValue(a, key) === keyValue(b, key));

/**
 * The stored object without entries that others added to fields of ours (a label in a selector, a port, a variable,
 * a key of a ConfigMap). Server-side apply leaves such entries alone. Returns the same object when there is none.
 */
export function withoutForeignEntries<T>(stored: T, wanted: unknown): T {
  return prune(stored, wanted, '', false) as T;
}

/**
 * Like withoutForeignEntries, and adds the wanted items that are missing in these lists. Server-side apply cannot add an
 * item while a foreign one conflicts with it: two ports of a Service cannot have the same name.
 */
export function restored<T>(stored: T, wanted: unknown): T {
  return prune(stored, wanted, '', true) as T;
}

function prune(stored: unknown, wanted: unknown, field: string, addsWanted: boolean): unknown {
  if (Array.isArray(stored) && Array.isArray(wanted)) return pruneItems(stored, wanted, field, addsWanted);
  if (!isObject(stored) || !isObject(wanted)) return stored;
  const entries = Object.entries(stored);
  const kept = entries.flatMap(([name, value]): [string, unknown][] => {
    if (Object.hasOwn(wanted, name)) return [[name, prune(value, own(wanted, name), name, addsWanted)]];
    return exclusive.has(field) ? [] : [[name, value]];
  });
  const isAsBefore = kept.length === entries.length && kept.every(([, value], i) => value === entries[i]![1]);
  return isAsBefore ? stored : Object.fromEntries(kept);
}

function pruneItems(stored: unknown[], wanted: unknown[], field: string, addsWanted: boolean): unknown {
  const keys = keysOf(field, wanted);
  if (!keys) return stored;
  const kept = stored.flatMap((item) => {
    const match = wanted.find((other) => haveSameKey(item, other, keys));
    if (match === undefined) return exclusive.has(field) ? [] : [item];
    return [prune(item, match, '', addsWanted)];
  });
  if (addsWanted && exclusive.has(field)) {
    kept.push(...wanted.filter((item) => !stored.some((other) => haveSameKey(other, item, keys))));
  }
  if (ordered.has(field)) {
    const indexOf = (item: unknown) => wanted.findIndex((other) => haveSameKey(item, other, keys));
    kept.sort((a, b) => indexOf(a) - indexOf(b));
  }
  const isAsBefore = kept.length === stored.length && kept.every((item, i) => item === stored[i]);
  return isAsBefore ? stored : kept;
}
