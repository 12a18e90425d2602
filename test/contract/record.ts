// Records AdmissionReviews from a real API server into recorded/: node test/contract/record.ts
// Needs the control plane's programs and kubectl. CRDs here are only good enough to get reviews: no bounds.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { stringify } from 'yaml';
import { issueAuthority, issueLeaf, rsaKey, servingNames } from '../../certs/authority.ts';
import { kinds } from '../../src/api/kinds.ts';
import type { Refusal } from '../../src/api/refusals.ts';
import type { AdmissionReview } from '../../src/kube/admission.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { mutate } from '../../src/server/admission.ts';
import { allow, deny, reviewOf } from '../../src/server/review.ts';
import type { AdmissionContext } from '../../webhooks/context.ts';
import { registry } from '../../webhooks/registry.ts';
import { callApi, startControlPlane } from '../control-plane/index.ts';
import { World } from './world.ts';

const folder = new URL('./recorded/', import.meta.url);
mkdirSync(folder, { recursive: true });

/** Reviews of the step under way, in the order in which they came. */
let heard: { path: string; review: AdmissionReview }[] = [];
/** What the validating webhook answers instead of yes; for seeing what kubectl makes of it. */
let refusal: Refusal | undefined;

await using world = new World();
const context: AdmissionContext = { ...world.context, clock: { ...systemClock, bounds: () => undefined } };

async function answer(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const review: AdmissionReview = JSON.parse(Buffer.concat(chunks).toString());
  const path = request.url ?? '';
  heard.push({ path, review });
  const webhooks = registry.find(({ kind }) => kind.kind === review.request.kind.kind);
  if (path.startsWith('/mutate') && webhooks) {
    return reviewOf(mutate(webhooks, review.request, context, Number.POSITIVE_INFINITY));
  }
  return reviewOf(refusal ? deny(review.request, refusal) : allow(review.request));
}

const issue = { now: Date.now(), lifetime: 86_400_000, random: (count: number) => randomBytes(count) };
const [caKey, key] = await Promise.all([rsaKey(), rsaKey()]);
const ca = issueAuthority({ ...issue, key: caKey });
const authority = { cert: ca, key: caKey };
const names = servingNames('spikegate', 'shop');
const cert = issueLeaf({ ...issue, key, names, authority });
const server = createServer({ cert, key }, async (request, response) => {
  response.end(JSON.stringify(await answer(request)));
}).listen(0, '127.0.0.1');
const port = () => (server.address() as AddressInfo).port;

await using cleanup = new AsyncDisposableStack();
const controlPlane = await startControlPlane({ fsync: false, log: console.error });
cleanup.defer(async () => {
  await controlPlane.stop();
  server.closeAllConnections();
  server.close();
});

function kubectl(args: string[], input?: object): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(
      'kubectl',
      [`--kubeconfig=${controlPlane.kubeconfig}`, ...args],
      (_error, out, err) => resolve(`${out}${err}`.trim()),
    );
    child.stdin?.end(input ? stringify(input) : '');
  });
}

const apiVersion = 'myapp.spike.com/v1';
const crd = (kind: (typeof kinds)[number]) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${kind.plural}.${kind.group}` },
  spec: {
    group: kind.group,
    scope: 'Namespaced',
    names: { plural: kind.plural, singular: kind.singular, kind: kind.kind },
    versions: [
      {
        name: kind.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
});

function configuration(kind: 'MutatingWebhookConfiguration' | 'ValidatingWebhookConfiguration') {
  const mutating = kind.startsWith('Mutating');
  const verb = mutating ? 'mutate' : 'validate';
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: 'recorder' },
    webhooks: kinds.map((it) => ({
      name: `${verb}.${it.singular}.spikegate.io`,
      clientConfig: {
        url: `https://127.0.0.1:${port()}/${verb}-${it.group.replaceAll('.', '-')}-${it.version}-${it.singular}`,
        caBundle: Buffer.from(ca).toString('base64'),
      },
      rules: [
        {
          apiGroups: [it.group],
          apiVersions: [it.version],
          operations: mutating ? ['CREATE', 'UPDATE'] : ['CREATE', 'UPDATE', 'DELETE'],
          resources: [it.plural, `${it.plural}/status`],
        },
      ],
      sideEffects: 'NoneOnDryRun',
      admissionReviewVersions: ['v1'],
      timeoutSeconds: 10,
    })),
  };
}

/** Writes down what the step made the API server ask; of a write that it tried many times, two rounds. */
function keep(name: string): void {
  for (const [index, { path, review }] of heard.slice(0, 4).entries()) {
    const number = heard.length > 1 ? `-${index + 1}` : '';
    const verb = path.split('-')[0]?.slice(1);
    const file = new URL(`${name}${number}-${verb}.json`, folder);
    writeFileSync(file, `${JSON.stringify({ path, review }, undefined, 2)}\n`);
  }
}

async function step(name: string, args: string[], input?: object): Promise<void> {
  heard = [];
  const said = await kubectl(args, input);
  keep(name);
  console.log(`${name}: ${heard.length} reviews\n  ${said.replaceAll('\n', '\n  ')}`);
}

/** What kubectl would tidy up before it sends it. */
async function rawStep(name: string, method: string, path: string, body: object): Promise<void> {
  heard = [];
  const url = `/apis/${apiVersion}/namespaces/default/${path}`;
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const said = await callApi(controlPlane, method, url, { body, contentType });
  keep(name);
  console.log(`${name}: ${heard.length} reviews\n  ${said.status} ${said.body.message ?? ''}`);
}

