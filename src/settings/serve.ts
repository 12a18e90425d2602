// The settings of `spikegate serve`: one row for each. The rows give the type, the flags with their help, the environment
// variables, and docs/settings.md. Knows nothing of what a setting is used for.
import { defaultNodePorts } from '../api/node-ports.ts';
import { anywhere, clusterServices, defaultPrometheus, defaultReach } from '../api/reach.ts';
import { defaultLots } from '../ledger/lots.ts';
import { deployment } from '../manifests/names.ts';
import {
  parseDuration,
  parseList,
  parseNodePorts,
  parsePlaces,
  parsePort,
  parseServer,
  parseSwitch,
  positiveDuration,
  wholeNumber,
} from './parse.ts';

export const groups = [
  'Cluster',
  'Listening',
  'Certificates',
  'Callers',
  'Leader election',
  'Sale',
  'Workloads',
  'Log',
] as const;

export interface Row<T> {
  /** As commander reads it: `--port <number>`, `--board`, `--no-leader-elect`. */
  flag: string;
  env: string;
  parse(text: string): T;
  default: T;
  /** The default as people write it; by default the value itself. */
  defaultText?: string;
  choices?: readonly string[];
  group: (typeof groups)[number];
  help: string;
}

const row = <T>(row: Row<T>): Row<T> => row;

/** A setting that may be absent. */
const optional = (
  row: Pick<Row<string>, 'flag' | 'env' | 'group' | 'help' | 'defaultText'>,
): Row<string | undefined> => ({
  ...row,
  parse: (text) => text,
  default: undefined,
});

const text = (row: Pick<Row<string>, 'flag' | 'env' | 'default' | 'group' | 'help'>): Row<string> => ({
  ...row,
  parse: (text) => text,
});

const choice = <T extends string>(
  row: Pick<Row<T>, 'flag' | 'env' | 'default' | 'group' | 'help'> & { choices: readonly T[] },
): Row<T> => ({ ...row, parse: (text) => text as T });

const second = 1000;
const minute = 60 * second;
const day = 24 * 60 * minute;

