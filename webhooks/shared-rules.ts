// Rules and defaults that several kinds share.
import type { Kind } from '../src/api/define-kind.ts';
import { inUseFinalizer } from '../src/api/names.ts';
import { type Refusal, refuse } from '../src/api/refusals.ts';
import type { KubeObject } from '../src/kube/objects.ts';
import { same } from '../src/kube/same.ts';
import type { Referrers } from '../src/ledger/catalogue.ts';
import { allocateId, isOwnId } from './own-id.ts';
import type { Call, Rule } from './webhook.ts';

const namespaceController = 'system:serviceaccount:kube-system:namespace-controller';

/** The deletion of a namespace takes everything in it, through these same webhooks; it must never be blocked. */
export function isNamespaceCleanup(call: Call<KubeObject>): boolean {
  return (
    call.request.userInfo.username === namespaceController ||
    call.context.catalogue.isTerminating(call.namespace)
  );
}

/**
 * What is being deleted keeps what it has and gets nothing new: the API server refuses new finalizers, and a
 * spec that our defaults complete would be judged, which must not hold up its end. Only what is stored
 * tells: a client may leave the time out, or make it up.
 */
export const isBeingDeleted = ({ old }: Pick<Call<KubeObject>, 'old'>): boolean =>
  Boolean(old?.metadata.deletionTimestamp);

/**
 * A deletion in two steps. Between a check and the deletion an order may come in through another replica, so what
 * others refer to goes only when the leader, too, sees nobody refer to it, and a finalizer makes the API server wait
 * for that. It is put on by the first request to delete, which is answered 429 and comes again by itself (kubectl and
 * client-go do so, unseen): an object that nobody deletes carries none, so nothing of ours keeps a namespace or a CRD
 * from going where no replica runs any more.
 */
export async function marked<T extends KubeObject>(kind: Kind, call: Call<T>): Promise<Refusal | undefined> {
  const { object, request, context } = call;
  const { name, deletionTimestamp, finalizers } = object.metadata;
  if (request.dryRun || deletionTimestamp || finalizers?.includes(inUseFinalizer)) return undefined;
  if (isNamespaceCleanup(call)) return undefined;
  // The API server goes through a collection until one is refused: it must not be refused once for each.
  await context.live.markInUse(kind, object, !request.name);
  const message = `${kind.singular} ${name} now waits for orders that are under way; try again`;
  return { ...refuse('TooManyRequests', message), retryAfterSeconds: 1 };
}

interface WithSpec extends KubeObject {
  spec: object;
}

/** Fills absent fields of spec; an absent value in `fields` fills nothing. */
export function fillIn<T extends WithSpec>(object: T, fields: Partial<T['spec']>): T {
  const spec = object.spec as Record<string, unknown>;
  const missing = Object.entries(fields).filter(
    ([name, value]) => value !== undefined && (spec[name] === undefined || spec[name] === ''),
  );
  return missing.length === 0 ? object : overwrite(object, Object.fromEntries(missing) as Partial<T['spec']>);
}

/** Sets fields of spec, whatever they were. */
export function overwrite<T extends WithSpec>(object: T, fields: Partial<T['spec']>): T {
  return { ...object, spec: { ...object.spec, ...fields } };
}

/** The named fields of a stored spec: what a client that replaces the object leaves out is kept. */
export function keep<S extends object, K extends keyof S>(spec: S, names: readonly K[]): Partial<S> {
  const kept: Partial<S> = {};
  for (const name of names) kept[name] = spec[name];
  return kept;
}

/** Allocates the id of a buyer, a seller or goods. One that a manifest brought from another object is replaced. */
export function withOwnId<T extends WithSpec>(call: Call<T>, field: keyof T['spec'] & string): T {
  const { object, old } = call;
  const given = (object.spec as Record<string, unknown>)[field] as string | undefined;
  const kept = (old?.spec as Record<string, unknown> | undefined)?.[field];
  if (kept !== undefined || isOwnId(call, given)) return object;
  return overwrite(object, { [field]: allocateId(call) } as Partial<T['spec']>);
}

/** A rule for updates: the field stays as it is once it is set. */
export function fixed<T extends WithSpec>(name: keyof T['spec'] & string, why: string): Rule<T> {
  return ({ object, old }) => {
    const before = (old?.spec as Record<string, unknown> | undefined)?.[name];
    const after = (object.spec as Record<string, unknown>)[name];
    if (before === undefined || same(before, after)) return undefined;
    return refuse(
      'Immutable',
      `spec.${name} is fixed (${why}): it is ${show(before)}, got ${show(after)}`,
      `spec.${name}`,
    );
  };
}

/** No name is the id of another object of its kind: a reference that is clear today must not mean two tomorrow. */
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

/** Refuses a deletion while others refer to the object. */
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

/** A message has room for a name, not for a map of sixty-four. */
const longestShown = 300;

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= longestShown ? text : `${text.slice(0, longestShown)}…`;
}
