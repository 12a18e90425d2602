// Many workloads at once. How long until they have settled, what each cost in requests, and what `serve` asks
// for while nothing happens: renewals of its lease, and watches.
import type { CustomObject } from '../../src/api/define-kind.ts';
import type { Resource } from '../../src/kube/objects.ts';
import { deployment } from '../../src/manifests/generated.ts';
import { eventually, namespaces } from '../../test/e2e/world.ts';
import { metricSum } from '../cluster/prometheus.ts';
import { short, table } from '../figures.ts';
import { cpuMsOf, memoryOf } from '../machine.ts';
import type { Counts } from './counting-proxy.ts';
import { Place, type TargetName } from './place.ts';
import { type Shape, shapes } from './shapes.ts';

export interface WorkloadSettings {
  target: TargetName;
  /** Of each kind. */
  count: number;
  quietMinutes: number;
}

export const fullWorkloads: WorkloadSettings = { target: 'sandbox', count: 200, quietMinutes: 10 };
export const quickWorkloads: WorkloadSettings = { target: 'sandbox', count: 10, quietMinutes: 0.1 };

/** Nothing asked for this long: what was to be done is done. */
const silenceMs = 3000;
const settledWithinMs = 600_000;

type Say = (line: string) => void;
type Requests = Record<string, number>;
type Owner = CustomObject<unknown, { observedGeneration?: number; conditions?: Condition[] }>;

interface Condition {
  type: string;
  status: string;
  message?: string;
}

interface Settled {
  kind: string;
  what: string;
  createdSeconds: number;
  seconds: number;
  cpuSeconds: number;
  rssMiB: number;
  requests: Requests;
  refused: Requests;
}

export async function workloads({ target, count, quietMinutes }: WorkloadSettings, say: Say) {
  const place = await Place.open(target);
  try {
    await ready(place);
    const empty = await memory(place);
    const settled: Settled[] = [];
    for (const shape of shapes) {
      settled.push(await settle(place, shape, count));
      const { kind, seconds, rssMiB } = settled.at(-1)!;
      say(`  ${count} ${kind}: ${short(seconds)} s, RSS ${short(rssMiB)} MiB`);
    }
    const full = await memory(place);
    say(`\n${settledTable(settled, count)}\n\n${requestTable(settled, count)}`);
    const quiet = await quietly(place, quietMinutes, say);
    const counted = await countedTwice(place);
    say(
      `${counted.proxy} requests in all, by the proxy; ${counted.serve} by serve's rest_client_requests_total\n`,
    );
    const after = await memory(place);
    const rows = Object.entries({ empty, [`${count} of each kind`]: full, 'after the quiet': after });
    say(
      table(
        ['serve', 'RSS MiB', 'peak MiB', 'heap used MiB'],
        rows.map(([name, { rssMiB, peakMiB, heapMiB }]) => [name, ...[rssMiB, peakMiB, heapMiB].map(short)]),
      ),
    );
    return { target, count, settled, quietMinutes, quiet, counted, memory: { empty, full, after } };
  } finally {
    await place.stop();
  }
}

/** It leads and follows, and its webhooks answer. */
async function ready({ admin, serve }: Place): Promise<void> {
  await eventually(async () => {
    if (!(await serve.isLeader())) throw new Error('nobody leads');
  }, 60_000);
  for (const { kind, spec } of shapes) {
    const object = { apiVersion: kind.apiVersion, kind: kind.kind, spec };
    const metadata = { name: 'probe', namespace: 'default' };
    await eventually(() => admin.create(kind, { ...object, metadata } as never, { dryRun: true }), 60_000);
  }
}

async function settle(place: Place, { kind, what, spec }: Shape, count: number): Promise<Settled> {
  const { admin, serve } = place;
  const namespace = `bench-${kind.plural}`;
  await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const names = Array.from({ length: count }, (_, number) => `${kind.singular}-${number}`);
  const cpu = cpuMsOf(serve.pid);
  const began = Date.now();
  await Promise.all(
    names.map((name) =>
      admin.create(kind, {
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        spec,
        metadata: { name, namespace },
      } as never),
    ),
  );
  const createdSeconds = (Date.now() - began) / 1000;
  const { requests, refused, lastAt } = await silence(place, kind as Resource, namespace, began);
  return {
    kind: kind.kind,
    what,
    createdSeconds,
    requests,
    refused,
    seconds: (lastAt - began) / 1000,
    cpuSeconds: (cpuMsOf(serve.pid) - cpu) / 1000,
    rssMiB: memoryOf(serve.pid).rssMiB,
  };
}

