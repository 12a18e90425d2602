// What the rounds of the orders bench add up to, and the tables that show it.
import type { ClientsResult } from '../cluster/clients.ts';
import { median, type Quartiles, quartiles, ratios, short, spread, table } from '../figures.ts';
import type { LaneName } from './lanes.ts';

export interface Ledger {
  writes: number;
  changesPerWrite: number;
  msPerWrite: number;
  conflictsPerWrite: number;
  settles: number;
}

export interface Round extends ClientsResult {
  /** From the last create until the leader has accepted every order. */
  settledMs: number;
  /** CPU milliseconds per order, by who used them: until the last create, and until all is settled. */
  cpuMs: Record<string, number>;
  cpuMsInAll: Record<string, number>;
  /** What the API server was asked for, per order, until all is settled. */
  requests: Record<string, number>;
  ledger?: Ledger;
}

type Rounds = Partial<Record<LaneName, Round>>[];

export interface LaneFigures {
  perSecond: Quartiles;
  p50: number;
  p99: number;
  busy: number;
  failed: number;
  example: string;
  cpuMs: Record<string, number>;
  cpuMsInAll: Record<string, number>;
}

export interface OrdersRow {
  clients: number;
  lanes: Partial<Record<LaneName, LaneFigures>>;
  /** Orders per second, ours over theirs and theirs over plain, round by round. */
  ratio: Record<string, Quartiles>;
  ledger: Ledger;
  settledMs: number;
  /** Of our lane, in its last round. */
  requests: Record<string, number>;
}

const pairs: readonly (readonly [LaneName, LaneName])[] = [
  ['spikegate', 'noop'],
  ['spikegate', 'patch'],
  ['spikegate', 'plain'],
  ['spikegate', 'quota'],
  ['noop', 'plain'],
  ['patch', 'noop'],
  ['quota', 'plain'],
];

const perSecond = ({ created, seconds }: Round): number => created / seconds;

export function rowOf(clients: number, rounds: Rounds): OrdersRow {
  const names = Object.keys(rounds[0]!) as LaneName[];
  const of = (name: LaneName): Round[] => rounds.map((round) => round[name]!);
  const ratio = (a: LaneName, b: LaneName) => ratios(of(a).map(perSecond), of(b).map(perSecond));
  const ledgers = of('spikegate').map(({ ledger }) => ledger!);
  return {
    clients,
    lanes: Object.fromEntries(names.map((name) => [name, figuresOf(of(name))])),
    ratio: Object.fromEntries(
      pairs
        .filter(([ours, theirs]) => names.includes(ours) && names.includes(theirs))
        .map(([ours, theirs]) => [`${ours}/${theirs}`, ratio(ours, theirs)]),
    ),
    ledger: medians(ledgers as unknown as Record<string, number>[]) as unknown as Ledger,
    settledMs: median(of('spikegate').map(({ settledMs }) => settledMs)),
    requests: of('spikegate').at(-1)!.requests,
  };
}

function figuresOf(rounds: readonly Round[]): LaneFigures {
  return {
    perSecond: quartiles(rounds.map(perSecond)),
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
    busy: rounds.reduce((sum, { busy }) => sum + busy, 0),
    failed: rounds.reduce((sum, round) => sum + Object.values(round.failed).reduce((a, b) => a + b, 0), 0),
    example: rounds.find(({ example }) => example)?.example ?? '',
    cpuMs: medians(rounds.map(({ cpuMs }) => cpuMs)),
    cpuMsInAll: medians(rounds.map(({ cpuMsInAll }) => cpuMsInAll)),
  };
}

function medians(records: readonly Record<string, number>[]): Record<string, number> {
  const names = Object.keys(records[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(records.map((record) => record[name]!))]));
}

export function showOrders(rows: readonly OrdersRow[]): string {
  const lanes = Object.keys(rows[0]!.lanes) as LaneName[];
  const pairs = Object.keys(rows[0]!.ratio);
  const speed = table(
    ['clients', ...lanes.map((name) => `${name}/s`), ...pairs],
    rows.map(({ clients, lanes: of, ratio }) => [
      String(clients),
      ...lanes.map((name) => short(of[name]!.perSecond.median)),
      ...pairs.map((pair) => spread(ratio[pair]!)),
    ]),
  );
  const latency = table(
    ['clients', ...lanes.map((name) => `${name} p50/p99 ms`), '429', 'failed'],
    rows.map(({ clients, lanes: of }) => [
      String(clients),
      ...lanes.map((name) => `${short(of[name]!.p50)} / ${short(of[name]!.p99)}`),
      ...(['busy', 'failed'] as const).map((what) => lanes.map((name) => of[name]![what]).join(' ')),
    ]),
  );
  const ledger = table(
    ['clients', 'orders and settles per write', 'ms per write', 'conflicts per write', 'settled after ms'],
    rows.map(({ clients, ledger: it, settledMs }) =>
      [clients, it.changesPerWrite, it.msPerWrite, it.conflictsPerWrite, settledMs].map(short),
    ),
  );
  const failures = rows.flatMap(({ lanes: of }) =>
    lanes.flatMap((name) => (of[name]!.example ? [`${name}: ${of[name]!.example}`] : [])),
  );
  const requests = rows
    .map(({ clients, requests: of }) =>
      [`${clients} clients:`, ...Object.entries(of).map(([name, count]) => `${name} ${short(count)}`)].join(
        '  ',
      ),
    )
    .join('\n');
  return [
    speed,
    latency,
    `ledger:\n${ledger}`,
    `CPU ms per order until the last create (until all is settled):\n${cpuTable(rows, lanes)}`,
    `requests per order, of spikegate's last round:\n${requests}`,
    ...failures,
  ].join('\n\n');
}

function cpuTable(rows: readonly OrdersRow[], lanes: readonly LaneName[]): string {
  const who = Object.keys(rows[0]!.lanes[lanes[0]!]!.cpuMs);
  const sum = (of: Record<string, number>) => Object.values(of).reduce((a, b) => a + b, 0);
  return table(
    ['clients', 'lane', ...who, 'all'],
    rows.flatMap(({ clients, lanes: of }) =>
      lanes.map((name) => {
        const { cpuMs, cpuMsInAll } = of[name]!;
        const cell = (a: number, b: number) =>
          name === 'spikegate' ? `${short(a)} (${short(b)})` : short(a);
        return [
          String(clients),
          name,
          ...who.map((it) => cell(cpuMs[it]!, cpuMsInAll[it]!)),
          cell(sum(cpuMs), sum(cpuMsInAll)),
        ];
      }),
    ),
  );
}
