// Admission webhooks as the sandbox calls them: order, what they see, what their answers lead to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  configmap,
  configmaps,
  crds,
  hookServer,
  type Json,
  open,
  patchOf,
  types,
  webhookConfig,
  widget,
  widgetCrd,
  widgets,
} from './harness.ts';

const mutating = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const validating = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

test('a mutating webhook sees neither uid nor generated name, a validating one both', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  const hook = await hookServer(t, (_, path) =>
    path === '/m'
      ? patchOf([{ op: 'add', path: '/metadata/labels', value: { touched: 'yes' } }])
      : { allowed: true, warnings: ['careful'], auditAnnotations: { why: 'test' } },
  );
  await call('POST', mutating, webhookConfig('Mutating', 'm', hook, {}, '/m'));
  await call('POST', validating, webhookConfig('Validating', 'v', hook, {}, '/v'));
  const made = await call('POST', widgets, { ...widget(''), metadata: { generateName: 'w-' } });
  assert.equal(made.code, 201, made.text);
  assert.equal(made.body.metadata.labels.touched, 'yes');
  assert.match(String(made.headers.warning), /^299 - "careful"$/);
  const [first, second] = hook.seen;
  assert.equal(first.object.metadata.uid, undefined);
  assert.equal(first.object.metadata.name, undefined);
  assert.equal(first.name, undefined);
  assert.equal(first.object.spec.color, 'red');
  assert.equal(second.object.metadata.name, made.body.metadata.name);
  assert.equal(second.object.metadata.uid, made.body.metadata.uid);
  assert.equal(second.object.metadata.labels.touched, 'yes');
  assert.deepEqual(second.kind, { group: 'test.example.com', version: 'v1', kind: 'Widget' });
  assert.equal(second.userInfo.username, 'kubernetes-admin');
  assert.equal(second.operation, 'CREATE');
  assert.equal(second.oldObject, null);
});

test('a denial carries the webhook’s code, reason, message and retry time', async (t) => {
  const { call } = await open(t);
  const hook = await hookServer(t, () => ({
    allowed: false,
    status: { code: 429, reason: 'TooManyRequests', message: 'come back', details: { retryAfterSeconds: 2 } },
  }));
  await call('POST', validating, webhookConfig('Validating', 'v', hook));
  const denied = await call('POST', configmaps, configmap('a'));
  assert.equal(denied.code, 429);
  assert.equal(denied.body.message, 'admission webhook "v.example.com" denied the request: come back');
  assert.equal(denied.body.reason, 'TooManyRequests');
  assert.equal(denied.body.details.retryAfterSeconds, 2);
  assert.equal(denied.headers['retry-after'], '2');
  assert.equal((await call('GET', `${configmaps}/a`)).code, 404);
});

test('a webhook that fails is an internal error, or nothing when it may be ignored', async (t) => {
  const { call } = await open(t);
  const hook = await hookServer(t, () => undefined);
  await call('POST', validating, webhookConfig('Validating', 'v', hook));
  const failed = await call('POST', configmaps, configmap('a'));
  assert.equal(failed.code, 500);
  assert.match(
    failed.body.message,
    /^Internal error occurred: failed calling webhook "v.example.com": failed to call webhook: an error on the server \("broken"\) has prevented the request from succeeding/,
  );
  const ignoring = await call(
    'PATCH',
    `${validating}/v`,
    [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }],
    { 'content-type': types.json },
  );
  assert.equal(ignoring.code, 200, ignoring.text);
  assert.equal((await call('POST', configmaps, configmap('a'))).code, 201);
});

test('an unreachable webhook says whom it tried, a service says it is not there', async (t) => {
  const { call } = await open(t);
  const gone = { url: 'https://127.0.0.1:1', ca: '', seen: [] };
  await call('POST', validating, webhookConfig('Validating', 'v', gone));
  const refused = await call('POST', configmaps, configmap('a'));
  assert.match(
    refused.body.message,
    /failed to call webhook: Post "https:\/\/127.0.0.1:1\/\?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused$/,
  );
  await call('DELETE', `${validating}/v`);
  const clientConfig = { service: { namespace: 'x', name: 'svc', path: '/p' } };
  await call('POST', validating, webhookConfig('Validating', 'v', gone, { clientConfig }));
  const missing = await call('POST', configmaps, configmap('a'));
  assert.match(
    missing.body.message,
    /Post "https:\/\/svc.x.svc:443\/p\?timeout=10s": service "svc" not found$/,
  );
});

