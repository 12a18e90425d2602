// Keeps an ObjectCache equal to what the API server stores: a paged list, then a watch from there, for ever.
// Knows no kind; handlers hang on the cache, not here.

import type { Clock } from '../runtime/clock.ts';
import type { ObjectCache } from './cache.ts';
import type { Client } from './client.ts';
import type { KubeObject, Resource } from './objects.ts';

export interface ReflectorOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  cache: ObjectCache<T>;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  clock?: Clock;
  /** In [0, 1); for jitter. */
  random?: () => number;
  pageSize?: number;
  onError?(error: unknown, info: { phase: 'list' | 'watch'; failures: number; retryInMs: number }): void;
}

/** A Component of runtime/manager.ts. */
export interface Reflector {
  readonly name: string;
  /** Begins; resolves when the cache is synced (or `signal` aborted). Errors are retried for ever. */
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  ready(): { ok: boolean; why?: string };
  /** Lists again, consistently; resolves when a list that began after this call has been taken in. */
  resync(): Promise<void>;
  /** How far the cache follows the server: '' before the first list. */
  readonly lastSyncResourceVersion: string;
  /** Monotonic milliseconds at which the server last said anything. */
  readonly lastActivity: number;
}
