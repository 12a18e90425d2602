// The four kinds of patch, and who owns what.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  configmap,
  configmaps,
  crds,
  eventually,
  type Json,
  open,
  types,
  widget,
  widgetCrd,
  widgets,
} from './harness.ts';

const deployments = '/apis/apps/v1/namespaces/default/deployments';
const deployment = (containers: Json[] = [{ name: 'a', image: 'x:1' }]): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec: {
    selector: { matchLabels: { app: 'd' } },
    template: { metadata: { labels: { app: 'd' } }, spec: { containers } },
  },
});
const names = (body: Json) => body.spec.template.spec.containers.map((c: Json) => `${c.name}=${c.image}`);

test('JSON patch: operations, tests and failures', async (t) => {
  const { call } = await open(t);
  await call('POST', configmaps, configmap('a'));
  const patch = (ops: Json[]) => call('PATCH', `${configmaps}/a`, ops, { 'content-type': types.json });
  const done = await patch([
    { op: 'test', path: '/data/a', value: '1' },
    { op: 'add', path: '/metadata/annotations', value: { 'b/c': '1' } },
    { op: 'replace', path: '/metadata/annotations/b~1c', value: '2' },
    { op: 'move', from: '/data/a', path: '/data/z' },
  ]);
  assert.deepEqual(done.body.data, { z: '1' });
  assert.deepEqual(done.body.metadata.annotations, { 'b/c': '2' });
  const failed = await patch([{ op: 'test', path: '/data/z', value: 'other' }]);
  assert.equal(failed.code, 422);
  assert.equal((await patch([{ op: 'remove', path: '/data/none' }])).code, 422);
});

test('merge patch: null removes, lists are replaced', async (t) => {
  const { call } = await open(t);
  await call('POST', configmaps, configmap('a', { x: '1', y: '2' }));
  const { body } = await call(
    'PATCH',
    `${configmaps}/a`,
    { data: { x: null, z: '3' } },
    { 'content-type': types.merge },
  );
  assert.deepEqual(body.data, { y: '2', z: '3' });
});

test('strategic merge: lists by key, directives, not for custom resources', async (t) => {
  const { call } = await open(t);
  await call(
    'POST',
    deployments,
    deployment([
      { name: 'a', image: 'x:1' },
      { name: 'b', image: 'y:1' },
    ]),
  );
  const patch = async (containers: Json[]) =>
    (
      await call(
        'PATCH',
        `${deployments}/d`,
        { spec: { template: { spec: { containers } } } },
        { 'content-type': types.strategic },
      )
    ).body;
  assert.deepEqual(
    names(
      await patch([
        { name: 'b', image: 'y:2' },
        { name: 'c', image: 'z:1' },
      ]),
    ),
    ['a=x:1', 'b=y:2', 'c=z:1'],
  );
  assert.deepEqual(names(await patch([{ name: 'a', $patch: 'delete' }])), ['b=y:2', 'c=z:1']);
  assert.deepEqual(names(await patch([{ $patch: 'replace' }, { name: 'q', image: 'q:1' }])), ['q=q:1']);
  await call('POST', crds, widgetCrd);
  await call('POST', widgets, widget('w'));
  assert.equal(
    (await call('PATCH', `${widgets}/w`, { spec: { size: 2 } }, { 'content-type': types.strategic })).code,
    415,
  );
});

test('server-side apply: create, own, conflict, force, give up', async (t) => {
  const { call } = await open(t);
  const apply = (manager: string, body: Json, extra = '') =>
    call('PATCH', `${deployments}/d?fieldManager=${manager}${extra}`, body, { 'content-type': types.apply });
  const made = await apply('one', deployment());
  assert.equal(made.code, 201, made.text);
  const [owner] = made.body.metadata.managedFields;
  assert.equal(owner.manager, 'one');
  assert.equal(owner.operation, 'Apply');
  assert.deepEqual(owner.fieldsV1['f:spec']['f:template']['f:spec'], {
    'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:image': {}, 'f:name': {} } },
  });
  const same = await apply('one', deployment());
  assert.equal(same.body.metadata.resourceVersion, made.body.metadata.resourceVersion);
  const clash = await apply('two', deployment([{ name: 'a', image: 'x:2' }]));
  assert.equal(clash.code, 409);
  assert.equal(
    clash.body.message,
    'Apply failed with 1 conflict: conflict with "one": .spec.template.spec.containers[name="a"].image',
  );
  assert.deepEqual(clash.body.details.causes, [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "one"',
      field: '.spec.template.spec.containers[name="a"].image',
    },
  ]);
  const forced = await apply('two', deployment([{ name: 'a', image: 'x:2' }]), '&force=true');
  assert.deepEqual(names(forced.body), ['a=x:2']);
  const more = await apply('one', deployment([{ name: 'a' }, { name: 'b', image: 'y:1' }]));
  assert.deepEqual(names(more.body), ['a=x:2', 'b=y:1']);
  const less = await apply('one', deployment([{ name: 'a' }]));
  assert.deepEqual(names(less.body), ['a=x:2']);
  const missing = await call('PATCH', `${deployments}/d`, deployment(), { 'content-type': types.apply });
  assert.equal(missing.code, 422);
  assert.match(missing.body.message, /fieldManager: Required value: is required for apply patch/);
});

