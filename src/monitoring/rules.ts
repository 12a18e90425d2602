// Alert rules as data: what may go wrong with a sale or with the program, how to see it, and what to do. A new
// alert is an entry here and a case in test/monitoring.
import { identity, ours, quantile, rate, stock } from './queries.ts';

export interface Alert {
  alert: string;
  /** PromQL with a result while something is wrong. */
  expr: string;
  /** How long the expression must have a result before the alert fires. */
  for: string;
  /** critical: a sale stands still, wake somebody. warning: look today. info: good to know. */
  severity: 'critical' | 'warning' | 'info';
  summary: string;
  /** What it means. Prometheus replaces {{ $labels.… }} and {{ $value }}. */
  description: string;
  /** What to do, in order. */
  action: string;
}

export interface RuleGroup {
  name: string;
  alerts: readonly Alert[];
}

const window = '5m';
const day = 86_400;
const sum = (counter: string, by = '') => `sum${by && ` by (${by})`} (${rate(counter, window)})`;
const requests = 'controller_runtime_webhook_requests_total';
const orders = (matchers = '') => `spikegate_order_admissions_total{operation="CREATE"${matchers}}`;
const certificateExpiresWithin = (seconds: number) =>
  `min by (certificate) (spikegate_certificate_expiry_timestamp_seconds > 0) - time() < ${seconds}`;

const availability: Alert[] = [
  {
    alert: 'SpikegateDown',
    expr: `absent(${identity})`,
    for: '2m',
    severity: 'critical',
    summary: 'No replica of Spikegate is scraped.',
    description:
      'Prometheus has seen no replica for two minutes. If none runs, no order, goods, buyer or seller can be created: their webhooks fail closed.',
    action:
      'kubectl -n spikegate-system get pods,events; then spikegate doctor. If pods run and are ready, look at the ServiceMonitor and the NetworkPolicy.',
  },
  {
    alert: 'SpikegateNoLeader',
    expr: `sum(${identity}) == 0`,
    for: '1m',
    severity: 'critical',
    summary: 'No replica leads.',
    description:
      'Orders are let in and keep their stock, but get no state, do not expire, and holds pile up until goods refuse with TooManyRequests.',
    action:
      'kubectl -n spikegate-system get lease spikegate -o yaml: who holds it, and when was it renewed? Look in that pod for "could not take over" and for errors of the API server.',
  },
  {
    alert: 'SpikegateSeveralLeaders',
    expr: `sum(${identity}) > 1`,
    for: '1m',
    severity: 'warning',
    summary: '{{ $value }} replicas say that they lead.',
    description:
      'The ledger stays right, since a later term fences an earlier one off, but a replica that lost its lease should have ended.',
    action:
      'Delete the pod that does not hold the lease. Check that nobody runs with --no-leader-elect, and the clocks of the nodes.',
  },
];

const clocks: Alert[] = [
  {
    alert: 'SpikegateClockWrong',
    expr: 'max by (instance) (abs(spikegate_clock_offset_seconds)) > 5',
    for: '5m',
    severity: 'warning',
    summary: 'The clock of {{ $labels.instance }} is {{ $value | humanizeDuration }} off.',
    description:
      "The ledger goes by the API server's clock and stays right. Certificates, tokens and log lines of that machine go by its own.",
    action: 'Set up NTP on the node of that pod: chronyc tracking, timedatectl.',
  },
  {
    alert: 'SpikegateClockUnknown',
    expr: 'max by (instance) (spikegate_clock_uncertainty_seconds) > 10',
    for: '1m',
    severity: 'warning',
    summary:
      '{{ $labels.instance }} knows the time of the API server only within {{ $value | humanizeDuration }}.',
    description:
      'While it does not know it at all, it tells every order to try again. While it knows it badly, holds whose order was never stored stay longer.',
    action:
      'Are there several API servers whose clocks differ, or was a clock set? Compare the Date header of their answers (curl -i). Does this replica reach the API server?',
  },
];

