// `spikegate uninstall` as a command: says what it will do, asks, does it, and says what stays.
import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { loadConfig } from '../kube/config.ts';
import { createClient } from '../kube/json-client.ts';
import { deployment } from '../manifests/names.ts';
import { systemClock } from '../runtime/clock.ts';
import { parseDuration } from '../settings/parse.ts';
import { makePlan, type RemovalPlan } from './plan.ts';
import { titleOf, uninstall } from './uninstall.ts';

export interface UninstallFlags {
  kubeconfig?: string;
  context?: string;
  namespace: string;
  configuration: string;
  lease: string;
  certSecret: string;
  pathSecret: string;
  deleteData?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  /** In ms. */
  patience: number;
}

export function withUninstallOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig of the cluster')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--namespace <name>', 'where Spikegate runs', deployment.namespace)
    .option('--name <name>', 'name of the installation; the next four follow from it', deployment.name)
    .option('--configuration <name>', 'name of both webhook configurations (default: NAME)')
    .option('--lease <name>', 'name of the lease (default: NAME)')
    .option('--cert-secret <name>', 'Secret with the serving certificate (default: NAME-serving-cert)')
    .option('--path-secret <name>', "Secret with the webhooks' path (default: NAME-webhook-path)")
    .option('--delete-data', 'delete all goods, orders, buyers, sellers and workloads too, and the CRDs')
    .option('--dry-run', 'only say what would be done')
    .option('-y, --yes', 'do not ask')
    .addOption(
      new Option('--patience <duration>', 'how long to wait for each thing to go')
        .argParser(parseDuration)
        .default(60_000, '60s'),
    )
    .addHelpText('after', '\nExit code: 0 done, or nothing to do; 1 something failed; 2 not confirmed.');
}

export interface Dialogue {
  print(line: string): void;
  /** Undefined when there is no person to ask. */
  ask: ((question: string) => Promise<string>) | undefined;
}

/** Prints to stdout. Asks the person at the terminal, if there is a terminal. */
export function terminalDialogue(): Dialogue {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  return {
    print: console.log,
    ask: isTerminal
      ? async (question) => {
          const lines = createInterface({ input: process.stdin, output: process.stdout });
          try {
            return await lines.question(question);
          } finally {
            lines.close();
          }
        }
      : undefined,
  };
}

/** Resolves to the exit code. @throws ApiError, ConnectionError, Error */
export async function runUninstall(flags: UninstallFlags, { print, ask }: Dialogue): Promise<number> {
  const { kubeconfig, context, patience, deleteData = false } = flags;
  const config = loadConfig({ ...(kubeconfig ? { file: kubeconfig } : {}), ...(context ? { context } : {}) });
  const client = createClient(config, { userAgent: 'spikegate-uninstall' });
  try {
    const plan = await makePlan(client, flags);
    const lines = stepsOf(plan, deleteData);
    if (lines.length === 0) {
      print(`nothing of Spikegate is left on ${client.server}`);
      return 0;
    }
    print(`On ${client.server}:`);
    for (const line of lines) print(`  ${line}`);
    if (flags.dryRun) return 0;
    if (!flags.yes && !(await isConfirmed(ask, deleteData, print))) return 2;
    await uninstall(plan, { client, clock: systemClock, print, deleteData, patienceMs: patience });
    for (const line of linesOnWhatStays(plan, deleteData, flags.namespace)) print(line);
    return 0;
  } finally {
    client.close();
  }
}

/** The steps of the plan as lines of text, in order. Empty when there is nothing to do. */
function stepsOf(plan: RemovalPlan, deleteData: boolean): string[] {
  const removals = plan.stages.flatMap(({ batches }) =>
    batches.flatMap(({ resource, items }) => items.map((item) => `delete ${titleOf(resource, item)}`)),
  );
  const finalizers = plan.data
    .filter(({ held }) => held > 0)
    .map(({ resource, held }) => `take our finalizers off ${held} ${resource.plural}`);
  if (!deleteData) return [...removals, ...finalizers];
  const data = plan.data
    .filter(({ count }) => count > 0)
    .map(({ resource, count }) => `delete ${count} ${resource.plural}, in all namespaces`);
  return [
    ...removals,
    ...finalizers,
    ...data,
    ...plan.definitions.map((name) => `delete customresourcedefinition/${name}`),
  ];
}

async function isConfirmed(
  ask: Dialogue['ask'],
  deleteData: boolean,
  print: Dialogue['print'],
): Promise<boolean> {
  if (!ask) {
    print('Nobody is at the terminal to confirm this: --yes does it, --dry-run only looks.');
    return false;
  }
  // Deleted data cannot be restored, so "yes" is not enough.
  const word = deleteData ? 'delete data' : 'yes';
  if ((await ask(`Go on? Type "${word}": `)).trim() === word) return true;
  print('Nothing was changed.');
  return false;
}

function linesOnWhatStays(plan: RemovalPlan, deleteData: boolean, namespace: string): string[] {
  const count = plan.data.reduce((sum, batch) => sum + batch.count, 0);
  return [
    ...(deleteData || plan.definitions.length === 0
      ? []
      : [`left: ${plan.definitions.length} CRDs with ${count} objects (--delete-data deletes them)`]),
    ...plan.releases.map((name) => `left: Helm's record of it (helm uninstall ${name} -n ${namespace})`),
    `left: namespace ${namespace} (kubectl delete namespace ${namespace}), where it was used for nothing else`,
  ];
}
