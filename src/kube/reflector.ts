// Keeps an ObjectCache equal to what the API server stores: a paged list, then a watch from there, for ever. Knows
// no kind. Change handlers belong to the cache.

import { Backoff } from '../runtime/backoff.ts';
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import type { CacheFeed } from './cache-feed.ts';
import type { Client, WatchEvent } from './client.ts';
import { ApiError, ConnectionError, isGone, isNotFound, isTooLargeResourceVersion } from './errors.ts';
import type { KubeObject, Resource } from './objects.ts';
import { SilenceTimer } from './silence.ts';

export interface ReflectorOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  /** Whoever adds an object to the cache must check that it matches the namespace and the selectors given here. */
  cache: CacheFeed<T>;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  clock?: Clock;
  /** In [0, 1); for jitter. */
  random?: () => number;
  pageSize?: number;
  /** Called for every failure. None is fatal: neither a lost network nor a kind that is not installed yet (404). */
  onError?(error: unknown, info: { phase: Phase; failures: number; retryInMs: number }): void;
}

type Phase = 'list' | 'watch';

// Page size and back-off of client-go (tools/pager, tools/cache/reflector.go).
const defaultPageSize = 500;
const backoff = { base: 800, max: 30_000, jitter: 1 };

// A watch that lived this long shows that the trouble is over: the back-off starts anew.
const healthyAfter = 30_000;
// A watch that ended within a second, even in order, counts as failed. Without a pause the loop would spin.
const shortWatch = 1_000;

const pageTimeout = 60_000;

// The server ends a watch after 5 to 10 minutes, as client-go asks for. So watches spread over the API servers
// again after one of them was away.
const minWatchSeconds = 300;

/** A Component of runtime/manager.ts. */
export class Reflector<T extends KubeObject> {
  readonly name: string;
  readonly #client: Client;
  readonly resource: Resource<T>;
  readonly #cache: CacheFeed<T>;
  readonly #selection: { namespace?: string; labelSelector?: string; fieldSelector?: string };
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #pageSize: number;
  readonly #onError: ReflectorOptions<T>['onError'];
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  /** Ends the present watch or pause. */
  #interrupt = new AbortController();
  /** Calls of `resync` that wait for a list. */
  #resyncs: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #resourceVersion = '';
  #mayRetryNow = false;
  #lastActivity: number;
  #listedAt = Number.NEGATIVE_INFINITY;
  #lastError: unknown;

