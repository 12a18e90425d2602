// Evictions and scales: doors of their own into a pod and a workload, with rules and reviews of their own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  eventually,
  hookServer,
  type Json,
  open,
  patchOf,
  type Rig,
  types,
  webhookConfig,
} from './harness.ts';

const pods = '/api/v1/namespaces/default/pods';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const mutating = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const validating = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

const deployment = (replicas: number): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'nginx' }], terminationGracePeriodSeconds: 60 },
    },
  },
});
const budget = (name: string, spec: Json): Json => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name },
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
});

const evict = ({ call }: Rig, name: string, deleteOptions?: Json) =>
  call('POST', `${pods}/${name}/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name },
    ...(deleteOptions ? { deleteOptions } : {}),
  });

async function ready(rig: Rig, replicas: number): Promise<string[]> {
  await rig.call('POST', deployments, deployment(replicas));
  await eventually(async () => {
    const { body } = await rig.call('GET', `${deployments}/web`);
    assert.equal(body.status?.availableReplicas, replicas);
  });
  const { body } = await rig.call('GET', pods);
  return body.items.map((pod: Json) => pod.metadata.name);
}

async function allowed(rig: Rig, count: number): Promise<void> {
  await eventually(async () => {
    const { body } = await rig.call('GET', `${budgets}/pdb`);
    assert.equal(body.status?.disruptionsAllowed, count);
  });
}

test('an eviction asks the disruption budget, and two at once cannot share its last', async (t) => {
  const rig = await open(t, { workloads: { readyAfterMs: 20 } });
  const names = await ready(rig, 3);
  await rig.call('POST', budgets, budget('pdb', { minAvailable: 2 }));
  await allowed(rig, 1);
  const rehearsed = await evict(rig, names[0] as string, { dryRun: ['All'] });
  assert.equal(rehearsed.code, 201, rehearsed.text);
  const answers = await Promise.all(names.map((name) => evict(rig, name)));
  assert.deepEqual(answers.map(({ code }) => code).sort(), [201, 429, 429]);
  const refused = answers.find(({ code }) => code === 429)?.body;
  assert.equal(refused.reason, 'TooManyRequests');
  assert.equal(refused.message, "Cannot evict pod as it would violate the pod's disruption budget.");
  const [cause] = refused.details.causes;
  assert.equal(cause.reason, 'DisruptionBudget');
  assert.match(cause.message, /^The disruption budget pdb needs 2 healthy pods and has [23] currently$/);
});

test('a budget in percent counts the pods its workload should have', async (t) => {
  const rig = await open(t, { workloads: { readyAfterMs: 20 } });
  const names = await ready(rig, 2);
  await rig.call('POST', budgets, budget('pdb', { maxUnavailable: 0 }));
  await allowed(rig, 0);
  assert.equal((await evict(rig, names[0] as string)).code, 429);
  const { body } = await rig.call('GET', `${budgets}/pdb`);
  assert.equal(body.status.expectedPods, 2);
  await rig.call('POST', budgets, budget('second', { minAvailable: 0 }));
  const both = await evict(rig, names[0] as string);
  assert.equal(both.code, 500);
  assert.match(both.body.message, /more than one PodDisruptionBudget/);
});

test('a budget that nobody keeps lets nobody go', async (t) => {
  const rig = await open(t, { workloads: false });
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels: { app: 'web' } } };
  await rig.call('POST', pods, { ...pod, spec: { containers: [{ name: 'c', image: 'i' }] } });
  await rig.call('POST', budgets, budget('pdb', { minAvailable: 0 }));
  const running = { status: { phase: 'Running' } };
  await rig.call('PATCH', `${pods}/p/status`, running, { 'content-type': types.merge });
  const answer = await evict(rig, 'p');
  assert.equal(answer.code, 429);
  assert.equal(answer.body.details.retryAfterSeconds, 10);
  assert.equal(answer.headers['retry-after'], '10');
});

test('webhooks see an Eviction and may refuse it', async (t) => {
  const rig = await open(t);
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } };
  await rig.call('POST', pods, { ...pod, spec: { containers: [{ name: 'c', image: 'i' }] } });
  const hook = await hookServer(t, () => ({ allowed: false, status: { message: 'stay' } }));
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/eviction'] },
  ];
  await rig.call('POST', validating, webhookConfig('Validating', 'v', hook, { rules }));
  assert.match((await evict(rig, 'p')).body.message, /denied the request: stay/);
  assert.deepEqual(hook.seen[0].kind, { group: 'policy', version: 'v1', kind: 'Eviction' });
  assert.equal(hook.seen[0].subResource, 'eviction');
});

test('webhooks see a Scale of the scale subresource, and what they make of it is stored', async (t) => {
  const rig = await open(t);
  await rig.call('POST', deployments, deployment(1));
  const hook = await hookServer(t, (_, path) =>
    path === '/m' ? patchOf([{ op: 'replace', path: '/spec/replicas', value: 4 }]) : { allowed: true },
  );
  const rule = (resources: string[]) => ({
    rules: [{ operations: ['*'], apiGroups: ['apps'], apiVersions: ['v1'], resources }],
  });
  await rig.call('POST', mutating, webhookConfig('Mutating', 'm', hook, rule(['deployments/scale']), '/m'));
  await rig.call('POST', validating, webhookConfig('Validating', 'v', hook, rule(['deployments']), '/v'));
  const scaled = await rig.call(
    'PATCH',
    `${deployments}/web/scale`,
    { spec: { replicas: 3 } },
    { 'content-type': types.merge },
  );
  assert.equal(scaled.body.spec.replicas, 4, scaled.text);
  assert.equal((await rig.call('GET', `${deployments}/web`)).body.spec.replicas, 4);
  const [seen, ...others] = hook.seen;
  assert.equal(others.length, 0, 'webhooks of deployments are not asked');
  assert.deepEqual(seen.kind, { group: 'autoscaling', version: 'v1', kind: 'Scale' });
  assert.equal(seen.resource.resource, 'deployments');
  assert.equal(seen.subResource, 'scale');
  assert.deepEqual([seen.object.spec.replicas, seen.oldObject.spec.replicas], [3, 1]);
  assert.equal(seen.object.kind, 'Scale');
});
