// Compares, merges and prunes objects field by field, as their schema says. Also lists the fields that a value sets.
// Works as structured-merge-diff does in Kubernetes. Knows no managers.

import { own, setOwn } from '../../runtime/own-keys.ts';
import { deref, fieldSchema, type Schema, type SchemaRoot } from '../schema/schema.ts';
import { equal, isObj, type Obj } from '../types.ts';
import { FieldSet } from './set.ts';

/** How a value merges: as a whole, by field, by key, or by value. */
type Shape = 'leaf' | 'map' | 'keyed' | 'set';

function shapeOf(schema: Schema, value: unknown): Shape {
  if (Array.isArray(value)) {
    if (schema['x-kubernetes-list-type'] === 'map') return 'keyed';
    return schema['x-kubernetes-list-type'] === 'set' ? 'set' : 'leaf';
  }
  return isObj(value) && schema['x-kubernetes-map-type'] !== 'atomic' ? 'map' : 'leaf';
}

/** The schema of a list's items. Without one, objects merge by field and lists as a whole. */
const itemsOf = (root: SchemaRoot, schema: Schema): Schema => deref(root, schema.items ?? {});

/** The schema of a field. Keeps the mark `x-value-struct`: Go always writes this struct. */
function fieldOf(root: SchemaRoot, schema: Schema, name: string): Schema {
  const known = fieldSchema(schema, name);
  if (!known) return {};
  const target = deref(root, known);
  return known.$ref && known['x-value-struct'] ? { ...target, 'x-value-struct': true } : target;
}

