// AdmissionReview v1: checks requests and makes answers. Knows no rule and no HTTP.
import { Ajv } from 'ajv';
import type { Kind } from '../api/define-kind.ts';
import { isNamespaceName, isObjectName, isUid } from '../api/identity.ts';
import { type Refusal, refusalCodes } from '../api/refusals.ts';
import type {
  AdmissionRequest,
  AdmissionResponse,
  AdmissionReview,
  AdmissionStatus,
  Operation,
} from '../kube/admission.ts';

const name = { type: 'string', maxLength: 253 };
// A mutating webhook sees an object before the API server validates it. Fields that the API server will refuse later
// (a name that is too long, a status that is no object) must not make the review invalid.
const unchecked = { type: 'string' };
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
        name: unchecked,
        namespace: unchecked,
        uid: unchecked,
        creationTimestamp: { type: ['string', 'null'] },
        deletionTimestamp: { type: ['string', 'null'] },
        finalizers: { type: ['array', 'null'], items: { type: 'string' } },
      },
    },
  },
};

/** The part of k8s.io/api/admission/v1 that we read. Other fields may be present; these must be valid. */
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
        name: unchecked,
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
const isReview = new Ajv({ strict: false, logger: false }).compile(schema);

/** Returns what is wrong with a review, or undefined. `review` may be any JSON. */
export function whatIsWrong(review: unknown): string | undefined {
  if (isReview(review)) return undefined;
  const error = isReview.errors?.[0];
  const at = error?.instancePath.slice(1).replaceAll('/', '.') || 'body';
  return `not an AdmissionReview of admission.k8s.io/v1: ${at} ${error?.message ?? 'is wrong'}`;
}

/**
 * Returns why the webhooks of `kind` cannot judge this review, or undefined. `namespaces`: the namespaces that this
 * Spikegate follows; empty means all.
 */
export function whyNotJudged(
  request: AdmissionRequest,
  kind: Kind,
  namespaces: readonly string[],
): string | undefined {
  const { group, version, resource } = request.resource;
  if (group !== kind.group || version !== kind.version || resource !== kind.plural) {
    return `this path serves ${kind.plural}.${kind.group} ${kind.version}, not ${resource}.${group} ${version}`;
  }
  const wrong = [request.object, request.oldObject].find((it) => it && it.kind !== kind.kind);
  if (wrong) return `the object is a ${wrong.kind}, this path serves ${kind.kind}`;
  if (kind.namespaced && !request.namespace) return 'request.namespace is missing';
  if (request.namespace && !isNamespaceName(request.namespace)) {
    return 'request.namespace must be an RFC 1123 label of at most 63 characters';
  }
  if (namespaces.length > 0 && !namespaces.includes(request.namespace ?? '')) {
    return `this Spikegate follows only the namespaces ${namespaces.join(', ')}, got ${request.namespace}: its webhook configurations must name the same`;
  }
  const missing = needed[request.operation].find((field) => !request[field]);
  return missing && `request.${missing} is missing, ${request.operation} needs it`;
}

/**
 * Returns why no API server can have sent this review to a validating webhook, or undefined. In such a review an
 * object already has its final name, namespace and uid. They are checked before any rule runs, because holds and
 * finalizers contain them.
 */
export function whyNotStored({ namespace, name, object, oldObject }: AdmissionRequest): string | undefined {
  for (const [path, found] of [
    ['request.object', object],
    ['request.oldObject', oldObject],
  ] as const) {
    if (!found) continue;
    const { metadata } = found;
    // A hold is keyed by its order's uid. The API server sets the uid before it calls a validating webhook.
    if (!(metadata.name && metadata.uid)) return `${path}.metadata must have a name and a uid`;
    if (!isObjectName(metadata.name)) {
      return `${path}.metadata.name must be an RFC 1123 subdomain of at most 253 characters`;
    }
    if (!isUid(metadata.uid)) return `${path}.metadata.uid must be a UUID`;
    if ((metadata.namespace ?? namespace ?? '') !== (namespace ?? '')) {
      return `${path}.metadata.namespace must be request.namespace`;
    }
    if (name && name !== metadata.name) return `${path}.metadata.name must be request.name`;
  }
  return undefined;
}

const needed: Record<Operation, readonly ('object' | 'oldObject')[]> = {
  CREATE: ['object'],
  UPDATE: ['object', 'oldObject'],
  DELETE: ['oldObject'],
  CONNECT: [],
};

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

/** The API server passes code, reason and details on, and puts the webhook's name before the message. */
export function deny(request: AdmissionRequest, refusal: Refusal): AdmissionResponse {
  const { reason, field, retryAfterSeconds } = refusal;
  const message = clipped(refusal.message);
  const details: NonNullable<AdmissionStatus['details']> = {
    group: request.kind.group,
    kind: request.kind.kind,
    ...(request.name ? { name: request.name } : {}),
    ...(field ? { causes: [{ reason, field, message: withoutField(message, field) }] } : {}),
    ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
  };
  return {
    uid: request.uid,
    allowed: false,
    status: { status: 'Failure', code: refusalCodes[reason], reason, message, details },
    auditAnnotations: { reason },
  };
}

/**
 * A message may quote a value of any length from a stored object, and the API server and kubectl copy it to many
 * places.
 */
const longestMessage = 2048;
const clipped = (message: string): string =>
  message.length <= longestMessage ? message : `${message.slice(0, longestMessage)}…`;

/** kubectl prints the field before the message of a cause, so the message must not name it again. */
const withoutField = (message: string, field: string): string =>
  message.startsWith(field) ? message.slice(field.length).replace(/^:? /, '') : message;

/**
 * The answer to a review that could not be judged. It has the request's uid, so that an operator finds the request in
 * the logs of both sides.
 */
export function errored(uid: string, code: number, reason: string, message: string): AdmissionResponse {
  return { uid, allowed: false, status: { status: 'Failure', code, reason, message } };
}

export function reviewOf(response: AdmissionResponse): Pick<AdmissionReview, 'apiVersion' | 'kind'> & {
  response: AdmissionResponse;
} {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}
