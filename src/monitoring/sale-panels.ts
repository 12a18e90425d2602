// Panels about orders, for the general dashboard of a sale and for the dashboard of a Seckill.
import type { Panel } from './grafana.ts';
import { orderWebhook, quantile, rate } from './queries.ts';

const window = '$__rate_interval';
const admissionRate = (matchers: string) =>
  rate(`spikegate_order_admissions_total{operation="CREATE"${matchers}}`, window);

/** Median and 99th percentile of a histogram. */
export const quantiles = (histogram: string): Panel['queries'] =>
  [0.5, 0.99].map((q) => ({ expr: quantile(q, histogram, window), legendFormat: `p${q * 100}` }));

export const orderPanels: readonly Panel[] = [
  {
    title: 'Orders asked for',
    description: 'Orders per second, by what admission said.',
    unit: 'reqps',
    queries: [{ expr: `sum by (outcome) (${admissionRate('')})`, legendFormat: '{{outcome}}' }],
  },
  {
    title: 'Orders refused',
    description:
      'Refused orders per second, by reason: SoldOut is the end of the sale, InsufficientStock an order for more than is left.',
    unit: 'reqps',
    queries: [
      {
        expr: `sum by (reason) (${admissionRate(',outcome="refused"')}) > 0`,
        legendFormat: '{{reason}}',
      },
    ],
  },
  {
    title: 'Time of an order',
    description: 'How long a buyer waits for the yes or no.',
    unit: 's',
    queries: quantiles(`controller_runtime_webhook_latency_seconds{webhook="${orderWebhook}"}`),
  },
  {
    title: 'Orders in one write',
    description: 'What group commit gathers: grows with the rush.',
    unit: 'short',
    queries: [
      {
        expr: `sum(${rate('spikegate_ledger_write_changes_sum', window)}) / sum(${rate('spikegate_ledger_write_changes_count', window)})`,
        legendFormat: 'mean',
      },
    ],
  },
];
