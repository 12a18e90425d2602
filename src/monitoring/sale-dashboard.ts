// The dashboard for those who run a sale: stock, orders, and whether settlement keeps up.
import { type Dashboard, dashboardOf, type Panel } from './grafana.ts';
import { rate, stock } from './queries.ts';
import { orderPanels, quantiles } from './sale-panels.ts';

const window = '$__rate_interval';
const where = 'namespace=~"$namespace"';

const levels = [
  ['available', 'Available', 'Units that can still be ordered.'],
  ['reserved', 'Reserved', 'Units in accepted orders that are not paid yet.'],
  ['sold', 'Sold', 'Units paid.'],
  [
    'held',
    'Held',
    'Units held by admission until the leader accepts the order: some while orders rush in, then none.',
  ],
] as const;

// Availability below 0 means that somebody bypassed admission. The panel must show it.
const isSigned = true;

const totals: Panel[] = levels.map(([level, title, description]) => ({
  title,
  description,
  type: 'stat',
  unit: 'short',
  isSigned,
  queries: [{ expr: `sum(${stock(level, where)})`, legendFormat: title }],
}));

const byGoods: Panel[] = levels.map(([level, title, description]) => ({
  title: `${title}, by goods`,
  description,
  unit: 'short',
  isSigned,
  queries: [{ expr: stock(level, where), legendFormat: '{{namespace}}/{{goods}}' }],
}));

const afterAdmission: Panel[] = [
  {
    title: 'States entered',
    description: 'Orders per second that became Unpaid, Paid, Expired or Rejected.',
    unit: 'reqps',
    queries: [
      { expr: `sum by (phase) (${rate('spikegate_order_phases_total', window)})`, legendFormat: '{{phase}}' },
    ],
  },
  {
    title: 'Time until accepted',
    description: 'From the moment an order is asked for until its first state is stored.',
    unit: 's',
    queries: quantiles('spikegate_order_accept_seconds'),
  },
  {
    title: 'Settle lag',
    description: 'From the hold of an order to the settlement that counts it, in steps of a second.',
    unit: 's',
    queries: quantiles('spikegate_ledger_settle_lag_seconds'),
  },
  {
    title: 'Oldest hold',
    description: 'Seconds. A hold whose order was never stored goes after 41 seconds.',
    unit: 's',
    queries: [{ expr: 'max(spikegate_ledger_oldest_hold_seconds)', legendFormat: 'oldest hold' }],
  },
  {
    title: 'Writes of the ledger',
    description: 'Per second: stored, and lost to another replica (tried again).',
    unit: 'ops',
    queries: [
      { expr: `sum(${rate('spikegate_ledger_write_changes_count', window)})`, legendFormat: 'stored' },
      { expr: `sum(${rate('spikegate_ledger_conflicts_total', window)})`, legendFormat: 'conflicts' },
    ],
  },
  {
    title: 'Time of a write',
    description: 'One write of a goods status, as the replicas see the API server.',
    unit: 's',
    queries: quantiles('spikegate_ledger_write_seconds'),
  },
];

export const saleDashboard: Dashboard = {
  uid: 'spikegate-sale',
  title: 'Spikegate / Sale',
  tags: ['sale'],
  variables: [
    { name: 'namespace', label: 'Namespace', query: 'label_values(spikegate_stock_available, namespace)' },
  ],
  panels: [...totals, ...byGoods, ...orderPanels, ...afterAdmission],
};

export const saleDashboardJson = (): object => dashboardOf(saleDashboard);
