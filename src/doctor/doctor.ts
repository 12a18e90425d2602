// `spikegate doctor`: examines a cluster from outside with a person's kubeconfig, and reports what is wrong and what to
// do about it. It changes nothing in the cluster. This file runs the three steps: observation, checks, report.
import { checks } from './checks/index.ts';
import { isFinding } from './findings.ts';
import { type ObserveOptions, observe } from './observe.ts';
import { asJson, asText, coloured, plain, type Report } from './report.ts';

/** `findings`: there is something to do. `failed`: the cluster could not be read. */
export const exitCodes = { healthy: 0, findings: 1, failed: 2 } as const;

/** @throws Error when the API server cannot be reached */
export async function examine(options: ObserveOptions): Promise<Report> {
  const seen = await observe(options);
  const outcomes = checks.map((check) => ({ check, found: check.run(seen) }));
  const found = outcomes.flatMap((outcome) => outcome.found);
  return {
    server: options.client.server,
    version: seen.version,
    findings: found.filter(isFinding),
    // A Set, because several checks may lack the same access.
    unchecked: [...new Set(found.flatMap((outcome) => (isFinding(outcome) ? [] : [outcome.unchecked])))],
    passed: outcomes.filter((outcome) => outcome.found.length === 0).map(({ check }) => check.name),
  };
}

export interface Terminal {
  print(text: string): void;
  isTerminal: boolean;
}

/** Examines the cluster and prints the report. Resolves to the exit code. */
export async function runDoctor(
  options: ObserveOptions,
  output: 'text' | 'json',
  terminal: Terminal,
): Promise<number> {
  const report = await examine(options);
  terminal.print(output === 'json' ? asJson(report) : asText(report, terminal.isTerminal ? coloured : plain));
  return report.findings.length === 0 ? exitCodes.healthy : exitCodes.findings;
}
