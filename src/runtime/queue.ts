// The work queue: each key waits at most once and is with at most one worker. Knows nothing of what a key
// names, nor of who works.

import type { Clock } from './clock.ts';

/** The first list of everything waits behind real changes. The numbers are controller-runtime's. */
export const lowPriority = -100;
export const normalPriority = 0;

/** Named for client-go's and controller-runtime's metrics; the label is the queue's name. */
export interface QueueMetrics {
  /** workqueue_adds_total */
  added(queue: string): void;
  /** workqueue_retries_total */
  retried(queue: string): void;
  /** workqueue_queue_duration_seconds */
  waited(queue: string, seconds: number): void;
  /** workqueue_work_duration_seconds */
  worked(queue: string, seconds: number): void;
  /** Called once per queue; the gauges are read when metrics are scraped. */
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
  /** Milliseconds; client-go's 5 … 1,000,000. */
  backoff?: { base: number; max: number };
}

export interface WorkQueue extends QueueGauges {
  readonly name: string;
  add(key: string, priority?: number): void;
  /** The earlier of two deadlines wins. */
  addAfter(key: string, ms: number, priority?: number): void;
  /** Adds again after the key's back-off, at the priority it was worked at; returns the milliseconds. */
  retry(key: string): number;
  forget(key: string): void;
  failures(key: string): number;
  /** The next key; waits for one. undefined: shut down. Every key taken must be given to `done`. */
  take(): Promise<string | undefined>;
  done(key: string): void;
  /** No key is taken in any more. Resolves when every worker is done (drain: and nothing waits). */
  shutDown(opts?: { drain?: boolean }): Promise<void>;
}
