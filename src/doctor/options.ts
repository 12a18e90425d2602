// The flags of `spikegate doctor`.
import { type Command, Option } from 'commander';
import { longestUndecidedMs } from '../api/holds.ts';
import { deployment, type InstallationNames, namesOf } from '../manifests/names.ts';
import { parseDuration } from '../settings/parse.ts';

/** There are no flags for parts and namespaces: the doctor reads them from the webhook configurations. Times in ms. */
export interface DoctorOptions {
  kubeconfig?: string;
  context?: string;
  namespace: string;
  configuration: string;
  service: string;
  lease: string;
  certSecret: string;
  probeNamespace: string;
  holdLimit: number;
  paymentWindow: number;
  grace: number;
  output: 'text' | 'json';
}

/** The flags as the user gives them. namedIn fills in the names that are absent. */
export type DoctorFlags = { name: string } & Omit<
  DoctorOptions,
  'configuration' | 'service' | 'lease' | 'certSecret'
> &
  Partial<DoctorOptions>;

/** Derives the names that are absent from the installation's name. */
export function namedIn<T extends { name: string }>({
  name,
  ...flags
}: T): InstallationNames & Omit<T, 'name'> {
  return { ...namesOf(name), ...flags };
}

export function withDoctorOptions(command: Command): Command {
  const duration = (flags: string, description: string, ms: number, text: string) =>
    command.addOption(new Option(flags, description).argParser(parseDuration).default(ms, text));
  command
    .option('--kubeconfig <file>', 'kubeconfig of the cluster')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--namespace <name>', 'where Spikegate runs', deployment.namespace)
    .option('--name <name>', 'name of the installation; the next four follow from it', deployment.name)
    .option('--configuration <name>', 'name of both webhook configurations (default: NAME)')
    .option('--service <name>', 'Service of the webhooks (default: NAME-webhook)')
    .option('--lease <name>', 'name of the lease (default: NAME)')
    .option('--cert-secret <name>', 'Secret with the serving certificate (default: NAME-serving-cert)')
    .option('--probe-namespace <name>', 'where the dry runs are made; nothing is stored', 'default');
  duration('--hold-limit <duration>', '--hold-limit of serve', longestUndecidedMs, '41s');
  duration('--payment-window <duration>', '--payment-window of serve', 300_000, '5m');
  duration('--grace <duration>', 'what may be late before it is a finding', 30_000, '30s');
  return command
    .addOption(
      new Option('-o, --output <format>', 'for people or for programs')
        .choices(['text', 'json'])
        .default('text'),
    )
    .addHelpText(
      'after',
      '\nExit code: 0 nothing to do, 1 something found (its remedy is printed), 2 the cluster could not be looked at.',
    );
}
