// Part 1: what one AdmissionReview costs our server, beside a bare node:https server that parses and answers
// the same. Server and load are processes of their own; the two servers take turns, round by round.
import { rmSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { median, type Quartiles, quartiles, ratios, short, spread, table } from '../figures.ts';
import { BusyMeter } from '../machine.ts';
import { servingPair } from '../pki.ts';
import type { Endpoint } from '../wire.ts';
import { cpuOf, Worker } from '../worker.ts';
import { cases } from './cases.ts';
import type { LoadOrder, LoadResult } from './load.ts';

export interface AdmissionSettings {
  connections: readonly number[];
  rounds: number;
  roundMs: number;
  warmUpMs: number;
  /** Directory for a CPU profile of our server. */
  profile?: string;
}

export const fullAdmission: AdmissionSettings = {
  connections: [1, 16, 25],
  rounds: 7,
  roundMs: 1000,
  warmUpMs: 2000,
};
export const quickAdmission: AdmissionSettings = {
  connections: [16],
  rounds: 3,
  roundMs: 300,
  warmUpMs: 300,
};

interface Side {
  cpuUs: Quartiles;
  perSecond: number;
  p50: number;
  p99: number;
}

interface AdmissionRow {
  case: string;
  connections: number;
  ours: Side;
  bare: Side;
  /** Ours / bare, round by round. */
  cpuRatio: Quartiles;
}

interface Server {
  worker: Worker;
  endpoint: Endpoint;
}

type Round = LoadResult & { cpuUs: number };

export async function admission(settings: AdmissionSettings, say: (line: string) => void) {
  const pair = await servingPair();
  const start = async (file: string, execArgv: string[] = []): Promise<Server> => {
    // stdout is the log of `serve`; formatted and written in full, kept by nobody.
    const worker = new Worker(join(import.meta.dirname, file), { output: devNull, execArgv });
    return { worker, endpoint: { port: await worker.ask<number>('start', pair), ca: pair.ca } };
  };
  const profiling = settings.profile ? ['--cpu-prof', `--cpu-prof-dir=${settings.profile}`] : [];
  if (settings.profile) rmSync(settings.profile, { recursive: true, force: true });
  const ours = await start('server.ts', profiling);
  const bare = await start('bare-server.ts');
  const load = new Worker(join(import.meta.dirname, 'load.ts'));
  const busy = new BusyMeter();
  try {
    const sizes = await prepare(ours, bare, load, settings);
    say(sizes);
    const rows: AdmissionRow[] = [];
    for (const { name } of cases) {
      for (const connections of settings.connections) {
        const order = { caseName: name, connections, ms: settings.roundMs };
        rows.push(await compare(ours, bare, load, order, settings.rounds));
      }
    }
    say(show(rows));
    return { rows, busy: busy.lap() };
  } finally {
    await Promise.all([ours.worker, bare.worker, load].map((worker) => worker.stop()));
  }
}

/** Warms both servers up and tells the bare one what to answer: reviews of the same size as ours. */
async function prepare(ours: Server, bare: Server, load: Worker, settings: AdmissionSettings) {
  const sizes: string[] = [];
  for (const { name } of cases) {
    const order = (server: Server, ms: number): LoadOrder => ({
      endpoint: server.endpoint,
      caseName: name,
      connections: Math.max(...settings.connections),
      ms,
    });
    const { path, asked, answered, answer } = await load.ask<{
      path: string;
      asked: number;
      answered: number;
      answer: { response: Record<string, unknown> };
    }>('sample', order(ours, 0));
    const { uid: _, ...response } = answer.response;
    await bare.worker.ask('answer', { path, response } as never);
    sizes.push(`${name} ${asked} → ${answered}`);
    await load.ask('load', order(ours, settings.warmUpMs));
    await load.ask('load', order(bare, settings.warmUpMs));
  }
  return `bytes asked → answered: ${sizes.join('; ')}`;
}

async function compare(
  ours: Server,
  bare: Server,
  load: Worker,
  order: Omit<LoadOrder, 'endpoint'>,
  count: number,
): Promise<AdmissionRow> {
  const rounds = { ours: [] as Round[], bare: [] as Round[] };
  // The paths of two cases are one and the same; what the bare server answers must be this case's.
  const { path, answer } = await load.ask<{ path: string; answer: { response: Record<string, unknown> } }>(
    'sample',
    { ...order, endpoint: ours.endpoint },
  );
  const { uid: _, ...response } = answer.response;
  await bare.worker.ask('answer', { path, response } as never);
  const run = async (server: Server): Promise<Round> => {
    const full: LoadOrder = { ...order, endpoint: server.endpoint };
    await load.ask('connect', full as never);
    const { result, cpuUs } = await cpuOf(server.worker, () => load.ask<LoadResult>('load', full as never));
    return { ...result, cpuUs: cpuUs / result.reviews };
  };
  for (let round = 0; round < count; round++) {
    // Who goes first alternates: what the machine does meanwhile favours nobody.
    const order = round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const);
    for (const side of order) rounds[side].push(await run(side === 'ours' ? ours : bare));
  }
  return {
    case: order.caseName,
    connections: order.connections,
    ours: sideOf(rounds.ours),
    bare: sideOf(rounds.bare),
    cpuRatio: ratios(
      rounds.ours.map(({ cpuUs }) => cpuUs),
      rounds.bare.map(({ cpuUs }) => cpuUs),
    ),
  };
}

const sideOf = (rounds: readonly Round[]): Side => ({
  cpuUs: quartiles(rounds.map(({ cpuUs }) => cpuUs)),
  perSecond: median(rounds.map(({ reviews, seconds }) => reviews / seconds)),
  p50: median(rounds.map(({ p50 }) => p50)),
  p99: median(rounds.map(({ p99 }) => p99)),
});

function show(rows: readonly AdmissionRow[]): string {
  const head = ['case', 'conn', 'CPU µs', 'bare', 'ratio', '/s', 'bare', 'p50 ms', 'bare', 'p99 ms', 'bare'];
  return table(
    head,
    rows.map(({ case: name, connections, ours, bare, cpuRatio }) => [
      name,
      String(connections),
      spread(ours.cpuUs),
      spread(bare.cpuUs),
      spread(cpuRatio),
      ...[ours.perSecond, bare.perSecond].map((value) => value.toFixed(0)),
      ...[ours.p50, bare.p50, ours.p99, bare.p99].map(short),
    ]),
  );
}
