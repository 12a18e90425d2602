// Flags of `spikegate doctor`. Knows nothing of what they are used for.
import { type Command, Option } from 'commander';
import { deployment } from '../manifests/generated.ts';
import { parseDuration } from '../settings/parse.ts';

export interface DoctorOptions {
  kubeconfig?: string;
  context?: string;
  namespace: string;
  service: string;
  lease: string;
  certSecret: string;
  probeNamespace: string;
  holdLimit: number;
  paymentWindow: number;
  grace: number;
  output: 'text' | 'json';
}

export function withDoctorOptions(command: Command): Command {
  const duration = (flags: string, description: string, ms: number, text: string) =>
    command.addOption(new Option(flags, description).argParser(parseDuration).default(ms, text));
  command
    .option('--kubeconfig <file>', 'kubeconfig of the cluster')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--namespace <name>', 'where Spikegate runs', deployment.namespace)
    .option('--service <name>', 'Service of the webhooks', deployment.service)
    .option('--lease <name>', 'name of the lease', deployment.lease)
    .option('--cert-secret <name>', 'Secret with the serving certificate', deployment.certSecret)
    .option('--probe-namespace <name>', 'where the dry runs are made; nothing is stored', 'default');
  duration('--hold-limit <duration>', '--hold-limit of serve', 120_000, '120s');
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
