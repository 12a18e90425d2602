// Plays the rows with one kubectl on one server and judges each.

import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { writeFiles } from './files.ts';
import { type Row, rows } from './rows.ts';
import { Runner, type Target } from './runner.ts';

export interface Verdict {
  row: Row;
  /** 'ok', or what came instead. */
  result: string;
}

const words = (command: string) => command.split(' ');

/** kubectl's minor version: 37 of v1.37.2. */
export function minorOf(kubectl: string): number {
  const text = execFileSync(kubectl, ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  return Number.parseInt(JSON.parse(text).clientVersion.minor, 10);
}

export async function play(target: Target): Promise<Verdict[]> {
  const runner = new Runner({ kubectl: target.kubectl, kubeconfig: 'config' });
  const verdicts: Verdict[] = [];
  try {
    copyFileSync(target.kubeconfig, path.join(runner.dir, 'config'));
    writeFiles(runner);
    for (const row of rows) verdicts.push({ row, result: await judge(runner, row) });
    return verdicts;
  } finally {
    runner.close();
  }
}

async function judge(runner: Runner, row: Row): Promise<string> {
  const args = words(row.command);
  const { meanwhile, edit, expected } = row;
  const { code, out } = meanwhile
    ? await runner.follow(args, expected, () => runner.run(words(meanwhile)))
    : await runner.run(args, edit ? { KUBE_EDITOR: `sed -i -e '${edit}'` } : {});
  const [warning] = /^Warning: .*/m.exec(out) ?? [];
  if (warning && !expected.source.startsWith('Warning')) return warning.slice(0, 300);
  if (code === (row.code ?? 0) && expected.test(out)) return 'ok';
  const last = out.trim().split('\n').at(-1) ?? '';
  return `exit ${code}: ${last.slice(0, 300)}`;
}
