// DELETE of one object: checks preconditions, runs admission, and applies finalizers and the grace period. An object
// with a finalizer or a grace period only gets a deletionTimestamp.

import { joinKey } from '../../kube/objects.ts';
import type { Attributes } from '../admission/admission.ts';
import type { ApiCall } from '../call.ts';
import { hasSpecFinalizers, load, ordered, type ResourceType, reviewedNamespace } from '../resources.ts';
import { ApiError, conflict, forbidden, notFound } from '../status.ts';
import type { Entry } from '../store/entry.ts';
import { asObj, asString, asStrings, equal, type Item, type Obj, timestamp } from '../types.ts';
import type { Core } from './core.ts';

export interface Deletion {
  item: Item;
  /** False while finalizers or the grace period keep the object. */
  gone: boolean;
}

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

export interface DeleteTarget {
  namespace: string;
  name: string;
  /** The delete is part of a deletecollection, so webhooks get no name. */
  collection?: boolean;
}

export async function remove(
  core: Core,
  call: ApiCall,
  type: ResourceType,
  target: DeleteTarget,
  options: Obj,
): Promise<Deletion> {
  const table = core.store.table(type.table);
  const key = joinKey(target.namespace, target.name);
  for (;;) {
    const entry = table.get(key);
    if (!entry) throw notFound(type, target.name);
    checkPreconditions(type, entry, asObj(options.preconditions));
    if (type.strategy.undeletable?.has(target.name))
      throw forbidden(type, target.name, `this ${type.singular} may not be deleted`);
    const old = load(type, entry);
    await admit(core, type, target, old, call);
    // Otherwise the object changed while webhooks ran, so check the new revision.
    if (table.get(key) === entry) return markOrRemove(core, type, entry, old, options, call);
  }
}

function checkPreconditions(type: ResourceType, entry: Entry, wanted: Obj): void {
  if (wanted.uid !== undefined && wanted.uid !== entry.uid)
    throw conflict(
      type,
      entry.name,
      `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${entry.uid}`,
    );
  if (wanted.resourceVersion !== undefined && Number(wanted.resourceVersion) !== entry.rv)
    throw conflict(
      type,
      entry.name,
      `Precondition failed: ResourceVersion in precondition: ${wanted.resourceVersion}, ResourceVersion in object meta: ${entry.rv}`,
    );
}

async function admit(
  core: Core,
  type: ResourceType,
  target: DeleteTarget,
  old: Item,
  call: ApiCall,
): Promise<void> {
  const attributes: Attributes = {
    type,
    operation: 'DELETE',
    subresource: '',
    namespace: reviewedNamespace(type, target),
    name: target.collection ? '' : target.name,
    call,
    object: undefined,
    old,
  };
  await core.admission.mutate(attributes, (item) => item);
  await core.admission.validate(attributes);
}

/** The object's finalizers, with the one that the requested propagation policy needs. */
function finalizersFor(item: Item, options: Obj): string[] {
  const kept = asStrings(item.metadata.finalizers);
  const policy = asString(options.propagationPolicy);
  const orphan = policy === 'Orphan' || options.orphanDependents === true;
  if (!policy && options.orphanDependents === undefined) return kept;
  const rest = kept.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer);
  if (orphan) return [...rest, orphanFinalizer];
  return policy === 'Foreground' ? [...rest, foregroundFinalizer] : rest;
}

export function checkDeleteOptions(options: Obj): void {
  const policy = options.propagationPolicy;
  if (policy !== undefined && options.orphanDependents !== undefined)
    throw invalidOptions(
      'propagationPolicy',
      `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
    );
  if (policy !== undefined && !['Foreground', 'Background', 'Orphan'].includes(asString(policy)))
    throw invalidOptions(
      'propagationPolicy',
      `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
    );
  const dryRun = asStrings(options.dryRun);
  if (dryRun.some((value) => value !== 'All'))
    throw invalidOptions('dryRun', `Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`);
}

const invalidOptions = (path: string, message: string) =>
  new ApiError(422, 'Invalid', `DeleteOptions.meta.k8s.io "" is invalid: ${path}: ${message}`, {
    group: 'meta.k8s.io',
    kind: 'DeleteOptions',
    causes: [
      {
        reason: message.startsWith('Unsupported') ? 'FieldValueNotSupported' : 'FieldValueInvalid',
        message,
        field: path,
      },
    ],
  });

async function markOrRemove(
  core: Core,
  type: ResourceType,
  entry: Entry,
  old: Item,
  options: Obj,
  call: ApiCall,
): Promise<Deletion> {
  const item = structuredClone(old);
  const finalizers = finalizersFor(item, options);
  const { graceSeconds, isNamespace } = type.strategy;
  const grace = graceSeconds?.(item, options.gracePeriodSeconds) ?? 0;
  const mustWait = finalizers.length > 0 || grace > 0 || hasSpecFinalizers(type, item);
  if (finalizers.length > 0) item.metadata.finalizers = finalizers;
  else delete item.metadata.finalizers;
  if (!mustWait) {
    // For a kind with a grace period, the deleted object reports a grace period of 0.
    if (graceSeconds) {
      if (!item.metadata.deletionTimestamp) item.metadata.generation = (item.metadata.generation ?? 0) + 1;
      item.metadata.deletionTimestamp ??= timestamp(core.clock.now());
      item.metadata.deletionGracePeriodSeconds = 0;
    }
    if (!call.dryRun) core.store.remove(entry, ordered(type.convert ? type.convert.toStored(item) : item));
    await core.store.durable();
    return { item, gone: true };
  }
  const now = core.clock.now();
  const isShorter = (item.metadata.deletionGracePeriodSeconds ?? 0) > grace;
  if (!item.metadata.deletionTimestamp || isShorter) {
    if (!item.metadata.deletionTimestamp && item.metadata.generation !== undefined)
      item.metadata.generation++;
    item.metadata.deletionTimestamp = timestamp(now + grace * 1000);
    item.metadata.deletionGracePeriodSeconds = grace;
  }
  if (isNamespace) item.status = { ...asObj(item.status), phase: 'Terminating' };
  if (!call.dryRun && !equal(item, old)) {
    core.store.replace(entry, ordered(type.convert ? type.convert.toStored(item) : item));
  }
  await core.store.durable();
  return { item, gone: false };
}
