// Runs one kubectl against one server: commands in a folder of their own, a watch that is followed, an editor
// that is a sed script. Knows no table.

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Result {
  code: number;
  /** stdout and stderr, in that order. */
  out: string;
}

export interface Target {
  kubectl: string;
  kubeconfig: string;
}

const timeoutMs = 60_000;

export class Runner {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'kubectl-'));
  readonly #target: Target;
  readonly #env: NodeJS.ProcessEnv;

  constructor(target: Target) {
    this.#target = target;
    this.#env = { ...process.env, KUBECONFIG: target.kubeconfig, HOME: this.dir };
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.dir, name), text);
  }

  run(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
    return new Promise((resolve) => {
      const options = { env: { ...this.#env, ...env }, cwd: this.dir, timeout: timeoutMs };
      const child = execFile(this.#target.kubectl, args, options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? -1) : 0, out: stdout + stderr }),
      );
      child.stdin?.end();
    });
  }

  /** Follows `args` until what it printed matches `expected`; `meanwhile` runs once the first line is there. */
  async follow(
    args: readonly string[],
    expected: RegExp,
    meanwhile: () => Promise<unknown>,
  ): Promise<Result> {
    const child = spawn(this.#target.kubectl, args, { env: this.#env, cwd: this.dir });
    let out = '';
    let done = () => {};
    let begin = () => {};
    const ended = new Promise<void>((resolve) => {
      done = resolve;
    });
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const take = (chunk: Buffer) => {
      out += chunk;
      if (out.includes('\n')) begin();
      if (expected.test(out)) done();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('exit', () => {
      begin();
      done();
    });
    const timer = setTimeout(done, timeoutMs / 2);
    await begun;
    await meanwhile();
    await ended;
    clearTimeout(timer);
    child.kill();
    return { code: expected.test(out) ? 0 : 1, out };
  }
}
