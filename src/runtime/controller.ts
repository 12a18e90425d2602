// A controller: workers take keys from a queue and call `reconcile`, with back-off, time limits and metrics. Each
// run has an id in the log. Knows nothing of Kubernetes or of any kind.

import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';
import { debugs, type Log, reasonOf, silentLog, withFields } from './log.ts';
import { type QueueMetrics, WorkQueue } from './queue.ts';

export interface Result {
  /** Milliseconds. */
  requeueAfter?: number;
  /** The run only waited for its turn and tried nothing, so it does not end the key's series of failures. */
  untried?: boolean;
}

export interface ReconcileContext {
  /** Aborts when the time limit passes, or when the controller must stop at once. */
  signal: AbortSignal;
  /** Every line names the controller, the object and this run. */
  log: Log;
  /** The id of this run. */
  reconcileID: string;
  /** Number of failures in a row before this run. */
  failures: number;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a reconcile that has nothing to say returns nothing
export type Reconcile = (key: string, ctx: ReconcileContext) => Promise<Result | void>;

/**
 * A retry cannot help. The controller logs and counts the error and does not retry until the key is added again.
 */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly reason: string;

  constructor(reason: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

export type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after';

/** Named for controller-runtime's metrics. The label is the controller's name. */
export interface ControllerMetrics {
  /**
   * Called once, so that every label set begins at 0. `read` gives controller_runtime_active_workers and
   * controller_runtime_max_concurrent_reconciles.
   */
  begin(controller: string, read: { activeWorkers(): number; maxConcurrentReconciles: number }): void;
  /** controller_runtime_reconcile_total and controller_runtime_reconcile_time_seconds */
  reconciled(controller: string, result: ReconcileResult, seconds: number): void;
  /** controller_runtime_reconcile_errors_total */
  failed(controller: string): void;
  /** controller_runtime_terminal_reconcile_errors_total */
  failedForGood(controller: string): void;
}

export interface ControllerOptions {
  name: string;
  reconcile: Reconcile;
  /** Default 1. */
  workers?: number;
  clock?: Clock;
  log?: Log;
  /** The fields of the key's object in log lines: kind, namespace, name, uid. Default: the key. */
  about?: (key: string) => object;
  /** Groups of keys take turns; see WorkQueue. */
  groupOf?: (key: string) => string;
  /** Makes the ids of runs. */
  newId?: () => string;
  metrics?: ControllerMetrics;
  queueMetrics?: QueueMetrics;
  /** Milliseconds after which the signal of a reconcile aborts. Default 60,000. */
  timeout?: number;
  /** Milliseconds; see WorkQueue. */
  backoff?: { base: number; max: number };
}

/** A Component of manager.ts. Keys that are added before `start` wait in the queue. */
export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #reconcile: Reconcile;
  readonly #workers: number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: ControllerMetrics | undefined;
  readonly #timeout: number;
  readonly #about: (key: string) => object;
  readonly #newId: () => string;
  /** The running reconciles, by key. At most one worker has a key. */
  readonly #running = new Map<string, { abort: AbortController; id: string }>();
  #state: 'new' | 'running' | 'stopped' = 'new';
  #aborted = false;

  constructor(opts: ControllerOptions) {
    this.name = opts.name;
    this.#reconcile = opts.reconcile;
    this.#workers = opts.workers ?? 1;
    this.#clock = opts.clock ?? systemClock;
    this.#log = opts.log ?? silentLog;
    this.#metrics = opts.metrics;
    this.#about = opts.about ?? ((key) => ({ key }));
    this.#newId = opts.newId ?? randomUUID;
    this.#timeout = opts.timeout ?? 60_000;
    this.queue = new WorkQueue({
      name: opts.name,
      clock: this.#clock,
      ...(opts.queueMetrics && { metrics: opts.queueMetrics }),
      ...(opts.backoff && { backoff: opts.backoff }),
      ...(opts.groupOf && { groupOf: opts.groupOf }),
    });
    this.#metrics?.begin(this.name, {
      activeWorkers: () => this.#running.size,
      maxConcurrentReconciles: this.#workers,
    });
  }

  enqueue(key: string, priority?: number): void {
    this.queue.add(key, priority);
  }

  /** Starts the workers. When `signal` aborts (the lease is lost), running reconciles must end at once. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'new') throw new Error(`controller ${this.name} was started before`);
    this.#state = 'running';
    if (signal.aborted) return this.#abort();
    signal.addEventListener('abort', () => this.#abort(), { once: true });
    for (let i = 0; i < this.#workers; i++) void this.#work();
  }

  /** The workers take no new key, and waiting keys are dropped. Resolves when the running reconciles have ended. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    await this.queue.shutDown();
  }

  #abort(): void {
    this.#aborted = true;
    this.#state = 'stopped';
    void this.queue.shutDown();
    for (const { abort } of this.#running.values())
      abort.abort(new Error(`controller ${this.name} is stopped`));
  }

  async #work(): Promise<void> {
    for (;;) {
      const key = await this.queue.take();
      if (key === undefined) return;
      // Always call `done`, or no worker would ever get this key again.
      try {
        await this.#run(key);
      } catch (error) {
        this.#log.error({ ...this.#logFields(key), err: error }, 'controller failed outside its reconcile');
      } finally {
        this.queue.done(key);
      }
    }
  }

  async #run(key: string): Promise<void> {
    const abort = new AbortController();
    const failures = this.queue.failures(key);
    const began = this.#clock.monotonic();
    const cancel = this.#clock.after(this.#timeout, () => abort.abort(new ReconcileTimeout(this.#timeout)));
    const reconcileID = this.#newId();
    this.#running.set(key, { abort, id: reconcileID });
    const log = withFields(this.#log, () => this.#logFields(key));
    let result: ReconcileResult = 'error';
    try {
      // Wait even for a reconcile that ignores its signal. Otherwise a second worker could take the same key while the
      // first reconcile still writes.
      const returned = await this.#reconcile(key, { signal: abort.signal, log, reconcileID, failures });
      result = this.#succeed(key, returned ?? {});
    } catch (error) {
      this.#fail(key, abort.signal.reason instanceof ReconcileTimeout ? abort.signal.reason : error, error);
    } finally {
      cancel();
      const seconds = (this.#clock.monotonic() - began) / 1000;
      if (result !== 'error' && debugs(this.#log)) {
        this.#log.debug({ ...this.#logFields(key), result, ms: rounded(seconds * 1000) }, 'reconciled');
      }
      this.#running.delete(key);
      // An error after an abort is not the key's failure (see #fail), so it does not count.
      if (result !== 'error' || !this.#aborted) this.#metrics?.reconciled(this.name, result, seconds);
    }
  }

  #logFields(key: string): object {
    return { controller: this.name, ...this.#about(key), reconcileID: this.#running.get(key)?.id };
  }

  #succeed(key: string, { requeueAfter, untried }: Result): ReconcileResult {
    if (!untried) this.queue.forget(key);
    if (requeueAfter === undefined) return 'success';
    this.queue.addAfter(key, requeueAfter);
    return requeueAfter > 0 ? 'requeue_after' : 'requeue';
  }

  #fail(key: string, error: unknown, thrown: unknown): void {
    // The controller aborted the reconcile itself. The key has not failed.
    if (this.#aborted) return;
    this.#metrics?.failed(this.name);
    const line = { ...this.#logFields(key), reason: reasonOf(error), err: thrown };
    if (error instanceof TerminalError) {
      this.#metrics?.failedForGood(this.name);
      this.queue.forget(key);
      this.#log.error(line, 'reconcile failed, not tried again');
      return;
    }
    const retryInMs = this.queue.retry(key);
    this.#log.warn({ ...line, failures: this.queue.failures(key), retryInMs }, 'reconcile failed');
  }
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100;

class ReconcileTimeout extends Error {
  override readonly name = 'ReconcileTimeout';
  readonly reason = 'ReconcileTimeout';

  constructor(ms: number) {
    super(`reconcile took longer than ${ms} ms`);
  }
}
