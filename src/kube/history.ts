// Notices that the API server's history went back: etcd was restored from a backup while this process ran. Then
// resourceVersions that were seen before never were, and watches wait silently for a future that is another one.
// Knows caches and reflectors; knows no kind and nothing of what is done about it.
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import type { Client } from './client.ts';
import type { KubeObject, Resource } from './objects.ts';

/** What a cache found when it took in a list that contradicts what it had. */
export interface Rewind {
  /** The newest resourceVersion that was seen before, and the one of the list. */
  from: number;
  to: number;
  /** Objects that were there and are not, as they were. */
  lost: readonly KubeObject[];
  /** Objects that are back at an older version, as they are now. */
  older: readonly KubeObject[];
  /** Objects that were deleted and are there again. */
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
  /** Kind whose list is looked at: one object of it comes with each look. */
  resource: Resource;
  clock?: Clock;
  /** A cache has followed the API server back. Called once for each cache and restore. */
  onFound?(kind: string, rewind: Rewind): void;
}

/** A watch from the future is noticed after this long at the most. */
const lookEveryMs = 3000;
/** While there is a doubt, things wait for the look. */
const lookAgainMs = 200;
const lookLimitMs = 2500;

/**
 * A Component of runtime/manager.ts.
 *
 *     certain ──a watch broke──▶ doubtful ──a look finds nothing older──▶ certain
 *        └──────────evidence─────────┴──────▶ going back ──every cache has a new list──▶ certain
 *
 * Why a broken watch is a doubt: to restore etcd, the API servers are stopped (Kubernetes' documentation wants it), so
 * every watch breaks before the first answer from the older state. And revisions are given anew: a version of goods
 * from the lost history can have the very resourceVersion of another one that is stored, and compare-and-swap would not
 * notice. So nothing may be written upon what was known before until a look has shown that history goes on.
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

  /** Every cache whose versions come from the same etcd. */
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
   * `handler` is called before anybody hears of the older objects: what rests on what was seen before must go. It may
   * be called more than once for one restore. Returns what takes it off again.
   */
  onWentBack(handler: () => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** `listener` hears what a cache found when it followed back. Returns what takes it off again. */
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

  /** Whether what the caches have may be written upon. */
  get isCertain(): boolean {
    return this.#doubts === 0 && !this.#isFollowing;
  }

  /** A watch broke. */
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

  /** One look at the newest revision: a list that is consistent shows none that is older than what was seen before. */
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
    // What broke while the look was under way needs another one.
    if (this.#doubts === doubts) this.#doubts = 0;
    // The API server answers: who waits before trying again need not wait.
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
