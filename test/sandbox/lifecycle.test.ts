// What the cluster's own controllers do: owners, namespaces, workloads; and that nothing is lost to a SIGKILL.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import {
  configmap,
  configmaps,
  connect,
  crds,
  eventually,
  hookServer,
  type Json,
  open,
  types,
  webhookConfig,
  widget,
  widgetCrd,
  widgets,
} from './harness.ts';

const ownedBy = (owner: Json, extra: Json = {}) => ({
  ownerReferences: [
    {
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      name: owner.metadata.name,
      uid: owner.metadata.uid,
      ...extra,
    },
  ],
});

test('background: what is owned goes after its owner', async (t) => {
  const { call } = await open(t);
  const owner = (await call('POST', configmaps, configmap('owner'))).body;
  await call('POST', configmaps, configmap('child', {}, ownedBy(owner)));
  await call('DELETE', `${configmaps}/owner`);
  await eventually(async () => assert.equal((await call('GET', `${configmaps}/child`)).code, 404));
});

test('foreground: the owner waits for those that block it', async (t) => {
  const { call } = await open(t);
  const owner = (await call('POST', configmaps, configmap('owner'))).body;
  await call(
    'POST',
    configmaps,
    configmap(
      'child',
      {},
      { ...ownedBy(owner, { blockOwnerDeletion: true }), finalizers: ['example.com/x'] },
    ),
  );
  const marked = await call('DELETE', `${configmaps}/owner?propagationPolicy=Foreground`);
  assert.deepEqual(marked.body.metadata.finalizers, ['foregroundDeletion']);
  await eventually(async () =>
    assert.ok((await call('GET', `${configmaps}/child`)).body.metadata.deletionTimestamp),
  );
  assert.equal((await call('GET', `${configmaps}/owner`)).code, 200);
  await call(
    'PATCH',
    `${configmaps}/child`,
    { metadata: { finalizers: null } },
    { 'content-type': types.merge },
  );
  await eventually(async () => assert.equal((await call('GET', `${configmaps}/owner`)).code, 404));
  assert.equal((await call('GET', `${configmaps}/child`)).code, 404);
});

test('orphan: ties are cut, children stay', async (t) => {
  const { call } = await open(t);
  const owner = (await call('POST', configmaps, configmap('owner'))).body;
  await call('POST', configmaps, configmap('child', {}, ownedBy(owner)));
  await call('DELETE', `${configmaps}/owner`, { propagationPolicy: 'Orphan' });
  await eventually(async () => assert.equal((await call('GET', `${configmaps}/owner`)).code, 404));
  assert.equal((await call('GET', `${configmaps}/child`)).body.metadata.ownerReferences, undefined);
});

test('an object whose owner never was is collected', async (t) => {
  const { call } = await open(t);
  const ghost = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ghost', uid: 'no-such-uid' } };
  await call('POST', configmaps, configmap('child', {}, ownedBy(ghost)));
  await eventually(async () => assert.equal((await call('GET', `${configmaps}/child`)).code, 404));
});

test('a namespace is emptied through the same webhooks, refuses new content, and goes', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  await call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
  const inN = widgets.replace('/default/', '/n/');
  await call('POST', inN, widget('held', { size: 1 }, { finalizers: ['example.com/x'] }));
  const hook = await hookServer(t, () => ({ allowed: true }));
  await call(
    'POST',
    '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    webhookConfig('Validating', 'v', hook),
  );
  const marked = await call('DELETE', '/api/v1/namespaces/n');
  assert.equal(marked.body.status.phase, 'Terminating');
  const refused = await call('POST', inN, widget('late'));
  assert.equal(refused.code, 403);
  assert.equal(
    refused.body.message,
    'widgets.test.example.com "late" is forbidden: unable to create new content in namespace n because it is being terminated',
  );
  assert.equal(refused.body.details.causes[0].reason, 'NamespaceTerminating');
  await eventually(async () => assert.ok((await call('GET', `${inN}/held`)).body.metadata.deletionTimestamp));
  const seen = hook.seen.find(
    (request) => request.operation === 'DELETE' && request.oldObject.kind === 'Widget',
  );
  assert.equal(seen.userInfo.username, 'system:serviceaccount:kube-system:namespace-controller');
  assert.equal(seen.name, undefined);
  await call('PATCH', `${inN}/held`, { metadata: { finalizers: [] } }, { 'content-type': types.merge });
  await eventually(async () => assert.equal((await call('GET', '/api/v1/namespaces/n')).code, 404));
});

test('a namespace is given an account and the CA', async (t) => {
  const { call, sandbox } = await open(t);
  await eventually(async () =>
    assert.equal((await call('GET', '/api/v1/namespaces/default/serviceaccounts/default')).code, 200),
  );
  await eventually(async () =>
    assert.equal((await call('GET', `${configmaps}/kube-root-ca.crt`)).body.data['ca.crt'], sandbox.ca),
  );
});