test('apply on a custom resource merges its keyed lists and keeps what others set', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  await call('POST', widgets, widget('w', { size: 1, items: [{ id: 'x', count: 1 }] }));
  const body = widget('w', { size: 1, items: [{ id: 'y', count: 2 }] });
  const applied = await call('PATCH', `${widgets}/w?fieldManager=me`, body, { 'content-type': types.apply });
  assert.deepEqual(applied.body.spec.items, [
    { id: 'x', count: 1 },
    { id: 'y', count: 2 },
  ]);
  const again = await call('PATCH', `${widgets}/w?fieldManager=me`, widget('w', { size: 1 }), {
    'content-type': types.apply,
  });
  assert.deepEqual(again.body.spec.items, [{ id: 'x', count: 1 }]);
});

test('a status applied on its own is owned on its own', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  await call('POST', widgets, widget('w'));
  const status = {
    apiVersion: 'test.example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w' },
    status: { replicas: 3 },
  };
  const applied = await call('PATCH', `${widgets}/w/status?fieldManager=s&force=true`, status, {
    'content-type': types.apply,
  });
  assert.equal(applied.code, 200, applied.text);
  assert.equal(applied.body.status.replicas, 3);
  const owner = applied.body.metadata.managedFields.find((m: Json) => m.manager === 's');
  assert.equal(owner.subresource, 'status');
  assert.deepEqual(owner.fieldsV1, { 'f:status': { 'f:replicas': {} } });
});

test('built-in kinds are validated', async (t) => {
  const { call } = await open(t);
  const services = '/api/v1/namespaces/default/services';
  const bad: [string, Json, RegExp][] = [
    [
      deployments,
      { ...deployment(), spec: { ...deployment().spec, selector: { matchLabels: { app: 'other' } } } },
      /spec.template.metadata.labels: Invalid value: {"app":"d"}: `selector` does not match template `labels`/,
    ],
    [
      deployments,
      { ...deployment(), spec: { ...deployment().spec, selector: undefined } },
      /spec.selector: Required value/,
    ],
    [deployments, deployment([]), /spec.template.spec.containers: Required value/],
    [
      deployments,
      deployment([{ name: 'a', image: 'x', ports: [{ containerPort: 70000 }] }]),
      /ports\[0\].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive/,
    ],
    [
      deployments,
      deployment([{ name: 'a', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }]),
      /volumeMounts\[0\].name: Not found: "v"/,
    ],
    [
      services,
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: {} },
      /spec.ports: Required value/,
    ],
    [
      services,
      { apiVersion: 'v1', kind: 'Service', metadata: { name: '-s' }, spec: { ports: [{ port: 1 }] } },
      /metadata.name: Invalid value: "-s": a lowercase RFC 1123 label/,
    ],
  ];
  for (const [url, body, message] of bad) {
    const reply = await call('POST', url, body);
    assert.equal(reply.code, 422, reply.text);
    assert.match(reply.body.message, message);
  }
  const made = await call('POST', deployments, deployment());
  const changed = structuredClone(made.body);
  changed.spec.selector.matchLabels = { app: 'e' };
  changed.spec.template.metadata.labels = { app: 'e' };
  const fixed = await call('PUT', `${deployments}/d`, changed);
  assert.match(fixed.body.message, /spec.selector: Invalid value: .*: field is immutable/);
  const service = await call('POST', services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's' },
    spec: { type: 'NodePort', ports: [{ port: 80 }] },
  });
  assert.match(service.body.spec.clusterIP, /^10\.96\./);
  assert.ok(service.body.spec.ports[0].nodePort >= 30000);
});

test('an owner of fields is dated anew with each changed value', async (t) => {
  const { call } = await open(t);
  const made = await call('POST', configmaps, configmap('dated'));
  const [{ time }] = made.body.metadata.managedFields;
  let writes = 0;
  // Times are whole seconds.
  await eventually(async () => {
    const changed = { data: { a: `value ${writes++}` } };
    const { body } = await call('PATCH', `${configmaps}/dated`, changed, { 'content-type': types.merge });
    assert.notEqual(body.metadata.managedFields[0].time, time);
  });
});
