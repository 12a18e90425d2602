#!/usr/bin/env node
// The commands of Spikegate and their options. The commands themselves are in the other folders of src.
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { type DoctorFlags, namedIn, withDoctorOptions } from '../doctor/options.ts';
import type { Client } from '../kube/client.ts';
import { loadConfig } from '../kube/config.ts';
import { createClient } from '../kube/json-client.ts';
import type { LocalOptions } from '../local/run.ts';
import type { Extent } from '../manifests/extent.ts';
import { install, installDefinitions, writeComponent, writeManifests } from '../manifests/install.ts';
import { AnotherInstallationError, refuseSecond } from '../manifests/installations.ts';
import { deployment, version } from '../manifests/names.ts';
import { serve } from '../process/serve.ts';
import { type ProveFlags, runProve, withProveOptions } from '../prove/command.ts';
import { systemClock } from '../runtime/clock.ts';
import { namespacesOption, partsOption, unreadVariables, withServeOptions } from '../settings/options.ts';
import { parseDuration, parsePort, wholeNumber } from '../settings/parse.ts';
import type { ServeSettings } from '../settings/serve.ts';
import {
  runUninstall,
  terminalDialogue,
  type UninstallFlags,
  withUninstallOptions,
} from '../uninstall/command.ts';
import { createLogger } from './logging.ts';

const program = new Command('spikegate')
  .description(
    'Flash sales on Kubernetes: an order that Kubernetes accepts has its stock, and no unit is sold twice.',
  )
  .version(version)
  .showHelpAfterError('(spikegate --help tells more)');

withServeOptions(
  program.command('serve').description('run the admission server, and the reconcilers where it leads'),
).action(async (settings: ServeSettings) => {
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat });
  for (const line of unreadVariables(process.env)) log.warn(line);
  const exit = (code: number) => {
    log.flush();
    process.exit(code);
  };
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'unhandled rejection');
  });
  const running = serve(settings, log, (why) => {
    log.error({ why }, 'this process must not go on');
    exit(1);
  });
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return exit(1);
      stopping = true;
      log.info({ signal }, 'stopping');
      running
        .then((it) => it.stop())
        .then(
          () => exit(0),
          () => exit(1),
        );
    });
  }
  try {
    await running;
    // Flush now: a program that waits for the line "ready" must not wait another second.
    log.flush();
  } catch (error) {
    log.error({ err: error }, (error as Error).message);
    exit(exitCodeOf(error));
  }
});

program
  .command('start')
  .description(
    'a whole sale on this machine: an embedded control plane with Spikegate in it, for your own kubectl',
  )
  .option('--dir <directory>', 'where state and kubeconfig are kept', '.spikegate')
  .option('--port <number>', 'port of the Kubernetes API; a free one when it is taken', parsePort, 7443)
  .option('--board-port <number>', 'port of the live board; a free one when it is taken', parsePort, 7444)
  .option('--fresh', 'forget the state of earlier runs')
  .option(
    '--kubeconfig <file>',
    'no embedded control plane: use this cluster, whose API server must reach 127.0.0.1 here',
  )
  .addOption(
    new Option('--payment-window <duration>', 'time an order has to be paid')
      .argParser(parseDuration)
      .default(300_000, '5m'),
  )
  .action(async (options: LocalOptions) => {
    // Load the sandbox for these commands only; a pod that serves does not need it.
    const { runLocally } = await import('../local/run.ts');
    await runLocally(options);
  });

program
  .command('demo')
  .description('play a whole sale on a control plane of its own, check it, and say how it went')
  .option('--crowd <number>', 'orders of the crowd (2000; watched: 3000)', wholeNumber(1, 100_000))
  .option('--stock <number>', 'units there are for it (100; watched: 1500)', wholeNumber(1, 100_000))
  .option('--watch', 'slower, for the live board: begins when somebody looks, and stays until Ctrl-C')
  .action(async (options: { crowd?: number; stock?: number; watch?: boolean }) => {
    const { playDemo } = await import('../demo/demo.ts');
    const { watch = false } = options;
    const { crowd = watch ? 3000 : 2000, stock = watch ? 1500 : 100 } = options;
    process.exitCode = (await playDemo({ crowd, stock, watch })) ? 0 : 1;
    // A watched demo ends with Ctrl-C. Exit at once.
    if (watch) process.exit();
  });

