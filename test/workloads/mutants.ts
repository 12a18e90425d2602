// Runs the guard of a defect against a copy of the source that has the defect. The copy is a folder of its own, with
// links to what no mutant touches; nothing of the project is changed.
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Guard, Mutation } from './defects/defect.ts';

export const root = join(import.meta.dirname, '..', '..');
const copied = ['src', 'webhooks', 'certs', 'test', 'bench', 'manifests'];
const linked = ['node_modules', 'package.json', 'tsconfig.json', 'docs', 'README.md'];

/** A guard takes seconds; one that hangs has noticed something too. */
const longestMs = 60_000;

export type Verdict = 'passed' | 'failed' | 'did not run';

export class Copy {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async make(): Promise<Copy> {
    const dir = await mkdtemp(join(tmpdir(), 'spikegate-mutants-'));
    for (const name of copied) await cp(join(root, name), join(dir, name), { recursive: true });
    for (const name of linked) await symlink(join(root, name), join(dir, name));
    return new Copy(dir);
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true });
  }

  /** Runs the guard against the source with the change in it, then takes the change back. */
  async judge(guard: Guard, change?: Mutation): Promise<{ verdict: Verdict; output: string }> {
    if (!change) return this.#run(guard);
    const file = join(this.dir, change.file);
    const text = await readFile(file, 'utf8');
    await writeFile(file, applied(text, change));
    try {
      return await this.#run(guard);
    } finally {
      await writeFile(file, text);
    }
  }

  #run({ file, suite, name }: Guard): Promise<{ verdict: Verdict; output: string }> {
    return new Promise((resolve) => {
      const pattern = `${suite ? `${suite} ` : ''}${name}`.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
      const child = spawn(
        process.execPath,
        ['--test', '--test-reporter=tap', `--test-name-pattern=${pattern}`, file],
        // A runner within a runner would report to the outer one.
        { cwd: this.dir, env: { ...process.env, NODE_TEST_CONTEXT: undefined, RUNS: '1' }, detached: true },
      );
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        process.kill(-child.pid!, 'SIGKILL');
      }, longestMs);
      child.once('close', () => {
        clearTimeout(timer);
        const verdict = isLate ? 'failed' : verdictIn(output, name);
        resolve({ verdict, output });
      });
    });
  }
}

/** Of the test itself, not of its file: a source that does not even load is noticed by nobody. */
function verdictIn(tap: string, name: string): Verdict {
  const results = tap.split('\n').flatMap((line) => {
    const [, not, what = ''] = /^\s*(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    return what.includes(name) ? [not ? 'failed' : 'passed'] : [];
  });
  if (results.length === 0 || /SyntaxError|ERR_MODULE_NOT_FOUND/.test(tap)) return 'did not run';
  return results.includes('failed') ? 'failed' : 'passed';
}

/** @throws Error when the change does not fit the source any more */
export function applied(text: string, { file, from, to }: Mutation): string {
  const count = text.split(from).length - 1;
  if (count !== 1)
    throw new Error(`${file} must have this once, and has it ${count} times: ${JSON.stringify(from)}`);
  return text.replace(from, () => to);
}
