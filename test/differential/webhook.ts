// The test's own webhook: the path says how it answers, and it remembers what it was asked.

import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pki } from '../../src/sandbox/pki.ts';
import type { Json } from './types.ts';

const patchOf = (operations: Json[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

type Behaviour = (request: Json) => Json | string | number | Promise<Json | string | number>;

/** Path → the response of the review; a string is the whole body, a number a bare status code. */
const behaviours: Record<string, Behaviour> = {
  allow: () => ({ allowed: true }),
  deny: () => ({ allowed: false, status: { message: 'not today' } }),
  'deny-bare': () => ({ allowed: false }),
  'deny-reason': () => ({ allowed: false, status: { reason: 'Because' } }),
  'deny-429': () => ({
    allowed: false,
    status: {
      code: 429,
      reason: 'TooManyRequests',
      message: 'come back',
      details: { retryAfterSeconds: 2, causes: [{ reason: 'Busy', message: 'busy', field: 'data' }] },
    },
  }),
  'deny-422': () => ({ allowed: false, status: { code: 422, reason: 'Invalid', message: 'bad data' } }),
  'deny-200': () => ({ allowed: false, status: { code: 200, message: 'odd' } }),
  'deny-metadata': () => ({
    allowed: false,
    status: { status: 'Failure', code: 403, metadata: {}, message: 'm', reason: 'Forbidden' },
  }),
  warn: () => ({ allowed: true, warnings: ['first "quoted"', 'second, with comma', 'zwölf'] }),
  'warn-deny': () => ({ allowed: false, status: { message: 'no' }, warnings: ['before the end'] }),
  audit: () => ({ allowed: true, auditAnnotations: { key: 'value' } }),
  label: (r) =>
    patchOf([
      r.object.metadata.labels
        ? { op: 'add', path: '/metadata/labels/hooked', value: 'yes' }
        : { op: 'add', path: '/metadata/labels', value: { hooked: 'yes' } },
    ]),
  count: (r) =>
    patchOf([{ op: 'add', path: '/data/count', value: String(Number(r.object.data?.count ?? 0) + 1) }]),
  once: (r) =>
    r.object.data?.once ? { allowed: true } : patchOf([{ op: 'add', path: '/data/once', value: 'x' }]),
  rename: () => patchOf([{ op: 'replace', path: '/metadata/name', value: 'other' }]),
  status: () => patchOf([{ op: 'add', path: '/status', value: { replicas: 7 } }]),
  unknown: () => patchOf([{ op: 'add', path: '/spec/surplus', value: 1 }]),
  'wrong-type': () => patchOf([{ op: 'replace', path: '/spec/size', value: 'big' }]),
  'bad-pointer': () => patchOf([{ op: 'replace', path: '/nowhere/at/all', value: 1 }]),
  'failed-test': () => patchOf([{ op: 'test', path: '/metadata/name', value: 'not-this' }]),
  'bad-patch': () => ({ allowed: true, patchType: 'JSONPatch', patch: Buffer.from('[{').toString('base64') }),
  'patch-untyped': () => ({ allowed: true, patch: Buffer.from('[]').toString('base64') }),
  'patch-merge': () => ({ allowed: true, patchType: 'Merge', patch: Buffer.from('{}').toString('base64') }),
  'patch-empty': () => patchOf([]),
  'wrong-uid': () => ({ allowed: true, uid: 'somebody-else' }),
  'no-response': () => JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }),
  'wrong-version': () => JSON.stringify({ apiVersion: 'admission.k8s.io/v2', kind: 'AdmissionReview' }),
  'wrong-kind': () => JSON.stringify({ apiVersion: 'v1', kind: 'Pod' }),
  'not-json': () => 'hello',
  empty: () => '',
  error: () => 500,
  missing: () => 404,
  slow: async () => {
    await sleep(1_600);
    return { allowed: true };
  },
};

export interface Review {
  path: string;
  review: Json;
}

export class Webhook {
  readonly url: string;
  readonly #server: Server;
  #seen: Review[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (req, res) => {
      const chunks: Buffer[] = [];
      req.on('error', () => {});
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', async () => {
        const review = JSON.parse(Buffer.concat(chunks).toString());
        this.#seen.push({ path: req.url ?? '', review });
        const name = /^\/([^/?]*)/.exec(req.url ?? '')?.[1] ?? '';
        const answer = await behaviours[name]?.(review.request);
        if (answer === undefined || typeof answer === 'number') {
          res.writeHead(answer ?? 404, { 'content-type': 'text/plain' }).end('the hook says no');
          return;
        }
        res.writeHead(200, { 'content-type': 'application/json' });
        if (typeof answer === 'string') res.end(answer);
        else
          res.end(
            JSON.stringify({
              apiVersion: review.apiVersion,
              kind: 'AdmissionReview',
              response: { uid: review.request.uid, ...answer },
            }),
          );
      });
    });
  }

  static async start({ cert, key }: Pki): Promise<Webhook> {
    const server = createServer({ cert, key });
    server.keepAliveTimeout = 120_000;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Webhook(server);
  }

  /**
   * What was asked about a namespace's objects since the last call, by path and then by time: validating
   * webhooks are called side by side.
   */
  take(namespace: string): Review[] {
    const mine = this.#seen.filter(({ review }) => review.request.namespace === namespace);
    this.#seen = this.#seen.filter((review) => !mine.includes(review));
    return mine
      .map((review, index) => ({ review, index }))
      .sort((a, b) =>
        a.review.path < b.review.path ? -1 : a.review.path > b.review.path ? 1 : a.index - b.index,
      )
      .map(({ review }) => review);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
