// Answers a checked review: runs the defaults or the rules of one kind. It is on the hot path.

import type { AdmissionContext } from '../../webhooks/context.ts';
import type { Call, Webhooks } from '../../webhooks/webhook.ts';
import { type Refusal, refuse } from '../api/refusals.ts';
import type { AdmissionRequest, AdmissionResponse } from '../kube/admission.ts';
import type { KubeObject } from '../kube/objects.ts';
import { same } from '../kube/same.ts';
import { diff } from './json-patch.ts';
import { allow, deny, errored, whyNotStored } from './review.ts';

interface WithSpec extends KubeObject {
  spec?: unknown;
}

/**
 * The answer of a mutating webhook. It never refuses. An object that violates its schema passes unchanged, because the
 * API server refuses it in the next step.
 */
export function mutate(
  webhooks: Webhooks<KubeObject>,
  request: AdmissionRequest,
  context: AdmissionContext,
  deadline: number,
): AdmissionResponse {
  const call = callOf(request, context, deadline);
  if (!isReadable(webhooks, call)) return allow(request);
  if (request.subResource === 'status') return mutateStatus(webhooks, call);
  if (request.subResource || webhooks.kind.validate(call.object)) return allow(request);
  return allow(request, { patch: diff(call.object, webhooks.default(call)) });
}

/**
 * The API server stores only the status of a write to /status, but sends us the client's spec with it. The defaults
 * of a status must use the stored spec.
 */
function mutateStatus(
  { kind, defaultStatus }: Webhooks<KubeObject>,
  call: Call<KubeObject>,
): AdmissionResponse {
  const { request, object, old } = call;
  if (!defaultStatus || !old || kind.validateStatus(object)) return allow(request);
  const asStored = { ...object, spec: (old as WithSpec).spec };
  return allow(request, { patch: diff(asStored, defaultStatus({ ...call, object: asStored })) });
}

/** The answer of a validating webhook. Only the hooks `beforeCreate`, `beforeDelete` and `refreshAndRetry` do I/O. */
export async function validate(
  webhooks: Webhooks<KubeObject>,
  request: AdmissionRequest,
  context: AdmissionContext,
  deadline: number,
): Promise<AdmissionResponse> {
  const { operation } = request;
  if (request.subResource === 'status') return validateStatus(webhooks, request, context, deadline);
  if (operation === 'CONNECT' || request.subResource) return allow(request);
  const call = callOf(request, context, deadline);
  const impossible = whyNotStored(request);
  if (impossible) return errored(request.uid, 400, 'BadRequest', impossible);
  // An update that changes only metadata passes. Otherwise a rule could prevent the removal of a finalizer, and with
  // it the deletion of the object.
  if (operation === 'UPDATE' && hasSameSpec(call)) return allow(request);
  if (!isReadable(webhooks, call)) return allow(request, { warnings: [unreadable] });
  if (!context.isInformed()) return deny(request, notInformed);
  let refusal = firstRefusal(webhooks, operation, call);
  if (refusal) {
    const retry = await webhooks.refreshAndRetry?.(call, refusal);
    if (retry) refusal = retry === true ? firstRefusal(webhooks, operation, call) : retry;
  }
  if (refusal) return deny(request, refusal);
  if (operation === 'DELETE') {
    const refused = await webhooks.beforeDelete?.(call);
    return refused ? deny(request, refused) : allow(request);
  }
  const warnings = (webhooks.warnings ?? []).flatMap((warn) => warn(call) ?? []);
  if (operation !== 'CREATE' || !webhooks.beforeCreate) return allow(request, { warnings });
  const outcome = await webhooks.beforeCreate(call);
  if (outcome.refusal) return deny(request, outcome.refusal);
  return allow(request, { warnings, ...(outcome.audit ? { auditAnnotations: outcome.audit } : {}) });
}

/**
 * The endpoints of a Service may lag, so a process that has just started may be called before its caches are filled.
 */
const notInformed: Refusal = {
  ...refuse('TooManyRequests', 'this replica has just started and does not know the objects yet; try again'),
  retryAfterSeconds: 1,
};

/** The answer to a write to /status. The rules see only the status, because the API server stores nothing else. */
function validateStatus(
  { kind, statusRules = [] }: Webhooks<KubeObject>,
  request: AdmissionRequest,
  context: AdmissionContext,
  deadline: number,
): AdmissionResponse {
  if (request.operation !== 'UPDATE' || kind.validateStatus(request.object)) return allow(request);
  const call = callOf(request, context, deadline);
  for (const rule of statusRules) {
    const refusal = rule(call);
    if (refusal) return deny(request, refusal);
  }
  return allow(request);
}

function firstRefusal(
  webhooks: Webhooks<KubeObject>,
  operation: 'CREATE' | 'UPDATE' | 'DELETE',
  call: Call<KubeObject>,
): Refusal | undefined {
  if (operation !== 'DELETE') {
    const violation = webhooks.kind.validate(call.object);
    if (violation) return refuse('Invalid', violation.message, violation.field);
  }
  for (const rule of webhooks.rules[operation]) {
    const refusal = rule(call);
    if (refusal) return refusal;
  }
  return undefined;
}

/**
 * An object that was stored under another schema never passed our rules. It must stay changeable, so no rule
 * applies.
 */
function isReadable(webhooks: Webhooks<KubeObject>, { old }: Call<KubeObject>): boolean {
  return old === undefined || webhooks.kind.isReadable(old);
}

const unreadable = 'what is stored does not have the fields of its kind; no rule was applied';

function hasSameSpec({ object, old }: Call<KubeObject>): boolean {
  try {
    return same((object as WithSpec).spec, (old as WithSpec).spec);
  } catch {
    // The object is nested too deeply for the stack, so no API server sent it. Let the rules decide.
    return false;
  }
}

/** review.ts has checked the review, so every field that the operation needs is there. */
function callOf(request: AdmissionRequest, context: AdmissionContext, deadline: number): Call<KubeObject> {
  const old = request.oldObject ?? undefined;
  const object = (request.operation === 'DELETE' ? old : request.object) as KubeObject;
  return {
    request,
    namespace: request.namespace ?? '',
    object,
    old,
    now: context.clock.now(),
    deadline,
    context,
  };
}
