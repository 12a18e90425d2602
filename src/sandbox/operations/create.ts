// CREATE, in the order of kube-apiserver: decode, mutating admission, names and defaults, validation, validating
// admission, storage. A mutating webhook sees neither uid nor generated name; a validating one sees both.

import { randomBytes, randomUUID } from 'node:crypto';
import { joinKey } from '../../kube/objects.ts';
import type { Attributes } from '../admission/admission.ts';
import type { ApiCall } from '../call.ts';
import { trackUpdate } from '../fields/managed.ts';
import { load, ordered, type ResourceType, reviewedNamespace } from '../resources.ts';
import {
  ApiError,
  alreadyExists,
  badRequest,
  definitionTerminating,
  type FieldError,
  invalid,
  stillThere,
} from '../status.ts';
import { parse } from '../store/entry.ts';
import { type Item, timestamp } from '../types.ts';
import {
  type Core,
  checkIdentity,
  guardNamespace,
  refine,
  reportUnknown,
  validateItem,
  type Written,
} from './core.ts';

/** apimachinery's alphabet for generated names: without vowels, so that no words appear. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
/** A generated name has at most 63 characters, five of them random. */
const maxPrefixLength = 58;

function generated(prefix: string): string {
  const suffix = [...randomBytes(5)].map((byte) => alphabet[byte % alphabet.length]).join('');
  return prefix.slice(0, maxPrefixLength) + suffix;
}

export interface CreateTarget {
  namespace: string;
  /** The object is the result of server-side apply and has its managed fields already. */
  applied?: boolean;
}

export async function create(
  core: Core,
  call: ApiCall,
  type: ResourceType,
  target: CreateTarget,
  item: Item,
): Promise<Written> {
  checkIdentity(type, item);
  const unknown = refine(type, item);
  reportUnknown(type, unknown, call);
  setNamespace(type, item, target.namespace);
  if (item.metadata.resourceVersion)
    throw new ApiError(500, '', 'resourceVersion should not be set on objects to be created');
  guardNamespace(core, type, target.namespace, item.metadata.name ?? '');
  guardDefinition(core, type);
  const attributes: Attributes = {
    type,
    operation: 'CREATE',
    subresource: '',
    namespace: reviewedNamespace(type, { namespace: target.namespace, name: item.metadata.name ?? '' }),
    name: item.metadata.name ?? '',
    call,
    object: dropServerFields(item),
    old: undefined,
  };
  const mutated = (await core.admission.mutate(attributes, (changed) => {
    refine(type, changed);
    return changed;
  })) as Item;
  // The rules of Kubernetes' built-in admission plugins.
  type.strategy.admit?.(type, mutated, (table, namespace, name) => {
    const entry = core.store.table(table).get(joinKey(namespace, name));
    return entry && parse(entry);
  });
  setServerFields(core, type, mutated);
  // Escalation: a user may not grant permissions that she lacks.
  call.guard?.(type, mutated, undefined);
  const stored = type.convert ? type.convert.toStored(mutated) : mutated;
  validateItem(type, mutated, undefined, '');
  throwIf(type, stored, allocate(core, type, stored));
  await core.admission.validate({ ...attributes, object: mutated, name: mutated.metadata.name });
  // The namespace may have gone while webhooks ran.
  guardNamespace(core, type, target.namespace, mutated.metadata.name);
  const table = core.store.table(type.table);
  const taken = table.get(joinKey(target.namespace, mutated.metadata.name));
  if (taken) throw (taken.deleting ? stillThere : alreadyExists)(type, mutated.metadata.name);
  if (!target.applied) {
    delete mutated.metadata.managedFields;
    trackUpdate(
      type,
      undefined,
      mutated,
      { name: call.manager, operation: 'Update', subresource: '' },
      core.clock.now(),
    );
  }
  if (type.convert && mutated.metadata.managedFields)
    stored.metadata.managedFields = mutated.metadata.managedFields;
  if (call.dryRun) return { item: mutated, entry: undefined };
  const entry = core.store.add(type.table, ordered(stored));
  await core.store.durable();
  return { item: type.convert ? load(type, entry) : mutated, entry };
}

const definitions = 'apiextensions.k8s.io/customresourcedefinitions';

/** Refuses a new object when the definition of its kind is being deleted. */
function guardDefinition(core: Core, type: ResourceType): void {
  if (type.builtin) return;
  if (core.store.table(definitions).get(`${type.plural}.${type.group}`)?.deleting)
    throw definitionTerminating(type);
}

function setNamespace(type: ResourceType, item: Item, namespace: string): void {
  if (!type.namespaced) {
    delete item.metadata.namespace;
    return;
  }
  if (item.metadata.namespace && item.metadata.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  item.metadata.namespace = namespace;
}

/** Removes the fields that only the server may set on a new object. */
function dropServerFields(item: Item): Item {
  const metadata = item.metadata as Partial<Item['metadata']> & { selfLink?: string };
  for (const name of [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'selfLink',
  ] as const)
    delete metadata[name];
  return item;
}

function setServerFields(core: Core, type: ResourceType, item: Item): void {
  dropServerFields(item);
  const metadata = item.metadata;
  if (!metadata.name && metadata.generateName) {
    const table = core.store.table(type.table);
    do metadata.name = generated(metadata.generateName);
    while (table.get(joinKey(metadata.namespace ?? '', metadata.name)));
  }
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(core.clock.now());
  if (type.generation) metadata.generation = 1;
  if (type.status) {
    if (type.builtin) item.status = {};
    else delete item.status;
  }
  type.strategy.prepareCreate?.(item);
}

/** Assigns values that must be unique in the cluster, such as a Service's IP. */
export function allocate(core: Core, type: ResourceType, item: Item): FieldError[] {
  if (!type.strategy.allocate) return [];
  const others = function* () {
    for (const entry of core.store.table(type.table).entries({ namespace: '', after: '' }))
      yield load(type, entry);
  };
  return type.strategy.allocate(item, others());
}

export function throwIf(type: ResourceType, item: Item, errors: FieldError[]): void {
  if (errors.length > 0) throw invalid(type, item.metadata.name, errors);
}
