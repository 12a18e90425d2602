// The work queue: a key waits at most once, is with at most one worker, and groups of keys take turns. Does not
// know what a key means, nor who works.

import { exponential } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import { Lanes } from './lanes.ts';

/**
 * For keys that have not just changed, such as all objects of a list. They wait behind real changes of their group, for
 * ten seconds at most (100 points of 100 ms each, lanes.ts). The numbers are controller-runtime's.
 */
export const lowPriority = -100;
export const normalPriority = 0;

/** Named for client-go's and controller-runtime's metrics. The label is the queue's name. */
export interface QueueMetrics {
  /** workqueue_adds_total */
  added(queue: string): void;
  /** workqueue_retries_total */
  retried(queue: string): void;
  /** workqueue_queue_duration_seconds */
  waited(queue: string, seconds: number): void;
  /** workqueue_work_duration_seconds */
  worked(queue: string, seconds: number): void;
  /** Called once per queue. The gauges are read when metrics are scraped. */
  gauges(queue: string, read: QueueGauges): void;
}

export interface QueueGauges {
  /** workqueue_depth */
  depth(): number;
  /** workqueue_unfinished_work_seconds */
  unfinishedWorkSeconds(): number;
  /** workqueue_longest_running_processor_seconds */
  longestRunningProcessorSeconds(): number;
}

export interface WorkQueueOptions {
  name: string;
  clock?: Clock;
  metrics?: QueueMetrics;
  /** Milliseconds. Default: client-go's, from 5 to 1,000,000. */
  backoff?: { base: number; max: number };
  /** Groups of keys take turns, so that no group starves another. Default: all keys are one group. */
  groupOf?: (key: string) => string;
}

interface Waiting {
  priority: number;
  /** When the key began to wait, in monotonic ms. */
  since: number;
}

interface Working {
  /** The priority at which the key was taken. */
  priority: number;
  /** When the worker took the key, in monotonic ms. */
  since: number;
  /** Set when the key is added while a worker has it. The key waits again as soon as that worker is done. */
  again?: Waiting;
}

/**
 * A key is in one of four places:
 *
 *   idle ──add──▶ waiting ──take──▶ working ──done──▶ idle
 *                    ▲                 │ add: marked `again`, and done moves it to waiting
 *   later ──due──────┘
 *
 * `later` is independent of the rest: the queue adds a key at its deadline even when a worker has it now. A needless
 * reconcile costs one read of the cache. Without the deadline, an order might never expire.
 */
export class WorkQueue implements QueueGauges {
  readonly name: string;
  readonly #clock: Clock;
  readonly #metrics: QueueMetrics | undefined;
  readonly #base: number;
  readonly #max: number;
  readonly #groupOf: (key: string) => string;
  readonly #waiting = new Map<string, Waiting>();
  readonly #lanes = new Lanes();
  readonly #working = new Map<string, Working>();
  readonly #later: Deadlines<number>;
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;
  #onDrained: (() => void)[] = [];

  constructor(opts: WorkQueueOptions) {
    this.name = opts.name;
    this.#clock = opts.clock ?? systemClock;
    this.#metrics = opts.metrics;
    this.#base = opts.backoff?.base ?? 5;
    this.#max = opts.backoff?.max ?? 1_000_000;
    this.#groupOf = opts.groupOf ?? (() => '');
    this.#later = new Deadlines(this.#clock, (key, priority) => this.add(key, priority));
    this.#metrics?.gauges(this.name, this);
  }

  /** Number of keys that wait for a worker. */
  depth(): number {
    return this.#waiting.size;
  }

  /** Number of keys whose delay (`addAfter`) is not over. */
  get delayed(): number {
    return this.#later.size;
  }

