// The differences that are allowed, as they were when somebody last looked at them. An entry of the allowances says where
// and why the two servers may differ; this says how they do, so that an entry with a wide pattern hides no change.
// `main.ts --record` writes it anew; what changed is then read in the diff of recorded.json.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Allowed } from './allowed.ts';
import { judge } from './allowed.ts';
import type { Difference } from './types.ts';

const file = join(import.meta.dirname, 'recorded.json');
/** Longer values are cut: their beginning and length tell them apart well enough. */
const longest = 400;

/** `topic/step` → path → [kube-apiserver, sandbox], as JSON or `nothing`. */
export type Differences = { [step: string]: { [path: string]: [string, string] } };

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > longest ? `${text.slice(0, longest)}… ${text.length}` : text;
};

/** What has to be recorded of `found`: all but what `apart`, entries that say all there is to say, allow. */
export function record(found: readonly Difference[], apart: readonly Allowed[]): Differences {
  const out: Differences = {};
  for (const { step, path, real, sandbox } of judge([...found], apart).left) {
    out[step] ??= {};
    out[step][path] = [shown(real), shown(sandbox)];
  }
  return out;
}

export const recorded = (): Differences => JSON.parse(readFileSync(file, 'utf8'));

export function writeRecord(now: Differences): void {
  const steps = Object.entries(now).map(([step, paths]) => {
    const lines = Object.entries(paths).map(
      ([path, pair]) => `    ${JSON.stringify(path)}: ${JSON.stringify(pair)}`,
    );
    return `  ${JSON.stringify(step)}: {\n${lines.join(',\n')}\n  }`;
  });
  writeFileSync(file, `{\n${steps.join(',\n')}\n}\n`);
}

/** Lines for people: what is otherwise than recorded. */
export function changes(before: Differences, now: Differences): string[] {
  const lines: string[] = [];
  for (const step of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [a = {}, b = {}] = [before[step], now[step]];
    for (const path of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const [was, is] = [a[path], b[path]].map((pair) => pair?.join(' ≠ ') ?? 'the same on both');
      if (was !== is) lines.push(`${step} ${path}\n  was ${was}\n  is  ${is}`);
    }
  }
  return lines;
}
