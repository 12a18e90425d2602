// Plays the rows with one kubectl on one server and judges each.

import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { writeFiles } from './files.ts';
import { type Row, rows } from './rows.ts';
import { Runner, type Target } from './runner.ts';

export interface Verdict {
  row: Row;
  /** 'ok'; 'absent' where kubectl or the server is too old for it; else what came instead. */
  result: string;
}

const words = (command: string) => command.split(' ');

/** kubectl's minor version: 20 of v1.20.2. */
export function minorOf(kubectl: string): number {
  const text = execFileSync(kubectl, ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  return Number.parseInt(JSON.parse(text).clientVersion.minor, 10);
}

export async function play(target: Target & { server: number }): Promise<Verdict[]> {
  const minor = minorOf(target.kubectl);
  const runner = new Runner({ kubectl: target.kubectl, kubeconfig: 'config' });
  const verdicts: Verdict[] = [];
  try {
    copyFileSync(target.kubeconfig, path.join(runner.dir, 'config'));
    writeFiles(runner);
    for (const row of rows) {
      const absent = minor < (row.since ?? 0) || target.server < (row.server ?? 0);
      verdicts.push({ row, result: absent ? 'absent' : await judge(runner, row) });
    }
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
  if (code === (row.code ?? 0) && expected.test(out)) return 'ok';
  const last = out.trim().split('\n').at(-1) ?? '';
  return `exit ${code}: ${last.slice(0, 300)}`;
}
