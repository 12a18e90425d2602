// The clients of the sandbox's bench, a process of their own: as many requests of one kind as asked, a page, a
// crowd of watchers, and two webhooks that allow everything.

import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { servingPair } from '../pki.ts';
import { Connection, type Endpoint, headOf } from '../wire.ts';
import { answerParent } from '../worker.ts';

export interface Target {
  endpoint: Endpoint;
  token: string;
}

export interface Requests extends Target {
  method: string;
  /** `#` is the number of the object, here and in the body. */
  path: string;
  body: string;
  clients: number;
  from: number;
  count: number;
  /** The path's numbers begin again at 0 after so many: changes of a few objects. */
  over?: number;
}

/** @returns requests a second; throws at the first that is not answered with success */
async function requests(order: Requests): Promise<number> {
  const auth = { Authorization: `Bearer ${order.token}` };
  const open = await Promise.all(
    Array.from({ length: order.clients }, () => Connection.open(order.endpoint)),
  );
  let next = order.from;
  const began = performance.now();
  const client = async (connection: Connection) => {
    while (next < order.from + order.count) {
      const n = String(next++);
      const at = order.over ? String(Number(n) % order.over) : n;
      const plain = headOf(order.method, order.path.replaceAll('#', at), auth);
      const head = order.method === 'PATCH' ? plain.replace('/json', '/merge-patch+json') : plain;
      const { status, body } = await connection.send(head, order.body.replaceAll('#', n));
      if (status >= 300) throw new Error(`${status}: ${body.slice(0, 300)}`);
    }
  };
  await Promise.all(open.map(client));
  const seconds = (performance.now() - began) / 1000;
  for (const connection of open) connection.close();
  return order.count / seconds;
}

function stream(
  { endpoint, token }: Target,
  path: string,
  take: (chunk: Buffer) => void,
  signal?: AbortSignal,
) {
  return new Promise<void>((resolve, reject) => {
    const { port, ca } = endpoint;
    const headers = { Authorization: `Bearer ${token}`, Accept: 'application/json' };
    const where = { host: '127.0.0.1', port, ca, path, headers, agent: false, ...(signal ? { signal } : {}) };
    const call = request(where, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`));
      response.on('data', take);
      response.on('end', resolve);
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end();
  });
}

/** @returns milliseconds of one GET, and its bytes */
async function list({ path, ...target }: Target & { path: string }): Promise<{ ms: number; bytes: number }> {
  const began = performance.now();
  let bytes = 0;
  await stream(target, path, (chunk) => {
    bytes += chunk.length;
  });
  return { ms: performance.now() - began, bytes };
}

let told = 0;
let watching = new AbortController();

/** Begins `count` watches; `told` counts the lines all of them got. */
async function watch({ path, count, ...target }: Target & { path: string; count: number }): Promise<void> {
  watching = new AbortController();
  const take = (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) told++;
  };
  for (let n = 0; n < count; n++) stream(target, path, take, watching.signal).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 1500));
  told = 0;
}

/** @returns the version of a list, to begin a watch at */
async function versionOf({ path, ...target }: Target & { path: string }): Promise<string> {
  let text = '';
  await stream(target, `${path}?limit=1`, (chunk) => {
    text += chunk;
  });
  return JSON.parse(text).metadata.resourceVersion;
}

/** @returns milliseconds until a watch from `version` has told the `events` changes since */
function catchUp({
  path,
  version,
  events,
  ...target
}: Target & { path: string; version: string; events: number }): Promise<number> {
  const began = performance.now();
  const enough = new AbortController();
  let lines = 0;
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) lines++;
      if (lines < events) return;
      resolve(performance.now() - began);
      enough.abort();
    };
    const from = `${path}?watch=1&timeoutSeconds=30&resourceVersion=${version}`;
    stream(target, from, take, enough.signal).then(() => reject(new Error(`${lines} of ${events}`)), reject);
  });
}

async function webhook(): Promise<{ url: string; ca: string }> {
  const { ca, cert, key } = await servingPair();
  const server = createServer({ cert, key }, (incoming, answer) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const uid = /"uid":"([^"]+)"/.exec(Buffer.concat(chunks).toString('latin1'))?.[1];
      const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' };
      answer.setHeader('Content-Type', 'application/json');
      answer.end(JSON.stringify({ ...review, response: { uid, allowed: true } }));
    });
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca };
}

answerParent({
  requests,
  list,
  watch,
  told: () => told,
  unwatch: () => watching.abort(),
  versionOf,
  catchUp,
  webhook,
});
