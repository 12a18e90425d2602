// Notices that the API server's history went back: somebody restored etcd from a backup while this process ran. Some
// resourceVersions in our caches then no longer exist, and a watch from such a version waits silently. Knows caches
// and reflectors. Does not know any kind, nor what others do about a restore.
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import { isAlike, type LastChange } from './cache.ts';
import type { Client, ListOptions } from './client.ts';
import { isGone, isTooLargeResourceVersion } from './errors.ts';
import type { Resource } from './objects.ts';
import type { Rewind } from './rewind.ts';

interface Followed {
  cache: {
    readonly newest: number;
    readonly lastChange: LastChange | undefined;
    distrust(): void;
    onRewind(handler: (rewind: Rewind | undefined) => void): () => void;
  };
  reflector: { readonly resource: Resource; resync(): Promise<void>; retryNow(): void };
}

export interface HistoryOptions {
  client: Client;
  /** The kind that is listed to read the server's resourceVersion. Each list asks for one object. */
  resource: Resource;
  /** Set both where this process may list only some objects of that kind. */
  namespace?: string;
  fieldSelector?: string;
  clock?: Clock;
  /** Called when a cache has followed the API server back: once for each cache and restore. */
  onFound?(kind: string, rewind: Rewind): void;
}

/** Pause between two probes. A restore that broke no watch is noticed after this time at most. */
const lookEveryMs = 3000;
/** Pause while a watch is broken: writes wait for the probe. */
const lookAgainMs = 200;
/** Time limit of a request of a probe. */
const lookLimitMs = 2500;

/**
 * A Component of runtime/manager.ts.
 *
 *     certain ──a watch broke──▶ doubtful ──a probe finds the same history──▶ certain
 *        └──────────evidence─────────┴──────▶ going back ──every cache has a new list──▶ certain
 *
 * A broken watch means doubt. To restore etcd, people stop the API servers, as Kubernetes' documentation demands, so
 * every watch breaks before the first answer from the older state. After a restore, etcd assigns the same revisions
 * again: a version of goods from the lost history can have the resourceVersion of a different stored version, and
 * compare-and-swap would not notice. So while there is doubt, no write may rest on the caches. A probe ends the doubt.
 *
 * The newest revision alone does not show a restore: a backup of some seconds ago lacks a few revisions, and other
 * programs write more than that before our first probe. So a probe that ends a doubt also reads the last change that
 * the caches saw, at that change's own revision. A history that has this change has everything before it.
 */