test('mutating webhooks go in the order of names; IfNeeded are called again after a later change', async (t) => {
  const { call } = await open(t);
  const order: string[] = [];
  const hook = await hookServer(t, (request, path) => {
    order.push(path);
    const data = request.object.data;
    return patchOf([{ op: 'add', path: `/data/${path.slice(1)}`, value: String(Object.keys(data).length) }]);
  });
  await call('POST', mutating, webhookConfig('Mutating', 'b', hook, {}, '/b'));
  await call(
    'POST',
    mutating,
    webhookConfig('Mutating', 'a', hook, { reinvocationPolicy: 'IfNeeded' }, '/a'),
  );
  const made = await call('POST', configmaps, configmap('x'));
  assert.deepEqual(order, ['/a', '/b', '/a']);
  assert.deepEqual(made.body.data, { a: '2', b: '1' });
});

test('selectors, scope, operations and subresources choose what is called', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  const hook = await hookServer(t, () => ({ allowed: false, status: { message: 'no' } }));
  const rules = [
    {
      operations: ['UPDATE'],
      apiGroups: ['test.example.com'],
      apiVersions: ['v1'],
      resources: ['widgets/status'],
    },
  ];
  await call('POST', validating, webhookConfig('Validating', 'v', hook, { rules }));
  const labelled = { objectSelector: { matchLabels: { strict: 'yes' } } };
  await call('POST', validating, webhookConfig('Validating', 'o', hook, labelled));
  assert.equal((await call('POST', widgets, widget('w'))).code, 201);
  const edited = await call('PATCH', `${widgets}/w`, { spec: { size: 2 } }, { 'content-type': types.merge });
  assert.equal(edited.code, 200);
  const status = await call(
    'PATCH',
    `${widgets}/w/status`,
    { status: { replicas: 1 } },
    { 'content-type': types.merge },
  );
  assert.equal(status.code, 400);
  assert.equal(status.body.message, 'admission webhook "v.example.com" denied the request: no');
  assert.equal(hook.seen.at(-1).subResource, 'status');
  const strict = await call('POST', widgets, widget('s', { size: 1 }, { labels: { strict: 'yes' } }));
  assert.equal(strict.body.message, 'admission webhook "o.example.com" denied the request: no');
});

test('namespaceSelector looks at the namespace', async (t) => {
  const { call } = await open(t);
  const hook = await hookServer(t, () => ({ allowed: false }));
  const namespaceSelector = { matchLabels: { guarded: 'yes' } };
  await call('POST', validating, webhookConfig('Validating', 'v', hook, { namespaceSelector }));
  await call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'g', labels: { guarded: 'yes' } },
  });
  assert.equal((await call('POST', configmaps, configmap('a'))).code, 201);
  const denied = await call('POST', '/api/v1/namespaces/g/configmaps', configmap('a'));
  assert.equal(
    denied.body.message,
    'admission webhook "v.example.com" denied the request without explanation',
  );
});

