// Writes AdmissionReview v1 and reads the answer. Pure.

import { randomUUID } from 'node:crypto';
import type { User } from '../call.ts';
import { ApiError } from '../status.ts';
import { asNumber, asObj, asString, isObj, type Obj } from '../types.ts';

export interface ReviewFields {
  kind: { group: string; version: string; kind: string };
  resource: { group: string; version: string; resource: string };
  requestKind: { group: string; version: string; kind: string };
  requestResource: { group: string; version: string; resource: string };
  subresource: string;
  name: string;
  namespace: string;
  operation: string;
  user: User;
  dryRun: boolean;
  options: Obj;
  /** JSON texts; `null` when there is none. */
  object: string;
  oldObject: string;
}

/** The request without its objects. It is also the variable `request` of a match condition. */
export function requestOf(fields: Omit<ReviewFields, 'object' | 'oldObject'>, uid: string): Obj {
  const { user, subresource } = fields;
  return {
    uid,
    kind: fields.kind,
    resource: fields.resource,
    ...(subresource ? { subResource: subresource } : {}),
    requestKind: fields.requestKind,
    requestResource: fields.requestResource,
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(fields.name ? { name: fields.name } : {}),
    ...(fields.namespace ? { namespace: fields.namespace } : {}),
    operation: fields.operation,
    userInfo: {
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      groups: user.groups,
      ...(user.extra ? { extra: user.extra } : {}),
    },
    dryRun: fields.dryRun,
    options: fields.options,
  };
}

/** The body of a review. It joins JSON texts, so that an object is not serialised again for each webhook. */
export function reviewBody(fields: ReviewFields): { uid: string; body: string } {
  const uid = randomUUID();
  const head = JSON.stringify(requestOf(fields, uid));
  const request = `${head.slice(0, -1)},"object":${fields.object},"oldObject":${fields.oldObject}}`;
  return { uid, body: `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":${request}}` };
}

export interface Verdict {
  allowed: boolean;
  /** JSON patch operations. Undefined when there are none. */
  patch: unknown[] | undefined;
  warnings: string[];
  auditAnnotations: Record<string, string>;
  status: Obj;
}

/** Reads the answer. Throws an Error with kube-apiserver's text when it is invalid. */
export function readVerdict(answer: Obj, uid: string, mutating: boolean): Verdict {
  if (answer.kind !== 'AdmissionReview' || answer.apiVersion !== 'admission.k8s.io/v1')
    throw new Error(
      `received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${asString(answer.apiVersion)}, Kind=${asString(answer.kind)}`,
    );
  if (!isObj(answer.response)) throw new Error('webhook response was absent');
  const response = answer.response;
  if (response.uid !== uid)
    throw new Error(
      `received invalid webhook response: expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(asString(response.uid))}`,
    );
  let patch: unknown[] | undefined;
  if (typeof response.patch === 'string' && response.patch !== '') {
    if (!mutating)
      throw new Error('received invalid webhook response: validating webhook may not return response.patch');
    if (response.patchType !== 'JSONPatch')
      throw new Error(
        'received invalid webhook response: webhook returned response.patch but not response.patchType',
      );
    patch = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as unknown[];
  }
  return {
    allowed: response.allowed === true,
    patch,
    warnings: Array.isArray(response.warnings) ? response.warnings.map(String) : [],
    auditAnnotations: asObj(response.auditAnnotations) as Record<string, string>,
    status: asObj(response.status),
  };
}

/**
 * The error of a denial: the webhook's status with a code of at least 400, and the webhook's name in the message.
 */
export function denial(webhook: string, status: Obj): ApiError {
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const text = asString(status.message) || asString(status.reason);
  const code = Math.max(400, asNumber(status.code, 400));
  const details = isObj(status.details) ? status.details : undefined;
  const wait = asNumber(details?.retryAfterSeconds);
  return new ApiError(
    code,
    asString(status.reason),
    text ? `${denied}: ${text}` : `${denied} without explanation`,
    details,
    wait > 0 ? { 'Retry-After': String(wait) } : {},
  );
}
