// metadata.managedFields records which manager owns which field. Every write updates it, and server-side apply is
// based on it. Knows schemas and objects, no storage.

import { apiVersionOf, type ResourceType } from '../resources.ts';
import { ApiError } from '../status.ts';
import { asList, asString, clone, type Item, type Obj, timestamp } from '../types.ts';
import { FieldSet } from './set.ts';
import { difference, fieldsOf, merge, remove } from './typed.ts';

export interface Manager {
  name: string;
  operation: 'Apply' | 'Update';
  subresource: string;
}

interface ManagedEntry extends Manager {
  apiVersion: string;
  time: string;
  fields: FieldSet;
}

const readEntries = (item: Item | undefined): ManagedEntry[] =>
  asList(item?.metadata.managedFields).map((entry) => ({
    name: asString(entry.manager),
    operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
    subresource: asString(entry.subresource),
    apiVersion: asString(entry.apiVersion),
    time: asString(entry.time),
    fields: FieldSet.fromJson(entry.fieldsV1),
  }));

function writeEntries(entries: ManagedEntry[]): Obj[] {
  const rank = (e: ManagedEntry) => [e.operation, e.time, e.name, e.apiVersion, e.subresource].join('\0');
  return entries
    .filter((entry) => !entry.fields.empty)
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
    .map((e) => ({
      manager: e.name,
      operation: e.operation,
      apiVersion: e.apiVersion,
      time: e.time,
      fieldsType: 'FieldsV1',
      fieldsV1: e.fields.toJson(),
      ...(e.subresource ? { subresource: e.subresource } : {}),
    }));
}

const unowned = ['f:apiVersion', 'f:kind'];
const unownedMetadata = [
  'f:name',
  'f:namespace',
  'f:creationTimestamp',
  'f:selfLink',
  'f:uid',
  'f:generation',
  'f:managedFields',
  'f:resourceVersion',
  'f:deletionTimestamp',
  'f:deletionGracePeriodSeconds',
];

/** Removes the fields that no manager owns, and the status where only the status endpoint writes it. */
function ownable(fields: FieldSet, type: ResourceType, subresource: string): FieldSet {
  const out = fields.without([...unowned, ...(type.status && subresource === '' ? ['f:status'] : [])]);
  const metadata = out.children.get('f:metadata')?.without(unownedMetadata);
  out.members.delete('f:metadata');
  if (metadata && !metadata.empty) out.children.set('f:metadata', metadata);
  else out.children.delete('f:metadata');
  return out;
}

const same = (a: Manager, b: Manager) =>
  a.name === b.name && a.operation === b.operation && a.subresource === b.subresource;

/** Stands for an object before its creation. Its metadata is present, because no manager owns that field itself. */
function blank(): Obj {
  return { metadata: {} };
}

function withoutManaged(item: Item): Item {
  if (item.metadata.managedFields === undefined) return item;
  const { managedFields: _, ...metadata } = item.metadata;
  return { ...item, metadata };
}

/** Records in `item` what the writer changed against `old`. A client may clear managedFields on purpose. */
export function trackUpdate(
  type: ResourceType,
  old: Item | undefined,
  item: Item,
  manager: Manager,
  now: number,
): void {
  const given = item.metadata.managedFields;
  // Neither revision has entries, for example because a client cleared them. Record nothing until the next apply.
  if (old !== undefined && readEntries(old).length === 0 && readEntries(item).length === 0) {
    delete item.metadata.managedFields;
    return;
  }
  // A client may send a list of its own. An empty list clears the entries.
  const cleared = Array.isArray(given) && given.length === 0 && old !== undefined;
  const before = readEntries(Array.isArray(given) && given.length > 0 ? item : cleared ? undefined : old);
  const { changed, removed } = difference(
    type.schema,
    old ? withoutManaged(old) : blank(),
    withoutManaged(item),
  );
  const mine: ManagedEntry = {
    ...manager,
    apiVersion: apiVersionOf(type),
    time: timestamp(now),
    fields: ownable(changed, type, manager.subresource),
  };
  const lostByOthers = changed.union(removed);
  const entries: ManagedEntry[] = [];
  let hasOwnEntry = false;
  for (const entry of before) {
    const isOwn = same(entry, manager) && entry.apiVersion === mine.apiVersion;
    if (!isOwn) {
      const fields = entry.fields.minus(lostByOthers);
      entries.push(fields.equals(entry.fields) ? entry : { ...entry, fields });
      continue;
    }
    hasOwnEntry = true;
    const fields = entry.fields.minus(removed).union(mine.fields);
    // Update the time when a value changes, even if this manager owned the field before.
    const isSame = mine.fields.empty && fields.equals(entry.fields);
    entries.push(isSame ? entry : { ...mine, fields });
  }
  if (!hasOwnEntry) entries.push(mine);
  const list = writeEntries(entries);
  if (list.length > 0) item.metadata.managedFields = list;
  else delete item.metadata.managedFields;
}

