// Which differences may stay. The table itself is in allowances.ts and gaps.ts; an entry that matches nothing any more makes
// the test fail, so what is mended leaves the table.

import type { Difference } from './types.ts';

export interface Allowed {
  /** Which steps, as `topic/step`; `*` stands for any text. */
  steps: string[];
  /** Where in the answer; `*` stands for any text. */
  path: string;
  /** What is there, as JSON, or `nothing`; `*` stands for any text. Any of them, or anything if absent. */
  real?: string[];
  sandbox?: string[];
  reason: string;
}

/** Steps of a topic; several in a text are parted by ` | `. */
export const of = (topic: string, ...names: string[]): string[] =>
  names.flatMap((text) => text.split(' | ')).map((name) => `${topic}/${name}`);

export const gap = (reason: string, path: string, ...steps: string[][]): Allowed => ({
  steps: steps.flat(),
  path,
  reason,
});

const pattern = (glob: string) => glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
const any = (globs: string[]) => new RegExp(`^(?:${globs.map(pattern).join('|')})$`, 's');
const shown = (value: unknown) => JSON.stringify(value) ?? 'nothing';

export interface Verdict {
  /** Differences that no entry allows. */
  left: Difference[];
  /** Entries, or steps of entries, that nothing needs. */
  unused: string[];
}

export function judge(differences: Difference[], table: readonly Allowed[]): Verdict {
  const rows = table.map((entry) => ({
    entry,
    path: any([entry.path]),
    real: any(entry.real ?? ['*']),
    sandbox: any(entry.sandbox ?? ['*']),
    steps: entry.steps.map((step) => ({ step, matches: any([step]), used: false })),
  }));
  const left = differences.filter((difference) => {
    const fits = rows.flatMap((row) => {
      const { path, real, sandbox } = difference;
      if (!row.path.test(path) || !row.real.test(shown(real)) || !row.sandbox.test(shown(sandbox))) return [];
      const steps = row.steps.filter(({ matches }) => matches.test(difference.step));
      return steps.length > 0 ? [{ steps, isExact: Boolean(row.entry.real ?? row.entry.sandbox) }] : [];
    });
    // An entry that takes anything is not needed for what one that says what differs takes as well.
    const needed = fits.some(({ isExact }) => isExact) ? fits.filter(({ isExact }) => isExact) : fits;
    for (const { steps } of needed) for (const step of steps) step.used = true;
    return fits.length === 0;
  });
  const unused = rows.flatMap(({ entry, steps }) =>
    steps.filter(({ used }) => !used).map(({ step }) => `${step} ${entry.path}: ${entry.reason}`),
  );
  return { left, unused };
}
