// What the webhooks of one kind are made of. A rule is a small pure function; adding one is adding a line.
// Knows nothing of HTTP: src/server turns reviews into these calls and the outcome into an answer.
import type { Kind } from '../src/api/define-kind.ts';
import type { OutsideReach } from '../src/api/reach.ts';
import type { Refusal } from '../src/api/refusals.ts';
import type { AdmissionRequest, Operation } from '../src/kube/admission.ts';
import type { KubeObject } from '../src/kube/objects.ts';
import type { Catalogue } from '../src/ledger/catalogue.ts';
import type { Gate } from '../src/ledger/gate.ts';
import type { Clock } from '../src/runtime/clock.ts';

/** What admission works with; the same for every call. */
export interface Surroundings {
  catalogue: Catalogue;
  gate: Gate;
  clock: Clock;
  newId(): string;
  /** Live read: whether an order of that name is stored. */
  orderIsStored(namespace: string, name: string): Promise<boolean>;
  /** Live read of a buyer or goods by name, into the cache: whether it is there after all. */
  fetch(kind: 'buyers' | 'goods', namespace: string, name: string): Promise<boolean>;
  /**
   * Puts the in-use finalizer on a stored object; with `alike`, also on others of its kind and namespace, as many as
   * there is time for. Settles when it is stored, or there is nothing to put it on.
   */
  mark(kind: Kind, object: KubeObject, alike: boolean): Promise<void>;
  /** Time an order has to be paid, in ms. */
  paymentWindowMs: number;
  /** What an object may have asked from outside. */
  reach: OutsideReach;
}

/** One call. `object` is what would be stored; on DELETE it is what is stored. */
export interface Call<T extends KubeObject> {
  request: AdmissionRequest<T>;
  namespace: string;
  object: T;
  /** The stored object on UPDATE and DELETE. */
  old: T | undefined;
  /** Epoch ms, one reading for the whole call. */
  now: number;
  /** On clock.monotonic(), ms: an answer after this is not heard. */
  deadline: number;
  surroundings: Surroundings;
}

export type Rule<T extends KubeObject> = (call: Call<T>) => Refusal | undefined;
export type Warning<T extends KubeObject> = (call: Call<T>) => string | undefined;

/**
 * What `default` fills in. `allocated`: ids, times, a remainder, which nobody else gives, so nothing may be stored
 * without it (failurePolicy Fail). `assumed`: what the schema's defaults say and the reconciler takes for granted
 * where it is absent, so an object may be stored while no replica answers (failurePolicy Ignore).
 */
export type Defaulting = 'allocated' | 'assumed';

export interface Webhooks<T extends KubeObject> {
  kind: Kind;
  defaulting: Defaulting;
  /** Returns the object with what is missing filled in; the same object when nothing is. Must not mutate. */
  default(call: Call<T>): T;
  /** The same for writes of the status subresource. */
  defaultStatus?(call: Call<T>): T;
  /** The first rule that refuses decides. */
  rules: { [operation in Exclude<Operation, 'CONNECT'>]: readonly Rule<T>[] };
  warnings?: readonly Warning<T>[];
  /**
   * Before a refusal: whether to judge once more. Caches are a moment late, and `kubectl create -f` of a file
   * makes an order right after its buyer.
   */
  lookAgain?(call: Call<T>, refusal: Refusal): Promise<boolean>;
  /** After every rule has passed on DELETE: what has to be stored before the object may be. */
  part?(call: Call<T>): Promise<Refusal | undefined>;
  /** After every rule has passed on CREATE: the one write of admission. */
  reserve?(call: Call<T>): Promise<{ refusal?: Refusal; audit?: Record<string, string> }>;
}
