// Rules and defaults that several kinds share.
import type { Kind } from '../src/api/define-kind.ts';
import { holdsOf, lotsOf } from '../src/api/holds.ts';
import { inUseFinalizer } from '../src/api/names.ts';
import { type Refusal, refuse } from '../src/api/refusals.ts';
import type { SpikeGoods } from '../src/api/spike-goods.ts';
import type { KubeObject } from '../src/kube/objects.ts';
import { same } from '../src/kube/same.ts';
import type { Referrers } from '../src/ledger/catalogue.ts';
import { allocateId, isOwnId } from './own-id.ts';
import type { Call, Rule } from './webhook.ts';

const namespaceController = 'system:serviceaccount:kube-system:namespace-controller';

/** The deletion of a namespace deletes everything in it, through these webhooks. It must never be blocked. */
export function isNamespaceCleanup(call: Call<KubeObject>): boolean {
  return (
    call.request.userInfo.username === namespaceController ||
    call.context.catalogue.isTerminating(call.namespace)
  );
}

/**
 * An object that is being deleted gets nothing new. The API server refuses new finalizers, and a spec that our
 * defaults complete would run through the rules, which must not delay the deletion. Only the stored object decides,
 * because a client may omit `deletionTimestamp` or invent one.
 */
export const isBeingDeleted = ({ old }: Pick<Call<KubeObject>, 'old'>): boolean =>
  Boolean(old?.metadata.deletionTimestamp);

/**
 * Marks an object before it is deleted. Between a check and the deletion another replica may admit an order. So an object
 * to which orders may refer is deleted only when the leader, too, sees no reference. The mark is a finalizer, which makes
 * the API server wait for the leader. The first DELETE request adds it and gets 429. kubectl and client-go retry such a
 * request by themselves. An object that nobody deletes has no finalizer of ours, so a namespace or a CRD can be deleted
 * even when no replica runs.
 *
 * `isUnused`: no order can be under way, so the object may be deleted at once.
 */
export async function marked<T extends KubeObject>(
  kind: Kind,
  call: Call<T>,
  isUnused: boolean,
): Promise<Refusal | undefined> {
  const { object, request, context } = call;
  const { name, deletionTimestamp, finalizers } = object.metadata;
  if (request.dryRun || deletionTimestamp || isNamespaceCleanup(call) || isUnused) return undefined;
  const isMarked = finalizers?.includes(inUseFinalizer) ?? false;
  if (isMarked && !isMarkedJustNow(call)) return undefined;
  // The API server deletes a collection object by object until one is refused. So mark the whole collection now.
  // Otherwise it would take one refused request for each object.
  if (!isMarked) await context.live.markInUse(kind, object, !request.name);
  const message = `${kind.singular} ${name} now waits for orders that are under way; try again`;
  return { ...refuse('TooManyRequests', message), retryAfterSeconds: 1 };
}

/**
 * A mark that is younger than this belongs to the same request. The time of a mark has whole seconds, so it may look
 * 1 s older than it is.
 */
const sameRequestMs = 1500;

/**
 * kube-apiserver judges a deletion by its watch cache first. When we refuse and the object has changed meanwhile (we
 * have just marked it), it calls us again with the stored object, within the same request. By then it has already
 * decided that there is no finalizer, so it would delete the object at once if we allowed it (apiserver
 * pkg/storage/etcd3/store.go, conditionalDelete).
 */
function isMarkedJustNow({ object, now }: Call<KubeObject>): boolean {
  const { managedFields = [] } = object.metadata as { managedFields?: ManagedFields[] };
  const times = managedFields
    .filter(({ fieldsV1 }) => fieldsV1?.['f:metadata']?.['f:finalizers']?.[`v:"${inUseFinalizer}"`])
    .map(({ time }) => Date.parse(time ?? ''));
  return times.some((time) => now - time < sameRequestMs);
}

interface ManagedFields {
  time?: string;
  fieldsV1?: { 'f:metadata'?: { 'f:finalizers'?: Record<string, object> } };
}

/**
 * Whether no order refers to these goods or is on its way. Before an order is admitted, its hold is written into the
 * status of the goods, or it takes units of a lot in that status. The API server deletes only the revision that it has
 * sent to us. When a hold is written meanwhile, it calls us again.
 */
export function isQuiet(goods: SpikeGoods): boolean {
  const { num = 0, reserved = 0 } = goods.status ?? {};
  return num === 0 && reserved === 0 && hasNoneUnderWay(goods);
}

