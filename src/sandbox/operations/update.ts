// UPDATE and PATCH: read, change, admit, compare-and-swap. After a conflict everything is done again, including
// admission, unless the caller named a version.

import { joinKey } from '../../kube/objects.ts';
import { own } from '../../runtime/own-keys.ts';
import type { Attributes } from '../admission/admission.ts';
import type { ApiCall } from '../call.ts';
import { trackUpdate } from '../fields/managed.ts';
import { hasSpecFinalizers, load, ordered, type ResourceType, reviewedNamespace } from '../resources.ts';
import { badRequest, conflict, field, invalid, notFound } from '../status.ts';
import type { Entry } from '../store/entry.ts';
import { asStrings, equal, type Item } from '../types.ts';
import { type Core, checkIdentity, refine, reportUnknown, validateItem, type Written } from './core.ts';
import { allocate, throwIf } from './create.ts';

/** A subresource with its own format: what callers and webhooks see and write instead of the object. */
export interface Form {
  kind: { group: string; version: string; kind: string };
  show(item: Item): Item;
  /** Returns `item`, which it may modify, with the values of `shown`. */
  take(item: Item, shown: Item): Item;
}

export interface UpdateTarget {
  namespace: string;
  name: string;
  /** '' for the object itself, 'status', or another part that is written separately. */
  subresource: string;
  form?: Form;
  /** Replaces the whole object (PUT) instead of patching it. */
  replace?: boolean;
  /** The object has its managed fields already (server-side apply). */
  applied?: boolean;
  /** Unknown fields in the caller's patch are reported, and are no error unless Strict. */
  reportUnknown?: boolean;
}

/** The number of attempts of kube-apiserver's patch handler. */
const attempts = 5;

/** `change` gets the object in this version, may modify it, and returns what it should become. */
export async function update(
  core: Core,
  call: ApiCall,
  type: ResourceType,
  target: UpdateTarget,
  change: (live: Item) => Item,
): Promise<Written> {
  const table = core.store.table(type.table);
  const key = joinKey(target.namespace, target.name);
  for (let attempt = 1; ; attempt++) {
    const entry = table.get(key);
    if (!entry) throw notFound(type, target.name);
    const live = load(type, entry);
    const next = change(load(type, entry));
    const named = next.metadata?.resourceVersion;
    if (target.replace && !type.builtin && !named) throw unversioned(type, target.name);
    if (named && named !== '0' && Number(named) !== entry.rv) throw conflict(type, target.name);
    const prepared = await prepareNext(core, type, live, next, call, target);
    if (table.get(key) === entry) return store(core, type, entry, live, prepared, call);
    // Somebody wrote in between: try again with the current object. A caller that named a version gets the
    // conflict.
    if (attempt >= attempts) throw conflict(type, target.name);
  }
}

/** A custom resource is never replaced without a version. */
const unversioned = (type: ResourceType, name: string) =>
  invalid({ group: type.group, kind: type.plural }, name, [
    {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: 0: must be specified for an update',
      field: 'metadata.resourceVersion',
    },
  ]);

async function prepareNext(
  core: Core,
  type: ResourceType,
  live: Item,
  given: Item,
  call: ApiCall,
  target: UpdateTarget,
): Promise<Item> {
  checkIdentity(type, given);
  const unknown = refine(type, given);
  if (target.reportUnknown !== false) reportUnknown(type, unknown, call);
  const next = keepFixed(type, live, given, target);
  const { form } = target;
  // A format of its own still writes the object itself. A status is validated as a part.
  const part = form ? '' : target.subresource;
  const attributes: Attributes = {
    type,
    operation: 'UPDATE',
    subresource: target.subresource,
    namespace: reviewedNamespace(type, target),
    name: target.name,
    call,
    ...(form
      ? { form: form.kind, object: form.show(next), old: form.show(live) }
      : { object: next, old: live }),
  };
  const answer = (await core.admission.mutate(attributes, (changed) => {
    if (form) return changed;
    refine(type, changed);
    return keepFixed(type, live, changed, target);
  })) as Item;
  const mutated = form ? keepFixed(type, live, form.take(next, answer), target) : answer;
  if (part === '') call.guard?.(type, mutated, live);
  if (part === '') type.strategy.prepareUpdate?.(mutated, live);
  else if (part === 'status') type.strategy.prepareStatus?.(mutated, live);
  countGeneration(type, live, mutated);
  validateItem(type, mutated, live, part);
  checkDeletion(type, live, mutated);
  if (part === '') throwIf(type, mutated, allocate(core, type, mutated));
  await core.admission.validate({ ...attributes, object: form ? form.show(mutated) : mutated });
  if (!target.applied) {
    const manager = { name: call.manager, operation: 'Update' as const, subresource: target.subresource };
    trackUpdate(type, live, mutated, manager, core.clock.now());
  }
  return mutated;
}

