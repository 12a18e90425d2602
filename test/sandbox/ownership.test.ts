// Whose pods these are: a workload that comes again under its old name, pods that lose their owner, and pods that
// are taken out of it by their labels.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually, type Json, open, type Rig, types } from './harness.ts';

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
const merge = { 'content-type': types.merge };

const rig = (t: TestContext) => open(t, { workloads: { readyAfterMs: 20 } });

const readyReplicas = ({ call }: Rig, path: string, count: number) =>
  eventually(async () => assert.equal((await call('GET', path)).body.status?.readyReplicas, count), 10_000);

const controllerOf = (object: Json): string | undefined =>
  object.metadata.ownerReferences?.find((reference: Json) => reference.controller)?.uid;

test('a stateful set that comes again waits for the pod of its old name to go, and then has its own', async (t) => {
  const it = await rig(t);
  const { call } = it;
  const set = workload('StatefulSet', 's', { replicas: 1, serviceName: 's' });
  await call('POST', `${apps}/statefulsets`, set);
  await readyReplicas(it, `${apps}/statefulsets/s`, 1);
  // Something holds the old pod, so that the new set meets it for certain.
  await call('PATCH', `${pods}/s-0`, { metadata: { finalizers: ['example.com/x'] } }, merge);
  await call('DELETE', `${apps}/statefulsets/s`);
  await eventually(async () =>
    assert.ok((await call('GET', `${pods}/s-0`)).body.metadata.deletionTimestamp, 'the old pod is going'),
  );
  const again = (await call('POST', `${apps}/statefulsets`, set)).body;
  await eventually(async () => {
    const { status } = (await call('GET', `${apps}/statefulsets/s`)).body;
    assert.deepEqual([status.observedGeneration, status.replicas], [1, 0], 'the new set says what it has');
  });
  await call('PATCH', `${pods}/s-0`, { metadata: { finalizers: null } }, merge);
  await readyReplicas(it, `${apps}/statefulsets/s`, 1);
  assert.equal(controllerOf((await call('GET', `${pods}/s-0`)).body), again.metadata.uid);
});

for (const [kind, plural, extra] of [
  ['StatefulSet', 'statefulsets', { replicas: 2, serviceName: 'w' }],
  ['Deployment', 'deployments', { replicas: 2 }],
  ['DaemonSet', 'daemonsets', {}],
] as const) {
  test(`${kind}: what was orphaned is taken back by one of the same name, without new pods`, async (t) => {
    const { call } = await rig(t);
    const path = `${apps}/${plural}/w`;
    const count = 'replicas' in extra ? extra.replicas : 1;
    const ready = () =>
      eventually(async () => {
        const { status } = (await call('GET', path)).body;
        assert.equal(status?.readyReplicas ?? status?.numberReady, count);
      }, 10_000);
    const uids = async (): Promise<string[]> =>
      (await call('GET', pods)).body.items.map((pod: Json) => pod.metadata.uid).sort();
    await call('POST', `${apps}/${plural}`, workload(kind, 'w', extra));
    await ready();
    const before = await uids();
    await call('DELETE', path, { propagationPolicy: 'Orphan' });
    await eventually(async () => assert.equal((await call('GET', path)).code, 404));
    assert.deepEqual(await uids(), before);
    await call('POST', `${apps}/${plural}`, workload(kind, 'w', extra));
    await ready();
    assert.deepEqual(await uids(), before);
    for (const pod of (await call('GET', pods)).body.items) assert.ok(controllerOf(pod));
  });
}

test('a pod whose labels no longer fit is let go and replaced, and taken back when they do again', async (t) => {
  const it = await rig(t);
  const { call } = it;
  await call('POST', `${apps}/replicasets`, workload('ReplicaSet', 'r', { replicas: 1 }));
  await readyReplicas(it, `${apps}/replicasets/r`, 1);
  const [{ metadata }] = (await call('GET', pods)).body.items;
  await call('PATCH', `${pods}/${metadata.name}`, { metadata: { labels: { app: 'mine' } } }, merge);
  await eventually(async () => {
    assert.equal((await call('GET', pods)).body.items.length, 2);
    assert.equal(controllerOf((await call('GET', `${pods}/${metadata.name}`)).body), undefined);
  });
  await call('PATCH', `${pods}/${metadata.name}`, { metadata: { labels: { app: 'r' } } }, merge);
  // One too many now: either of the two goes.
  await eventually(async () => {
    const { items } = (await call('GET', pods)).body;
    assert.equal(items.length, 1);
    assert.ok(controllerOf(items[0]));
  });
});

test('a set whose pods are refused says why, and makes them when they no longer are', async (t) => {
  const it = await rig(t);
  const { call } = it;
  const set = workload('ReplicaSet', 'r', { replicas: 1 });
  set.spec.template.spec.serviceAccountName = 'shop';
  await call('POST', `${apps}/replicasets`, set);
  await eventually(async () => {
    const { status } = (await call('GET', `${apps}/replicasets/r`)).body;
    const [condition] = status.conditions;
    assert.equal(condition.type, 'ReplicaFailure');
    assert.match(
      condition.message,
      /looking up service account default\/shop: serviceaccount "shop" not found/,
    );
  });
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'shop' } };
  await call('POST', '/api/v1/namespaces/default/serviceaccounts', account);
  await readyReplicas(it, `${apps}/replicasets/r`, 1);
  assert.equal((await call('GET', `${apps}/replicasets/r`)).body.status.conditions, undefined);
});
