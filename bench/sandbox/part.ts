// Part: the sandbox beside kube-apiserver with etcd, round by round on the same machine, as ratios.

import { quartiles, ratios, short, spread, table } from '../figures.ts';
import { realServer, sandboxServer } from './servers.ts';
import { configmaps, Side } from './side.ts';

export interface SandboxSettings {
  rounds: number;
  /** Creates of one measurement. */
  creates: number;
  objects: number;
  watchers: number;
}

export const fullSandbox: SandboxSettings = { rounds: 5, creates: 1000, objects: 20_000, watchers: 100 };
export const quickSandbox: SandboxSettings = { rounds: 2, creates: 200, objects: 2000, watchers: 20 };

const pods = '/api/v1/namespaces/default/pods';
const pod = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'status' },
  spec: { automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i' }] },
});

type Measure = (side: Side) => Promise<number>;

export async function sandbox(settings: SandboxSettings, say: (line: string) => void) {
  const { creates, objects, watchers, rounds } = settings;
  const sides = [new Side(await sandboxServer()), new Side(await realServer())];
  const rows: string[][] = [];
  const results: Record<string, unknown> = {};
  const compare = async (name: string, measure: Measure, times = rounds) => {
    const values: number[][] = [[], []];
    for (let round = 0; round < times; round++) {
      // Who goes first changes, so that neither always follows the other's garbage.
      const order = round % 2 === 0 ? [0, 1] : [1, 0];
      for (const at of order) values[at]?.push(await measure(sides[at] as Side));
    }
    const [ours = [], theirs = []] = values;
    const ratio = ratios(ours, theirs);
    rows.push([name, ...values.map((of) => spread(quartiles(of))), spread(ratio)]);
    results[name] = { ours: quartiles(ours), theirs: quartiles(theirs), ratio };
    say(`  ${rows.at(-1)?.join('   ')}`);
  };
  try {
    for (const side of sides)
      await side.requests({ method: 'POST', path: pods, body: pod, clients: 1, count: 1 });
    for (const clients of [1, 8, 32])
      await compare(`creates/s, ${clients} clients`, (side) =>
        side.creates(clients, clients === 1 ? creates / 4 : creates),
      );
    const status = { method: 'PATCH', path: `${pods}/status/status`, clients: 1 };
    const message = JSON.stringify({ status: { message: '#' } });
    await compare('status writes/s', (side) =>
      side.requests({ ...status, body: message, count: creates / 4 }),
    );
    for (const side of sides) await fill(side, objects);
    const listed = async (side: Side, query: string) =>
      (await side.ask<{ ms: number }>('list', { path: `${configmaps}${query}` })).ms;
    await compare(`list of ${objects}, ms`, (side) => listed(side, ''));
    await compare('page of 500, ms', (side) => listed(side, '?limit=500'));
    const memories = sides.map((side) => side.server.memory());
    for (const side of sides) {
      const path = `${configmaps}?watch=1&labelSelector=bench`;
      await side.ask('watch', { path, count: watchers });
    }
    await compare(`events/s to ${watchers} watchers`, (side) => fanOut(side, watchers, creates / 4));
    for (const side of sides) {
      await side.ask('unwatch');
      const hook = await side.ask<{ url: string; ca: string }>('webhook');
      await side.webhooks(hook.url, hook.ca);
    }
    for (const clients of [1, 8, 32])
      await compare(`creates/s with two webhooks, ${clients} clients`, (side) =>
        side.creates(clients, clients === 1 ? creates / 4 : creates),
      );
    const [ours, theirs] = memories;
    rows.push([
      `MiB resident at ${objects} objects (peak)`,
      ...memories.map(({ rss, peak }) => `${short(rss)} (${short(peak)})`),
      short((ours?.rss ?? 0) / (theirs?.rss ?? 1)),
    ]);
    say(table(['', ...sides.map(({ server }) => server.name), 'ratio'], rows));
    return { ...results, memories };
  } finally {
    for (const side of sides) {
      await side.worker.stop();
      await side.server.stop();
    }
  }
}

async function fill(side: Side, objects: number): Promise<void> {
  const { bytes } = await side.ask<{ bytes: number }>('list', { path: `${configmaps}?limit=1` });
  if (bytes > 0) await side.creates(32, objects);
}

/** @returns events a second, all watchers together */
async function fanOut(side: Side, watchers: number, events: number): Promise<number> {
  const before = await side.ask<number>('told');
  const began = performance.now();
  await side.creates(8, events);
  for (;;) {
    const got = (await side.ask<number>('told')) - before;
    if (got >= watchers * events) return got / ((performance.now() - began) / 1000);
    if (performance.now() - began > 60_000)
      throw new Error(`${got} of ${watchers * events} events in a minute`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
