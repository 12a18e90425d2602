// The webhooks of one kind. A rule is a small pure function; a new rule is a new line. Knows no HTTP: src/server
// turns reviews into these calls, and the result into an answer.
import type { Kind } from '../src/api/define-kind.ts';
import type { Refusal } from '../src/api/refusals.ts';
import type { AdmissionRequest, Operation } from '../src/kube/admission.ts';
import type { KubeObject } from '../src/kube/objects.ts';
import type { AdmissionContext } from './context.ts';

/** One call of a webhook. `object`: the object that would be stored; on DELETE, the stored object. */
export interface Call<T extends KubeObject> {
  request: AdmissionRequest<T>;
  namespace: string;
  object: T;
  /** The stored object, on UPDATE and DELETE. */
  old: T | undefined;
  /** Epoch ms, read once for the whole call. */
  now: number;
  /** On clock.monotonic(), in ms. After this time the API server no longer waits for the answer. */
  deadline: number;
  context: AdmissionContext;
}

export type Rule<T extends KubeObject> = (call: Call<T>) => Refusal | undefined;
export type Warning<T extends KubeObject> = (call: Call<T>) => string | undefined;

/**
 * What `default` fills in. `allocated`: ids, times and remainders that only Spikegate sets, so nothing may be
 * stored without them (failurePolicy Fail). `assumed`: defaults that the schema has too and the reconciler assumes,
 * so an object may be stored while no replica answers (failurePolicy Ignore).
 */
export type Defaulting = 'allocated' | 'assumed';

/**
 * A review of goods contains the object twice, each time with up to 4,096 holds. Reviews of orders, buyers and sellers
 * need a hundredth of `smallReviewBytes`. The limits are tight because every pod that reaches the port can send a review.
 */
export const reviewBytes = 2 * 1024 * 1024;
export const smallReviewBytes = 256 * 1024;

export interface Webhooks<T extends KubeObject> {
  kind: Kind;
  defaulting: Defaulting;
  /** Maximum bytes of an ordinary review of this kind. A larger object cannot be created. Default: reviewBytes. */
  reviewBytes?: number;
  /**
   * Returns the object with missing fields filled in, or the same object when nothing is missing. Must not mutate.
   */
  default(call: Call<T>): T;
  /** The same for writes of the status subresource. */
  defaultStatus?(call: Call<T>): T;
  /**
   * A CEL expression over `object`: its spec has everything that `default` fills in. An update that does not change such a
   * spec does not call the mutating webhook. Absent: the same holds for every spec.
   */
  complete?: string;
  /** Rules for writes of the status subresource. Spikegate's own writes do not call the webhook. */
  statusRules?: readonly Rule<T>[];
  /** The first rule that refuses decides. The rules of UPDATE run only when the spec changes. */
  rules: { [operation in Exclude<Operation, 'CONNECT'>]: readonly Rule<T>[] };
  warnings?: readonly Warning<T>[];
  /**
   * Runs before a refusal is sent: reads what the caches may not have yet, and resolves to true when the rules must
   * run once more, or to a refusal that takes the place of the first. `kubectl create -f` of one file makes an order
   * right after its buyer.
   */
  refreshAndRetry?(call: Call<T>, refusal: Refusal): Promise<boolean | Refusal>;
  /** Runs on DELETE after every rule has passed. Writes what must be stored before the object may be deleted. */
  beforeDelete?(call: Call<T>): Promise<Refusal | undefined>;
  /** Runs on CREATE after every rule has passed. Only this hook writes during the admission of a new object. */
  beforeCreate?(call: Call<T>): Promise<{ refusal?: Refusal; audit?: Record<string, string> }>;
}
