// Strategic merge patch for built-in types: lists merge by the keys their schema names, and $patch, $retainKeys,
// $deleteFromPrimitiveList and $setElementOrder direct it. Pure.

import { own, setOwn } from '../../runtime/own-keys.ts';
import { deref, fieldSchema, type Schema, type SchemaRoot } from '../schema/schema.ts';
import { badRequest } from '../status.ts';
import { asString, equal, isObj, type Obj } from '../types.ts';

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

function retain(out: Obj, patch: Obj): void {
  const keys = patch.$retainKeys;
  if (!Array.isArray(keys)) return;
  for (const name of Object.keys(out)) if (!keys.includes(name)) delete out[name];
}

function deleteValues(out: Obj, name: string, gone: unknown): void {
  const list = own(out, name);
  if (Array.isArray(list) && Array.isArray(gone))
    setOwn(
      out,
      name,
      list.filter((value) => !gone.some((g) => equal(g, value))),
    );
}

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
    const all = [...base, ...value.filter((v) => !base.some((b) => equal(b, v)))];
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
  let out = [...base];
  for (const item of patch) {
    if (!isObj(item)) continue;
    const identity = item[key];
    if (identity === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const at = out.findIndex((other) => isObj(other) && equal(other[key], identity));
    if (item.$patch === 'delete') out = out.filter((other) => !(isObj(other) && equal(other[key], identity)));
    else if (at < 0) out.push(mergeObject(root, items, {}, item));
    else out[at] = mergeObject(root, items, out[at] as Obj, item);
  }
  const asked = Array.isArray(order)
    ? order
    : patch.filter((item) => isObj(item) && item.$patch === undefined);
  return sorted(out, key, asked, base);
}

/**
 * Puts a list into the order a patch asks for. What the order names comes as it says; the rest keeps its place
 * among them by where both stood before, and what is new comes before the rest: apimachinery's normalizeElementOrder.
 */
function sorted(list: unknown[], key: string | undefined, order: unknown, before: unknown[]): unknown[] {
  if (!Array.isArray(order)) return list;
  const identity = (value: unknown) => (key && isObj(value) ? value[key] : value);
  const place = (all: unknown[], value: unknown) =>
    all.findIndex((other) => equal(identity(other), identity(value)));
  const named = list
    .filter((value) => place(order, value) >= 0)
    .sort((a, b) => place(order, a) - place(order, b));
  const rest = list.filter((value) => place(order, value) < 0);
  const out: unknown[] = [];
  while (named.length > 0 && rest.length > 0) {
    const first = place(before, named[0]);
    out.push(first < 0 || first < place(before, rest[0]) ? named.shift() : rest.shift());
  }
  return [...out, ...named, ...rest];
}

function reorder(schema: Schema, out: Obj, name: string, order: unknown): void {
  const list = own(out, name);
  const key = fieldSchema(schema, name)?.['x-kubernetes-patch-merge-key'];
  if (Array.isArray(list)) setOwn(out, name, sorted(list, key, order, list));
}
