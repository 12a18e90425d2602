// Flags and environment of `spikegate serve`, checked, in one table. Knows nothing of what they are used for.
import { Command, InvalidArgumentError, Option } from 'commander';
import { anywhere, clusterServices, defaultReach, parseReach, type Reach } from '../api/reach.ts';
import { defaultLots } from '../ledger/lots.ts';
import { deployment } from '../manifests/names.ts';
import { isServiceLink } from './service-links.ts';

export interface ServeSettings {
  kubeconfig?: string;
  context?: string;
  namespace: string;
  host: string;
  port: number;
  metricsHost: string;
  metricsPort: number;
  metricsGoods: number;
  board: boolean;
  certs: 'self-signed' | 'files';
  certDir?: string;
  certSecret: string;
  certNames: string[];
  certLifetime: number;
  caLifetime: number;
  caOverlap: number;
  certCheck: number;
  clientCaFile?: string;
  clientNames: string[];
  service: string;
  leaderElect: boolean;
  lease: string;
  leaseDuration: number;
  renewDeadline: number;
  retryPeriod: number;
  paymentWindow: number;
  holdLimit: number;
  workers: number;
  crowd: number;
  acceptDelay: number;
  workloadWorkers: number;
  prometheusAllow: Reach;
  thirdPartyAllow: Reach;
  lots: number;
  drain: number;
  logLevel: string;
  logFormat: 'auto' | 'json' | 'pretty';
}

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `5m`, `1h`, `7d` to milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const ms = match ? Number(match[1]) * units[match[2]!]! : Number.NaN;
  if (!(ms >= 0))
    throw new InvalidArgumentError(
      `a duration is a number with a unit (500ms, 30s, 5m, 1h, 7d), got "${text}"`,
    );
  return ms;
}

function positiveDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms <= 0) throw new InvalidArgumentError(`must be longer than 0, got "${text}"`);
  return ms;
}

export function wholeNumber(minimum: number, maximum: number) {
  return (text: string): number => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= minimum && number <= maximum) return number;
    throw new InvalidArgumentError(`must be a whole number from ${minimum} to ${maximum}, got "${text}"`);
  };
}