function conflictError(conflicts: [ManagedEntry, FieldSet][]): ApiError {
  const perManager = conflicts.map(([entry, fields]) => {
    const where = entry.subresource ? ` with subresource ${JSON.stringify(entry.subresource)}` : '';
    const using = entry.operation === 'Update' ? ` using ${entry.apiVersion}` : '';
    return { who: `${JSON.stringify(entry.name)}${where}${using}`, paths: fields.paths() };
  });
  const causes = perManager.flatMap(({ who, paths }) =>
    paths.map((path) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field: path })),
  );
  const isSingle = causes.length === 1;
  const lines = perManager.map(
    ({ who, paths }) =>
      `conflict${paths.length === 1 ? '' : 's'} with ${who}:${paths.length === 1 ? ` ${paths[0]}` : paths.map((p) => `\n- ${p}`).join('')}`,
  );
  const message = `Apply failed with ${causes.length} conflict${isSingle ? '' : 's'}: ${lines.join('\n')}`;
  return new ApiError(409, 'Conflict', message, { causes });
}

/** The entries of a stored object. Without entries, all its fields belong to the manager "before-first-apply". */
function entriesBefore(type: ResourceType, live: Item, now: number): ManagedEntry[] {
  const known = readEntries(live);
  if (known.length > 0) return known;
  const { changed } = difference(type.schema, blank(), withoutManaged(live));
  const fields = ownable(changed, type, '');
  const manager: Manager = { name: 'before-first-apply', operation: 'Update', subresource: '' };
  return [{ ...manager, apiVersion: apiVersionOf(type), time: timestamp(now), fields }];
}

export interface ApplyOptions {
  manager: string;
  force: boolean;
  subresource: string;
  now: number;
}

/**
 * Server-side apply of `config` to `live` (undefined for a new object). Returns the object to store with its
 * managed fields. Throws the 409 that lists the conflicts.
 */
export function apply(type: ResourceType, live: Item | undefined, config: Item, options: ApplyOptions): Item {
  const me: Manager = { name: options.manager, operation: 'Apply', subresource: options.subresource };
  const all = live ? entriesBefore(type, live, options.now) : [];
  const others = all.filter((entry) => !same(entry, me));
  const lastApplied = all.find((entry) => same(entry, me));
  const base = live ? withoutManaged(live) : undefined;
  const configured = ownable(fieldsOf(type.schema, config), type, options.subresource);
  let merged = clone(merge(type.schema, base, config)) as Item;
  // Remove the fields that this manager applied last time and leaves out now, unless another manager owns them.
  if (lastApplied) {
    const kept = others.reduce((sum, entry) => sum.union(entry.fields), configured);
    merged = remove(type.schema, merged, lastApplied.fields.minus(configured), kept) as Item;
  }
  const { changed, removed } = difference(type.schema, base ?? blank(), merged);
  const conflicts = others
    .map((entry): [ManagedEntry, FieldSet] => [entry, entry.fields.and(changed)])
    .filter(([, both]) => !both.empty);
  if (conflicts.length > 0 && !options.force) throw conflictError(conflicts);
  const lostByOthers = changed.union(removed);
  const mine: ManagedEntry = {
    ...me,
    apiVersion: apiVersionOf(type),
    time: timestamp(options.now),
    fields: configured,
  };
  const unchanged =
    lastApplied && lastApplied.apiVersion === mine.apiVersion && lastApplied.fields.equals(configured);
  const entries = others.map((entry) => ({ ...entry, fields: entry.fields.minus(lostByOthers) }));
  merged.metadata.managedFields = writeEntries([...entries, unchanged ? lastApplied : mine]);
  return merged;
}
