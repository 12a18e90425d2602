// The machine under the figures: how many cores, how busy, and what each process has used (Linux's /proc).
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

export interface Machine {
  cores: number;
  cpu: string;
  memoryGiB: number;
  node: string;
  /** Runnable tasks over the last minute, by the kernel's count. */
  load1: number;
}

export const machine = (): Machine => ({
  cores: availableParallelism(),
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  load1: loadavg()[0]!,
});

// USER_HZ: what /proc counts in, 100 on every architecture Node runs on.
const ticksPerSecond = 100;

/** CPU milliseconds a process has used, user and system, all its threads; NaN where there is no /proc. */
export function cpuMsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the name, is in parentheses and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process and its highest so far, in MiB. */
export function memoryOf(pid: number): { rssMiB: number; peakMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kiB = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { rssMiB: kiB('VmRSS') / 1024, peakMiB: kiB('VmHWM') / 1024 };
}

/** Share of all cores that was busy between two looks, ours and everybody else's. */
export class BusyMeter {
  #last = readCpu();

  /** 0..1 since the last call. */
  lap(): number {
    const now = readCpu();
    const { idle, total } = this.#last;
    this.#last = now;
    return now.total === total ? Number.NaN : 1 - (now.idle - idle) / (now.total - total);
  }
}

function readCpu(): { idle: number; total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, total };
}
