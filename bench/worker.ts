// A process of the bench: what is measured and what loads it must not share an event loop. The parent asks by
// name, the child answers; both sides are here. Knows nothing of what is asked.
import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import { openSync } from 'node:fs';

interface Question {
  id: number;
  name: string;
  argument: Serializable;
}

interface Reply {
  id: number;
  result?: unknown;
  error?: string;
}

/** Processes of this run; none may outlive it, however it ends. */
const children = new Set<ChildProcess>();

export function endWithThisProcess(child: ChildProcess): void {
  children.add(child);
  child.once('exit', () => children.delete(child));
}

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export class Worker {
  readonly process: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #asked = 0;

  /** @param output file that takes stdout; default: this process' own. */
  constructor(file: string, options: { output?: string; execArgv?: string[] } = {}) {
    const stdout = options.output === undefined ? 'inherit' : openSync(options.output, 'a');
    this.process = fork(file, {
      stdio: ['ignore', stdout, 'inherit', 'ipc'],
      execArgv: [...process.execArgv, ...(options.execArgv ?? [])],
    });
    endWithThisProcess(this.process);
    this.process.on('message', (reply: Reply) => this.#answered(reply));
    this.process.once('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${file} ended with ${code}`));
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.process.pid!;
  }

  ask<R>(name: string, argument: Serializable = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#waiting.set(id, { resolve: (value) => resolve(value as R), reject });
      const question: Question = { id, name, argument };
      this.process.send(question, (error) => {
        if (error) this.#answered({ id, error: error.message });
      });
    });
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.disconnect();
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }

  #answered({ id, result, error }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}

/** The child's side: answers until the parent lets go, then exits. Every process can tell its CPU time. */
export function answerParent(handlers: Record<string, (argument: never) => unknown>): void {
  const all: typeof handlers = { usage: () => process.cpuUsage(), ...handlers };
  process.on('message', async ({ id, name, argument }: Question) => {
    const reply: Reply = { id };
    try {
      reply.result = await all[name]!(argument as never);
    } catch (error) {
      reply.error = `${name}: ${(error as Error).stack}`;
    }
    if (process.connected) process.send!(reply);
  });
  process.once('disconnect', () => process.exit(0));
}

/** CPU microseconds, user and system, that `run` cost the process of `worker`. */
export async function cpuOf<R>(worker: Worker, run: () => Promise<R>): Promise<{ result: R; cpuUs: number }> {
  const before = await worker.ask<NodeJS.CpuUsage>('usage');
  const result = await run();
  const after = await worker.ask<NodeJS.CpuUsage>('usage');
  return { result, cpuUs: after.user - before.user + after.system - before.system };
}