/** Waits until all are ready and nothing has been asked about them for a while. Looks only when it is silent. */
async function silence(place: Place, kind: Resource, namespace: string, began: number): Promise<Counts> {
  for (;;) {
    const counts = (await place.seen()).namespaces[namespace];
    const wait = counts ? counts.lastAt + silenceMs - Date.now() : silenceMs;
    if (counts && wait <= 0) {
      const { items } = await place.admin.list(kind as Resource<Owner>, { namespace });
      const waiting = items.filter((it) => !isReady(it));
      if (waiting.length === 0) return counts;
      if (Date.now() - began > settledWithinMs) {
        const { metadata, status } = waiting[0]!;
        throw new Error(
          `${waiting.length} ${kind.plural} are not ready; ${metadata.name}: ${JSON.stringify(status)}`,
        );
      }
    }
    await pause(Math.max(wait, 500));
  }
}

function isReady({ metadata, status }: Owner): boolean {
  const found = status?.conditions?.find(({ type }) => type === 'Ready');
  return status?.observedGeneration === metadata.generation && found?.status === 'True';
}

/** All that `serve` asks for meanwhile. */
async function quietly(place: Place, minutes: number, say: Say) {
  const before = await requestsOf(place);
  const reconciled = await reconciles(place);
  const cpu = cpuMsOf(place.serve.pid);
  const end = Date.now() + minutes * 60_000;
  while (Date.now() < end) await pause(Math.min(10_000, end - Date.now()));
  const after = await requestsOf(place);
  const requests: Requests = {};
  for (const [what, number] of Object.entries(after)) {
    const grown = number - (before[what] ?? 0);
    if (grown > 0) requests[what] = grown;
  }
  const unexpected = Object.keys(requests).filter((what) => reasonOf(what) === nobodys);
  const cpuSeconds = (cpuMsOf(place.serve.pid) - cpu) / 1000;
  const more = (await reconciles(place)) - reconciled;
  say(`\n${short(minutes)} quiet minutes, ${short(cpuSeconds)} s of CPU, ${more} reconciles`);
  say(
    table(
      ['request', 'number', 'for'],
      Object.entries(requests).map(([what, number]) => [what, String(number), reasonOf(what)]),
    ),
  );
  if (unexpected.length > 0) say(`the last of them:\n  ${(await place.seen()).recent.join('\n  ')}`);
  say('');
  return { requests, unexpected, cpuSeconds, reconciles: more };
}

const nobodys = 'NOT EXPECTED';
const ownSecret = `get secrets in ${deployment.namespace}`;

/** Why `serve` asks for it with nothing to do. */
function reasonOf(what: string): string {
  if (what.startsWith('watch ')) return 'a watch';
  if (what.includes(' leases.')) return 'the lease';
  const isCertificates = what === ownSecret || /^get \w+webhookconfigurations\./.test(what);
  return isCertificates ? 'the look at the certificates, once a minute' : nobodys;
}

/** What is its own, in the namespace of the installation, stays apart. */
async function requestsOf(place: Place): Promise<Requests> {
  const all: Requests = {};
  for (const [namespace, { requests }] of Object.entries((await place.seen()).namespaces)) {
    const where = namespace === deployment.namespace ? ` in ${namespace}` : '';
    for (const [what, number] of Object.entries(requests)) {
      const key = `${what}${where}`;
      all[key] = (all[key] ?? 0) + number;
    }
  }
  return all;
}

/** Since the start of `serve`. What has no answer yet is not in its own count. */
async function countedTwice(place: Place): Promise<{ proxy: number; serve: number }> {
  const serve = metricSum([await place.serve.metrics()], 'rest_client_requests_total');
  return { proxy: total(await requestsOf(place)), serve };
}

async function reconciles(place: Place): Promise<number> {
  return metricSum([await place.serve.metrics()], 'controller_runtime_reconcile_total');
}

async function memory(place: Place) {
  const heap = metricSum([await place.serve.metrics()], 'nodejs_heap_size_used_bytes');
  return { ...memoryOf(place.serve.pid), heapMiB: heap / 2 ** 20 };
}

const total = (requests: Requests): number =>
  Object.values(requests).reduce((sum, number) => sum + number, 0);

const listed = (codes: Requests): string =>
  Object.entries(codes)
    .map(([code, number]) => `${code}: ${number}`)
    .join(', ') || '0';

function settledTable(all: readonly Settled[], count: number): string {
  return table(
    ['kind', 'created s', 'settled s', 'CPU s', 'RSS MiB', 'requests per CR', 'refused'],
    all.map(({ kind, what, createdSeconds, seconds, cpuSeconds, rssMiB, requests, refused }) => [
      `${kind} (${what})`,
      ...[createdSeconds, seconds, cpuSeconds, rssMiB, total(requests) / count].map(short),
      listed(refused),
    ]),
  );
}

/** A row for each verb and resource, a column for each kind. */
function requestTable(all: readonly Settled[], count: number): string {
  const rows = [...new Set(all.flatMap(({ requests }) => Object.keys(requests)))].sort();
  const cell = (number: number | undefined) => (number ? short(number / count) : '–');
  return table(
    ['requests per CR', ...all.map(({ kind }) => kind)],
    [
      ...rows.map((row) => [row, ...all.map(({ requests }) => cell(requests[row]))]),
      ['all', ...all.map(({ requests }) => cell(total(requests)))],
    ],
  );
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