const admission: Alert[] = [
  {
    alert: 'SpikegateWebhookErrors',
    expr: `${sum(`${requests}{code=~"5.."}`, 'webhook')} / ${sum(requests, 'webhook')} > 0.01`,
    for: '2m',
    severity: 'critical',
    summary: '{{ $value | humanizePercentage }} of the reviews at {{ $labels.webhook }} fail.',
    description: 'These requests were neither allowed nor refused: clients see an internal error.',
    action:
      'Look for "admission failed" in the logs; its requestID is in the message that the client got. A rule that throws is a fault of the program: report it.',
  },
  {
    alert: 'SpikegateWebhookSlow',
    expr: `${quantile(0.99, 'controller_runtime_webhook_latency_seconds', window, ['webhook'])} > 1`,
    for: '5m',
    severity: 'warning',
    summary:
      'One in a hundred reviews at {{ $labels.webhook }} takes more than {{ $value | humanizeDuration }}.',
    description:
      'The API server gives up on a webhook after its timeoutSeconds, and the request fails. Orders wait for the writes of the ledger, all others for CPU only.',
    action:
      'On the dashboard Operator: event loop lag and CPU say whether replicas are short of CPU (add replicas). If only orders are slow, look at "Time of a write" on the dashboard Sale: then it is the API server or etcd.',
  },
  {
    alert: 'SpikegateContention',
    expr: `sum(${rate(orders(',reason="TooManyRequests"'), window)}) / sum(${rate(orders(), window)}) > 0.01`,
    for: '2m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of the orders are sent away to try again.',
    description:
      'Their hold could not be written before the deadline, or goods carry as many holds as they can. Clients that retry a 429 get through later.',
    action:
      'Check SpikegateNoLeader and the settle lag first: holds that nobody settles fill goods up. Else spread the rush over several goods, or fewer replicas.',
  },
];

const sale: Alert[] = [
  {
    alert: 'SpikegateMostlySoldOut',
    expr: `(sum(${rate(orders(',reason=~"SoldOut|InsufficientStock"'), window)}) / sum(${rate(orders(), window)}) > 0.5) and sum(${rate(orders(), window)}) > 0.1`,
    for: '1m',
    severity: 'info',
    summary: '{{ $value | humanizePercentage }} of the orders find their goods sold out.',
    description: 'The end of a sale looks like this. Buyers go on asking for what is gone.',
    action: 'Tell the shop to take the goods off its page, or raise spec.stockCount if there is more.',
  },
  {
    alert: 'SpikegateStockOvercommitted',
    expr: `${stock('available')} < 0`,
    for: '1m',
    severity: 'critical',
    summary:
      '{{ $labels.namespace }}/{{ $labels.goods }} has {{ $value }} units left: orders exceed its stock.',
    description:
      'stockCount was lowered, or orders were stored, while the webhooks were off. Admission itself never does this.',
    action:
      'Raise spec.stockCount of the goods, or cancel unpaid orders. Find out who wrote past admission: webhook configurations, failurePolicy, spikegate.io/exempt on a namespace.',
  },
  {
    alert: 'SpikegateHoldLeak',
    expr: 'max(spikegate_ledger_oldest_hold_seconds) > 300',
    for: '1m',
    severity: 'warning',
    summary: 'A hold is {{ $value | humanizeDuration }} old.',
    description:
      'Stock is held for an order that was never stored. The leader gives such holds back after --hold-limit (41 seconds); this one stays.',
    action:
      'spikegate doctor names the goods and the holds. Look in the log of the leader for errors about those goods; a new leader (delete its pod) settles everything anew.',
  },
  {
    alert: 'SpikegateSettleLag',
    expr: `${quantile(0.99, 'spikegate_ledger_settle_lag_seconds', window)} > 10`,
    for: '2m',
    severity: 'warning',
    summary: 'Orders wait {{ $value | humanizeDuration }} to be settled.',
    description: 'Stock is safe meanwhile, but states of orders and the numbers people see come late.',
    action:
      'Look at the queues spikeorder and spikegoods, and at the requests to the API server, on the dashboard Operator. More --workers help where the API server is idle.',
  },
  {
    alert: 'SpikegateSettlementStopped',
    expr: `sum(${rate(orders(',outcome="accepted"'), window)}) > 0 and sum(${rate('spikegate_ledger_settles_total', window)}) == 0`,
    for: '2m',
    severity: 'critical',
    summary: 'Orders are let in, and nothing is settled.',
    description: 'A replica leads, or none does, but it does not bring orders and stock together.',
    action:
      'Look in the log of the leader for "reconcile failed" of spikegoods and for "taking the ledger over failed". Deleting the pod gives the lease to another.',
  },
  {
    alert: 'SpikegateLedgerConflicts',
    expr: `sum(${rate('spikegate_ledger_conflicts_total', window)}) / sum(${rate('spikegate_ledger_write_changes_count', window)}) > 2`,
    for: '5m',
    severity: 'warning',
    summary: 'Each stored write of the ledger loses {{ $value | humanize }} races before.',
    description:
      'Replicas write the same goods at once. Some of that is normal; so much costs time and requests. It may also be somebody else who writes the status of goods all the time.',
    action:
      'kubectl get spikegoods -o yaml --show-managed-fields: who writes status? If only spikegate does, run fewer replicas or spread the rush over several goods.',
  },
];