/**
 * Restores what this endpoint does not write: always the identity, and status or everything else depending on the
 * subresource.
 */
function keepFixed(type: ResourceType, live: Item, next: Item, target: UpdateTarget): Item {
  const meta = next.metadata;
  const old = live.metadata;
  if (meta.name && meta.name !== target.name)
    throw badRequest(
      `the name of the object (${meta.name}) does not match the name on the URL (${target.name})`,
    );
  if (meta.namespace && type.namespaced && meta.namespace !== target.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  if (meta.uid && meta.uid !== old.uid && !target.replace)
    throw invalid(type, target.name, [field.invalid('metadata.uid', meta.uid, 'field is immutable')]);
  if (meta.uid && meta.uid !== old.uid)
    throw conflict(
      type,
      target.name,
      `Precondition failed: UID in precondition: ${meta.uid}, UID in object meta: ${old.uid}`,
    );
  // When absent it stays. Another value is refused.
  if (meta.deletionTimestamp && meta.deletionTimestamp !== old.deletionTimestamp)
    throw invalid(type, target.name, [
      field.invalid('metadata.deletionTimestamp', meta.deletionTimestamp, 'field is immutable'),
    ]);
  let out = next;
  if (target.subresource === 'status') {
    const keepsMetadata = type.builtin;
    out = { ...live, metadata: keepsMetadata ? meta : { ...old }, status: next.status };
    if (!keepsMetadata && meta.managedFields) out.metadata.managedFields = meta.managedFields;
    if (next.status === undefined) delete out.status;
  } else if (type.status) {
    out.status = live.status;
    if (live.status === undefined) delete out.status;
  }
  out.metadata = {
    ...out.metadata,
    name: old.name,
    uid: old.uid,
    creationTimestamp: old.creationTimestamp,
    resourceVersion: old.resourceVersion,
  };
  const fixed = [
    'namespace',
    'generation',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generateName',
  ] as const;
  for (const name of fixed) {
    if (old[name] === undefined) delete out.metadata[name];
    else Object.assign(out.metadata, { [name]: old[name] });
  }
  out.apiVersion = live.apiVersion;
  out.kind = live.kind;
  return out;
}

/**
 * Increases the generation when anything but metadata changes and, where status has its own endpoint, anything but
 * status.
 */
function countGeneration(type: ResourceType, live: Item, next: Item): void {
  if (!type.generation) return;
  const ignored = new Set(['metadata', 'apiVersion', 'kind', ...(type.status ? ['status'] : [])]);
  const fields = Object.keys({ ...live, ...next }).filter((name) => !ignored.has(name));
  if (fields.some((name) => !equal(own(live, name), own(next, name))))
    next.metadata.generation = (live.metadata.generation ?? 0) + 1;
}

function checkDeletion(type: ResourceType, live: Item, next: Item): void {
  if (!live.metadata.deletionTimestamp) return;
  const before = asStrings(live.metadata.finalizers);
  const added = asStrings(next.metadata.finalizers).filter((name) => !before.includes(name));
  if (added.length > 0) {
    throw invalid(type, live.metadata.name, [
      field.forbidden(
        'metadata.finalizers',
        `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(', ')}}`,
      ),
    ]);
  }
}

/** An object that is being deleted goes when its last finalizer does. */
function finished(type: ResourceType, item: Item): boolean {
  if (!item.metadata.deletionTimestamp || asStrings(item.metadata.finalizers).length > 0) return false;
  if ((item.metadata.deletionGracePeriodSeconds ?? 0) > 0) return false;
  return !hasSpecFinalizers(type, item);
}

async function store(
  core: Core,
  type: ResourceType,
  entry: Entry,
  live: Item,
  next: Item,
  call: ApiCall,
): Promise<Written> {
  if (equal(live, next)) {
    await core.store.durable();
    return { item: live, entry };
  }
  if (call.dryRun) return { item: next, entry: undefined };
  const stored = ordered(type.convert ? type.convert.toStored(next) : next);
  const written = finished(type, stored)
    ? core.store.remove(entry, stored)
    : core.store.replace(entry, stored);
  await core.store.durable();
  next.metadata.resourceVersion = stored.metadata.resourceVersion;
  return { item: next, entry: written };
}
