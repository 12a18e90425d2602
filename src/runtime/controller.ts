// A controller: workers that take keys from a queue and call `reconcile`, with back-off, time limits and
// metrics. Knows nothing of Kubernetes or of any kind.

import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { QueueMetrics } from './queue.ts';

export interface Result {
  /** Milliseconds. */
  requeueAfter?: number;
}

export interface ReconcileContext {
  /** Aborts when the time limit passes or the controller stops. */
  signal: AbortSignal;
  log: Log;
  /** Failures in a row before this run. */
  failures: number;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a reconcile that has nothing to say returns nothing
export type Reconcile = (key: string, ctx: ReconcileContext) => Promise<Result | void>;

/** Trying again will not help: logged and counted, not retried until the object changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly reason: string;

  constructor(reason: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

export type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after';

/** Named for controller-runtime's metrics; the label is the controller's name. */
export interface ControllerMetrics {
  /** Called once, so that every label set begins at 0. */
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
  metrics?: ControllerMetrics;
  queueMetrics?: QueueMetrics;
  /** Milliseconds one reconcile may take before its signal aborts. Default 60,000. */
  timeout?: number;
}
