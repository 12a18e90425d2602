// UPDATE and PATCH: reads the object, changes it, runs admission, and stores it with a compare-and-swap. After a
// conflict all steps run again, unless the caller sent a resourceVersion.

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

/** The format of a subresource that has its own kind (a Scale). Callers and webhooks use it instead of the object. */
export interface Form {
  kind: { group: string; version: string; kind: string };
  show(item: Item): Item;
  /** Copies the values of `shown` into `item`, which it may modify, and returns the result. */
  take(item: Item, shown: Item): Item;
}

export interface UpdateTarget {
  namespace: string;
  name: string;
  /** '' for the object itself, 'status', or the name of another subresource. */
  subresource: string;
  form?: Form;
  /** Replaces the whole object (PUT) instead of patching it. */
  replace?: boolean;
  /** Server-side apply has already computed the managed fields. */
  applied?: boolean;
  /** Default: true. Unknown fields are warnings or errors, as `call.validation` says. False: drops them silently. */
  reportUnknown?: boolean;
}

/** The number of attempts of kube-apiserver's patch handler. */
const attempts = 5;

/** `change` gets the stored object, converted to the version of `type`. It may modify it, and returns the new one. */
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
    const askedVersion = next.metadata?.resourceVersion;
    if (target.replace && !type.builtin && !askedVersion) throw versionRequired(type, target.name);
    if (askedVersion && askedVersion !== '0' && Number(askedVersion) !== entry.rv)
      throw conflict(type, target.name);
    const prepared = await prepareNext(core, type, live, next, call, target);
    if (table.get(key) === entry) return store(core, type, entry, live, prepared, call);
    // Another request has written the object meanwhile: retry with the current one. If the caller sent a
    // resourceVersion, it no longer matches, and the next round throws the conflict.
    if (attempt >= attempts) throw conflict(type, target.name);
  }
}

/** A PUT of a custom resource must have a resourceVersion. */
const versionRequired = (type: ResourceType, name: string) =>
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
  // A write through a Form changes the spec, so it gets the checks of a write of the whole object.
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
 * Restores the fields that this endpoint must not change. Those are always the identity of the object. A write to
 * /status also keeps all fields but the status; any other write keeps the status.
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
  // A client may omit the deletionTimestamp, but may not change it.
  if (meta.deletionTimestamp && meta.deletionTimestamp !== old.deletionTimestamp)
    throw invalid(type, target.name, [
      field.invalid('metadata.deletionTimestamp', meta.deletionTimestamp, 'field is immutable'),
    ]);
  let out = next;
  if (target.subresource === 'status') {
    // In Kubernetes a write to /status changes the metadata of built-in kinds, but not of custom resources.
    const writesMetadata = type.builtin;
    out = { ...live, metadata: writesMetadata ? meta : { ...old }, status: next.status };
    if (!writesMetadata && meta.managedFields) out.metadata.managedFields = meta.managedFields;
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

/** Increments the generation when a field changes. Ignores metadata and, if it is a subresource, status. */
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

/** Whether this write removes the object: it is being deleted, and no finalizer or grace period keeps it. */
function completesDeletion(type: ResourceType, item: Item): boolean {
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
    // Nothing to write. But the answer shows `live`, whose own write may still wait for its commit.
    await core.store.durable();
    return { item: live, entry };
  }
  if (call.dryRun) return { item: next, entry: undefined };
  const stored = ordered(type.convert ? type.convert.toStored(next) : next);
  const written = completesDeletion(type, stored)
    ? core.store.remove(entry, stored)
    : core.store.replace(entry, stored);
  await core.store.durable();
  next.metadata.resourceVersion = stored.metadata.resourceVersion;
  return { item: next, entry: written };
}
