// The settings of the sale and of the workloads.
import { longestUndecidedMs } from '../api/holds.ts';
import { defaultNodePorts } from '../api/node-ports.ts';
import { anywhere, clusterServices, defaultPrometheus, defaultReach } from '../api/reach.ts';
import { defaultLots } from '../ledger/lots.ts';
import {
  parseDuration,
  parseNodePorts,
  parsePlaces,
  parseServer,
  positiveDuration,
  wholeNumber,
} from './parse.ts';
import { checked, minute, row, second } from './row.ts';

export const saleRows = checked({
  paymentWindow: row({
    flag: '--payment-window <duration>',
    env: 'SPIKEGATE_PAYMENT_WINDOW',
    parse: positiveDuration,
    default: 5 * minute,
    defaultText: '5m',
    group: 'Sale',
    help: 'time a buyer has to pay an order',
  }),
  holdLimit: row({
    flag: '--hold-limit <duration>',
    env: 'SPIKEGATE_HOLD_LIMIT',
    parse: positiveDuration,
    default: longestUndecidedMs,
    defaultText: '41s',
    group: 'Sale',
    help: 'age at which a hold without a stored order is given back: 34s that the API server gives a create, and 7s for etcd',
  }),
  workers: row({
    flag: '--workers <number>',
    env: 'SPIKEGATE_WORKERS',
    parse: wholeNumber(1, 256),
    default: 16,
    group: 'Sale',
    help: 'number of orders that the leader reconciles at once',
  }),
  crowd: row({
    flag: '--crowd <number>',
    env: 'SPIKEGATE_CROWD',
    parse: wholeNumber(0, 1_000_000),
    default: 2,
    group: 'Sale',
    help: 'with more new orders in flight than this, admission goes before the statuses of orders',
  }),
  acceptDelay: row({
    flag: '--accept-delay <duration>',
    env: 'SPIKEGATE_ACCEPT_DELAY',
    parse: parseDuration,
    default: 5 * second,
    defaultText: '5s',
    group: 'Sale',
    help: 'longest time an order in a crowd waits for its status; its stock is held meanwhile',
  }),
  lots: row({
    flag: '--lots <units>',
    env: 'SPIKEGATE_LOTS',
    parse: wholeNumber(0, 1_000_000),
    default: defaultLots.leastDemand,
    group: 'Sale',
    help: 'demand for one goods, in units per half second, from which this replica holds units in advance; 0: never',
  }),
  workloadWorkers: row({
    flag: '--workload-workers <number>',
    env: 'SPIKEGATE_WORKLOAD_WORKERS',
    parse: wholeNumber(1, 64),
    default: 4,
    group: 'Workloads',
    help: 'number of workloads of each kind that the leader reconciles at once',
  }),
  prometheusAllow: row({
    flag: '--prometheus-allow <places>',
    env: 'SPIKEGATE_PROMETHEUS_ALLOW',
    parse: parsePlaces,
    default: defaultReach.prometheus,
    defaultText: clusterServices.join(','),
    group: 'Workloads',
    help: 'Prometheus servers that an ElasticWeb may name, separated by commas: host, host:port, *.suffix, * or the beginning of a URL',
  }),
  prometheusServer: row({
    flag: '--prometheus-server <url>',
    env: 'SPIKEGATE_PROMETHEUS_SERVER',
    parse: parseServer,
    default: defaultPrometheus,
    group: 'Workloads',
    help: 'Prometheus server of an ElasticWeb that names none; --prometheus-allow must allow it',
  }),
  nodePorts: row({
    flag: '--node-ports <range>',
    env: 'SPIKEGATE_NODE_PORTS',
    parse: parseNodePorts,
    default: defaultNodePorts,
    defaultText: `${defaultNodePorts.first}-${defaultNodePorts.last}`,
    group: 'Workloads',
    help: 'ports that the cluster opens on its nodes (--service-node-port-range of kube-apiserver)',
  }),
  thirdPartyAllow: row({
    flag: '--third-party-allow <places>',
    env: 'SPIKEGATE_THIRD_PARTY_ALLOW',
    parse: parsePlaces,
    default: defaultReach.thirdParty,
    defaultText: anywhere.join(','),
    group: 'Workloads',
    help: 'third parties that a DataService may name (spec.thirdParty), written as for --prometheus-allow',
  }),
});
