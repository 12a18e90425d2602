// One `spikegate serve` in a process of its own, as it runs on a cluster.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What is started: its main file, and variables besides those of this process. */
export interface Program {
  main: string;
  env?: Readonly<Record<string, string>>;
}

export const source: Program = { main: join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts') };
/** A variable for a process whose Date is off by so many milliseconds; its monotonic clock is as it is. */
export function clockOffBy(ms: number): { NODE_OPTIONS: string } {
  const code = `const D=Date;globalThis.Date=class extends D{constructor(...a){super(...(a.length?a:[D.now()+${ms}]))}static now(){return D.now()+${ms}}}`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

const readyWithinMs = 30_000;

export class Replica {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  port = 0;
  metricsPort = 0;
  /** The last lines it logged, for a failing test. */
  readonly log: string[] = [];

  private constructor(child: ChildProcess) {
    this.process = child;
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** Starts one on free ports; resolves when it says that it is ready. */
  static async start(
    kubeconfig: string,
    flags: readonly string[],
    { main, env }: Program = source,
  ): Promise<Replica> {
    const child = spawn(
      process.execPath,
      [
        ...[main, 'serve', '--kubeconfig', kubeconfig, '--host', '127.0.0.1', '--port', '0'],
        ...['--metrics-host', '127.0.0.1', '--metrics-port', '0', '--log-format', 'json', ...flags],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } },
    );
    const replica = new Replica(child);
    const ready = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (replica.log.push(line) > 2000) replica.log.shift();
        if (replica.port === 0 && line.includes('"msg":"ready"')) {
          const { port, metricsPort } = JSON.parse(line);
          Object.assign(replica, { port, metricsPort });
          resolve();
        }
      });
      child.once('exit', (code) => reject(new Error(`serve ended with ${code}:\n${replica.tail()}`)));
      const timer = setTimeout(
        () => reject(new Error(`serve is not ready:\n${replica.tail()}`)),
        readyWithinMs,
      );
      timer.unref();
    });
    try {
      await ready;
    } catch (error) {
      // Otherwise it would go on beside the next scenarios, and keep the run from ending.
      child.kill('SIGKILL');
      throw error;
    }
    return replica;
  }

  tail(): string {
    return this.log.slice(-20).join('\n');
  }

  get pid(): number {
    return this.process.pid!;
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }

  async stop(): Promise<number | null> {
    this.process.kill('SIGTERM');
    return this.exited;
  }

  /** The metrics as text, e.g. to find the leader. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text();
  }

  async isLeader(): Promise<boolean> {
    return /leader_election_master_status\{[^}]*\} 1/.test(await this.metrics());
  }
}
