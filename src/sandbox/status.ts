// All errors of the API, as the Status objects that clients print. Knows no kind and no HTTP socket.

import type { Obj } from './types.ts';

/** One wrong field, like `field.Error` of apimachinery. `message` is the text after `path: `. */
export interface FieldError {
  reason: string;
  message: string;
  field: string;
}

/** The group and plural name of the objects that an error is about. */
export interface Subject {
  group: string;
  plural: string;
}

export class ApiError extends Error {
  readonly code: number;
  readonly status: Obj;
  readonly headers: Record<string, string>;

  constructor(code: number, reason: string, message: string, details?: Obj, headers = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
    this.status = statusObject(code, reason, message, details);
  }

  get reason(): string {
    return (this.status.reason as string | undefined) ?? '';
  }
}

function statusObject(code: number, reason: string, message: string, details?: Obj): Obj {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason ? { reason } : {}),
    ...(details ? { details } : {}),
    code,
  };
}

export function success(details: Obj): Obj {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

const qualified = (s: Subject) => (s.group ? `${s.plural}.${s.group}` : s.plural);
const about = (s: Subject, name: string): Obj => ({
  ...(name ? { name } : {}),
  ...(s.group ? { group: s.group } : {}),
  kind: s.plural,
});

export const notFound = (s: Subject, name: string) =>
  new ApiError(404, 'NotFound', `${qualified(s)} "${name}" not found`, about(s, name));

export const noSuchPath = () =>
  new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});

export const alreadyExists = (s: Subject, name: string) =>
  new ApiError(409, 'AlreadyExists', `${qualified(s)} "${name}" already exists`, about(s, name));

/** The name still belongs to an object that is being deleted. */
export const stillThere = (s: Subject, name: string) =>
  new ApiError(
    409,
    'AlreadyExists',
    `object is being deleted: ${qualified(s)} "${name}" already exists`,
    about(s, name),
  );

export const definitionTerminating = (s: Subject) =>
  new ApiError(
    405,
    'MethodNotAllowed',
    'create not allowed while custom resource definition is terminating',
    about(s, ''),
  );

const modified =
  'the object has been modified; please apply your changes to the latest version and try again';

export const conflict = (s: Subject, name: string, message = modified) =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(s)} "${name}": ${message}`,
    about(s, name),
  );

export const forbidden = (s: Subject, name: string, message: string, causes?: Obj[]) =>
  new ApiError(403, 'Forbidden', `${qualified(s)}${name ? ` "${name}"` : ''} is forbidden: ${message}`, {
    ...about(s, name),
    ...(causes ? { causes } : {}),
  });

export const unauthorized = () => new ApiError(401, 'Unauthorized', 'Unauthorized');
export const badRequest = (message: string) => new ApiError(400, 'BadRequest', message);
export const expired = (message: string) => new ApiError(410, 'Expired', message);
export const tooOld = (asked: number, oldest: number) =>
  expired(`too old resource version: ${asked} (${oldest})`);

export const tooLarge = (limit: number) =>
  new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);

export const methodNotAllowed = () =>
  new ApiError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );

export const notAcceptable = (types: readonly string[]) =>
  new ApiError(406, 'NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`);

/** The client asked for PartialObjectMetadata but the result is a list, or the other way round. */
export const wrongShape = (asked: string, kind: string, isList: boolean) =>
  new ApiError(
    406,
    'NotAcceptable',
    `you requested ${asked}, but the requested object is ${isList ? 'a' : 'not a'} list (*core.${kind})`,
  );

export const unsupportedMedia = (types: readonly string[]) =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`,
  );

/** The same request may succeed when the disk has room again. */
export const unavailable = (message: string) =>
  new ApiError(503, 'ServiceUnavailable', message, { retryAfterSeconds: 5 }, { 'Retry-After': '5' });

export const internal = (message: string) =>
  new ApiError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });

export const tooLargeVersion = (asked: number, current: number) =>
  new ApiError(
    504,
    'Timeout',
    `Too large resource version: ${asked}, current: ${current}`,
    {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
    { 'Retry-After': '1' },
  );

export function invalid(kind: { group: string; kind: string }, name: string, errors: FieldError[]): ApiError {
  const texts = [...new Set(errors.map((e) => `${e.field}: ${e.message}`))];
  const all = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const title = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  return new ApiError(422, 'Invalid', `${title} "${name}" is invalid: ${all}`, {
    ...(name ? { name } : {}),
    ...(kind.group ? { group: kind.group } : {}),
    kind: kind.kind,
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

const shown = (value: unknown): string => JSON.stringify(value) ?? 'null';

export const field = {
  required: (path: string, detail = ''): FieldError => ({
    reason: 'FieldValueRequired',
    message: detail ? `Required value: ${detail}` : 'Required value',
    field: path,
  }),
  invalid: (path: string, value: unknown, detail: string): FieldError => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${shown(value)}: ${detail}`,
    field: path,
  }),
  /** A value of the wrong type. CRD validation prints the name of its type. */
  type: (path: string, value: unknown, detail: string): FieldError => ({
    reason: 'FieldValueTypeInvalid',
    message: `Invalid value: ${shown(value)}: ${detail}`,
    field: path,
  }),
  unsupported: (path: string, value: unknown, supported: readonly unknown[]): FieldError => ({
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${shown(value)}: supported values: ${supported.map(shown).join(', ')}`,
    field: path,
  }),
  duplicate: (path: string, value: unknown): FieldError => ({
    reason: 'FieldValueDuplicate',
    message: `Duplicate value: ${shown(value)}`,
    field: path,
  }),
  forbidden: (path: string, detail: string): FieldError => ({
    reason: 'FieldValueForbidden',
    message: `Forbidden: ${detail}`,
    field: path,
  }),
  notFound: (path: string, value: unknown): FieldError => ({
    reason: 'FieldValueNotFound',
    message: `Not found: ${shown(value)}`,
    field: path,
  }),
  tooLong: (path: string, max: number): FieldError => ({
    reason: 'FieldValueTooLong',
    message: `Too long: may not be more than ${max} bytes`,
    field: path,
  }),
};
