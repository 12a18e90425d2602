// metadata.managedFields: who owns which field. Updated on every write; the basis of server-side apply. Knows
// schemas and objects, no storage.

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

interface Entry extends Manager {
  apiVersion: string;
  time: string;
  fields: FieldSet;
}

const owners = (item: Item | undefined): Entry[] =>
  asList(item?.metadata.managedFields).map((entry) => ({
    name: asString(entry.manager),
    operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
    subresource: asString(entry.subresource),
    apiVersion: asString(entry.apiVersion),
    time: asString(entry.time),
    fields: FieldSet.fromJson(entry.fieldsV1),
  }));

function written(entries: Entry[]): Obj[] {
  const rank = (e: Entry) => [e.operation, e.time, e.name, e.apiVersion, e.subresource].join('\0');
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

/** Removes the fields that no manager owns, and those that another endpoint writes. */
function ownable(set: FieldSet, type: ResourceType, subresource: string): FieldSet {
  const out = set.without([...unowned, ...(type.status && subresource === '' ? ['f:status'] : [])]);
  const metadata = out.children.get('f:metadata')?.without(unownedMetadata);
  out.members.delete('f:metadata');
  if (metadata && !metadata.empty) out.children.set('f:metadata', metadata);
  else out.children.delete('f:metadata');
  return out;
}

const same = (a: Manager, b: Manager) =>
  a.name === b.name && a.operation === b.operation && a.subresource === b.subresource;

/** The metadata of an object before it existed: fields that every object gets belong to nobody. */
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
  // Somebody cleared the owners, or there were none. Record nothing until the next apply.
  if (old !== undefined && owners(old).length === 0 && owners(item).length === 0) {
    delete item.metadata.managedFields;
    return;
  }
  const cleared = Array.isArray(given) && given.length === 0 && old !== undefined;
  const before = owners(Array.isArray(given) && given.length > 0 ? item : cleared ? undefined : old);
  const { changed, removed } = difference(
    type.schema,
    old ? withoutManaged(old) : blank(),
    withoutManaged(item),
  );
  const mine: Entry = {
    ...manager,
    apiVersion: apiVersionOf(type),
    time: timestamp(now),
    fields: ownable(changed, type, manager.subresource),
  };
  const gone = changed.union(removed);
  const entries: Entry[] = [];
  let known = false;
  for (const entry of before) {
    const own = same(entry, manager) && entry.apiVersion === mine.apiVersion;
    if (!own) {
      const fields = entry.fields.minus(gone);
      entries.push(fields.equals(entry.fields) ? entry : { ...entry, fields });
      continue;
    }
    known = true;
    const fields = entry.fields.minus(removed).union(mine.fields);
    // Update the time when a value changes, even if this manager owned the field before.
    const isSame = mine.fields.empty && fields.equals(entry.fields);
    entries.push(isSame ? entry : { ...mine, fields });
  }
  if (!known) entries.push(mine);
  const list = written(entries);
  if (list.length > 0) item.metadata.managedFields = list;
  else delete item.metadata.managedFields;
}

function conflictError(conflicts: [Entry, FieldSet][]): ApiError {
  const named = conflicts.map(([entry, set]) => {
    const where = entry.subresource ? ` with subresource ${JSON.stringify(entry.subresource)}` : '';
    const using = entry.operation === 'Update' ? ` using ${entry.apiVersion}` : '';
    return { who: `${JSON.stringify(entry.name)}${where}${using}`, paths: set.paths() };
  });
  const causes = named.flatMap(({ who, paths }) =>
    paths.map((path) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field: path })),
  );
  const one = causes.length === 1;
  const lines = named.map(
    ({ who, paths }) =>
      `conflict${paths.length === 1 ? '' : 's'} with ${who}:${paths.length === 1 ? ` ${paths[0]}` : paths.map((p) => `\n- ${p}`).join('')}`,
  );
  const message = `Apply failed with ${causes.length} conflict${one ? '' : 's'}: ${lines.join('\n')}`;
  return new ApiError(409, 'Conflict', message, { causes });
}

/** The owners of existing fields. Fields without an owner belong to "before-first-apply". */
function ownersBefore(type: ResourceType, live: Item, now: number): Entry[] {
  const known = owners(live);
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
  const all = live ? ownersBefore(type, live, options.now) : [];
  const others = all.filter((entry) => !same(entry, me));
  const last = all.find((entry) => same(entry, me));
  const base = live ? withoutManaged(live) : undefined;
  const set = ownable(fieldsOf(type.schema, config), type, options.subresource);
  let merged = clone(merge(type.schema, base, config)) as Item;
  if (last) {
    const kept = others.reduce((sum, entry) => sum.union(entry.fields), set);
    merged = remove(type.schema, merged, last.fields.minus(set), kept) as Item;
  }
  const { changed, removed } = difference(type.schema, base ?? blank(), merged);
  const conflicts = others
    .map((entry): [Entry, FieldSet] => [entry, entry.fields.and(changed)])
    .filter(([, both]) => !both.empty);
  if (conflicts.length > 0 && !options.force) throw conflictError(conflicts);
  const gone = changed.union(removed);
  const mine: Entry = { ...me, apiVersion: apiVersionOf(type), time: timestamp(options.now), fields: set };
  const unchanged = last && last.apiVersion === mine.apiVersion && last.fields.equals(set);
  const entries = others.map((entry) => ({ ...entry, fields: entry.fields.minus(gone) }));
  merged.metadata.managedFields = written([...entries, unchanged ? last : mine]);
  return merged;
}
