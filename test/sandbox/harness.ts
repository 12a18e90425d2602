// What the sandbox's tests share: a sandbox of their own, raw requests to it, a webhook server to be called by it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parse } from 'yaml';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import { leaveCredentials, sharedPki } from './credentials.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into JSON answers of every shape
export type Json = any;

export interface Reply {
  code: number;
  body: Json;
  text: string;
  headers: Record<string, string | string[] | undefined>;
}

export interface Rig {
  sandbox: Sandbox;
  dir: string;
  call(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Follows a watch; lines are parsed events. `stop` ends it. */
  watch(url: string): {
    events: Json[];
    until(done: (events: Json[]) => boolean, ms?: number): Promise<Json[]>;
    stop(): void;
  };
}

export const types = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export async function open(t: TestContext, options: Partial<SandboxOptions> = {}): Promise<Rig> {
  const dir = options.dir ?? mkdtempSync(path.join(tmpdir(), 'sandbox-'));
  if (!options.dir) await leaveCredentials(dir);
  const sandbox = await startSandbox({ inMemory: true, workloads: false, ...options, dir });
  const rig = connect(sandbox, dir);
  t.after(async () => {
    await sandbox.stop();
    if (!options.dir) rmSync(dir, { recursive: true, force: true });
  });
  return rig;
}

export function connect(sandbox: Sandbox, dir: string): Rig {
  const config = parse(readFileSync(sandbox.kubeconfig, 'utf8')) as Json;
  const pem = (text: string) => Buffer.from(text, 'base64');
  const user = config.users[0].user;
  const agent = new Agent({
    keepAlive: true,
    ca: pem(config.clusters[0].cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  });
  const call: Rig['call'] = (method, url, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const length =
        text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const all = { ...length, ...headers };
      const req = request(sandbox.server + url, { method, agent, headers: all }, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          let parsed: Json = answer;
          if (/json/.test(res.headers['content-type'] ?? '')) parsed = JSON.parse(answer);
          resolve({
            code: res.statusCode ?? 0,
            body: parsed,
            text: answer,
            headers: res.headers as Reply['headers'],
          });
        });
      });
      req.on('error', reject);
      req.end(text);
    });
  const watch: Rig['watch'] = (url) => {
    const events: Json[] = [];
    const waiters: (() => void)[] = [];
    let rest = '';
    const req = request(sandbox.server + url, { agent }, (res) => {
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => {
        rest += chunk;
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) events.push(JSON.parse(line));
        for (const wake of waiters) wake();
      });
      res.on('error', () => {});
    });
    req.on('error', () => {});
    req.end();
    return {
      events,
      stop: () => req.destroy(),
      until: (done, ms = 5000) =>
        new Promise((resolve, reject) => {
          const timer = setTimeout(
            () => reject(new Error(`watch ${url}: ${JSON.stringify(events).slice(0, 2000)}`)),
            ms,
          );
          const check = () => {
            if (!done(events)) return;
            clearTimeout(timer);
            resolve(events);
          };
          waiters.push(check);
          check();
        }),
    };
  };
  return { sandbox, dir, call, watch };
}

/** Tries until `check` does not throw. */
export async function eventually(check: () => Promise<void> | void, ms = 5000): Promise<void> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

export interface Hook {
  url: string;
  ca: string;
  /** Every request it got, oldest first. */
  seen: Json[];
}

/** An HTTPS webhook that answers what `respond` returns as AdmissionReview's response. */
export async function hookServer(
  t: TestContext,
  respond: (request: Json, path: string) => Json | Promise<Json>,
): Promise<Hook> {
  const pki = await sharedPki();
  const seen: Json[] = [];
  const server = createServer({ key: pki.key, cert: pki.cert }, (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', async () => {
      const review = JSON.parse(Buffer.concat(chunks).toString());
      seen.push(review.request);
      const response = await respond(review.request, req.url?.split('?')[0] ?? '/');
      if (response === undefined) {
        res.writeHead(500).end('broken');
        return;
      }
      res.setHeader('content-type', 'application/json');
      res.end(
        JSON.stringify({
          apiVersion: 'admission.k8s.io/v1',
          kind: 'AdmissionReview',
          response: { uid: review.request.uid, ...response },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: Buffer.from(pki.ca).toString('base64'),
    seen,
  };
}

export const patchOf = (operations: Json[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

export function webhookConfig(
  kind: 'Mutating' | 'Validating',
  name: string,
  hook: Hook,
  extra: Json = {},
  at = '/',
): Json {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        clientConfig: { url: hook.url + at, caBundle: hook.ca },
        rules: [
          {
            operations: ['*'],
            apiGroups: ['test.example.com', ''],
            apiVersions: ['*'],
            resources: ['widgets', 'configmaps'],
          },
        ],
        ...extra,
      },
    ],
  };
}

/** A namespaced kind with a bit of everything. */
export const widgetCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.test.example.com' },
  spec: {
    group: 'test.example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        additionalPrinterColumns: [
          { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
          { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['size'],
                properties: {
                  size: { type: 'integer', minimum: 1 },
                  color: { type: 'string', enum: ['red', 'blue'], default: 'red' },
                  replicas: { type: 'integer', default: 1 },
                  name: { type: 'string', maxLength: 5, pattern: '^[a-z]+$' },
                  port: { 'x-kubernetes-int-or-string': true },
                  items: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['id'],
                    items: {
                      type: 'object',
                      required: ['id'],
                      properties: { id: { type: 'string' }, count: { type: 'integer' } },
                    },
                  },
                  tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
                  extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                  labels: { type: 'object', additionalProperties: { type: 'string' } },
                },
              },
              status: {
                type: 'object',
                properties: {
                  replicas: { type: 'integer' },
                  conditions: {
                    type: 'array',
                    items: {
                      type: 'object',
                      properties: { type: { type: 'string' }, status: { type: 'string' } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

export const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const widgets = '/apis/test.example.com/v1/namespaces/default/widgets';
export const configmaps = '/api/v1/namespaces/default/configmaps';

export const widget = (name: string, spec: Json = { size: 1 }, metadata: Json = {}): Json => ({
  apiVersion: 'test.example.com/v1',
  kind: 'Widget',
  metadata: { name, ...metadata },
  spec,
});

export const configmap = (name: string, data: Json = { a: '1' }, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});
