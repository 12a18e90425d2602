// Which test files run at once, and how many. Node's own choice, one less than the cores, leaves two cores nearly idle:
// most of a scenario is waiting, for leases, windows and roll-outs.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = join(import.meta.dirname, '..');

export interface Phase {
  files: string[];
  atOnce: number;
}

const cores = availableParallelism();

/**
 * What promises something by the clock while it is under load itself (a whole control plane; certificates of seconds,
 * replicas that are replaced) comes first and has the machine nearly to itself; then everything else.
 */
export function phasesOf(
  files: readonly string[],
  { withControlPlane }: { withControlPlane: boolean },
): Phase[] {
  const rules: [RegExp, number][] = [
    [/^test\/e2e\/control-plane\.test\.ts$/, 1],
    [/^test\/e2e\/sandbox\/(certificates|upgrades)\.test\.ts$/, Math.min(2, cores)],
    [/./, withControlPlane ? Math.max(2, cores) : 2 * cores],
  ];
  const left = new Set(files);
  const phases = rules.map(([pattern, atOnce]) => {
    const chosen = [...left].filter((file) => pattern.test(file));
    for (const file of chosen) left.delete(file);
    return { files: chosen, atOnce };
  });
  return phases.filter((phase) => phase.files.length > 0);
}

/** Runs them phase by phase, prints what node's `spec` reporter says. @returns whether all tests passed */
export async function runPhases(phases: readonly Phase[]): Promise<boolean> {
  const began = performance.now();
  const sums = { passed: 0, failed: 0, skipped: 0 };
  let isGood = true;
  for (const { files, atOnce } of phases) {
    const tests = run({ files: files.map((file) => join(root, file)), concurrency: atOnce });
    tests.on('test:fail', ({ todo }) => {
      if (todo === undefined || todo === false) isGood = false;
    });
    tests.on('test:summary', ({ file, counts }) => {
      if (file) return;
      sums.passed += counts.passed;
      sums.skipped += counts.skipped + counts.todo;
      sums.failed += counts.tests - counts.passed - counts.skipped - counts.todo;
    });
    for await (const text of tests.compose(new spec())) process.stdout.write(text);
  }
  const { passed, failed, skipped } = sums;
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`\nIn all ${passed} passed, ${failed} failed, ${skipped} left out, in ${seconds} s.`);
  return isGood;
}