function keyOf(root: SchemaRoot, schema: Schema, item: unknown): string {
  const keys = [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort();
  const properties = itemsOf(root, schema).properties;
  const values: Obj = {};
  for (const key of keys) {
    const value = isObj(item) ? own(item, key) : undefined;
    setOwn(values, key, value === undefined ? own(properties, key)?.default : value);
  }
  return `k:${JSON.stringify(values)}`;
}

const isEmpty = (value: unknown) =>
  (Array.isArray(value) && value.length === 0) || (isObj(value) && Object.keys(value).length === 0);

/** The parts of a value that merge separately: element → (schema, value), in order. */
function parts(root: SchemaRoot, schema: Schema, value: unknown): Map<string, [Schema, unknown]> {
  const out = new Map<string, [Schema, unknown]>();
  const shape = shapeOf(schema, value);
  if (shape === 'map') {
    for (const [name, child] of Object.entries(value as Obj))
      out.set(`f:${name}`, [fieldOf(root, schema, name), child]);
  } else if (shape === 'keyed') {
    for (const item of value as unknown[]) out.set(keyOf(root, schema, item), [itemsOf(root, schema), item]);
  } else if (shape === 'set') {
    for (const item of value as unknown[]) out.set(`v:${JSON.stringify(item)}`, [{}, item]);
  }
  return out;
}

/** The fields that a configuration sets. Its applier owns them. */
export function fieldsOf(root: SchemaRoot, value: unknown): FieldSet {
  const out = new FieldSet();
  collect(root, deref(root, root.schema), value, out);
  return out;
}

function collect(root: SchemaRoot, schema: Schema, value: unknown, out: FieldSet): void {
  for (const [element, [child, part]] of parts(root, schema, value)) {
    const shape = shapeOf(child, part);
    const isDeclared = element.startsWith('f:') && own(schema.properties, element.slice(2)) !== undefined;
    if (shape === 'leaf' || isEmpty(part) || !isDeclared) out.members.add(element);
    if (shape !== 'leaf' && !isEmpty(part)) collect(root, child, part, out.child(element));
  }
}

/** The first key that a keyed list has twice, in the words of structured-merge-diff. */
export function duplicateKey(root: SchemaRoot, value: unknown): string | undefined {
  return findDuplicateKey(root, deref(root, root.schema), value, '');
}

function findDuplicateKey(
  root: SchemaRoot,
  schema: Schema,
  value: unknown,
  path: string,
): string | undefined {
  const all = parts(root, schema, value);
  if (Array.isArray(value) && shapeOf(schema, value) === 'keyed' && all.size < value.length) {
    const keys = value.map((item) => keyOf(root, schema, item));
    const seen = new Set<string>();
    const key = keys.find((one) => seen.has(one) || !seen.add(one)) ?? '';
    const pairs = Object.entries(JSON.parse(key.slice(2)) as Obj);
    const keyText = pairs.map(([name, of]) => `${name}=${JSON.stringify(of)}`).join(',');
    return `${path}: duplicate entries for key [${keyText}]`;
  }
  for (const [element, [child, part]] of all) {
    const at = element.startsWith('f:') ? `${path}.${element.slice(2)}` : `${path}[${element.slice(2)}]`;
    const found = findDuplicateKey(root, child, part, at);
    if (found) return found;
  }
  return undefined;
}

export interface Difference {
  /** Added or changed fields. */
  changed: FieldSet;
  removed: FieldSet;
}

export function difference(root: SchemaRoot, before: unknown, after: unknown): Difference {
  const out = { changed: new FieldSet(), removed: new FieldSet() };
  compare(root, deref(root, root.schema), before, after, out);
  return out;
}

function compare(root: SchemaRoot, schema: Schema, before: unknown, after: unknown, out: Difference): void {
  const old = parts(root, schema, before);
  const now = parts(root, schema, after);
  for (const [element, [child, value]] of now) {
    const was = old.get(element);
    // A struct that Go always writes (x-value-struct) never counts as added.
    const isNew = was === undefined && !child['x-value-struct'];
    const shape = shapeOf(child, value);
    if (isNew || shape === 'leaf' || (was && shape !== shapeOf(child, was[1]))) {
      if (!was || !equal(was[1], value)) out.changed.members.add(element);
      if (shape === 'leaf') continue;
    }
    if (isEmpty(value) && !was) continue;
    const below = { changed: new FieldSet(), removed: new FieldSet() };
    compare(root, child, was?.[1], value, below);
    if (!below.changed.empty) out.changed.children.set(element, below.changed);
    if (!below.removed.empty) out.removed.children.set(element, below.removed);
  }
  for (const [element, [child, value]] of old) {
    if (now.has(element)) continue;
    out.removed.members.add(element);
    const below = { changed: new FieldSet(), removed: new FieldSet() };
    compare(root, child, value, undefined, below);
    if (!below.removed.empty) out.removed.children.set(element, below.removed);
  }
}

/** Merges `over` into `base`: the values of `over` win, everything else stays. */
export function merge(root: SchemaRoot, base: unknown, over: unknown): unknown {
  return mergeAt(root, deref(root, root.schema), base, over);
}

function mergeAt(root: SchemaRoot, schema: Schema, base: unknown, over: unknown): unknown {
  const shape = shapeOf(schema, over);
  if (base === undefined || shape === 'leaf' || shapeOf(schema, base) !== shape) return over;
  const old = parts(root, schema, base);
  for (const [element, [child, value]] of parts(root, schema, over)) {
    const was = old.get(element);
    old.set(element, [child, was ? mergeAt(root, child, was[1], value) : value]);
  }
  return rebuild(shape, old);
}

function rebuild(shape: Shape, all: Map<string, [Schema, unknown]>): unknown {
  if (shape !== 'map') return [...all.values()].map(([, value]) => value);
  return Object.fromEntries([...all].map(([element, [, value]]) => [element.slice(2), value]));
}

/** Removes `gone` from `value`, except what `kept` contains. */
export function remove(root: SchemaRoot, value: unknown, gone: FieldSet, kept: FieldSet): unknown {
  return removeAt(root, deref(root, root.schema), value, gone, kept);
}

function removeAt(root: SchemaRoot, schema: Schema, value: unknown, gone: FieldSet, kept: FieldSet): unknown {
  const shape = shapeOf(schema, value);
  if (shape === 'leaf') return value;
  const all = parts(root, schema, value);
  for (const [element, [child, part]] of all) {
    const isGone = gone.members.has(element);
    const below = gone.children.get(element);
    if (!isGone && !below) continue;
    const isKept = kept.members.has(element) || kept.children.get(element)?.empty === false;
    if (isGone && !isKept) {
      all.delete(element);
      continue;
    }
    if (!below) continue;
    const rest = removeAt(root, child, part, below, kept.children.get(element) ?? new FieldSet());
    if (isEmpty(rest) && !isEmpty(part) && !isKept) all.delete(element);
    else all.set(element, [child, rest]);
  }
  return rebuild(shape, all);
}
