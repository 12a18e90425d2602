// The vocabulary of the sandbox: objects as JSON, and safe ways to read them. Knows no kind and no protocol.

import type { KubeObject } from '../kube/objects.ts';
import { own, setOwn } from '../runtime/own-keys.ts';

/** A JSON object of unknown shape. */
export type Obj = Record<string, unknown>;

/** A Kubernetes object of any kind. */
export interface Item extends KubeObject {
  [field: string]: unknown;
}

export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silent: Logger = { info() {}, warn() {}, error() {} };

export function isObj(value: unknown): value is Obj {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` if it is an object, otherwise an empty object. */
export function asObj(value: unknown): Obj {
  return isObj(value) ? value : {};
}

/** The objects in the list `value`. Empty when it is not a list. */
export function asList(value: unknown): Obj[] {
  return Array.isArray(value) ? value.filter(isObj) : [];
}

/** The strings in the list `value`. Empty when it is not a list. */
export function asStrings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
}

export function asString(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function asNumber(value: unknown, otherwise = 0): number {
  return typeof value === 'number' ? value : otherwise;
}

/** The value at a dotted path of plain field names, or undefined. */
export function dig(value: unknown, path: string): unknown {
  let at: unknown = value;
  for (const field of path.split('.')) {
    if (!isObj(at)) return undefined;
    at = own(at, field);
  }
  return at;
}

/** Sets the value at a dotted path, and creates objects on the way. */
export function put(target: Obj, path: string, value: unknown): void {
  const fields = path.split('.');
  const last = fields.pop() as string;
  let at = target;
  for (const field of fields) {
    if (!isObj(own(at, field))) setOwn(at, field, {});
    at = own(at, field) as Obj;
  }
  setOwn(at, last, value);
}

/** Deep equality of JSON values; the order of object keys does not matter. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((value, i) => equal(value, b[i]));
  }
  if (!isObj(a) || !isObj(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(own(a, key), own(b, key)))
  );
}

/** A text that is the same for two JSON values if and only if they are `equal`. Use it as the key of a Map. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObj(value)) return JSON.stringify(value) ?? 'undefined';
  const fields = Object.keys(value).sort();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(own(value, key))}`).join(',')}}`;
}

export function clone<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}

/** RFC 3339 in whole seconds, as Kubernetes writes `metav1.Time`. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
