// Running the build's commands: output into one log, the end of it into the error, and one build at a time.

import { spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { guarded } from '../control-plane/process.ts';

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Called with each line of both output streams. */
  onLine?: (line: string) => void;
}

export class Steps {
  readonly #file: string;
  readonly #log: WriteStream;

  constructor(logFile: string) {
    this.#file = logFile;
    this.#log = createWriteStream(logFile);
  }

  /** @returns what the command wrote to its standard output. @throws Error with the end of its output */
  async run(command: string, args: string[], { cwd, env, onLine }: RunOptions = {}): Promise<string> {
    this.#log.write(`+ ${command} ${args.join(' ')}\n`);
    const child = spawn(...guarded(command, args), { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: string[] = [];
    const lastLines: string[] = [];
    const read = async (stream: NodeJS.ReadableStream, keep: boolean) => {
      for await (const line of createInterface({ input: stream })) {
        this.#log.write(`${line}\n`);
        onLine?.(line);
        if (keep) output.push(line);
        lastLines.push(line);
        if (lastLines.length > 25) lastLines.shift();
      }
    };
    const ended = new Promise<string | undefined>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code === 0 ? undefined : `${signal ?? `code ${code}`}`));
    });
    const [failure] = await Promise.all([ended, read(child.stdout, true), read(child.stderr, false)]);
    if (failure) {
      const what = `${command} ${args[0] ?? ''} ended with ${failure}`;
      throw new Error(`${what}. The end of its output (all in ${this.#file}):\n${lastLines.join('\n')}`);
    }
    return output.join('\n');
  }

  close(): void {
    this.#log.end();
  }
}

/**
 * Runs `work` while no other process of this machine does with the same name. The lock is a socket in Linux's
 * abstract namespace: the kernel takes it back however its holder ends, so none is ever stale.
 */
export async function oneAtATime<T>(name: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  const lock = createServer();
  const tryLock = () =>
    new Promise<boolean>((resolve, reject) => {
      lock.once('error', (error: NodeJS.ErrnoException) => {
        lock.removeAllListeners('listening');
        if (error.code === 'EADDRINUSE') resolve(false);
        else reject(error);
      });
      lock.listen(`\0${name}`, () => resolve(true));
    });
  let told = false;
  while (!(await tryLock())) {
    if (!told) onWait();
    told = true;
    await sleep(systemClock, 1_000);
  }
  try {
    return await work();
  } finally {
    lock.close();
  }
}
