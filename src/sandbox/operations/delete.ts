// DELETE of one object: preconditions, admission, finalizers and grace. An object with a finalizer is only marked.

import { joinKey } from '../../kube/objects.ts';
import type { Attributes } from '../admission/admission.ts';
import type { Call } from '../call.ts';
import { load, ordered, type ResourceType } from '../resources.ts';
import { ApiError, conflict, forbidden, notFound } from '../status.ts';
import type { Entry } from '../store/entry.ts';
import { asNumber, asObj, asString, asStrings, equal, type Item, type Obj, timestamp } from '../types.ts';
import type { Core } from './core.ts';

export interface Deletion {
  item: Item;
  /** False while finalizers or the grace period keep it. */
  gone: boolean;
}

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';
const undeletable = new Set(['default', 'kube-system', 'kube-public']);

export interface DeleteTarget {
  namespace: string;
  name: string;
  /** Part of a collection delete: webhooks get no name. */
  collection?: boolean;
}

export async function remove(
  core: Core,
  type: ResourceType,
  target: DeleteTarget,
  options: Obj,
  call: Call,
): Promise<Deletion> {
  const table = core.store.table(type.table);
  const key = joinKey(target.namespace, target.name);
  for (;;) {
    const entry = table.get(key);
    if (!entry) throw notFound(type, target.name);
    checkPreconditions(type, entry, asObj(options.preconditions));
    if (type.table === '/namespaces' && undeletable.has(target.name))
      throw forbidden(type, target.name, 'this namespace may not be deleted');
    const old = load(type, entry);
    await admit(core, type, target, old, call);
    if (table.get(key) === entry) return mark(core, type, entry, old, options, call);
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
  call: Call,
): Promise<void> {
  const attributes: Attributes = {
    type,
    operation: 'DELETE',
    subresource: '',
    namespace: type.table === '/namespaces' ? target.name : target.namespace,
    name: target.collection ? '' : target.name,
    call,
    object: undefined,
    old,
  };
  await core.admission.mutate(attributes, (item) => item);
  await core.admission.validate(attributes);
}

/** The finalizers that a propagation policy puts on the object. */
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

/** The grace period in seconds. Only a pod on a node has one. */
function graceOf(type: ResourceType, item: Item, options: Obj): number {
  if (type.table !== '/pods') return 0;
  const spec = asObj(item.spec);
  const phase = asString(asObj(item.status).phase);
  if (!spec.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0;
  const own = asNumber(spec.terminationGracePeriodSeconds, 30);
  // Kubernetes' interpretation of a negative value.
  return Math.max(0, asNumber(options.gracePeriodSeconds, own < 0 ? 1 : own));
}

async function mark(
  core: Core,
  type: ResourceType,
  entry: Entry,
  old: Item,
  options: Obj,
  call: Call,
): Promise<Deletion> {
  const item = structuredClone(old);
  const finalizers = finalizersFor(item, options);
  const grace = graceOf(type, item, options);
  const isNamespace = type.table === '/namespaces';
  const waits =
    finalizers.length > 0 || grace > 0 || (isNamespace && asStrings(asObj(item.spec).finalizers).length > 0);
  if (finalizers.length > 0) item.metadata.finalizers = finalizers;
  else delete item.metadata.finalizers;
  if (!waits) {
    // A kind with a grace period reports that there was none.
    if (type.table === '/pods') {
      if (!item.metadata.deletionTimestamp) item.metadata.generation = (item.metadata.generation ?? 0) + 1;
      item.metadata.deletionTimestamp ??= timestamp(core.clock.now());
      item.metadata.deletionGracePeriodSeconds = 0;
    }
    if (!call.dryRun) core.store.remove(entry, ordered(type.convert ? type.convert.toStored(item) : item));
    await core.store.durable();
    return { item, gone: true };
  }
  const now = core.clock.now();
  const shorter = (item.metadata.deletionGracePeriodSeconds ?? 0) > grace;
  if (!item.metadata.deletionTimestamp || shorter) {
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
