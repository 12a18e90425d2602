// Bad input of every sort: always a Status, never a crash, and the server serves on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect as dial } from 'node:tls';
import {
  configmap,
  configmaps,
  crds,
  type Json,
  open,
  types,
  widget,
  widgetCrd,
  widgets,
} from './harness.ts';

/** A small generator of its own seed, so that a failure can be had again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const junk: Json[] = [
  null,
  0,
  -1,
  1e308,
  '',
  'x'.repeat(300),
  [],
  {},
  [[]],
  { a: { b: null } },
  true,
  '\u0000',
  '../..',
  { $patch: 'delete' },
  ['$retainKeys'],
  '{"',
  2 ** 53,
];

function mutate(value: Json, next: () => number): Json {
  const pick = <T>(list: T[]): T => list[Math.floor(next() * list.length)] as T;
  if (next() < 0.15) return pick(junk);
  if (Array.isArray(value)) return value.map((item) => mutate(item, next));
  if (typeof value !== 'object' || value === null) return next() < 0.1 ? pick(junk) : value;
  const out: Json = {};
  for (const [key, item] of Object.entries(value))
    if (next() > 0.05) out[next() < 0.05 ? `${key}x` : key] = mutate(item, next);
  if (next() < 0.1)
    out[pick(['$patch', 'metadata', 'kind', '__proto__x', 'spec', 'finalizers'])] = pick(junk);
  return out;
}

const seeds: [string, Json][] = [
  [configmaps, configmap('c')],
  [widgets, widget('w', { size: 1, items: [{ id: 'a', count: 1 }], tags: ['x'] })],
  [
    '/apis/apps/v1/namespaces/default/deployments',
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', labels: { a: 'b' } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { a: 'b' } },
        template: {
          metadata: { labels: { a: 'b' } },
          spec: {
            containers: [
              { name: 'c', image: 'x', ports: [{ containerPort: 1 }], env: [{ name: 'A', value: 'b' }] },
            ],
          },
        },
      },
    },
  ],
  [
    '/api/v1/namespaces/default/services',
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's' },
      spec: { ports: [{ port: 80 }], selector: { a: 'b' } },
    },
  ],
  [
    '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers',
    {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'd' },
        maxReplicas: 2,
        targetCPUUtilizationPercentage: 50,
      },
    },
  ],
  [crds, widgetCrd],
  [
    '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?dryRun=All',
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'v' },
      webhooks: [
        {
          name: 'a.b.c',
          clientConfig: { url: 'https://x' },
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
        },
      ],
    },
  ],
];

test('a thousand mutated requests: an object or a Status, no 5xx but the two the real server has', async (t) => {
  const errors: string[] = [];
  const log = {
    info() {},
    warn() {},
    error: (fields: object) => errors.push(String((fields as { err?: Error }).err?.stack)),
  };
  const { call } = await open(t, { log });
  await call('POST', crds, widgetCrd);
  const next = random(20260101);
  const patches = Object.values(types);
  for (let n = 0; n < 1000; n++) {
    const [url, seed] = seeds[n % seeds.length] as [string, Json];
    const body = mutate(seed, next);
    const plain = url.split('?')[0];
    const name = seed.metadata.name;
    const how = n % 3;
    const reply =
      how === 0
        ? await call('POST', url, body)
        : how === 1
          ? await call('PATCH', `${plain}/${name}?fieldManager=f&force=true&dryRun=All`, body, {
              'content-type': patches[n % 4] as string,
            })
          : await call('PUT', `${plain}/${name}?dryRun=All`, body);
    assert.equal(typeof reply.body, 'object', `${n}: ${reply.text}`);
    if (reply.code >= 400) assert.equal(reply.body.kind, 'Status', `${n}: ${reply.text}`);
    if (how === 0 && reply.code === 201 && plain !== crds)
      await call('DELETE', `${plain}/${reply.body.metadata.name}`, { propagationPolicy: 'Background' });
  }
  assert.deepEqual(errors, []);
  assert.equal((await call('GET', '/readyz')).code, 200);
});

test('no HTTP, half a request, a method nobody knows', async (t) => {
  const { sandbox, call } = await open(t);
  const raw = (text: string) =>
    new Promise<string>((resolve) => {
      let answer = '';
      const socket = dial({ port: sandbox.port, host: '127.0.0.1', ca: sandbox.ca }, () =>
        socket.write(text),
      );
      socket.on('data', (data) => (answer += data.toString()));
      socket.on('close', () => resolve(answer));
      socket.on('error', () => resolve(answer));
      setTimeout(() => socket.destroy(), 500);
    });
  assert.match(await raw('hello\r\n\r\n'), /400 BadRequest|"kind":"Status"/);
  assert.match(await raw('FOO /api HTTP/1.1\r\nhost: x\r\n\r\n'), /"code":405/);
  await raw('POST /api/v1/namespaces HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
  assert.equal((await call('GET', '/readyz')).code, 200);
});

test('nested beyond reason is refused, YAML bombs too', async (t) => {
  const { call } = await open(t);
  const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
  assert.equal((await call('POST', configmaps, deep)).code, 400);
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefghi'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
  ].join('\n');
  assert.equal((await call('POST', configmaps, bomb, { 'content-type': 'application/yaml' })).code, 400);
});
