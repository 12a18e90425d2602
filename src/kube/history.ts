// Notices that the API server's history went back: somebody restored etcd from a backup while this process ran. Some
// resourceVersions in our caches then no longer exist, and a watch from such a version waits silently. Knows caches
// and reflectors. Does not know any kind, nor what others do about a restore.
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import type { Client } from './client.ts';
import type { KubeObject, Resource } from './objects.ts';

/** What a cache found when it received a list that contradicts its contents. */
export interface Rewind {
  /** The newest resourceVersion that the cache had seen, and the resourceVersion of the list. */
  from: number;
  to: number;
  /** Objects that the list does not have any more, as the cache had them. */
  lost: readonly KubeObject[];
  /** Objects that the list has at an older version, as the list has them. */
  older: readonly KubeObject[];
  /** Objects that had been deleted and are in the list again. */
  returned: readonly KubeObject[];
}

interface Followed {
  cache: {
    readonly newest: number;
    onRewind(handler: (rewind: Rewind | undefined) => void): () => void;
  };
  reflector: { resync(): Promise<void>; retryNow(): void };
}

export interface HistoryOptions {
  client: Client;
  /** The kind that is listed to read the server's resourceVersion. Each list asks for one object. */
  resource: Resource;
  clock?: Clock;
  /** Called when a cache has followed the API server back: once for each cache and restore. */
  onFound?(kind: string, rewind: Rewind): void;
}

/** Pause between two probes. A restore that broke no watch is noticed after this time at most. */
const lookEveryMs = 3000;
/** Pause while a watch is broken: writes wait for the probe. */
const lookAgainMs = 200;
const lookLimitMs = 2500;

/**
 * A Component of runtime/manager.ts.
 *
 *     certain ──a watch broke──▶ doubtful ──a probe finds nothing older──▶ certain
 *        └──────────evidence─────────┴──────▶ going back ──every cache has a new list──▶ certain
 *
 * A broken watch means doubt. To restore etcd, people stop the API servers, as Kubernetes' documentation demands, so
 * every watch breaks before the first answer from the older state. After a restore, etcd assigns the same revisions
 * again: a version of goods from the lost history can have the resourceVersion of a different stored version, and
 * compare-and-swap would not notice. So while there is doubt, no write may rest on the caches. A probe ends the doubt.
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
  #isFollowing = false;
  #doubts = 0;
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
      this.#wentBack();
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
    return this.#doubts === 0 && !this.#isFollowing;
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
   * Probes once: lists, consistently, and compares the list's resourceVersion with the newest one in the caches. A
   * smaller one shows a restore.
   */
  async look(): Promise<void> {
    const { client, resource } = this.#options;
    const seen = Math.max(...this.#followed.map(({ cache }) => cache.newest));
    const doubts = this.#doubts;
    const { metadata } = await client.list(resource, {
      limit: 1,
      timeoutMs: lookLimitMs,
      signal: this.#stop.signal,
      retry: false,
    });
    if (Number(metadata.resourceVersion) < seen) this.#wentBack();
    // A watch that broke during the probe needs another probe.
    if (this.#doubts === doubts) this.#doubts = 0;
    // The API server answers, so reflectors need not wait for their back-off.
    for (const { reflector } of this.#followed) reflector.retryNow();
  }

  #wentBack(): void {
    for (const handler of this.#handlers) handler();
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const resyncs = this.#followed.map(({ reflector }) => reflector.resync().catch(() => undefined));
    void Promise.all(resyncs).then(() => {
      this.#isFollowing = false;
    });
  }
}
