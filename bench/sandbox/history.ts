// Part: whether reads stay as quick, and memory and files as small, when a server has seen many changes. A few
// objects are changed over and over; between the stages the same reads are made.

import { median, short, table } from '../figures.ts';
import { realServer, sandboxServer } from './servers.ts';
import { configmaps, Side } from './side.ts';

export interface HistorySettings {
  objects: number;
  /** Changes before each look, in all. */
  stages: readonly number[];
  /** How often each read is made at a stage. */
  reads: number;
  /** Changes that a late watch is told. */
  late: number;
}

export const fullHistory: HistorySettings = {
  objects: 5000,
  stages: [0, 10_000, 20_000, 40_000, 80_000],
  reads: 15,
  late: 500,
};
export const quickHistory: HistorySettings = {
  objects: 1000,
  stages: [0, 2000, 4000],
  reads: 3,
  late: 100,
};

const changed = 200;
const clients = 32;

interface Look {
  changes: number;
  /** Milliseconds. */
  page: number;
  all: number;
  watch: number;
  /** Changes a second on the way here. */
  rate: number;
  rssMiB: number;
  diskMiB: number;
}

export async function history(settings: HistorySettings, say: (line: string) => void) {
  const results: Record<string, Look[]> = {};
  for (const open of [sandboxServer, realServer]) {
    const side = new Side(await open());
    try {
      const looks = await follow(side, settings);
      results[side.server.name] = looks;
      say(side.server.name);
      const rows = looks.map(({ changes, ...of }) => [String(changes), ...Object.values(of).map(short)]);
      const late = `late watch of ${settings.late}, ms`;
      say(table(['changes', 'page of 500, ms', 'list, ms', late, 'changes/s', 'RSS MiB', 'disk MiB'], rows));
    } finally {
      await side.worker.stop();
      await side.server.stop();
    }
  }
  return results;
}

async function follow(side: Side, { objects, stages, reads, late }: HistorySettings): Promise<Look[]> {
  await side.creates(clients, objects);
  const change = (count: number) => {
    const body = JSON.stringify({ data: { n: '#' } });
    return side.requests({ method: 'PATCH', path: `${configmaps}/c#`, body, clients, count, over: changed });
  };
  const often = async (read: () => Promise<number>) => {
    const values: number[] = [];
    for (let n = 0; n < reads; n++) values.push(await read());
    return median(values);
  };
  const listed = async (query: string) =>
    (await side.ask<{ ms: number }>('list', { path: `${configmaps}${query}` })).ms;
  const looks: Look[] = [];
  let done = 0;
  for (const changes of stages) {
    const rate = changes > done ? await change(changes - done) : Number.NaN;
    done = changes;
    const version = await side.ask<string>('versionOf', { path: configmaps });
    await change(late);
    looks.push({
      changes,
      page: await often(() => listed('?limit=500')),
      all: await often(() => listed('')),
      watch: await often(() => side.ask('catchUp', { path: configmaps, version, events: late })),
      rate,
      rssMiB: side.server.memory().rss,
      diskMiB: side.server.disk(),
    });
  }
  return looks;
}