const controllers: Alert[] = [
  {
    alert: 'SpikegateReconcileErrors',
    expr: `${sum('controller_runtime_reconcile_errors_total', 'controller')} / ${sum('controller_runtime_reconcile_total', 'controller')} > 0.1`,
    for: '10m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of the reconciles of {{ $labels.controller }} fail.',
    description: 'Each is tried again with growing waits; their objects are late, or stuck.',
    action:
      'grep "reconcile failed" in the log of the leader: the field reason groups the faults, uid names the object. Forbidden means that RBAC is older than the program.',
  },
  {
    alert: 'SpikegateReconcileStuck',
    expr: `max by (name) (${ours('workqueue_longest_running_processor_seconds')}) > 120`,
    for: '1m',
    severity: 'warning',
    summary: 'A reconcile of {{ $labels.name }} has run for {{ $value | humanizeDuration }}.',
    description: 'A reconcile has a minute. One that does not end keeps its worker and its object.',
    action: 'Note the last lines about that kind in the log of the leader, then delete its pod.',
  },
  {
    alert: 'SpikegateQueueLong',
    expr: `max by (name) (${ours('workqueue_depth')}) > 1000`,
    for: '10m',
    severity: 'warning',
    summary: '{{ $value }} objects wait in the queue {{ $labels.name }}.',
    description: 'More comes in than the leader works off.',
    action:
      'Raise --workers or --workload-workers, and the CPU of the pod, where the API server is not the limit.',
  },
];

const certificates: Alert[] = [
  {
    alert: 'SpikegateCertificateExpires',
    expr: certificateExpiresWithin(7 * day),
    for: '10m',
    severity: 'warning',
    summary: 'The {{ $labels.certificate }} certificate expires in {{ $value | humanizeDuration }}.',
    description:
      'It should have been renewed long ago: at two thirds of its life, 30 days unless told otherwise.',
    action:
      'Look for "certificates could not be checked" (self-signed) or at the Certificate of cert-manager. With --cert-lifetime below three weeks this alert must be adapted.',
  },
  {
    alert: 'SpikegateCertificateExpiresSoon',
    expr: certificateExpiresWithin(day),
    for: '5m',
    severity: 'critical',
    summary: 'The {{ $labels.certificate }} certificate expires in {{ $value | humanizeDuration }}.',
    description:
      'When it expires the API server can call no webhook, and every request that they guard fails.',
    action:
      'Self-signed: delete the Secret spikegate-serving-cert, the replicas issue a new pair at once. cert-manager: cmctl renew, and see why it did not by itself.',
  },
  {
    alert: 'SpikegateCertificateUnreadable',
    expr: `max by (instance) (${ours('increase(certwatcher_read_certificate_errors_total[15m])')}) > 3`,
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.instance }} cannot read its certificates.',
    description: 'It goes on with the pair it has, until that expires.',
    action:
      'The log says why. Self-signed: RBAC of the Secret and the webhook configurations. Files: the mounted Secret.',
  },
];

export const ruleGroups: readonly RuleGroup[] = [
  { name: 'spikegate-availability', alerts: availability },
  { name: 'spikegate-clocks', alerts: clocks },
  { name: 'spikegate-admission', alerts: admission },
  { name: 'spikegate-sale', alerts: sale },
  { name: 'spikegate-controllers', alerts: controllers },
  { name: 'spikegate-certificates', alerts: certificates },
];

/** The groups in the format of a Prometheus rule file, which is also the spec of a PrometheusRule. */
export const prometheusRules = (): object => ({
  groups: ruleGroups.map(({ name, alerts }) => ({
    name,
    rules: alerts.map(({ alert, expr, for: duration, severity, summary, description, action }) => ({
      alert,
      expr,
      for: duration,
      labels: { severity },
      annotations: { summary, description, action },
    })),
  })),
});