export class History {
  readonly name = 'history of the API server';
  readonly #options: HistoryOptions;
  readonly #clock: Clock;
  readonly #followed: Followed[] = [];
  readonly #handlers = new Set<() => void>();
  readonly #listeners = new Set<(kind: string, rewind: Rewind) => void>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** The state "going back". */
  #isRelisting = false;
  /** Number of broken watches since the last probe that ended a doubt. */
  #doubts = 0;
  /** Ends the pause before the next probe. */
  #hurry = new AbortController();

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Call it for every cache whose versions come from the same etcd. */
  follow(kind: string, followed: Followed): void {
    this.#followed.push(followed);
    followed.cache.onRewind((rewind) => {
      if (rewind) {
        this.#options.onFound?.(kind, rewind);
        for (const listener of this.#listeners) listener(kind, rewind);
      }
      this.#wentBack(rewind && followed);
    });
  }

  /**
   * `handler` runs before any change handler sees the older objects. It must drop everything that rests on the old
   * history. It may run more than once for one restore. Returns a function that unsubscribes.
   */
  onWentBack(handler: () => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** `listener` receives what a cache found. Returns a function that unsubscribes. */
  onFound(listener: (kind: string, rewind: Rewind) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Whether it is safe to write, based on what the caches contain. */
  get isCertain(): boolean {
    return this.#doubts === 0 && !this.#isRelisting;
  }

  /** Call it when a watch broke. */
  doubt(): void {
    this.#doubts++;
    this.#hurry.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#hurry = new AbortController();
      await this.look().catch(() => undefined);
      const isHurried = this.#doubts > 0;
      const signal = isHurried ? this.#stop.signal : AbortSignal.any([this.#stop.signal, this.#hurry.signal]);
      await sleep(this.#clock, isHurried ? lookAgainMs : lookEveryMs, signal);
    }
  }

  /**
   * Probes once: makes a consistent list of one object, and compares the list's resourceVersion with the newest one
   * in the caches. A smaller one shows a restore.
   */
  async look(): Promise<void> {
    const { client, resource, namespace, fieldSelector } = this.#options;
    const seen = Math.max(...this.#followed.map(({ cache }) => cache.newest));
    const doubts = this.#doubts;
    const { metadata } = await client.list(resource, {
      ...(namespace ? { namespace } : {}),
      ...(fieldSelector ? { fieldSelector } : {}),
      limit: 1,
      ...this.#call,
    });
    if (Number(metadata.resourceVersion) < seen) this.#wentBack();
    else if (doubts > 0 && !this.#isRelisting) {
      const isSame = await this.#isSameHistory();
      if (isSame === false) this.#wentBack();
      if (isSame === undefined) this.#listAnew();
    }
    // A watch that broke during this probe needs another probe. So do caches that are being listed again.
    if (this.#doubts === doubts && !this.#isRelisting) this.#doubts = 0;
    // The API server answers, so reflectors need not wait for their back-off.
    for (const { reflector } of this.#followed) reflector.retryNow();
  }

  /** Whether the server's history has the last change that the caches saw. Undefined when no read can show it. */
  async #isSameHistory(): Promise<boolean | undefined> {
    let last: { change: LastChange; resource: Resource } | undefined;
    for (const { cache, reflector } of this.#followed) {
      const change = cache.lastChange;
      if (change && change.revision >= (last?.change.revision ?? 0)) {
        last = { change, resource: reflector.resource };
      }
    }
    if (!last) return true;
    const { change, resource } = last;
    const { metadata } = change.object;
    const find = async (options: ListOptions) => {
      const { name, namespace, uid } = metadata;
      const selection = { ...(namespace ? { namespace } : {}), fieldSelector: `metadata.name=${name}` };
      const { items } = await this.#options.client.list(resource, {
        ...selection,
        ...options,
        ...this.#call,
      });
      return items.find((item) => item.metadata.uid === uid);
    };
    try {
      const exactly = { resourceVersion: String(change.revision), resourceVersionMatch: 'Exact' } as const;
      const found = await find(exactly);
      return change.isDeleted ? !found : found !== undefined && isAlike(found, change.object);
    } catch (error) {
      if (isTooLargeResourceVersion(error)) return false;
      // The API server has compacted this revision: it keeps revisions for some minutes only.
      if (!isGone(error)) throw error;
    }
    // Compare with the present version instead. A newer version may belong to either history.
    const now = await find({});
    if (change.isDeleted) return !now;
    if (!now) return undefined;
    const difference = Number(now.metadata.resourceVersion) - change.revision;
    return difference > 0 ? undefined : difference === 0;
  }

  get #call() {
    return { timeoutMs: lookLimitMs, signal: this.#stop.signal, retry: false };
  }

  /** `alreadyBack`: the cache whose new list has shown the restore. It needs no distrust. */
  #wentBack(alreadyBack?: Followed): void {
    for (const handler of this.#handlers) handler();
    if (this.#isRelisting) return;
    for (const followed of this.#followed) if (followed !== alreadyBack) followed.cache.distrust();
    this.#listAnew();
  }

  #listAnew(): void {
    this.#isRelisting = true;
    const resyncs = this.#followed.map(({ reflector }) => reflector.resync().catch(() => undefined));
    void Promise.all(resyncs).then(() => {
      this.#isRelisting = false;
    });
  }
}
