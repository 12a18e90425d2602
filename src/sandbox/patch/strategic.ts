// Strategic merge patch for built-in types. Lists merge by the keys in their schema. A patch controls the merge with
// the directives $patch, $retainKeys, $deleteFromPrimitiveList and $setElementOrder. Pure.

import { own, setOwn } from '../../runtime/own-keys.ts';
import { deref, fieldSchema, type Schema, type SchemaRoot } from '../schema/schema.ts';
import { badRequest } from '../status.ts';
import { asString, canonical, isObj, type Obj } from '../types.ts';

const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

export function strategicPatch(root: SchemaRoot, target: Obj, patch: Obj): Obj {
  return mergeObject(root, deref(root, root.schema), target, patch);
}

function mergeObject(root: SchemaRoot, schema: Schema, target: Obj, patch: Obj): Obj {
  const directive = patch.$patch;
  if (directive === 'replace') return without(patch, ['$patch']);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`unrecognized patch directive: ${asString(directive)}`);
  const out = { ...target };
  retain(out, patch);
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue;
    if (value === null) {
      delete out[name];
      continue;
    }
    const known = fieldSchema(schema, name);
    const order = own(patch, orderPrefix + name);
    setOwn(out, name, mergeValue(root, known ?? {}, own(out, name), value, order));
  }
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(deletePrefix)) deleteValues(out, name.slice(deletePrefix.length), value);
    else if (name.startsWith(orderPrefix) && !Object.hasOwn(patch, name.slice(orderPrefix.length)))
      reorder(schema, out, name.slice(orderPrefix.length), value);
  }
  return out;
}

const without = (value: Obj, names: string[]): Obj =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

/** $retainKeys: deletes all fields that it does not list. */
function retain(out: Obj, patch: Obj): void {
  const keys = patch.$retainKeys;
  if (!Array.isArray(keys)) return;
  const kept = new Set(keys);
  for (const name of Object.keys(out)) if (!kept.has(name)) delete out[name];
}

function deleteValues(out: Obj, name: string, values: unknown): void {
  const list = own(out, name);
  if (!Array.isArray(list) || !Array.isArray(values)) return;
  const deleted = new Set(values.map(canonical));
  setOwn(
    out,
    name,
    list.filter((value) => !deleted.has(canonical(value))),
  );
}

/**
 * `known`: the schema of the field, before its `$ref` is followed; it has the field's patch strategy. `order`: the
 * field's $setElementOrder list, if the patch has one.
 */
function mergeValue(
  root: SchemaRoot,
  known: Schema,
  target: unknown,
  value: unknown,
  order: unknown,
): unknown {
  const schema = deref(root, known);
  if (isObj(value)) return mergeObject(root, schema, isObj(target) ? target : {}, value);
  if (!Array.isArray(value)) return value;
  const merges = asString(known['x-kubernetes-patch-strategy']).split(',').includes('merge');
  if (!merges) return value;
  const key = known['x-kubernetes-patch-merge-key'];
  const base = Array.isArray(target) ? target : [];
  if (!key) {
    const present = new Set(base.map(canonical));
    const all = [...base, ...value.filter((v) => !present.has(canonical(v)))];
    return sorted(all, undefined, Array.isArray(order) ? order : value, base);
  }
  return mergeList(root, deref(root, schema.items ?? {}), base, value, key, order);
}

function mergeList(
  root: SchemaRoot,
  items: Schema,
  base: unknown[],
  patch: unknown[],
  key: string,
  order: unknown,
): unknown[] {
  if (patch.some((item) => isObj(item) && item.$patch === 'replace'))
    return patch.filter((item) => isObj(item) && item.$patch !== 'replace');
  const out: unknown[] = [...base];
  /** For each merge key: the index of its first item in `out`. */
  const places = new Map<string, number>();
  out.forEach((other, i) => {
    if (isObj(other)) places.set(canonical(own(other, key)), places.get(canonical(own(other, key))) ?? i);
  });
  const deleted = new Set<string>();
  for (const item of patch) {
    if (!isObj(item)) continue;
    const identity = own(item, key);
    if (identity === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const id = canonical(identity);
    const at = places.get(id);
    if (item.$patch === 'delete') {
      deleted.add(id);
      places.delete(id);
    } else if (at === undefined) {
      places.set(id, out.length);
      out.push(mergeObject(root, items, {}, item));
    } else out[at] = mergeObject(root, items, out[at] as Obj, item);
  }
  // A patch may delete an item and then add it again: remove only the old one.
  const isDeleted = (other: unknown, i: number) => {
    if (!isObj(other)) return false;
    const id = canonical(own(other, key));
    return deleted.has(id) && places.get(id) !== i;
  };
  const merged = out.filter((other, i) => !isDeleted(other, i));
  const askedOrder = Array.isArray(order)
    ? order
    : patch.filter((item) => isObj(item) && item.$patch === undefined);
  return sorted(merged, key, askedOrder, base);
}

/**
 * Sorts a list as apimachinery's normalizeElementOrder does. The items in `order` come in that order. The other items
 * keep their order, and the two sequences are merged by the positions in `before`. An item of `order` that is new
 * (not in `before`) comes before the other items.
 */
function sorted(list: unknown[], key: string | undefined, order: unknown, before: unknown[]): unknown[] {
  if (!Array.isArray(order)) return list;
  const identity = (value: unknown) => canonical(key && isObj(value) ? own(value, key) : value);
  const placesIn = (all: unknown[]) => {
    const places = new Map<string, number>();
    for (const [i, value] of all.entries()) {
      const id = identity(value);
      if (!places.has(id)) places.set(id, i);
    }
    return (value: unknown) => places.get(identity(value)) ?? -1;
  };
  const [placeInOrder, placeBefore] = [placesIn(order), placesIn(before)];
  const inOrder = list
    .filter((value) => placeInOrder(value) >= 0)
    .map((value) => ({ value, place: placeInOrder(value) }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
  const rest = list.filter((value) => placeInOrder(value) < 0);
  const out: unknown[] = [];
  let [n, r] = [0, 0];
  while (n < inOrder.length && r < rest.length) {
    const first = placeBefore(inOrder[n]);
    out.push(first < 0 || first < placeBefore(rest[r]) ? inOrder[n++] : rest[r++]);
  }
  return [...out, ...inOrder.slice(n), ...rest.slice(r)];
}

/** Applies the $setElementOrder of a list when the patch does not contain the list itself. */
function reorder(schema: Schema, out: Obj, name: string, order: unknown): void {
  const list = own(out, name);
  const key = fieldSchema(schema, name)?.['x-kubernetes-patch-merge-key'];
  if (Array.isArray(list)) setOwn(out, name, sorted(list, key, order, list));
}
