// Sends a topic's steps to one server, in order, and keeps what it answered.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Watch } from './client.ts';
import type { Server } from './servers.ts';
import type { Answer, Json, Recording, Step, Topic } from './types.ts';

const untilWithinMs = 10_000;
const betweenTriesMs = 40;

/** The value at a path such as `items.0.metadata.uid`. */
const at = (body: Json, path: string): Json => path.split('.').reduce((value, key) => value?.[key], body);

function fill<T>(value: T, variables: Map<string, string>): T {
  if (typeof value === 'string')
    return value.replace(/@\{(\w+)\}/g, (_, name) => variables.get(name) ?? `@{${name}: unknown}`) as T;
  if (Array.isArray(value)) return value.map((v) => fill(v, variables)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fill(v, variables)])) as T;
}

export async function runTopic(topic: Topic, server: Server): Promise<Recording> {
  const ns = `d-${topic.name}`;
  const variables = new Map([
    ['ns', ns],
    ['hook', server.webhook.url],
    ['hookPort', new URL(server.webhook.url).port],
    ['hookCa', server.webhookCa],
  ]);
  const recording: Recording = new Map();
  const watches = new Map<string, Watch>();
  await prepare(server, topic.name, ns);
  try {
    for (const step of topic.steps) {
      const answer = await runStep(step, server, variables, watches).catch((error: Error) => ({
        code: 0,
        headers: {},
        body: error.message,
      }));
      if (!answer) continue;
      for (const [name, path] of Object.entries(step.save ?? {}))
        variables.set(name, String(at(answer.body, path)));
      if (!step.setup)
        recording.set(step.name, step.pick ? { ...answer, body: at(answer.body, step.pick) } : answer);
      else if ((answer.code >= 300 || answer.code === 0) && !step.reviews && !step.until)
        // Told as a difference, as long as only one of the servers fails here.
        recording.set(`${step.name}`, answer);
    }
  } finally {
    for (const watch of watches.values()) watch.stop();
  }
  return recording;
}

async function prepare({ client }: Server, topic: string, ns: string): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns, labels: { topic } } };
  const json = { 'content-type': 'application/json' };
  await client.send('POST', '/api/v1/namespaces', json, JSON.stringify(namespace));
  // The API server refuses Pods until the account is there. The certificates that every namespace is given must be
  // there before any watch begins.
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  const pod = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe' }, spec });
  const core = `/api/v1/namespaces/${ns}`;
  const within = Date.now() + untilWithinMs;
  while (Date.now() < within) {
    const made = await client.send('POST', `${core}/pods?dryRun=All`, json, pod);
    const given = await client.send('GET', `${core}/configmaps/kube-root-ca.crt`, {});
    if (made.code === 201 && given.code === 200) break;
    await sleep(betweenTriesMs);
  }
}

async function runStep(
  step: Step,
  server: Server,
  variables: Map<string, string>,
  watches: Map<string, Watch>,
): Promise<Answer | undefined> {
  if (step.reviews) return { code: 0, headers: {}, body: server.webhook.take(variables.get('ns') ?? '') };
  if (step.read) {
    const watch = watches.get(step.read);
    if (!watch) throw new Error(`no watch ${step.read} is open`);
    return watch.take(step.events ?? 1);
  }
  const path = fill(step.path, variables);
  const headers = fill(step.headers ?? {}, variables);
  if (step.open) {
    watches.set(step.open, server.client.watch(path, headers));
    // Begun before what follows happens.
    await sleep(100);
    return undefined;
  }
  if (step.events !== undefined) {
    const watch = server.client.watch(path, headers);
    try {
      return await watch.take(step.events);
    } finally {
      watch.stop();
    }
  }
  return send(step, server, path, headers, fill(step.body, variables));
}

async function send(
  { method = 'GET', until }: Step,
  { client }: Server,
  path: string,
  headers: Record<string, string>,
  body: Json,
): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const all = text === undefined ? headers : { 'content-type': 'application/json', ...headers };
  const within = Date.now() + untilWithinMs;
  for (;;) {
    const answer = await client.send(method, path, all, text);
    // The API server's cache of a kind that has just been defined is not there at once.
    const isStarting = answer.code === 429 && String(answer.body?.message).includes('(re)initializing');
    const isWanted = until ? until(answer) : !isStarting;
    if (isWanted || Date.now() > within) return answer;
    await sleep(betweenTriesMs);
  }
}
