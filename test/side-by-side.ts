// Which test files run at once. Node's own choice, one less than the cores, leaves two cores nearly idle: most of a
// scenario is waiting, for leases, windows and roll-outs. So files that wait run beside files that compute, the
// longest first, so that nothing is waited for alone.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { type Length, lengths } from './how-long.ts';

const root = join(import.meta.dirname, '..');

export interface Entry extends Length {
  file: string;
}

/** Entries that may run side by side; the next phase begins when all have ended. */
export interface Phase {
  entries: readonly Entry[];
  /** What their `cores` may add up to. */
  atMost: number;
  /** The same while one of them runs `byTheClock`. */
  atMostByTheClock: number;
}

export interface Machine {
  cores?: number;
  withControlPlane: boolean;
}

const short: Length = { seconds: 1, cores: 1 };
const controlPlane = 'test/e2e/control-plane.test.ts';

/**
 * With a control plane its scenarios come first and have the machine to themselves, then what promises something by
 * the clock, then everything else, as many as there are cores: half of the files start a control plane of their own.
 */
export function phasesOf(
  files: readonly string[],
  { cores = availableParallelism(), withControlPlane }: Machine,
): Phase[] {
  const entries = files
    .map((file): Entry => ({ file, ...(lengths[file] ?? short) }))
    .sort(
      (a, b) =>
        Number(b.byTheClock ?? false) - Number(a.byTheClock ?? false) ||
        b.seconds - a.seconds ||
        (a.file < b.file ? -1 : 1),
    );
  // More than there is: what waits for an answer of its own processes counts as computing too.
  if (!withControlPlane) return [{ entries, atMost: 1.8 * cores, atMostByTheClock: cores }];
  const full = entries.map((entry) => ({ ...entry, cores: 1 }));
  const rules: [(entry: Entry) => boolean, number][] = [
    [({ file }) => file === controlPlane, 1],
    [({ byTheClock }) => byTheClock === true, Math.min(2, cores)],
    [() => true, Math.max(2, cores)],
  ];
  const left = new Set(full);
  const phases = rules.map(([belongs, atMost]) => {
    const chosen = [...left].filter(belongs);
    for (const entry of chosen) left.delete(entry);
    return { entries: chosen, atMost, atMostByTheClock: atMost };
  });
  return phases.filter((phase) => phase.entries.length > 0);
}

/**
 * Runs all entries of a phase; of those that wait the first that fits begins when there is room for it.
 *
 * @throws what `start` threw
 */
export async function sideBySide(phase: Phase, start: (entry: Entry) => Promise<void>): Promise<void> {
  const waiting = [...phase.entries];
  const running = new Map<Entry, Promise<Entry>>();
  const fits = (entry: Entry) => {
    const together = [...running.keys(), entry];
    const most = together.some((it) => it.byTheClock) ? phase.atMostByTheClock : phase.atMost;
    // Adding tenths is not exact.
    return running.size === 0 || together.reduce((sum, { cores }) => sum + cores, 0) <= most + 1e-6;
  };
  while (waiting.length + running.size > 0) {
    for (let next = waiting.find(fits); next; next = waiting.find(fits)) {
      const entry = next;
      waiting.splice(waiting.indexOf(entry), 1);
      running.set(
        entry,
        start(entry).then(() => entry),
      );
    }
    running.delete(await Promise.race(running.values()));
  }
}

/** Runs them phase by phase, prints what node's `spec` reporter says of each. @returns whether all tests passed */
export async function runPhases(phases: readonly Phase[]): Promise<boolean> {
  const began = performance.now();
  const secondsSince = (time: number) => ((performance.now() - time) / 1000).toFixed(1);
  const sums = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  let isGood = true;
  for (const phase of phases) {
    await sideBySide(phase, async ({ file }) => {
      const start = performance.now();
      const tests = run({ files: [join(root, file)] });
      tests.on('test:fail', ({ name, todo, details }) => {
        if (todo !== undefined && todo !== false) return;
        isGood = false;
        const { failureType } = details.error as { failureType?: string };
        if (failureType !== 'subtestsFailed') failures.push(`${file}: ${name.replace(`${root}/`, '')}`);
      });
      tests.on('test:summary', ({ file: ofOne, counts }) => {
        if (ofOne) return;
        sums.passed += counts.passed;
        sums.skipped += counts.skipped + counts.todo;
        sums.failed += counts.tests - counts.passed - counts.skipped - counts.todo;
      });
      let said = '';
      const told = withoutSums(tests as unknown as AsyncIterable<Told>);
      for await (const text of Readable.from(told).compose(new spec())) said += text;
      process.stdout.write(`\n${file} (${secondsSince(start)} s)\n${said}`);
    });
  }
  for (const failure of failures) console.log(`failed: ${failure}`);
  const { passed, failed, skipped } = sums;
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`\nIn all ${passed} passed, ${failed} failed, ${skipped} left out, in ${seconds} s.`);
  return isGood;
}

/** Of an event of node's runner. */
interface Told {
  type: string;
  data: { file?: string };
}

/** What node counts at the end of a run of one file; we say it for all. */
async function* withoutSums(events: AsyncIterable<Told>): AsyncGenerator<Told> {
  for await (const event of events) {
    if (event.type === 'test:diagnostic' && event.data.file === undefined) continue;
    yield event;
  }
}
