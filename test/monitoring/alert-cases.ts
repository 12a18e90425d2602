// For every alert, series under which it fires, with the words it then says, and series under which it does not.
// Values as promtool writes them, a sample every 15 s: `0+15x80` is one more each second for 20 minutes.

export interface Case {
  /** Series and their values; `{ours}` stands for the labels of a replica. */
  fires: Record<string, string>;
  /** Of the one alert that fires, besides alertname and severity. */
  labels?: Record<string, string>;
  summary: string;
  silent: Record<string, string>;
  /** The two replicas' leader_election_master_status; default: one leads. */
  leaders?: readonly number[];
  silentLeaders?: readonly number[];
}

const perSecond = (rate: number) => `0+${rate * 15}x80`;
const still = (value: number) => `${value}+0x80`;
const orders = (reason: string, outcome = 'refused') =>
  `spikegate_order_admissions_total{{ours},operation="CREATE",outcome="${outcome}",reason="${reason}"}`;
const accepted = orders('Accepted', 'accepted');
const soldOut = orders('SoldOut');
const tryAgain = orders('TooManyRequests');
const validate = '/validate-myapp-spike-com-v1-spikeorder';
const reviews = (code: number, who = '{ours}') =>
  `controller_runtime_webhook_requests_total{${who},webhook="${validate}",code="${code}"}`;
const reconciles = (what: 'total' | 'errors_total', controller: string) =>
  `controller_runtime_reconcile_${what}{{ours},controller="${controller}"}`;
const queue = (what: string, who = '{ours}') => `workqueue_${what}{${who},name="spikeorder"}`;
const expiry = (certificate: string) =>
  `spikegate_certificate_expiry_timestamp_seconds{{ours},certificate="${certificate}"}`;
const stranger = 'job="stranger",instance="c"';

/** A histogram all of whose observations, one a second, are at most `le`, and above the bound before it. */
function observed(
  name: string,
  labels: string,
  le: string,
  bounds: readonly string[],
): Record<string, string> {
  const at = bounds.indexOf(le);
  return Object.fromEntries(
    [...bounds, '+Inf'].map((bound, index) => [
      `${name}_bucket{{ours}${labels},le="${bound}"}`,
      index < at ? still(0) : perSecond(1),
    ]),
  );
}
const latency = (le: string) =>
  observed('controller_runtime_webhook_latency_seconds', `,webhook="${validate}"`, le, ['0.5', '1', '2.5']);
const settleLag = (le: string) => observed('spikegate_ledger_settle_lag_seconds', '', le, ['1', '10', '30']);

const day = 86_400;