const workload = (kind: string, name: string, extra: Json = {}): Json => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } },
    ...extra,
  },
});
const apps = '/apis/apps/v1/namespaces/default';
const pods = '/api/v1/namespaces/default/pods';

test('a deployment rolls out, rolls over and takes its pods with it', async (t) => {
  const { call } = await open(t, { workloads: { readyAfterMs: 20 } });
  await call('POST', `${apps}/deployments`, workload('Deployment', 'd', { replicas: 3 }));
  const rolled = async (generation: number) => {
    const { body } = await call('GET', `${apps}/deployments/d`);
    assert.equal(body.status.observedGeneration, generation);
    assert.equal(body.status.updatedReplicas, 3);
    assert.equal(body.status.availableReplicas, 3);
    assert.equal(body.status.replicas, 3);
  };
  await eventually(() => rolled(1));
  await call(
    'PATCH',
    `${apps}/deployments/d`,
    { spec: { template: { spec: { containers: [{ name: 'c', image: 'x:2' }] } } } },
    { 'content-type': types.strategic },
  );
  await eventually(() => rolled(2), 10_000);
  const images = (await call('GET', pods)).body.items
    .filter((p: Json) => !p.metadata.deletionTimestamp)
    .map((p: Json) => p.spec.containers[0].image);
  assert.deepEqual(images, ['x:2', 'x:2', 'x:2']);
  assert.equal(
    (await call('GET', `${apps}/deployments/d`)).body.metadata.annotations[
      'deployment.kubernetes.io/revision'
    ],
    '2',
  );
  assert.equal((await call('GET', `${apps}/replicasets`)).body.items.length, 2);
  await call('DELETE', `${apps}/deployments/d`);
  await eventually(async () => assert.equal((await call('GET', pods)).body.items.length, 0));
});

test('a stateful set goes in order, a daemon set has one pod', async (t) => {
  const { call } = await open(t, { workloads: { readyAfterMs: 20 } });
  await call('POST', `${apps}/statefulsets`, workload('StatefulSet', 's', { replicas: 3, serviceName: 's' }));
  await call('POST', `${apps}/daemonsets`, workload('DaemonSet', 'e'));
  await eventually(async () => {
    assert.equal((await call('GET', `${apps}/statefulsets/s`)).body.status.readyReplicas, 3);
    assert.equal((await call('GET', `${apps}/daemonsets/e`)).body.status.numberReady, 1);
  }, 10_000);
  const all = (await call('GET', `${pods}?labelSelector=app%3Ds`)).body.items;
  assert.deepEqual(
    all.map((p: Json) => p.metadata.name),
    ['s-0', 's-1', 's-2'],
  );
  await call(
    'PATCH',
    `${apps}/statefulsets/s`,
    { spec: { template: { metadata: { labels: { v: '2' } } } } },
    { 'content-type': types.merge },
  );
  await eventually(async () => {
    const { status } = (await call('GET', `${apps}/statefulsets/s`)).body;
    assert.equal(status.updatedReplicas, 3);
    assert.equal(status.currentRevision, status.updateRevision);
  }, 10_000);
});

test('a folder in use is refused with a clear word', async (t) => {
  const { dir } = await open(t, { inMemory: false });
  await assert.rejects(startSandbox({ dir }), /another sandbox is using/);
});

test('what was answered with success survives SIGKILL', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'sandbox-kill-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const main = path.join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [main, '--dir', dir, '--no-workloads'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data: Buffer) => resolve(data.toString())),
  );
  const info = JSON.parse(line);
  const { call } = connect({ ...info, kubeconfig: info.kubeconfig } as Sandbox, dir);
  const answered: string[] = [];
  let running = true;
  const writers = Array.from({ length: 8 }, async (_, w) => {
    for (let n = 0; running; n++) {
      const name = `c-${w}-${n}`;
      const reply = await call('POST', configmaps, configmap(name)).catch(() => undefined);
      if (reply?.code === 201) answered.push(name);
    }
  });
  await eventually(() => assert.ok(answered.length > 300), 10_000);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
  running = false;
  await Promise.all(writers);
  const again = await startSandbox({ dir, workloads: false });
  t.after(() => again.stop());
  assert.ok(again.recovered.objects >= answered.length);
  const list = await connect(again, dir).call('GET', configmaps);
  const stored = new Set(list.body.items.map((item: Json) => item.metadata.name));
  assert.deepEqual(
    answered.filter((name) => !stored.has(name)),
    [],
  );
  assert.ok(Number(list.body.metadata.resourceVersion) >= again.recovered.resourceVersion);
});
