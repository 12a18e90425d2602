// For working on the sandbox: prints where it differs from a real server, all topics or those named.
// `--gaps` shows what gaps.ts lists too, `--steps` their names and places; `--all` shows allowed differences too, `--long` whole values; `--document` writes docs/sandbox.md's table,
// `--record` recorded.json.

import { explainNotFound, findBinaries } from '../control-plane/index.ts';
import { allowances, plain } from './allowances.ts';
import { judge } from './allowed.ts';
import { differences } from './differential.ts';
import { tableOf, write } from './document.ts';
import { gaps } from './gaps.ts';
import { extensionGaps } from './gaps-extensions.ts';
import { changes, record, recorded, writeRecord } from './recorded.ts';
import { topics } from './requests/index.ts';
import type { Difference } from './types.ts';

const args = process.argv.slice(2);
const names = args.filter((arg) => !arg.startsWith('--'));
const chosen = topics.filter(({ name }) => names.length === 0 || names.includes(name));
if (args.includes('--document')) {
  write(tableOf(allowances));
  process.exit();
}
const binaries = await findBinaries();
if ('missing' in binaries) {
  console.error(explainNotFound(binaries));
  process.exit(1);
}
const found = await differences(chosen, binaries);
const table = args.includes('--gaps')
  ? allowances.filter((entry) => ![...gaps, ...extensionGaps].includes(entry))
  : allowances;
const { left, unused } = judge(found, table);
if (args.includes('--record')) writeRecord(record(found, plain));
else if (names.length === 0)
  for (const line of changes(recorded(), record(found, plain))) console.log('not as recorded:', line);

/** What differs in the same way in several requests is one finding. */
function findings(list: Difference[]): Map<string, string[]> {
  const result = new Map<string, string[]>();
  const width = args.includes('--long') ? 100_000 : 160;
  const value = (of: unknown) => (JSON.stringify(of) ?? 'nothing').slice(0, width);
  for (const { step, path, real, sandbox } of list) {
    const where = path.replace(/\.(items|events|rows)\[\d+\](\.object\b)?/g, '');
    const key = `  ${where}\n    real    ${value(real)}\n    sandbox ${value(sandbox)}`;
    result.set(key, [...(result.get(key) ?? []), step]);
  }
  return result;
}

const told = findings(args.includes('--all') ? found : left);
for (const [key, steps] of told) {
  const some = [...new Set(steps)];
  console.log(
    `${some.slice(0, 4).join(' | ')}${some.length > 4 ? ` | … ${some.length} in all` : ''}\n${key}`,
  );
}
const count = chosen.reduce((sum, topic) => sum + topic.steps.filter((s) => !s.setup && !s.open).length, 0);
console.log(
  `${count} requests, ${found.length} differences, ${left.length} not allowed: ${told.size} findings.`,
);
if (names.length === 0) for (const line of unused) console.log('no longer needed:', line);
if (args.includes('--steps')) {
  for (const [step, paths] of Map.groupBy(left, ({ step }) => step)) {
    const places = new Set(paths.map(({ path }) => path));
    console.log(`STEP ${step}\t${places.size === 1 ? [...places][0] : '*'}`);
  }
}
process.exitCode = left.length > 0 ? 1 : 0;
