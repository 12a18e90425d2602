// From a checked review to an answer: runs the defaults or the rules of one kind. The hot path.

import type { Call, Surroundings, Webhooks } from '../../webhooks/webhook.ts';
import { type Refusal, refuse } from '../api/refusals.ts';
import type { AdmissionRequest, AdmissionResponse } from '../kube/admission.ts';
import type { KubeObject } from '../kube/objects.ts';
import { same } from '../kube/same.ts';
import { diff } from './json-patch.ts';
import { allow, deny } from './review.ts';

interface WithSpec extends KubeObject {
  spec?: unknown;
}

/**
 * The answer of a mutating webhook. It never refuses: an object that breaks its schema passes unchanged, and
 * the API server refuses it with its own words.
 */
export function mutate(
  webhooks: Webhooks<KubeObject>,
  request: AdmissionRequest,
  surroundings: Surroundings,
  deadline: number,
): AdmissionResponse {
  const call = callOf(request, surroundings, deadline);
  if (!call || webhooks.kind.validate(call.object).length > 0) return allow(request);
  const fill = request.subResource === 'status' ? webhooks.defaultStatus : webhooks.default;
  const filled = fill ? fill(call) : call.object;
  return allow(request, { patch: diff(call.object, filled) });
}

/** The answer of a validating webhook. Only `reserve` waits for anything. */
export async function validate(
  webhooks: Webhooks<KubeObject>,
  request: AdmissionRequest,
  surroundings: Surroundings,
  deadline: number,
): Promise<AdmissionResponse> {
  const call = callOf(request, surroundings, deadline);
  const { operation } = request;
  if (!call || operation === 'CONNECT' || request.subResource) return allow(request);
  // Labels, annotations and finalizers are nobody's business here; above all, what is being deleted must
  // be able to lose its finalizers.
  if (operation === 'UPDATE' && same((call.object as WithSpec).spec, (call.old as WithSpec).spec)) {
    return allow(request);
  }
  const refusal = firstRefusal(webhooks, operation, call);
  if (refusal) return deny(request, refusal);
  const warnings =
    operation === 'DELETE' ? [] : (webhooks.warnings ?? []).flatMap((warn) => warn(call) ?? []);
  if (operation !== 'CREATE' || !webhooks.reserve) return allow(request, { warnings });
  const reserved = await webhooks.reserve(call);
  if (reserved.refusal) return deny(request, reserved.refusal);
  return allow(request, { warnings, ...(reserved.audit ? { auditAnnotations: reserved.audit } : {}) });
}

function firstRefusal(
  webhooks: Webhooks<KubeObject>,
  operation: 'CREATE' | 'UPDATE' | 'DELETE',
  call: Call<KubeObject>,
): Refusal | undefined {
  if (operation !== 'DELETE') {
    const [violation] = webhooks.kind.validate(call.object);
    if (violation) return refuse('Invalid', violation.message, violation.field);
  }
  for (const rule of webhooks.rules[operation]) {
    const refusal = rule(call);
    if (refusal) return refusal;
  }
  return undefined;
}

/** Undefined when the request carries no object, as the deletion of an older API server may. */
function callOf(
  request: AdmissionRequest,
  surroundings: Surroundings,
  deadline: number,
): Call<KubeObject> | undefined {
  const old = request.oldObject ?? undefined;
  const object = request.operation === 'DELETE' ? old : (request.object ?? undefined);
  if (!object || (request.operation === 'UPDATE' && !old)) return undefined;
  return {
    request,
    namespace: request.namespace ?? object.metadata.namespace ?? '',
    object,
    old,
    now: surroundings.clock.now(),
    deadline,
    surroundings,
  };
}
