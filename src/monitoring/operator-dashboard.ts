// The dashboard for operators of the program: webhooks, reconcilers, requests to the API server, memory and CPU.
import { type Dashboard, dashboardOf, type Panel } from './grafana.ts';
import { identity, ours, quantile, rate } from './queries.ts';

const window = '$__rate_interval';
const requests = 'controller_runtime_webhook_requests_total';
const latency = 'controller_runtime_webhook_latency_seconds';

const health: Panel[] = [
  {
    title: 'Leaders',
    description: 'One. None means that no order gets a state.',
    type: 'stat',
    unit: 'short',
    queries: [{ expr: `sum(${identity})`, legendFormat: 'leaders' }],
  },
  {
    title: 'Replicas',
    description: 'Replicas that are scraped.',
    type: 'stat',
    unit: 'short',
    queries: [{ expr: `count(${identity})`, legendFormat: 'replicas' }],
  },
  {
    title: 'Certificates',
    description: 'Time until they expire; they renew themselves long before.',
    type: 'stat',
    unit: 's',
    width: 12,
    queries: [
      {
        expr: 'min by (certificate) (spikegate_certificate_expiry_timestamp_seconds > 0) - time()',
        legendFormat: '{{certificate}}',
      },
    ],
  },
];

const webhooks: Panel[] = [
  {
    title: 'Reviews',
    description: 'Admission reviews per second, by webhook.',
    unit: 'reqps',
    queries: [{ expr: `sum by (webhook) (${rate(requests, window)})`, legendFormat: '{{webhook}}' }],
  },
  {
    title: 'Reviews by code',
    description:
      'Of the answer: 403, 409 and 422 are refusals by rule, 429 asks to try again, 5xx is a fault.',
    unit: 'reqps',
    queries: [{ expr: `sum by (code) (${rate(requests, window)})`, legendFormat: '{{code}}' }],
  },
  {
    title: 'Faults',
    description: 'Reviews per second that were not judged, and rules that threw.',
    unit: 'reqps',
    queries: [
      { expr: `sum by (webhook) (${rate(`${requests}{code=~"5.."}`, window)})`, legendFormat: '{{webhook}}' },
      { expr: `sum(${rate('controller_runtime_webhook_panics_total', window)})`, legendFormat: 'thrown' },
    ],
  },
  {
    title: 'In flight',
    description: 'Reviews being judged.',
    unit: 'short',
    queries: [
      {
        expr: `sum by (instance) (${ours('controller_runtime_webhook_requests_in_flight')})`,
        legendFormat: '{{instance}}',
      },
    ],
  },
  ...[0.5, 0.99].map((q) => ({
    title: `Latency, p${q * 100}`,
    description: 'Of reviews, by webhook.',
    unit: 's',
    queries: [{ expr: quantile(q, latency, window, ['webhook']), legendFormat: '{{webhook}}' }],
  })),
];

const controllers: Panel[] = [
  {
    title: 'Reconciles',
    description: 'Per second, by controller. Only the leader has any.',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (controller) (${rate('controller_runtime_reconcile_total', window)})`,
        legendFormat: '{{controller}}',
      },
    ],
  },
  {
    title: 'Reconcile errors',
    description: 'Per second, by controller; each is tried again.',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (controller) (${rate('controller_runtime_reconcile_errors_total', window)})`,
        legendFormat: '{{controller}}',
      },
    ],
  },
  {
    title: 'Time of a reconcile, p99',
    description: 'By controller.',
    unit: 's',
    queries: [
      {
        expr: quantile(0.99, 'controller_runtime_reconcile_time_seconds', window, ['controller']),
        legendFormat: '{{controller}}',
      },
    ],
  },
  {
    title: 'Queues',
    description: 'Keys that wait for a worker.',
    unit: 'short',
    queries: [{ expr: `sum by (name) (${ours('workqueue_depth')})`, legendFormat: '{{name}}' }],
  },
  {
    title: 'Wait in a queue, p99',
    description: 'By queue.',
    unit: 's',
    queries: [
      {
        expr: quantile(0.99, 'workqueue_queue_duration_seconds', window, ['name']),
        legendFormat: '{{name}}',
      },
    ],
  },
  {
    title: 'Requests to the API server',
    description: 'Per second, by method and answer. A 409 is a write that another replica was faster with.',
    unit: 'reqps',
    queries: [
      {
        expr: `sum by (method, code) (${rate('rest_client_requests_total', window)})`,
        legendFormat: '{{method}} {{code}}',
      },
    ],
  },
];

const perInstance = (title: string, description: string, unit: string, expr: string): Panel => ({
  title,
  description,
  unit,
  queries: [{ expr, legendFormat: '{{instance}}' }],
});

const machine: Panel[] = [
  perInstance('Who leads', '1 where the replica leads.', 'short', identity),
  {
    title: 'Objects in the caches',
    description: 'What a replica has in memory; the greatest of all replicas.',
    unit: 'short',
    queries: [{ expr: 'max by (kind) (spikegate_cache_objects)', legendFormat: '{{kind}}' }],
  },
  perInstance('Memory', 'Resident.', 'bytes', ours('process_resident_memory_bytes')),
  perInstance('Heap', 'Used by JavaScript objects.', 'bytes', ours('nodejs_heap_size_used_bytes')),
  perInstance('CPU', 'Cores in use.', 'short', rate('process_cpu_seconds_total', window)),
  perInstance(
    'Event loop lag, p99',
    'How late work begins: all of a replica runs in one thread.',
    's',
    ours('nodejs_eventloop_lag_p99_seconds'),
  ),
];

export const operatorDashboard: Dashboard = {
  uid: 'spikegate-operator',
  title: 'Spikegate / Operator',
  tags: ['operator'],
  panels: [...health, ...webhooks, ...controllers, ...machine],
};

export const operatorDashboardJson = (): object => dashboardOf(operatorDashboard);
