// controller-runtime's and client-go's metrics of controllers, work queues and requests, on prom-client.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RequestInfo } from '../kube/transport.ts';
import type { ControllerMetrics } from '../runtime/controller.ts';
import type { QueueMetrics } from '../runtime/queue.ts';

const workBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const queueBuckets = [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000];

export function controllerMetrics(registry: Registry): ControllerMetrics {
  const registers = [registry];
  const total = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Total number of reconciliations per controller.',
    labelNames: ['controller', 'result'],
    registers,
  });
  const errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Total number of reconciliation errors per controller.',
    labelNames: ['controller'],
    registers,
  });
  const terminal = new Counter({
    name: 'controller_runtime_terminal_reconcile_errors_total',
    help: 'Total number of terminal reconciliation errors per controller.',
    labelNames: ['controller'],
    registers,
  });
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of time per reconciliation per controller.',
    labelNames: ['controller'],
    buckets: workBuckets,
    registers,
  });
  const readers = new Map<string, Parameters<ControllerMetrics['begin']>[1]>();
  gauge(
    registry,
    'controller_runtime_active_workers',
    'Number of currently used workers per controller.',
    'controller',
    () => [...readers].map(([name, read]) => [name, read.activeWorkers()]),
  );
  gauge(
    registry,
    'controller_runtime_max_concurrent_reconciles',
    'Maximum number of concurrent reconciles per controller.',
    'controller',
    () => [...readers].map(([name, read]) => [name, read.maxConcurrentReconciles]),
  );
  return {
    begin(controller, read) {
      readers.set(controller, read);
      for (const result of ['success', 'error', 'requeue', 'requeue_after']) {
        total.labels({ controller, result }).inc(0);
      }
      errors.labels({ controller }).inc(0);
      terminal.labels({ controller }).inc(0);
    },
    reconciled(controller, result, seconds) {
      total.labels({ controller, result }).inc();
      time.labels({ controller }).observe(seconds);
    },
    failed: (controller) => errors.labels({ controller }).inc(),
    failedForGood: (controller) => terminal.labels({ controller }).inc(),
  };
}

export function queueMetrics(registry: Registry): QueueMetrics {
  const registers = [registry];
  const labelNames = ['name'] as const;
  const adds = new Counter({
    name: 'workqueue_adds_total',
    help: 'Total number of adds handled by workqueue.',
    labelNames,
    registers,
  });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Total number of retries handled by workqueue.',
    labelNames,
    registers,
  });
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long in seconds an item stays in workqueue before being requested.',
    labelNames,
    buckets: queueBuckets,
    registers,
  });
  const worked = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long in seconds processing an item from workqueue takes.',
    labelNames,
    buckets: queueBuckets,
    registers,
  });
  const readers = new Map<string, Parameters<QueueMetrics['gauges']>[1]>();
  const values = (read: (gauges: Parameters<QueueMetrics['gauges']>[1]) => number) => () =>
    [...readers].map(([name, gauges]) => [name, read(gauges)] as [string, number]);
  gauge(
    registry,
    'workqueue_depth',
    'Current depth of workqueue.',
    'name',
    values((it) => it.depth()),
  );
  gauge(
    registry,
    'workqueue_unfinished_work_seconds',
    'How many seconds of work has been done that is in progress and has not been observed by work_duration.',
    'name',
    values((it) => it.unfinishedWorkSeconds()),
  );
  gauge(
    registry,
    'workqueue_longest_running_processor_seconds',
    'How many seconds has the longest running processor for workqueue been running.',
    'name',
    values((it) => it.longestRunningProcessorSeconds()),
  );
  return {
    added: (name) => adds.labels({ name }).inc(),
    retried: (name) => retries.labels({ name }).inc(),
    waited: (name, seconds) => waited.labels({ name }).observe(seconds),
    worked: (name, seconds) => worked.labels({ name }).observe(seconds),
    gauges(name, read) {
      readers.set(name, read);
      adds.labels({ name }).inc(0);
      retries.labels({ name }).inc(0);
    },
  };
}

/** Counts each HTTP request to the API server, retries as well: what createClient calls `onRequest`. */
export function requestMetrics(registry: Registry): (info: RequestInfo) => void {
  const total = new Counter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labelNames: ['code', 'method', 'host'],
    registers: [registry],
  });
  return ({ code, method, host }) => total.labels({ code, method, host }).inc();
}

/** A gauge whose values are read when it is scraped. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => [string, number][],
): void {
  new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, number] of read()) this.set({ [label]: value }, number);
    },
  });
}
