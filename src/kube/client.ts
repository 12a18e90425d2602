// The interface of our JSON client for the API server: one method per verb, for any kind. The client caches nothing.
// json-client.ts, transport.ts and watch.ts implement it.

import type { Clock } from '../runtime/clock.ts';
import type { Draft, KubeObject, Resource } from './objects.ts';
import type { OnDate, RequestInfo } from './transport.ts';

export interface CallOptions {
  /** Limit of the whole call, including waits and retries. Default: the limit of the client. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** false: throws a 429 at once instead of waiting and retrying. Default true. */
  retry?: boolean;
}

export interface WriteOptions extends CallOptions {
  dryRun?: boolean;
  fieldManager?: string;
}

export interface ListOptions extends CallOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  /** If unset, the read is consistent (quorum). */
  resourceVersion?: string;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface ListResult<T> {
  items: T[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

export interface PatchOptions extends WriteOptions {
  type: 'merge' | 'json' | 'strategic';
  subresource?: string;
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Takes fields over from other managers. */
  force?: boolean;
  subresource?: string;
}

export interface DeleteOptions extends CallOptions {
  preconditions?: { uid?: string; resourceVersion?: string };
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  gracePeriodSeconds?: number;
  dryRun?: boolean;
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

export interface WatchOptions<T extends KubeObject> {
  resourceVersion: string;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  allowWatchBookmarks?: boolean;
  /** The server ends the watch after this long. */
  timeoutSeconds?: number;
  signal?: AbortSignal;
  /** Called synchronously, in the server's order. An exception ends the watch and rejects it. */
  onEvent(event: WatchEvent<T>): void;
  /** The server has accepted the watch. */
  onOpen?(): void;
  /** Bytes have arrived. */
  onActivity?(): void;
  /** Limit until the response headers arrive. Default: the limit of the client. */
  timeoutMs?: number;
}

export interface RawOptions extends CallOptions {
  /** A string is sent unchanged, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  query?: Record<string, string | number | boolean | undefined>;
}

export interface RawResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed when the content type is JSON, otherwise the text. */
  body: unknown;
}

export type KeyLike = { namespace?: string | undefined; name: string };

export interface Client {
  readonly server: string;
  get<T extends KubeObject>(r: Resource<T>, key: KeyLike, opts?: CallOptions): Promise<T>;
  list<T extends KubeObject>(r: Resource<T>, opts?: ListOptions): Promise<ListResult<T>>;
  create<T extends KubeObject>(r: Resource<T>, object: Draft<NoInfer<T>>, opts?: WriteOptions): Promise<T>;
  replace<T extends KubeObject>(
    r: Resource<T>,
    object: NoInfer<T>,
    opts?: WriteOptions & { subresource?: string },
  ): Promise<T>;
  patch<T extends KubeObject>(r: Resource<T>, key: KeyLike, patch: unknown, opts: PatchOptions): Promise<T>;
  /** Server-side apply. */
  apply<T extends KubeObject>(r: Resource<T>, object: Draft<NoInfer<T>>, opts: ApplyOptions): Promise<T>;
  delete(r: Resource, key: KeyLike, opts?: DeleteOptions): Promise<void>;
  /**
   * Resolves when the server ends the stream without an error. Rejects with ApiError when the server refuses or sends
   * an ERROR event, and with ConnectionError when the stream breaks (kind 'aborted' after `signal`).
   */
  watch<T extends KubeObject>(r: Resource<T>, opts: WatchOptions<T>): Promise<void>;
  /** Requests any path, for discovery and health. Resolves for every HTTP status. Rejects when there is no answer. */
  request(method: string, path: string, opts?: RawOptions): Promise<RawResponse>;
  /** Closes idle connections. Calls in progress finish. */
  close(): void;
}

export interface ClientOptions {
  userAgent?: string;
  /** Milliseconds; default 30,000. */
  timeoutMs?: number;
  /** Maximum number of connections, not counting watches. Default 64. */
  maxSockets?: number;
  clock?: Clock;
  /** Called after each HTTP exchange, for metrics. */
  onRequest?(info: RequestInfo): void;
  /** Called for the headers of each answer. server-time.ts computes the API server's time from them. */
  onDate?: OnDate;
  /** Called for each Warning header: deprecated versions, admission warnings, unknown fields. */
  onWarning?(text: string, request: { verb: string; resource: string }): void;
}