export const cases: Record<string, Case> = {
  SpikegateDown: {
    fires: {},
    leaders: [],
    labels: { name: 'spikegate' },
    summary: 'No replica of Spikegate is scraped.',
    silent: {},
  },
  SpikegateNoLeader: { fires: {}, leaders: [0, 0], summary: 'No replica leads.', silent: {} },
  SpikegateSeveralLeaders: {
    fires: {},
    leaders: [1, 1],
    silent: {},
    silentLeaders: [0, 1],
    summary: '2 replicas say that they lead.',
  },
  SpikegateClockWrong: {
    fires: { 'spikegate_clock_offset_seconds{{ours}}': still(-130) },
    labels: { instance: 'a' },
    summary: 'The clock of a is 2m 10s off.',
    silent: { 'spikegate_clock_offset_seconds{{ours}}': still(-1) },
  },
  SpikegateClockUnknown: {
    fires: { 'spikegate_clock_uncertainty_seconds{{ours}}': still(65) },
    labels: { instance: 'a' },
    summary: 'a knows the time of the API server only within 1m 5s.',
    silent: { 'spikegate_clock_uncertainty_seconds{{ours}}': still(0.5) },
  },
  SpikegateWebhookErrors: {
    fires: { [reviews(200)]: perSecond(3), [reviews(500)]: perSecond(1) },
    labels: { webhook: validate },
    summary: `25% of the reviews at ${validate} fail.`,
    // Refusals are no errors, and what another operator's webhook answers is none of ours.
    silent: {
      [reviews(200)]: perSecond(1),
      [reviews(403)]: perSecond(9),
      [reviews(500)]: still(7),
      [reviews(500, stranger)]: perSecond(9),
    },
  },
  SpikegateWebhookSlow: {
    fires: latency('2.5'),
    labels: { webhook: validate },
    summary: `One in a hundred reviews at ${validate} takes more than 2.485s.`,
    silent: latency('1'),
  },
  SpikegateContention: {
    fires: { [accepted]: perSecond(3), [tryAgain]: perSecond(1) },
    summary: '25% of the orders are sent away to try again.',
    silent: { [accepted]: perSecond(3), [soldOut]: perSecond(50), [tryAgain]: still(3) },
  },
  SpikegateMostlySoldOut: {
    fires: { [accepted]: perSecond(1), [soldOut]: perSecond(3) },
    summary: '75% of the orders find their goods sold out.',
    // One order a minute is no crowd.
    silent: { [accepted]: still(100), [soldOut]: perSecond(1 / 60) },
  },
  SpikegateStockOvercommitted: {
    fires: {
      'spikegate_stock_available{{ours},namespace="shop",goods="apple"}': still(-2),
      'spikegate_stock_available{job="spikegate-metrics",instance="b",namespace="shop",goods="apple"}':
        still(-2),
      'spikegate_stock_available{{ours},namespace="shop",goods="berry"}': still(5),
    },
    labels: { namespace: 'shop', goods: 'apple' },
    summary: 'shop/apple has -2 units left: orders exceed its stock.',
    silent: { 'spikegate_stock_available{{ours},namespace="shop",goods="apple"}': still(0) },
  },
  SpikegateHoldLeak: {
    fires: { 'spikegate_ledger_oldest_hold_seconds{{ours}}': '0+15x80' },
    summary: 'A hold is 20m 0s old.',
    silent: { 'spikegate_ledger_oldest_hold_seconds{{ours}}': still(125) },
  },
  SpikegateSettleLag: {
    fires: settleLag('30'),
    summary: 'Orders wait 29.8s to be settled.',
    silent: settleLag('10'),
  },
  SpikegateSettlementStopped: {
    fires: { [accepted]: perSecond(1), 'spikegate_ledger_settles_total{{ours}}': still(12) },
    summary: 'Orders are let in, and nothing is settled.',
    silent: { [accepted]: perSecond(9), 'spikegate_ledger_settles_total{{ours}}': perSecond(1) },
  },
  SpikegateLedgerConflicts: {
    fires: {
      'spikegate_ledger_conflicts_total{{ours}}': perSecond(3),
      'spikegate_ledger_write_changes_count{{ours}}': perSecond(1),
    },
    summary: 'Each stored write of the ledger loses 3 races before.',
    silent: {
      'spikegate_ledger_conflicts_total{{ours}}': perSecond(1),
      'spikegate_ledger_write_changes_count{{ours}}': perSecond(1),
    },
  },
  SpikegateReconcileErrors: {
    fires: {
      [reconciles('errors_total', 'spikegoods')]: perSecond(1),
      [reconciles('total', 'spikegoods')]: perSecond(2),
      [reconciles('errors_total', 'buyer')]: still(0),
      [reconciles('total', 'buyer')]: perSecond(2),
    },
    labels: { controller: 'spikegoods' },
    summary: '50% of the reconciles of spikegoods fail.',
    silent: {
      [reconciles('errors_total', 'spikegoods')]: perSecond(1),
      [reconciles('total', 'spikegoods')]: perSecond(20),
    },
  },
  SpikegateReconcileStuck: {
    fires: { [queue('longest_running_processor_seconds')]: '0+15x80' },
    labels: { name: 'spikeorder' },
    summary: 'A reconcile of spikeorder has run for 20m 0s.',
    silent: { [queue('longest_running_processor_seconds')]: still(60) },
  },
  SpikegateQueueLong: {
    fires: { [queue('depth')]: still(2000) },
    labels: { name: 'spikeorder' },
    summary: '2000 objects wait in the queue spikeorder.',
    silent: { [queue('depth')]: still(900), [queue('depth', stranger)]: still(5000) },
  },
  SpikegateCertificateExpires: {
    fires: { [expiry('serving')]: still(3 * day), [expiry('ca')]: still(300 * day) },
    labels: { certificate: 'serving' },
    summary: 'The serving certificate expires in 2d 23h 40m 0s.',
    // 0: not known.
    silent: { [expiry('serving')]: still(10 * day), [expiry('ca')]: still(0) },
  },
  SpikegateCertificateExpiresSoon: {
    fires: { [expiry('serving')]: still(30 * day), [expiry('ca')]: still(day / 2) },
    labels: { certificate: 'ca' },
    summary: 'The ca certificate expires in 11h 40m 0s.',
    silent: { [expiry('serving')]: still(3 * day), [expiry('ca')]: still(30 * day) },
  },
  SpikegateCertificateUnreadable: {
    fires: { 'certwatcher_read_certificate_errors_total{{ours}}': '0+1x80' },
    labels: { instance: 'a' },
    summary: 'a cannot read its certificates.',
    silent: {
      'certwatcher_read_certificate_errors_total{{ours}}': still(40),
      [`certwatcher_read_certificate_errors_total{${stranger}}`]: '0+1x80',
    },
  },
};