test('deletes show the old object; a collection delete has no name', async (t) => {
  const { call } = await open(t);
  const hook = await hookServer(t, () => ({ allowed: true }));
  await call('POST', configmaps, configmap('a'));
  await call('POST', configmaps, configmap('b'));
  const rules = [{ operations: ['DELETE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
  await call('POST', validating, webhookConfig('Validating', 'v', hook, { rules }));
  await call('DELETE', `${configmaps}/a`);
  assert.equal(hook.seen[0].name, 'a');
  assert.equal(hook.seen[0].oldObject.metadata.name, 'a');
  assert.equal(hook.seen[0].object, null);
  await call('DELETE', `${configmaps}?fieldSelector=metadata.name=b`);
  assert.equal(hook.seen[1].name, undefined);
  assert.equal(hook.seen[1].oldObject.metadata.name, 'b');
});

test('dry runs tell the webhook, and refuse one with side effects', async (t) => {
  const { call } = await open(t);
  const hook = await hookServer(t, () => ({ allowed: true }));
  await call('POST', validating, webhookConfig('Validating', 'v', hook));
  assert.equal((await call('POST', `${configmaps}?dryRun=All`, configmap('a'))).code, 201);
  assert.equal(hook.seen[0].dryRun, true);
  assert.equal((await call('GET', `${configmaps}/a`)).code, 404);
});

test('an update that crosses another is admitted anew with what is current', async (t) => {
  const { call } = await open(t);
  await call('POST', configmaps, configmap('a', { n: '0' }));
  let first = true;
  const hook = await hookServer(t, async (request: Json) => {
    if (first && request.operation === 'UPDATE') {
      first = false;
      await call('PATCH', `${configmaps}/a`, { data: { other: 'x' } }, { 'content-type': types.merge });
    }
    return { allowed: true };
  });
  await call('POST', validating, webhookConfig('Validating', 'v', hook));
  const patched = await call(
    'PATCH',
    `${configmaps}/a`,
    { data: { n: '1' } },
    { 'content-type': types.merge },
  );
  assert.equal(patched.code, 200);
  assert.deepEqual(patched.body.data, { n: '1', other: 'x' });
  assert.equal(hook.seen.length, 3);
});

test('what webhooks answered is kept in the audit log', async (t) => {
  const { call, sandbox } = await open(t);
  const hook = await hookServer(t, () => ({ allowed: true, auditAnnotations: { decision: 'fine' } }));
  await call('POST', validating, webhookConfig('Validating', 'v', hook));
  await call('POST', configmaps, configmap('a'));
  const record = sandbox.audit().find((r) => r.name === 'a');
  assert.equal(record?.annotations.decision, 'fine');
  assert.equal(record?.allowed, true);
});

test('match conditions decide which requests are sent to a webhook', async (t) => {
  const { call } = await open(t);
  const hook = await hookServer(t, () => ({ allowed: true }));
  const condition = (expression: string) => ({ matchConditions: [{ name: 'when', expression }] });
  const asked = async (expression: string, act: () => Promise<unknown>) => {
    await call('DELETE', `${validating}/v`);
    const made = await call(
      'POST',
      validating,
      webhookConfig('Validating', 'v', hook, condition(expression)),
    );
    assert.equal(made.code, 201, made.text);
    const before = hook.seen.length;
    await act();
    return hook.seen.length - before;
  };
  const create = (name: string) => () => call('POST', configmaps, configmap(name));
  const label = () =>
    call(
      'PATCH',
      `${configmaps}/a`,
      { metadata: { labels: { a: String(Math.random()) } } },
      {
        'content-type': types.merge,
      },
    );
  assert.equal(await asked('true', create('a')), 1);
  assert.equal(await asked('false', create('b')), 0);
  assert.equal(await asked('object.metadata.name == "c"', create('c')), 1);
  assert.equal(await asked('oldObject == null', create('d')), 1);
  assert.equal(await asked("request.userInfo.username == 'kubernetes-admin'", create('e')), 1);
  assert.equal(await asked("has(request.subResource) && request.subResource == 'status'", create('f')), 0);
  assert.equal(await asked('object.data != oldObject.data', label), 0);

  // What cannot be judged counts as the failure policy says.
  const { code, body } = await create('g')();
  assert.equal(code, 403, body.message);
  assert.match(body.message, /^configmaps "g" is forbidden: expression 'object.data != oldObject.data'/);
  await call(
    'PATCH',
    `${validating}/v`,
    [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }],
    { 'content-type': types.json },
  );
  assert.equal((await create('g')()).code, 201);

  for (const [expression, why] of [
    ['1 +', /matchConditions\[0\]\.expression: Invalid value: .*compilation failed/],
    ['"a"', /must evaluate to bool/],
    ['somebody == 1', /compilation failed/],
    ['', /matchConditions\[0\]\.expression: Required value/],
  ] as const) {
    const refused = await call(
      'POST',
      validating,
      webhookConfig('Validating', 'w', hook, condition(expression)),
    );
    assert.equal(refused.code, 422, expression);
    assert.match(refused.body.message, why);
  }
});
