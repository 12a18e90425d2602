// `spikegate prove` as a command: reads the objects, reads them again while a settlement may be under way, prints
// the result, and gives the exit code.
import { type Command, Option } from 'commander';
import { longestUndecidedMs } from '../api/holds.ts';
import { loadConfig } from '../kube/config.ts';
import { isGone } from '../kube/errors.ts';
import { createClient } from '../kube/json-client.ts';
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import { parseDuration } from '../settings/parse.ts';
import { type Proof, prove, type Snapshot } from './account.ts';
import { asJson, asText } from './report.ts';
import { readCluster, readDump } from './sources.ts';

export interface ProveFlags {
  file?: string;
  kubeconfig?: string;
  context?: string;
  namespace?: string;
  holdLimit: number;
  patience: number;
  short?: boolean;
  output: 'text' | 'json';
}

const exitCodes = { proved: 0, contradicted: 1, failed: 2 } as const;

const lookEveryMs = 500;
/** A leader notices an overdue hold within this time. */
const graceMs = 30_000;

export function withProveOptions(command: Command): Command {
  const duration = (flags: string, description: string, ms: number, text: string) =>
    command.addOption(new Option(flags, description).argParser(parseDuration).default(ms, text));
  command
    .option(
      '-f, --file <file>',
      'a dump instead of a cluster: kubectl get spikegoods,spikeorders -A -o json (or yaml)',
    )
    .option('--kubeconfig <file>', 'kubeconfig of the cluster')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', 'only this namespace');
  duration('--hold-limit <duration>', '--hold-limit of serve', longestUndecidedMs, '41s');
  duration(
    '--patience <duration>',
    'how long a settlement may be on its way before it counts',
    10_000,
    '10s',
  );
  return command
    .option('--short', 'one line for each goods, without its orders')
    .addOption(
      new Option('-o, --output <format>', 'for people or for programs')
        .choices(['text', 'json'])
        .default('text'),
    )
    .addHelpText(
      'after',
      '\nExit code: 0 every unit is accounted for, 1 a contradiction (the first is printed), 2 the objects could not be read.',
    );
}

/**
 * Proves what `read` returns. A contradiction that a settlement may remove counts only if it stays for `patienceMs`;
 * with a patience of 0 it counts at once. Any other contradiction ends the proof.
 */
export async function proveSettled(
  read: () => Promise<Snapshot>,
  { holdLimitMs, patienceMs, clock }: { holdLimitMs: number; patienceMs: number; clock: Clock },
): Promise<Proof> {
  const end = clock.monotonic() + patienceMs;
  for (;;) {
    const proof = prove(await read(), { holdLimitMs });
    const permanent = proof.contradictions.filter(({ mayPass }) => !mayPass);
    if (permanent.length > 0) return { ...proof, contradictions: permanent };
    if (proof.contradictions.length === 0 || clock.monotonic() >= end) return proof;
    await sleep(clock, lookEveryMs);
  }
}

/** Prints the result, or the error. Resolves to the exit code. */
export async function runProve({
  file,
  namespace,
  holdLimit,
  patience,
  short,
  output,
  ...cluster
}: ProveFlags): Promise<number> {
  const options = { holdLimitMs: holdLimit + graceMs, clock: systemClock };
  try {
    let proof: Proof;
    if (file) {
      const dump = await readDump(file);
      const inNamespace = <T extends { metadata: { namespace?: string } }>(objects: readonly T[]): T[] =>
        objects.filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
      const snapshot = { goods: inNamespace(dump.goods), orders: inNamespace(dump.orders) };
      proof = await proveSettled(async () => snapshot, { ...options, patienceMs: 0 });
    } else proof = await proveCluster({ ...cluster, namespace }, { ...options, patienceMs: patience });
    console.log(output === 'json' ? asJson(proof) : asText(proof, { isShort: short === true }));
    return proof.contradictions.length === 0 ? exitCodes.proved : exitCodes.contradicted;
  } catch (error) {
    console.error(`spikegate prove: the objects could not be read: ${(error as Error).message}`);
    return exitCodes.failed;
  }
}

async function proveCluster(
  {
    kubeconfig,
    context,
    namespace,
  }: { kubeconfig?: string; context?: string; namespace: string | undefined },
  options: { holdLimitMs: number; patienceMs: number; clock: Clock },
): Promise<Proof> {
  const client = createClient(
    loadConfig({ ...(kubeconfig ? { file: kubeconfig } : {}), ...(context ? { context } : {}) }),
    { userAgent: 'spikegate-prove' },
  );
  const read = async (): Promise<Snapshot> => {
    for (let tries = 0; ; tries++) {
      try {
        return { ...(await readCluster(client, namespace)), now: options.clock.now() };
      } catch (error) {
        // The revision of the goods was compacted before all orders were listed.
        if (!isGone(error) || tries === 5) throw error;
      }
    }
  };
  try {
    return await proveSettled(read, options);
  } finally {
    client.close();
  }
}