export const parsePort = wholeNumber(0, 65_535);
const list = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function reach(text: string): Reach {
  try {
    return parseReach(list(text));
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Adds the options of `serve` to a command; each may also come from the environment. */
export function withServeOptions(command: Command): Command {
  // A command reads an option's default when it is added, so they are added last.
  const options: Option[] = [];
  const option = (flags: string, description: string) => {
    const made = new Option(flags, description);
    if (!isSwitch(made)) made.env(variableOf(made));
    options.push(made);
    return made;
  };
  option(
    '--kubeconfig <file>',
    'kubeconfig; default: KUBECONFIG, then the service account of the pod, then ~/.kube/config',
  );
  option('--context <name>', 'context of the kubeconfig');
  option('--namespace <name>', 'namespace of the lease and of the certificate Secret').default(
    process.env.POD_NAMESPACE ?? deployment.namespace,
  );
  option('--host <address>', 'address the admission server listens on').default('0.0.0.0');
  option('--port <number>', 'port of the admission server, 0 for a free one')
    .argParser(parsePort)
    .default(9443);
  option('--metrics-host <address>', 'address of /metrics').default('0.0.0.0');
  option('--metrics-port <number>', 'port of /metrics, 0 for a free one').argParser(parsePort).default(8080);
  option('--metrics-goods <number>', 'goods with stock series of their own; the rest is summed as _others')
    .argParser(wholeNumber(0, 10_000))
    .default(200);
  option(
    '--board',
    'a live page of the sale at /board on the port of /metrics; who can reach it can read it',
  ).default(false);
  option(
    '--certs <mode>',
    'self-signed: made and rotated here, shared through a Secret; files: read from --cert-dir',
  )
    .choices(['self-signed', 'files'])
    .default('self-signed');
  option('--cert-dir <directory>', 'where tls.crt and tls.key are (files)');
  option('--cert-secret <name>', 'Secret of the certificates (self-signed)').default(deployment.certSecret);
  option('--cert-names <names>', 'further DNS names and addresses of the server, separated by commas')
    .argParser(list)
    .default([], 'none');
  option('--cert-lifetime <duration>', 'lifetime of the serving certificate')
    .argParser(positiveDuration)
    .default(30 * units.d!, '30d');
  option('--ca-lifetime <duration>', 'lifetime of the CA')
    .argParser(positiveDuration)
    .default(365 * units.d!, '365d');
  option('--ca-overlap <duration>', 'how long a new CA is trusted before it signs')
    .argParser(positiveDuration)
    .default(units.d!, '1d');
  option(
    '--cert-check <duration>',
    'how often certificates are looked at; what others change is noticed at once',
  )
    .argParser(positiveDuration)
    .default(60_000, '60s');
  option(
    '--client-ca-file <file>',
    'CAs of the clients that may call the webhooks: the API server then needs a certificate of theirs',
  );
  option('--client-names <names>', 'common names that such a certificate may have, separated by commas')
    .argParser(list)
    .default([], 'any');
  option('--service <name>', 'Service of the webhooks; its names are in the certificate').default(
    deployment.service,
  );
  option('--no-leader-elect', 'lead at once: only where a single replica ever runs');
  option('--lease <name>', 'name of the lease').default(deployment.lease);
  option('--lease-duration <duration>', 'how long a silent leader is waited for')
    .argParser(positiveDuration)
    .default(15_000, '15s');
  option('--renew-deadline <duration>', 'when a leader that cannot renew gives up')
    .argParser(positiveDuration)
    .default(10_000, '10s');
  option('--retry-period <duration>', 'between attempts at the lease')
    .argParser(positiveDuration)
    .default(2000, '2s');
  option('--payment-window <duration>', 'time an order has to be paid')
    .argParser(positiveDuration)
    .default(5 * units.m!, '5m');
  option(
    '--hold-limit <duration>',
    'when a hold whose order was never stored is given back; longer than any request to the API server',
  )
    .argParser(positiveDuration)
    .default(120_000, '120s');
  option('--workers <number>', 'orders worked on at once by the leader')
    .argParser(wholeNumber(1, 256))
    .default(16);
  option('--crowd <number>', 'more new orders at once than this are a crowd: letting orders in goes first')
    .argParser(wholeNumber(0, 1_000_000))
    .default(2);
  option(
    '--accept-delay <duration>',
    'how long an order in a crowd may wait for its status; its stock is held',
  )
    .argParser(parseDuration)
    .default(5000, '5s');
  option(
    '--lots <units>',
    'when this replica is asked for so many units of a goods within half a second, it holds some beforehand; 0: never',
  )
    .argParser(wholeNumber(0, 1_000_000))
    .default(defaultLots.leastDemand);
  option('--workload-workers <number>', 'workloads worked on at once by the leader, per kind')
    .argParser(wholeNumber(1, 64))
    .default(4);
  option(
    '--prometheus-allow <places>',
    'Prometheus servers that an ElasticWeb may name, separated by commas: host, host:port, *.suffix, * or the beginning of a URL',
  )
    .argParser(reach)
    .default(defaultReach.prometheus, clusterServices.join(','));
  option(
    '--third-party-allow <places>',
    'what a DataService may have checked (thirdParty), in the same words',
  )
    .argParser(reach)
    .default(defaultReach.thirdParty, anywhere.join(','));
  option('--drain <duration>', 'how long a stopping server goes on answering')
    .argParser(parseDuration)
    .default(10_000, '10s');
  option('--log-level <level>', 'least level that is logged')
    .choices(['trace', 'debug', 'info', 'warn', 'error'])
    .default('info');
  option('--log-format <format>', 'auto: pretty on a terminal, else JSON')
    .choices(['auto', 'json', 'pretty'])
    .default('auto');
  for (const made of options) command.addOption(isSwitch(made) ? readSwitch(made) : made);
  return command;
}

const isSwitch = (option: Option): boolean => !option.required && !option.optional;
const plainVariableOf = (option: Option): string =>
  `SPIKEGATE_${option.attributeName().replace(/[A-Z]/g, '_$&').toUpperCase()}`;

/**
 * `--payment-window` is SPIKEGATE_PAYMENT_WINDOW. A cluster may set SPIKEGATE_PORT or SPIKEGATE_METRICS_PORT by itself,
 * for a Service of that name, so `--port` is SPIKEGATE_PORT_NUMBER: no Service gives a variable of that shape.
 */
function variableOf(option: Option): string {
  const name = plainVariableOf(option);
  const variable = isServiceLink(name) ? `${name}_NUMBER` : name;
  if (isServiceLink(variable)) throw new Error(`a Service could set ${variable}; rename the flag`);
  return variable;
}

/**
 * A line for each variable that somebody may take for a setting, and that is not read because a Service could set it.
 * Values of Services themselves (`tcp://10.96.0.7:8080`) get no line.
 */
export function unreadVariables(env: NodeJS.ProcessEnv): string[] {
  return withServeOptions(new Command()).options.flatMap((option) => {
    const name = plainVariableOf(option);
    const value = env[name];
    if (name === variableOf(option) || value === undefined || value.includes('://')) return [];
    return [
      `${name} is not read, since a Service can set a variable of that name: set ${variableOf(option)}`,
    ];
  });
}

/**
 * commander takes a switch for given as soon as its variable is set, whatever it says: SPIKEGATE_BOARD=false
 * would open the board, and SPIKEGATE_LEADER_ELECT=true would end the election. What the variable says is the
 * setting's value here, and the flag still has the last word.
 */
function readSwitch(option: Option): Option {
  const name = variableOf(option);
  const text = process.env[name];
  option.description += ` (env: ${name}=true or false)`;
  return text ? option.default(!/^(false|no|off|0)$/i.test(text)) : option;
}

/** Milliseconds that a process takes to stop at the most, by its drain: what Kubernetes must not cut short. */
export const stopsWithinMs = (drain: number): number => drain + 18_000;

/** What `serve` does when it is told nothing. */
export function defaultServeSettings(): ServeSettings {
  return withServeOptions(new Command()).parse([], { from: 'user' }).opts<ServeSettings>();
}
