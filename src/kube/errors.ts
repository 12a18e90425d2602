// The errors of calls to the API server, as classes and predicates. Knows HTTP codes and the Status object of
// Kubernetes; knows neither the transport nor any kind.

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** `meta/v1 Status`: the body of a refusal by the API machinery. */
export interface Status {
  apiVersion?: string;
  kind?: string;
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: StatusDetails;
}

/** The server answered and refused. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status, or the code of the Status in a watch's ERROR event. */
  readonly code: number;
  /** Kubernetes' machine-readable reason (`NotFound`, `Conflict`, …); 'Unknown' when the body gave none. */
  readonly reason: string;
  readonly details: StatusDetails;
  /** The whole Status; made from the HTTP status when the body had none. */
  readonly status: Status;
  /** From the Retry-After header or `details.retryAfterSeconds`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: number, status: Status, retryAfterSeconds?: number) {
    super(status.message || status.reason || `HTTP ${code}`);
    this.code = code;
    this.reason = status.reason || 'Unknown';
    this.details = status.details ?? {};
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds ?? this.details.retryAfterSeconds;
  }
}

/**
 * The error for an answer with the HTTP status `code`. A refusal from outside the API machinery (a full queue, a
 * proxy) has a plain text as body, or no body. The message then begins with `request`.
 */
export function refusal(code: number, body: string, request: string, retryAfterSeconds?: number): ApiError {
  let status: Status | undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    if ((parsed as Status | null)?.kind === 'Status') status = parsed as Status;
  } catch {
    // Not JSON.
  }
  if (!status?.message) {
    const text = body.trim().slice(0, 300);
    const message = `${request}: HTTP ${code}${!status && text ? `: ${text}` : ''}`;
    status = { ...status, message };
  }
  return new ApiError(code, status, retryAfterSeconds);
}

/** There was no answer, or only part of one. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly kind: 'network' | 'timeout' | 'aborted';
  /** True when the request was sent on an open connection: a write may have been stored. */
  readonly ambiguous: boolean;
  /** Node's error code (`ECONNREFUSED`, `ECONNRESET`, …), if it has one. */
  readonly code: string | undefined;
  readonly reason: string;

  constructor(
    kind: 'network' | 'timeout' | 'aborted',
    message: string,
    opts: { ambiguous: boolean; code?: string | undefined; cause?: unknown },
  ) {
    super(message, opts.cause === undefined ? undefined : { cause: opts.cause });
    this.kind = kind;
    this.ambiguous = opts.ambiguous;
    this.code = opts.code;
    this.reason = { network: 'ConnectionFailed', timeout: 'RequestTimeout', aborted: 'Aborted' }[kind];
  }
}

// Kubernetes' own predicates look at the reason first, and at the code only when the reason is unknown
// (apimachinery pkg/api/errors). 409 is both Conflict and AlreadyExists, so the code alone is not enough. With `code`
// 0, only the reason counts.
function refused(error: unknown, code: number, ...reasons: string[]): error is ApiError {
  if (!(error instanceof ApiError)) return false;
  return reasons.includes(error.reason) || (error.reason === 'Unknown' && error.code === code);
}

export const isNotFound = (error: unknown): error is ApiError => refused(error, 404, 'NotFound');
export const isConflict = (error: unknown): error is ApiError => refused(error, 409, 'Conflict');
export const isAlreadyExists = (error: unknown): error is ApiError => refused(error, 0, 'AlreadyExists');
export const isForbidden = (error: unknown): error is ApiError => refused(error, 403, 'Forbidden');
export const isInvalid = (error: unknown): error is ApiError => refused(error, 422, 'Invalid');
export const isTooManyRequests = (error: unknown): error is ApiError =>
  refused(error, 429, 'TooManyRequests') || (error instanceof ApiError && error.code === 429);

/** The resourceVersion or the continue token is too old. List again from the beginning. */
export const isGone = (error: unknown): error is ApiError =>
  refused(error, 410, 'Gone', 'Expired') || (error instanceof ApiError && error.code === 410);

/** The requested resourceVersion is in the server's future (etcd was restored, or a cache lags). */
export function isTooLargeResourceVersion(error: unknown): error is ApiError {
  if (!(error instanceof ApiError)) return false;
  return (
    error.details.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge') === true ||
    error.message.includes('Too large resource version')
  );
}

/** Creating in a namespace that is being deleted is refused with 403 and this cause. */
export function isNamespaceTerminating(error: unknown): error is ApiError {
  return (
    isForbidden(error) &&
    error.details.causes?.some((cause) => cause.reason === 'NamespaceTerminating') === true
  );
}

/** Whether the API server, or its etcd, could not answer: the same request may succeed a moment later. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  if (error instanceof ApiError) return error.code >= 500 || isTooManyRequests(error);
  return error instanceof Error && error.cause !== undefined && isUnavailable(error.cause);
}

/**
 * Whether a failed write may have been stored. Only a live read can tell. Every 5xx counts, because the code does not
 * show where the request failed: in a proxy, in a webhook call, or in etcd after the write.
 */
export function isAmbiguous(error: unknown): boolean {
  if (error instanceof ConnectionError) return error.ambiguous;
  return error instanceof ApiError && error.code >= 500;
}