for (const kind of kinds) await kubectl(['apply', '-f', '-'], crd(kind));
await kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
await kubectl(['apply', '-f', '-'], configuration('MutatingWebhookConfiguration'));
await kubectl(['apply', '-f', '-'], configuration('ValidatingWebhookConfiguration'));
// A new configuration takes a moment to be heard of.
await new Promise((resolve) => systemClock.after(3000, () => resolve(undefined)));

const goods = (name: string, spec = {}) => ({
  apiVersion,
  kind: 'SpikeGoods',
  metadata: { name },
  spec: { goodsName: 'iphone 13', sellerId: 'seller1', price: 10, spikePrice: 8, stockCount: 5, ...spec },
});
const order = (name: string, spec = {}) => ({
  apiVersion,
  kind: 'SpikeOrder',
  metadata: { name },
  spec: { buyerId: 'buyer1', goodsMap: { goods1: 2 }, ...spec },
});
const buyer = {
  apiVersion,
  kind: 'Buyer',
  metadata: { name: 'buyer1' },
  spec: { buyerName: 'ann', address: '1 road', phone: '123' },
};
const seller = { apiVersion, kind: 'Seller', metadata: { name: 'seller1' }, spec: { sellerPhone: '456' } };

await step('buyer-create', ['create', '-f', '-'], buyer);
await step('seller-create', ['create', '-f', '-'], seller);
await step('goods-create', ['apply', '-f', '-'], goods('goods1'));
await step('order-create', ['create', '-f', '-'], order('order1'));
await step('order-create-taken', ['create', '-f', '-'], order('order1'));
await step('order-create-dry-run', ['create', '--dry-run=server', '-f', '-'], order('order2'));
await step('order-create-generated', ['create', '-f', '-'], {
  ...order(''),
  metadata: { generateName: 'order-' },
});
await rawStep('order-create-null-status', 'POST', 'spikeorders', { ...order('order3'), status: null });
await rawStep('order-create-odd-status', 'POST', 'spikeorders', { ...order('order4'), status: 'none' });
const longName = { ...order('x'.repeat(300)) };
await step('order-create-long-name', ['create', '-f', '-'], longName);
const patch = (kind: string, name: string, change: object, ...more: string[]) => [
  'patch',
  kind,
  name,
  '--type=merge',
  '-p',
  JSON.stringify(change),
  ...more,
];
await step('goods-apply', ['apply', '-f', '-'], goods('goods1', { stockCount: 6 }));
await step('goods-server-side-apply', ['apply', '--server-side', '--force-conflicts', '-f', '-'], {
  ...goods('goods1', { stockCount: 7 }),
});
await step('goods-label', ['label', 'spikegoods', 'goods1', 'a=b']);
await step('goods-status', patch('spikegoods', 'goods1', { status: { num: 1 } }, '--subresource=status'));
await rawStep('goods-status-with-spec', 'PATCH', 'spikegoods/goods1/status', {
  spec: { stockCount: 1000, price: 'none' },
  status: { num: 2, lastStockCount: 998 },
});
await rawStep('goods-status-odd', 'PATCH', 'spikegoods/goods1/status', { status: { holds: 5 } });
await step('order-pay', patch('spikeorder', 'order1', { spec: { isPay: true } }));
await step('order-replace', ['replace', '-f', '-'], order('order1', { isPay: true }));
await step('order-delete', ['delete', 'spikeorder', 'order1']);
await step('order-delete-collection', ['delete', 'spikeorders', '--all']);
await step('order-create-again', ['create', '-f', '-'], order('order9'));
const raw = ['delete', '--raw', '/apis/myapp.spike.com/v1/namespaces/default/spikeorders'];
await step('order-delete-raw-collection', raw);
await step('goods-delete', ['delete', '--wait=false', 'spikegoods', 'goods1']);
const path = `/apis/${apiVersion}/namespaces/default/spikegoods/goods1`;
const { resourceVersion } = (await callApi(controlPlane, 'GET', path)).body.metadata;
await rawStep('goods-replace-deleting', 'PUT', 'spikegoods/goods1', {
  ...goods('goods1', { stockCount: 7 }),
  metadata: { name: 'goods1', resourceVersion, finalizers: ['spikegate.io/in-use'] },
});
await step('goods-finalize', patch('spikegoods', 'goods1', { metadata: { finalizers: null } }));

await kubectl(['create', 'namespace', 'shop']);
await kubectl(['create', '-n', 'shop', '-f', '-'], buyer);
await kubectl(['create', '-n', 'shop', '-f', '-'], order('order1', { isPay: true }));
heard = [];
await kubectl(['delete', 'namespace', 'shop', '--wait=false']);
for (let i = 0; i < 60 && heard.length < 2; i++) {
  await new Promise((resolve) => systemClock.after(500, () => resolve(undefined)));
}
for (const { path, review } of heard) {
  const name = `namespace-${review.request.kind.kind.toLowerCase()}-${review.request.operation.toLowerCase()}`;
  writeFileSync(
    new URL(`${name}-validate.json`, folder),
    `${JSON.stringify({ path, review }, undefined, 2)}\n`,
  );
}

console.log('\nWhat kubectl makes of refusals:');
await kubectl(['create', '-f', '-'], order('order4'));
const field = 'spec.isPay';
const message = `${field} may change from false to true only`;
const pay = patch('spikeorder', 'order4', { spec: { isPay: true } });
for (const reason of ['SoldOut', 'Immutable', 'Invalid', 'AlreadyExists', 'PaidOrderKept'] as const) {
  refusal = { reason, message, field };
  console.log(`${reason}\n  create: ${await kubectl(['create', '-f', '-'], order('order5'))}`);
  console.log(`  apply: ${await kubectl(['apply', '-f', '-'], order('order6'))}`);
  console.log(`  patch: ${await kubectl(pay)}`);
  console.log(`  delete: ${await kubectl(['delete', 'spikeorder', 'order4'])}`);
}