  /** Enqueues the key. A key that already waits keeps its place, unless the new priority is higher. */
  add(key: string, priority: number = normalPriority): void {
    if (this.#closed) return;
    const working = this.#working.get(key);
    const waiting = working ? working.again : this.#waiting.get(key);
    if (waiting) {
      if (priority <= waiting.priority) return;
      if (!working) this.#lanes.move(this.#groupOf(key), key, waiting.priority, priority, waiting.since);
      waiting.priority = priority;
      return;
    }
    this.#metrics?.added(this.name);
    const added = { priority, since: this.#clock.monotonic() };
    if (working) working.again = added;
    else this.#wait(key, added);
  }

  /** Adds the key after `ms`. When the key has a deadline already, the earlier one and the higher priority win. */
  addAfter(key: string, ms: number, priority: number = normalPriority): void {
    if (this.#closed) return;
    this.#metrics?.retried(this.name);
    if (ms > 0) this.#later.set(key, ms, priority, Math.max);
    else this.add(key, priority);
  }

  /** Adds the key again after its back-off, at the priority at which it was taken. Returns the back-off in ms. */
  retry(key: string): number {
    const failures = this.failures(key);
    const ms = exponential(failures, this.#base, this.#max);
    if (this.#closed) return ms;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, ms, this.#working.get(key)?.priority);
    return ms;
  }

  /** The key's next failure starts at the shortest back-off again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The priority at which a worker took the key. Undefined when no worker has it. */
  priorityOf(key: string): number | undefined {
    return this.#working.get(key)?.priority;
  }

  /**
   * Resolves to the next key: in the group whose turn it is, the one that is due first (lanes.ts). Waits until
   * there is one. Undefined when the queue is shut down. The caller must pass every key to `done`.
   */
  take(): Promise<string | undefined> {
    const key = this.#lanes.shift();
    if (key !== undefined) {
      const waiting = this.#waiting.get(key)!;
      this.#waiting.delete(key);
      this.#begin(key, waiting);
      return Promise.resolve(key);
    }
    if (this.#closed && !this.#someKeyReturns()) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }

  done(key: string): void {
    const working = this.#working.get(key);
    if (!working) return;
    this.#working.delete(key);
    this.#metrics?.worked(this.name, (this.#clock.monotonic() - working.since) / 1000);
    if (working.again) this.#wait(key, working.again);
    if (this.#closed) this.#finishShutDown();
  }

  /**
   * The queue accepts no more keys. It drops the waiting keys; with `drain`, the workers finish them first. Resolves
   * when no worker has a key, which may be never: the caller must set a time limit.
   */
  shutDown(opts: { drain?: boolean } = {}): Promise<void> {
    this.#closed = true;
    this.#later.clear();
    if (!opts.drain) {
      this.#waiting.clear();
      this.#lanes.clear();
      for (const working of this.#working.values()) delete working.again;
    }
    return new Promise((resolve) => {
      this.#onDrained.push(resolve);
      this.#finishShutDown();
    });
  }

  unfinishedWorkSeconds(): number {
    const now = this.#clock.monotonic();
    let sum = 0;
    for (const { since } of this.#working.values()) sum += now - since;
    return sum / 1000;
  }

  longestRunningProcessorSeconds(): number {
    // A Map keeps the order of insertion, so the first entry has run longest.
    const first = this.#working.values().next().value;
    return first ? (this.#clock.monotonic() - first.since) / 1000 : 0;
  }

  #wait(key: string, waiting: Waiting): void {
    const taker = this.#takers.shift();
    if (taker) {
      this.#begin(key, waiting);
      taker(key);
      return;
    }
    this.#waiting.set(key, waiting);
    this.#lanes.push(this.#groupOf(key), key, waiting.priority, waiting.since);
  }

  #begin(key: string, waiting: Waiting): void {
    const now = this.#clock.monotonic();
    this.#working.set(key, { priority: waiting.priority, since: now });
    this.#metrics?.waited(this.name, (now - waiting.since) / 1000);
  }

  /** Whether a key that a worker has now will wait again. */
  #someKeyReturns(): boolean {
    for (const working of this.#working.values()) if (working.again) return true;
    return false;
  }

  /** Call it after each step of a shutdown: ends the workers, and resolves `shutDown` when the last one is done. */
  #finishShutDown(): void {
    if (this.#waiting.size > 0 || this.#someKeyReturns()) return;
    for (const taker of this.#takers.splice(0)) taker(undefined);
    if (this.#working.size > 0) return;
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }
}
