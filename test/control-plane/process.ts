// Starting, recognising and ending programs. Knows nothing of Kubernetes.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { sleep, systemClock } from '../../src/runtime/clock.ts';

export interface Program {
  name: string;
  path: string;
  args: string[];
  /** Both output streams are appended to this file. */
  logFile: string;
}

/** A process as a later process can recognise it: process ids are used again, start times are not. */
export interface ProcessId {
  pid: number;
  started: string;
}

export interface RunningProgram extends Program, ProcessId {}

/**
 * When the process was started, or undefined when none (or only a zombie) has this id.
 * On Linux in clock ticks of this boot, elsewhere as `ps` prints it.
 */
export function startTimeOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return stdout.trim() || undefined;
  }
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, threads, startTicks] = [fields[0], Number(fields[17]), fields[19]];
  // A zombie that nobody fetches is as good as gone; but while other threads of it are still ending, its
  // sockets are open.
  if ((state === 'Z' && threads <= 1) || state === 'X') return undefined;
  return `${bootId()} ${startTicks}`;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

export function isRunning(id: ProcessId): boolean {
  return startTimeOf(id.pid) === id.started;
}

/** Ends exactly this process; never another that got its id later. Sends SIGKILL after `graceMs`. */
export async function stopProcess(
  id: ProcessId,
  { signal = 'SIGTERM' as NodeJS.Signals, graceMs = 5_000 } = {},
): Promise<void> {
  if (!isRunning(id)) return;
  process.kill(id.pid, signal);
  const kill = systemClock.monotonic() + graceMs;
  let killed = false;
  while (isRunning(id)) {
    if (!killed && systemClock.monotonic() >= kill) {
      process.kill(id.pid, 'SIGKILL');
      killed = true;
    }
    await sleep(systemClock, 20);
  }
}

let canGuard: boolean | undefined;

/**
 * The command line under which a program dies with the process that starts it, even one ended by SIGKILL,
 * where the system can (setpriv of util-linux); elsewhere the command line as it is. setpriv becomes the
 * program, so its process id is the program's.
 */
export function guarded(path: string, args: string[]): [path: string, args: string[]] {
  canGuard ??=
    process.platform === 'linux' && spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  return canGuard ? ['setpriv', ['--pdeathsig', 'KILL', path, ...args]] : [path, args];
}

const endWithUs = new Set<ProcessId>();

let watchingExit = false;

function guardByExit(id: ProcessId): void {
  endWithUs.add(id);
  if (watchingExit) return;
  watchingExit = true;
  process.once('exit', () => {
    for (const running of endWithUs) if (isRunning(running)) process.kill(running.pid, 'SIGKILL');
  });
}

/** Starts a program. `detached`: it outlives this process; else it ends with this process, however that ends. */
export async function startProgram(program: Program, { detached = false } = {}): Promise<RunningProgram> {
  const output = openSync(program.logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    const [path, args] = detached ? [program.path, program.args] : guarded(program.path, program.args);
    child = spawn(path, args, { stdio: ['ignore', output, output], detached, cwd: '/' });
  } finally {
    closeSync(output);
  }
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  // A test that forgot to stop the control plane must end all the same.
  child.unref();
  const pid = child.pid as number;
  const running = { ...program, pid, started: startTimeOf(pid) ?? 'ended at once' };
  if (!detached) {
    guardByExit(running);
    child.once('exit', () => endWithUs.delete(running));
  }
  return running;
}

/**
 * Waits until `probe` is true; its errors mean "not yet".
 * @throws Error with the end of the program's log when the program ends first or `timeoutMs` passes
 */
export async function waitUntil(
  program: RunningProgram,
  probe: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = systemClock.monotonic() + timeoutMs;
  for (;;) {
    if (!isRunning(program)) throw new ProgramFailed(program, 'ended while it was starting');
    if (await probe().catch(() => false)) return;
    if (systemClock.monotonic() >= deadline) {
      throw new ProgramFailed(program, `was not ready after ${timeoutMs / 1000} s`);
    }
    await sleep(systemClock, 50);
  }
}

export class ProgramFailed extends Error {
  readonly tail: string;
  constructor(program: Program, what: string) {
    const tail = tailOf(program.logFile);
    super(`${program.name} ${what}. The end of its log (${program.logFile}):\n${tail}`);
    this.name = 'ProgramFailed';
    this.tail = tail;
  }
}

export function tailOf(file: string, lines = 25): string {
  if (!existsSync(file)) return '(no log)';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