  constructor(opts: ReflectorOptions<T>) {
    const { namespace, labelSelector, fieldSelector } = opts;
    this.name = `cache ${opts.resource.plural}`;
    this.#client = opts.client;
    this.resource = opts.resource;
    this.#cache = opts.cache;
    this.#selection = {
      ...(namespace && { namespace }),
      ...(labelSelector && { labelSelector }),
      ...(fieldSelector && { fieldSelector }),
    };
    this.#clock = opts.clock ?? systemClock;
    this.#random = opts.random ?? Math.random;
    this.#pageSize = opts.pageSize ?? defaultPageSize;
    this.#onError = opts.onError;
    this.#backoff = new Backoff({ ...backoff, random: this.#random });
    this.#lastActivity = this.#clock.monotonic();
  }

  /** The resourceVersion up to which the cache follows the server; '' before the first list. */
  get lastSyncResourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Monotonic ms at which the server last sent anything. */
  get lastActivity(): number {
    return this.#lastActivity;
  }

  /** Why the watch is broken at the moment; undefined as soon as the server is heard again. */
  get trouble(): string | undefined {
    if (this.#lastError === undefined) return undefined;
    return (this.#lastError as Partial<Error> | null)?.message ?? String(this.#lastError);
  }

  /** Resolves when the cache is synced, or when `signal` aborts or `stop` is called before that. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new Error(`${this.name} was started before`);
    signal.addEventListener('abort', () => this.#end(), { once: true });
    if (signal.aborted) this.#end();
    this.#running = this.#run();
    await Promise.race([this.#cache.synced, this.#running]);
  }

  async stop(): Promise<void> {
    this.#end();
    await this.#running;
  }

  ready(): { ok: boolean; why?: string } {
    if (this.#cache.isSynced) return { ok: true };
    const { message } = (this.#lastError ?? {}) as Partial<Error>;
    return { ok: false, why: message ? `not listed yet: ${message}` : 'not listed yet' };
  }

  /**
   * Lists again, consistently. Resolves when a list that began after this call is in the cache; so everything that
   * was stored before the call is too. Rejects when the reflector stops first.
   */
  resync(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.reject(new Error(`${this.name} is stopped`));
    return new Promise((resolve, reject) => {
      this.#resyncs.push({ resolve, reject });
      this.#interrupt.abort();
    });
  }

  /** Ends a pause after a failure. Call it when the API server answers again. */
  retryNow(): void {
    if (this.#mayRetryNow) this.#interrupt.abort();
  }

  #end(): void {
    this.#stop.abort();
    this.#interrupt.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#list();
      } catch (error) {
        await this.#pause('list', error);
        continue;
      }
      await this.#follow();
    }
    for (const { reject } of this.#resyncs.splice(0)) reject(new Error(`${this.name} is stopped`));
  }

  async #list(): Promise<void> {
    // A list serves only the callers that asked before it began.
    const served = this.#resyncs.splice(0);
    try {
      const seenBefore = this.#cache.newest;
      const { items, resourceVersion } = await this.#pages(this.#pageSize);
      this.#cache.replaceAll(items, resourceVersion, seenBefore);
      this.#resourceVersion = resourceVersion;
      this.#listedAt = this.#clock.monotonic();
      this.#lastError = undefined;
      for (const { resolve } of served) resolve();
    } catch (error) {
      this.#resyncs.unshift(...served);
      throw error;
    }
  }

  async #pages(limit: number | undefined): Promise<{ items: T[]; resourceVersion: string }> {
    const items: T[] = [];
    let resourceVersion = '';
    let next: string | undefined;
    do {
      let page: Awaited<ReturnType<Client['list']>>;
      try {
        // No resourceVersion: read through etcd's quorum, not from a server's cache that may lag.
        page = await this.#client.list<KubeObject>(this.resource, {
          ...this.#selection,
          ...(limit && { limit }),
          ...(next && { continue: next }),
          timeoutMs: pageTimeout,
          signal: this.#stop.signal,
        });
      } catch (error) {
        // The revision of the first page was compacted away while we read. Read again, in one piece.
        if (next && isGone(error)) return this.#pages(undefined);
        throw error;
      }
      this.#lastActivity = this.#clock.monotonic();
      for (const item of page.items) items.push(item as T);
      resourceVersion ||= page.metadata.resourceVersion;
      next = page.metadata.continue;
    } while (next);
    return { items, resourceVersion };
  }

  /** Opens one watch after another, until a list is needed or a caller asks for one. */
  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted && this.#resyncs.length === 0) {
      const began = this.#clock.monotonic();
      let failure: unknown;
      try {
        await this.#watch();
        if (this.#clock.monotonic() - began < shortWatch) failure = new Error('the watch ended at once');
      } catch (error) {
        failure = error;
      }
      if (this.#clock.monotonic() - began >= healthyAfter) this.#backoff.reset();
      if (failure === undefined || this.#resyncs.length > 0) continue;
      await this.#pause('watch', failure);
      if (needsList(failure)) return;
    }
  }

  async #watch(): Promise<void> {
    this.#interrupt = new AbortController();
    const { signal } = this.#interrupt;
    if (this.#stop.signal.aborted) return;
    const timeoutSeconds = Math.floor(minWatchSeconds * (1 + this.#random()));
    const silence = new SilenceTimer(this.#clock, timeoutSeconds * 1000, (why) => {
      const message = `watch ${this.resource.plural}: ${why}`;
      this.#interrupt.abort(new ConnectionError('timeout', message, { ambiguous: false }));
    });
    try {
      await this.#client.watch<T>(this.resource, {
        ...this.#selection,
        resourceVersion: this.#resourceVersion,
        allowWatchBookmarks: true,
        timeoutSeconds,
        signal,
        onOpen: () => this.#heard(silence),
        onActivity: () => this.#heard(silence),
        onEvent: (event) => {
          if (event.type === 'BOOKMARK') silence.expectBookmarks();
          this.#take(event);
        },
      });
    } catch (error) {
      // The silence timer aborted the watch: report the silence instead of the abort.
      throw signal.reason instanceof ConnectionError ? signal.reason : error;
    } finally {
      silence.stop();
    }
  }

  #heard(silence: SilenceTimer): void {
    this.#lastActivity = this.#clock.monotonic();
    this.#lastError = undefined;
    silence.heard();
  }

  #take(event: WatchEvent<T>): void {
    this.#cache.apply(event);
    this.#resourceVersion = event.object.metadata.resourceVersion;
  }

  async #pause(phase: Phase, error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#lastError = error;
    const delay = this.#backoff.next();
    // After an expired resourceVersion, list at once. Pause only if the last list is recent: without a pause, list
    // would follow list.
    const wait = isGone(error) && this.#clock.monotonic() - this.#listedAt >= healthyAfter ? 0 : delay;
    const requestedMs = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const retryInMs = Math.round(Math.max(wait, requestedMs));
    this.#interrupt = new AbortController();
    const { signal } = this.#interrupt;
    this.#onError?.(error, { phase, failures: this.#backoff.failures, retryInMs });
    if (this.#stop.signal.aborted) return;
    // When the API server asked for a pause (Retry-After), `retryNow` must not end it.
    this.#mayRetryNow = requestedMs === 0;
    await sleep(this.#clock, retryInMs, signal);
    this.#mayRetryNow = false;
  }
}

/**
 * Whether a new list is needed, because a watch from the same resourceVersion would fail again. After any other
 * error, the reflector retries the watch from the same resourceVersion.
 */
function needsList(error: unknown): boolean {
  if (isGone(error) || isNotFound(error) || isTooLargeResourceVersion(error)) return true;
  return error instanceof ApiError && (error.code === 400 || error.code === 422);
}