program
  .command('manifests')
  .description('write CRDs, webhook configurations and RBAC, or apply them to the current cluster')
  .option(
    '--out <directory>',
    'where to write; the chart goes beside it',
    join(import.meta.dirname, '..', '..', 'manifests'),
  )
  .option('--install', 'apply to the current cluster instead of writing')
  .option(
    '--component <directory>',
    'write a kustomize component for --parts and --namespaces there, and nothing else',
  )
  .option('--kubeconfig <file>', 'kubeconfig of the cluster')
  .option('--context <name>', 'context of the kubeconfig')
  .option('--namespace <name>', 'where Spikegate runs', deployment.namespace)
  .option(
    '--webhook-url <url>',
    'point the webhooks at a URL instead of the Service, for a server outside the cluster',
  )
  .option('--take-over', 'install although another Spikegate is installed in this cluster')
  .addOption(partsOption())
  .addOption(namespacesOption())
  .action(async (options: ManifestOptions) => {
    const { parts, namespaces } = options;
    if (options.component) {
      const written = await writeComponent(options.component, { parts, namespaces });
      console.log(written.map((file) => `wrote ${file}`).join('\n'));
      return;
    }
    if (!options.install) {
      const written = await writeManifests(options.out);
      console.log(
        written.length > 0 ? written.map((file) => `wrote ${file}`).join('\n') : 'nothing has changed',
      );
      return;
    }
    const client = clientOf(options);
    const { namespace, webhookUrl, takeOver = false } = options;
    const own = { ...deployment, namespace, parts, namespaces, ...(webhookUrl ? { url: webhookUrl } : {}) };
    await refuseSecond(client, own, takeOver);
    await install(client, {
      target: webhookUrl ? { url: webhookUrl } : { service: { namespace, name: deployment.service } },
      rbac: { ...deployment, namespace },
      extent: { parts, namespaces },
      clock: systemClock,
      log: console.log,
    });
    client.close();
  });

program
  .command('prepare')
  .description(
    'before an installation: refuse where this cluster has another Spikegate, and bring the CRDs up to date',
  )
  .option('--kubeconfig <file>', 'kubeconfig of the cluster')
  .option('--context <name>', 'context of the kubeconfig')
  .option('--namespace <name>', 'where Spikegate will run', deployment.namespace)
  .option('--configuration <name>', 'name of both webhook configurations', deployment.configuration)
  .option('--service <name>', 'Service of the webhooks', deployment.service)
  .option('--take-over', 'replace another installation')
  .option('--crds', 'apply the CRDs; without it, only look')
  .addOption(partsOption())
  .addOption(namespacesOption())
  .addHelpText('after', '\nExit code: 0 done, 1 something failed, 2 refused: another Spikegate is installed.')
  .action(async ({ crds = false, takeOver = false, ...options }: PrepareOptions) => {
    const client = clientOf(options);
    await refuseSecond(client, options, takeOver);
    if (crds)
      await installDefinitions(client, { clock: systemClock, log: console.log, parts: options.parts });
    client.close();
  });

withDoctorOptions(
  program
    .command('doctor')
    .description('look at a cluster with Spikegate on it, and say what is wrong and what to do about it'),
).action(async (options: DoctorFlags) => {
  // Load the doctor only for this command.
  const { doctor } = await import('../doctor/command.ts');
  process.exitCode = await doctor(namedIn(options));
});

withProveOptions(
  program
    .command('prove')
    .description(
      'show from the objects alone that every unit of every goods is accounted for, order by order',
    ),
).action(async (options: ProveFlags) => {
  process.exitCode = await runProve(options);
});

program
  .command('try')
  .description('send a dry run of each kind, and see that the webhooks answer')
  .requiredOption('--namespace <name>', 'where to; a namespace whose objects are admitted')
  .option('--kubeconfig <file>', 'kubeconfig of the cluster')
  .addOption(partsOption())
  .action(async ({ namespace, kubeconfig, parts }: TryOptions) => {
    const { tryAdmission } = await import('../doctor/try.ts');
    const client = createClient(loadConfig(kubeconfig ? { file: kubeconfig } : {}));
    process.exitCode = await tryAdmission(client, namespace, console.log, parts);
    client.close();
  });

withUninstallOptions(
  program
    .command('uninstall')
    .description('remove Spikegate from a cluster, webhooks first; data stays unless it is asked for'),
).action(async (flags: UninstallFlags & { name: string }) => {
  process.exitCode = await runUninstall(namedIn(flags), terminalDialogue());
});

interface ClusterFlags {
  kubeconfig?: string;
  context?: string;
}

function clientOf({ kubeconfig, context }: ClusterFlags): Client {
  return createClient(
    loadConfig({ ...(kubeconfig ? { file: kubeconfig } : {}), ...(context ? { context } : {}) }),
  );
}

interface TryOptions extends ClusterFlags {
  namespace: string;
  parts: Extent['parts'];
}

interface PrepareOptions extends ClusterFlags, Extent {
  namespace: string;
  configuration: string;
  service: string;
  takeOver?: boolean;
  crds?: boolean;
}

interface ManifestOptions extends ClusterFlags, Extent {
  out: string;
  component?: string;
  install?: boolean;
  takeOver?: boolean;
  namespace: string;
  webhookUrl?: string;
}

/** 2 when another installation is in the way and nothing was written, otherwise 1. */
function exitCodeOf(error: unknown): number {
  const { cause } = error as Error;
  return [error, cause].some((it) => it instanceof AnotherInstallationError) ? 2 : 1;
}

program.parseAsync().catch((error: Error) => {
  console.error(`spikegate: ${error.message}`);
  process.exit(exitCodeOf(error));
});
