// AdmissionReview v1 in and out: checks what arrives and shapes what leaves. Knows no rule and no HTTP.
import { Ajv } from 'ajv';
import type { Kind } from '../api/define-kind.ts';
import { type Refusal, refusalCodes } from '../api/refusals.ts';
import type {
  AdmissionRequest,
  AdmissionResponse,
  AdmissionReview,
  AdmissionStatus,
} from '../kube/admission.ts';

const name = { type: 'string', maxLength: 253 };
const groupKind = {
  type: 'object',
  required: ['group', 'version', 'kind'],
  properties: { group: name, version: name, kind: name },
};
const object = {
  type: ['object', 'null'],
  required: ['apiVersion', 'kind', 'metadata'],
  properties: {
    apiVersion: name,
    kind: name,
    metadata: {
      type: 'object',
      properties: {
        name,
        namespace: name,
        uid: { type: 'string', maxLength: 64 },
        creationTimestamp: { type: ['string', 'null'], maxLength: 40 },
        deletionTimestamp: { type: ['string', 'null'], maxLength: 40 },
        finalizers: { type: ['array', 'null'], items: { type: 'string' } },
      },
    },
    status: { type: 'object' },
  },
};

/** The part of k8s.io/api/admission/v1 that we read. More fields may come; these must be right. */
const schema = {
  type: 'object',
  required: ['apiVersion', 'kind', 'request'],
  properties: {
    apiVersion: { const: 'admission.k8s.io/v1' },
    kind: { const: 'AdmissionReview' },
    request: {
      type: 'object',
      required: ['uid', 'kind', 'resource', 'operation', 'userInfo'],
      properties: {
        uid: { type: 'string', minLength: 1, maxLength: 253 },
        kind: groupKind,
        resource: {
          type: 'object',
          required: ['group', 'version', 'resource'],
          properties: { group: name, version: name, resource: name },
        },
        subResource: name,
        name,
        namespace: name,
        operation: { enum: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] },
        userInfo: { type: 'object', properties: { username: { type: 'string' } } },
        object,
        oldObject: object,
        dryRun: { type: 'boolean' },
      },
    },
  },
};
const check = new Ajv({ strict: false, logger: false }).compile(schema);

/** What is wrong with a review, in words, or undefined. `review` may be anything that JSON can be. */
export function whatIsWrong(review: unknown): string | undefined {
  if (check(review)) return undefined;
  const error = check.errors?.[0];
  const at = error?.instancePath.slice(1).replaceAll('/', '.') || 'body';
  return `not an AdmissionReview of admission.k8s.io/v1: ${at} ${error?.message ?? 'is wrong'}`;
}

/** A review of a kind that does not belong to the path it came by, in words, or undefined. */
export function wrongKind(request: AdmissionRequest, kind: Kind): string | undefined {
  const { group, version, resource } = request.resource;
  if (group === kind.group && version === kind.version && resource === kind.plural) {
    const wrong = [request.object, request.oldObject].find((it) => it && it.kind !== kind.kind);
    return wrong ? `the object is a ${wrong.kind}, this path serves ${kind.kind}` : undefined;
  }
  return `this path serves ${kind.plural}.${kind.group} ${kind.version}, not ${resource}.${group} ${version}`;
}

export function allow(
  request: AdmissionRequest,
  more: Pick<AdmissionResponse, 'warnings' | 'auditAnnotations'> & { patch?: readonly unknown[] } = {},
): AdmissionResponse {
  const { patch, warnings, auditAnnotations } = more;
  return {
    uid: request.uid,
    allowed: true,
    ...(patch && patch.length > 0
      ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
      : {}),
    ...(warnings && warnings.length > 0 ? { warnings } : {}),
    ...(auditAnnotations ? { auditAnnotations } : {}),
  };
}

/** The API server hands code, reason and details on, and puts the webhook's name before the message. */
export function deny(request: AdmissionRequest, refusal: Refusal): AdmissionResponse {
  const { reason, message, field, retryAfterSeconds } = refusal;
  const details: NonNullable<AdmissionStatus['details']> = {
    group: request.kind.group,
    kind: request.kind.kind,
    ...(request.name ? { name: request.name } : {}),
    ...(field ? { causes: [{ reason, field, message }] } : {}),
    ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
  };
  return {
    uid: request.uid,
    allowed: false,
    status: { status: 'Failure', code: refusalCodes[reason], reason, message, details },
    auditAnnotations: { reason },
  };
}

/** The call could not be judged: the uid is echoed all the same, so that it can be found in both logs. */
export function errored(uid: string, code: number, reason: string, message: string): AdmissionResponse {
  return { uid, allowed: false, status: { status: 'Failure', code, reason, message } };
}

export function reviewOf(response: AdmissionResponse): Pick<AdmissionReview, 'apiVersion' | 'kind'> & {
  response: AdmissionResponse;
} {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}
