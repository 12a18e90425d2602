// controller-runtime's and client-go's metrics of controllers, work queues and requests, on prom-client.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RequestInfo } from '../kube/transport.ts';
import type { ControllerMetrics, ReconcileResult } from '../runtime/controller.ts';
import type { QueueMetrics } from '../runtime/queue.ts';

const workBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const queueBuckets = [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000];
const results: readonly ReconcileResult[] = ['success', 'error', 'requeue', 'requeue_after'];

/** The gauges of one controller and of one queue read their values from these at scrape time. */
type ControllerReader = Parameters<ControllerMetrics['begin']>[1];
type QueueReader = Parameters<QueueMetrics['gauges']>[1];

/**
 * `names`: the controllers that run on the leader. Their series start at 0, also on a replica that does not lead.
 */
export function controllerMetrics(registry: Registry, names: readonly string[]): ControllerMetrics {
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
  const series = perName(names, (controller) => {
    time.zero({ controller });
    const made = {
      results: new Map(results.map((result) => [result, total.labels({ controller, result })])),
      errors: errors.labels({ controller }),
      terminal: terminal.labels({ controller }),
      time: time.labels({ controller }),
    };
    for (const child of [...made.results.values(), made.errors, made.terminal]) child.inc(0);
    return made;
  });
  const readers = new Map<string, ControllerReader>();
  const perController = (read: (reader: ControllerReader) => number) => () =>
    series
      .names()
      .map((name) => [name, readers.has(name) ? read(readers.get(name)!) : 0] as [string, number]);
  gauge(
    registry,
    'controller_runtime_active_workers',
    'Number of currently used workers per controller.',
    ['controller'],
    perController((reader) => reader.activeWorkers()),
  );
  gauge(
    registry,
    'controller_runtime_max_concurrent_reconciles',
    'Maximum number of concurrent reconciles per controller.',
    ['controller'],
    perController((reader) => reader.maxConcurrentReconciles),
  );
  return {
    begin(controller, reader) {
      // Creates the series if the controller is not in `names`.
      series.get(controller);
      readers.set(controller, reader);
    },
    reconciled(controller, result, seconds) {
      const children = series.get(controller);
      children.results.get(result)?.inc();
      children.time.observe(seconds);
    },
    failed: (controller) => series.get(controller).errors.inc(),
    failedForGood: (controller) => series.get(controller).terminal.inc(),
  };
}

/** One value for each name: made at once for known names, and on first use for any other. */
function perName<T>(known: readonly string[], make: (name: string) => T) {
  const made = new Map(known.map((name) => [name, make(name)]));
  return {
    names: (): string[] => [...made.keys()],
    get(name: string): T {
      let it = made.get(name);
      if (!it) {
        it = make(name);
        made.set(name, it);
      }
      return it;
    },
  };
}

/** Each controller of `names` has a queue of the same name. */
export function queueMetrics(registry: Registry, names: readonly string[]): QueueMetrics {
  const registers = [registry];
  // controller-runtime 0.19 added the label `controller` with the same value; its dashboards use either.
  const labelNames = ['name', 'controller'] as const;
  const labels = (name: string) => ({ name, controller: name });
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
  const series = perName(names, (name) => {
    waited.zero(labels(name));
    worked.zero(labels(name));
    const made = {
      adds: adds.labels(labels(name)),
      retries: retries.labels(labels(name)),
      waited: waited.labels(labels(name)),
      worked: worked.labels(labels(name)),
    };
    made.adds.inc(0);
    made.retries.inc(0);
    return made;
  });
  const readers = new Map<string, QueueReader>();
  const perQueue = (read: (reader: QueueReader) => number) => () =>
    series
      .names()
      .map((name) => [name, readers.has(name) ? read(readers.get(name)!) : 0] as [string, number]);
  gauge(
    registry,
    'workqueue_depth',
    'Current depth of workqueue.',
    labelNames,
    perQueue((reader) => reader.depth()),
  );
  gauge(
    registry,
    'workqueue_unfinished_work_seconds',
    'How many seconds of work has been done that is in progress and has not been observed by work_duration.',
    labelNames,
    perQueue((reader) => reader.unfinishedWorkSeconds()),
  );
  gauge(
    registry,
    'workqueue_longest_running_processor_seconds',
    'How many seconds has the longest running processor for workqueue been running.',
    labelNames,
    perQueue((reader) => reader.longestRunningProcessorSeconds()),
  );
  return {
    added: (name) => series.get(name).adds.inc(),
    retried: (name) => series.get(name).retries.inc(),
    waited: (name, seconds) => series.get(name).waited.observe(seconds),
    worked: (name, seconds) => series.get(name).worked.observe(seconds),
    gauges(name, reader) {
      // Creates the series if the queue is not in `names`.
      series.get(name);
      readers.set(name, reader);
    },
  };
}

/** Counts each HTTP request to the API server, retries included. Passed to createClient as `onRequest`. */
export function requestMetrics(registry: Registry): (info: RequestInfo) => void {
  const total = new Counter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labelNames: ['code', 'method', 'host'],
    registers: [registry],
  });
  const children = new Map<string, { inc(): void }>();
  return ({ code, method, host }) => {
    const key = `${method} ${code} ${host}`;
    let child = children.get(key);
    if (!child) {
      child = total.labels({ code, method, host });
      children.set(key, child);
    }
    child.inc();
  };
}

/** A gauge whose values are read at scrape time, as pairs of label values and number. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  labels: readonly string[],
  read: () => [string, number][],
): void {
  new Gauge({
    name,
    help,
    labelNames: labels,
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, number] of read()) {
        this.set(Object.fromEntries(labels.map((label) => [label, value])), number);
      }
    },
  });
}