/** Whether no order holds stock of these goods that the leader has not taken into its counts yet. */
export const hasNoneUnderWay = ({ status }: SpikeGoods): boolean =>
  holdsOf(status).length === 0 && lotsOf(status).length === 0;

interface WithSpec extends KubeObject {
  spec: object;
}

/** Fills in absent fields of spec. An absent value in `fields` fills nothing. */
export function fillIn<T extends WithSpec>(object: T, fields: Partial<T['spec']>): T {
  const spec = object.spec as Record<string, unknown>;
  const missing = Object.entries(fields).filter(
    ([name, value]) => value !== undefined && (spec[name] === undefined || spec[name] === ''),
  );
  return missing.length === 0 ? object : overwrite(object, Object.fromEntries(missing) as Partial<T['spec']>);
}

/** A CEL expression: all these fields of spec are present and not empty, so `fillIn` would not fill them. */
export const hasAll = (...fields: string[]): string =>
  fields.map((field) => `has(object.spec.${field}) && object.spec.${field} != ''`).join(' && ');

/** Sets fields of spec, whatever their value was. */
export function overwrite<T extends WithSpec>(object: T, fields: Partial<T['spec']>): T {
  return { ...object, spec: { ...object.spec, ...fields } };
}

/** Some fields of a stored spec, for `fillIn`: a client that replaces the whole object may leave them out. */
export function keep<S extends object, K extends keyof S>(spec: S, names: readonly K[]): Partial<S> {
  const kept: Partial<S> = {};
  for (const name of names) kept[name] = spec[name];
  return kept;
}

/** Allocates the id of a buyer, a seller or goods. Replaces an id that a manifest copied from another object. */
export function withOwnId<T extends WithSpec>(call: Call<T>, field: keyof T['spec'] & string): T {
  const { object, old } = call;
  const given = (object.spec as Record<string, unknown>)[field] as string | undefined;
  const kept = (old?.spec as Record<string, unknown> | undefined)?.[field];
  if (kept !== undefined || isOwnId(call, given)) return object;
  return overwrite(object, { [field]: allocateId(call) } as Partial<T['spec']>);
}

/** A rule for updates: the field cannot change once it is set. `why` ends the sentence "spec.x cannot change …". */
export function fixed<T extends WithSpec>(name: keyof T['spec'] & string, why: string): Rule<T> {
  return ({ object, old }) => {
    const before = (old?.spec as Record<string, unknown> | undefined)?.[name];
    const after = (object.spec as Record<string, unknown>)[name];
    if (before === undefined || same(before, after)) return undefined;
    return refuse(
      'Immutable',
      `spec.${name} cannot change ${why}: it is ${show(before)}, got ${show(after)}`,
      `spec.${name}`,
    );
  };
}

/** No name may equal the id of another object of its kind: a reference must never mean two objects. */
export function nameIsNoId<T extends WithSpec>(
  find: (call: Call<T>, reference: string) => T | undefined,
): Rule<T> {
  return (call) => {
    const { name, uid } = call.object.metadata;
    const other = find(call, name);
    if (!other || other.metadata.uid === uid || other.metadata.name === name) return undefined;
    const path = 'metadata.name';
    return refuse('IdTaken', `${path} must not be an id: ${name} is the id of ${other.metadata.name}`, path);
  };
}

/** Refuses a deletion while other objects refer to the object. */
export function notReferenced<T extends KubeObject>(
  what: string,
  by: Noun,
  referrers: (call: Call<T>) => Referrers,
): Rule<T> {
  return (call) => {
    if (isNamespaceCleanup(call)) return undefined;
    const { count, example } = referrers(call);
    return count === 0 ? undefined : stillReferenced(what, call.object.metadata.name, by, { count, example });
  };
}

type Noun = { one: string; many: string };
export const orders: Noun = { one: 'order', many: 'orders' };
export const goods: Noun = { one: 'goods', many: 'goods' };

export function stillReferenced(
  what: string,
  name: string,
  by: Noun,
  { count, example }: Referrers,
): Refusal {
  const noun = count === 1 ? by.one : by.many;
  return refuse(
    'StillReferenced',
    `${what} ${name} is referenced by ${count} ${noun}, for example ${example}`,
  );
}

/** Maximum characters of a value in a message. A value may be a map of 64 entries. */
const longestShown = 300;

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= longestShown ? text : `${text.slice(0, longestShown)}…`;
}
