// What the webhooks of one kind are made of. A rule is a small pure function; adding one is adding a line.
// Knows nothing of HTTP: src/server turns reviews into these calls and the outcome into an answer.
import type { Kind } from '../src/api/define-kind.ts';
import type { Refusal } from '../src/api/refusals.ts';
import type { AdmissionRequest, Operation } from '../src/kube/admission.ts';
import type { KubeObject } from '../src/kube/objects.ts';
import type { AdmissionContext } from './context.ts';

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
  context: AdmissionContext;
}

export type Rule<T extends KubeObject> = (call: Call<T>) => Refusal | undefined;
export type Warning<T extends KubeObject> = (call: Call<T>) => string | undefined;

/**
 * What `default` fills in. `allocated`: ids, times, a remainder, which nobody else gives, so nothing may be stored
 * without it (failurePolicy Fail). `assumed`: what the schema's defaults say and the reconciler takes for granted
 * where it is absent, so an object may be stored while no replica answers (failurePolicy Ignore).
 */
export type Defaulting = 'allocated' | 'assumed';

/**
 * Reviews of goods carry the stock twice, with up to 4,096 holds; those of an order or a person are a hundredth of
 * `smallReviewBytes`, and every pod that reaches the port can send one.
 */
export const reviewBytes = 2 * 1024 * 1024;
export const smallReviewBytes = 256 * 1024;

export interface Webhooks<T extends KubeObject> {
  kind: Kind;
  defaulting: Defaulting;
  /** Most bytes of an ordinary review of this kind; an object of more cannot be created. Default: reviewBytes. */
  reviewBytes?: number;
  /** Returns the object with what is missing filled in; the same object when nothing is. Must not mutate. */
  default(call: Call<T>): T;
  /** The same for writes of the status subresource. */
  defaultStatus?(call: Call<T>): T;
  /** The first rule that refuses decides. */
  rules: { [operation in Exclude<Operation, 'CONNECT'>]: readonly Rule<T>[] };
  warnings?: readonly Warning<T>[];
  /**
   * Runs before a refusal is sent: reads what the caches may not have yet, and resolves to true when the rules must
   * run once more. `kubectl create -f` of one file makes an order right after its buyer.
   */
  refreshAndRetry?(call: Call<T>, refusal: Refusal): Promise<boolean>;
  /** Runs on DELETE after every rule has passed: what must be stored before the object may go. */
  beforeDelete?(call: Call<T>): Promise<Refusal | undefined>;
  /** Runs on CREATE after every rule has passed: the one write of admission. */
  beforeCreate?(call: Call<T>): Promise<{ refusal?: Refusal; audit?: Record<string, string> }>;
}