export const rows = {
  kubeconfig: optional({
    flag: '--kubeconfig <file>',
    env: 'SPIKEGATE_KUBECONFIG',
    defaultText: "KUBECONFIG, then the pod's service account, then ~/.kube/config",
    group: 'Cluster',
    help: 'kubeconfig of the cluster',
  }),
  context: optional({
    flag: '--context <name>',
    env: 'SPIKEGATE_CONTEXT',
    defaultText: 'the current context',
    group: 'Cluster',
    help: 'context of the kubeconfig',
  }),
  namespace: row({
    flag: '--namespace <name>',
    env: 'SPIKEGATE_NAMESPACE',
    parse: (text) => text,
    get default() {
      return process.env.POD_NAMESPACE ?? deployment.namespace;
    },
    defaultText: `POD_NAMESPACE, then ${deployment.namespace}`,
    group: 'Cluster',
    help: 'namespace of the lease and of the certificate Secret',
  }),
  configuration: text({
    flag: '--configuration <name>',
    env: 'SPIKEGATE_CONFIGURATION',
    default: deployment.configuration,
    group: 'Cluster',
    help: 'name of both webhook configurations',
  }),
  takeOver: row({
    flag: '--take-over',
    env: 'SPIKEGATE_TAKE_OVER',
    parse: parseSwitch,
    default: false,
    group: 'Cluster',
    help: 'start although another Spikegate is installed in this cluster',
  }),
  host: text({
    flag: '--host <address>',
    env: 'SPIKEGATE_HOST',
    default: '0.0.0.0',
    group: 'Listening',
    help: 'address on which the admission server listens',
  }),
  port: row({
    flag: '--port <number>',
    env: 'SPIKEGATE_PORT_NUMBER',
    parse: parsePort,
    default: 9443,
    group: 'Listening',
    help: 'port of the admission server; 0: any free port',
  }),
  metricsHost: text({
    flag: '--metrics-host <address>',
    env: 'SPIKEGATE_METRICS_HOST',
    default: '0.0.0.0',
    group: 'Listening',
    help: 'address of /metrics',
  }),
  metricsPort: row({
    flag: '--metrics-port <number>',
    env: 'SPIKEGATE_METRICS_PORT_NUMBER',
    parse: parsePort,
    default: 8080,
    group: 'Listening',
    help: 'port of /metrics; 0: any free port',
  }),
  metricsGoods: row({
    flag: '--metrics-goods <number>',
    env: 'SPIKEGATE_METRICS_GOODS',
    parse: wholeNumber(0, 10_000),
    default: 200,
    group: 'Listening',
    help: 'number of goods with stock series of their own; the others are summed up as _others',
  }),
  board: row({
    flag: '--board',
    env: 'SPIKEGATE_BOARD',
    parse: parseSwitch,
    default: false,
    group: 'Listening',
    help: 'serve a live page of the sale at /board on the port of /metrics; everybody who reaches it can read it',
  }),
  drain: row({
    flag: '--drain <duration>',
    env: 'SPIKEGATE_DRAIN',
    parse: parseDuration,
    default: 10 * second,
    defaultText: '10s',
    group: 'Listening',
    help: 'how long a server that stops still answers requests',
  }),
  certs: choice({
    flag: '--certs <mode>',
    env: 'SPIKEGATE_CERTS',
    choices: ['self-signed', 'files'],
    default: 'self-signed',
    group: 'Certificates',
    help: 'self-signed: Spikegate issues and rotates them and shares them through a Secret; files: read from --cert-dir',
  }),
  certDir: optional({
    flag: '--cert-dir <directory>',
    env: 'SPIKEGATE_CERT_DIR',
    group: 'Certificates',
    help: 'directory with tls.crt and tls.key (files)',
  }),
  certSecret: text({
    flag: '--cert-secret <name>',
    env: 'SPIKEGATE_CERT_SECRET',
    default: deployment.certSecret,
    group: 'Certificates',
    help: 'Secret with the certificates (self-signed)',
  }),
  certNames: row({
    flag: '--cert-names <names>',
    env: 'SPIKEGATE_CERT_NAMES',
    parse: parseList,
    default: [],
    defaultText: 'none',
    group: 'Certificates',
    help: 'more DNS names and IP addresses for the serving certificate, separated by commas',
  }),
  certLifetime: row({
    flag: '--cert-lifetime <duration>',
    env: 'SPIKEGATE_CERT_LIFETIME',
    parse: positiveDuration,
    default: 30 * day,
    defaultText: '30d',
    group: 'Certificates',
    help: 'lifetime of the serving certificate',
  }),
  caLifetime: row({
    flag: '--ca-lifetime <duration>',
    env: 'SPIKEGATE_CA_LIFETIME',
    parse: positiveDuration,
    default: 365 * day,
    defaultText: '365d',
    group: 'Certificates',
    help: 'lifetime of the CA',
  }),
  caOverlap: row({
    flag: '--ca-overlap <duration>',
    env: 'SPIKEGATE_CA_OVERLAP',
    parse: positiveDuration,
    default: day,
    defaultText: '1d',
    group: 'Certificates',
    help: 'how long clients trust a new CA before it signs',
  }),
  certCheck: row({
    flag: '--cert-check <duration>',
    env: 'SPIKEGATE_CERT_CHECK',
    parse: positiveDuration,
    default: minute,
    defaultText: '60s',
    group: 'Certificates',
    help: 'time between two checks of the certificates; a change in the cluster is seen at once',
  }),
  service: text({
    flag: '--service <name>',
    env: 'SPIKEGATE_SERVICE',
    default: deployment.service,
    group: 'Certificates',
    help: 'Service of the webhooks; the certificate has its DNS names',
  }),
  clientCaFile: optional({
    flag: '--client-ca-file <file>',
    env: 'SPIKEGATE_CLIENT_CA_FILE',
    defaultText: 'no client certificate is asked for',
    group: 'Callers',
    help: 'CAs of the clients that may call the webhooks; the API server then needs a client certificate',
  }),
  clientNames: row({
    flag: '--client-names <names>',
    env: 'SPIKEGATE_CLIENT_NAMES',
    parse: parseList,
    default: [],
    defaultText: 'any',
    group: 'Callers',
    help: 'common names that a client certificate may have, separated by commas',
  }),
  leaderElect: row({
    flag: '--no-leader-elect',
    env: 'SPIKEGATE_LEADER_ELECT',
    parse: parseSwitch,
    default: true,
    group: 'Leader election',
    help: 'lead at once, without a lease; only for an installation that never has a second replica',
  }),
  lease: text({
    flag: '--lease <name>',
    env: 'SPIKEGATE_LEASE',
    default: deployment.lease,
    group: 'Leader election',
    help: 'name of the lease',
  }),
  leaseDuration: row({
    flag: '--lease-duration <duration>',
    env: 'SPIKEGATE_LEASE_DURATION',
    parse: positiveDuration,
    default: 15 * second,
    defaultText: '15s',
    group: 'Leader election',
    help: 'how long the other replicas wait for a leader that does not renew the lease',
  }),
  renewDeadline: row({
    flag: '--renew-deadline <duration>',
    env: 'SPIKEGATE_RENEW_DEADLINE',
    parse: positiveDuration,
    default: 10 * second,
    defaultText: '10s',
    group: 'Leader election',
    help: 'how long a leader tries to renew the lease before it gives up',
  }),
  retryPeriod: row({
    flag: '--retry-period <duration>',
    env: 'SPIKEGATE_RETRY_PERIOD',
    parse: positiveDuration,
    default: 2 * second,
    defaultText: '2s',
    group: 'Leader election',
    help: 'time between two attempts to get or renew the lease',
  }),
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
    default: 120 * second,
    defaultText: '120s',
    group: 'Sale',
    help: 'age at which a hold without a stored order is given back; longer than any request to the API server',
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
  logLevel: choice({
    flag: '--log-level <level>',
    env: 'SPIKEGATE_LOG_LEVEL',
    choices: ['trace', 'debug', 'info', 'warn', 'error'],
    default: 'info',
    group: 'Log',
    help: 'lowest level that is logged',
  }),
  logFormat: choice({
    flag: '--log-format <format>',
    env: 'SPIKEGATE_LOG_FORMAT',
    choices: ['auto', 'json', 'pretty'],
    default: 'auto',
    group: 'Log',
    help: 'auto: pretty on a terminal, JSON elsewhere',
  }),
} satisfies Record<string, Pick<Row<unknown>, 'flag' | 'env' | 'group' | 'help'>>;

type Rows = typeof rows;
type ValueOf<K extends keyof Rows> = Rows[K] extends Row<infer T> ? T : never;
type Absent = { [K in keyof Rows]: undefined extends ValueOf<K> ? K : never }[keyof Rows];

/** Durations are in ms. */
export type ServeSettings = { [K in Exclude<keyof Rows, Absent>]: ValueOf<K> } & {
  [K in Absent]?: NonNullable<ValueOf<K>>;
};

/** The longest time a process takes to stop, in ms: Kubernetes must not kill it earlier. */
export const stopsWithinMs = (drain: number): number => drain + 18_000;
