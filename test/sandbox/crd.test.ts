// Custom resources: validation texts, pruning, defaults, status, scale, versions, coming and going.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crds, eventually, open, types, widget, widgetCrd, widgets } from './harness.ts';

test('a definition is established and served at once', async (t) => {
  const { call } = await open(t);
  const made = await call('POST', crds, widgetCrd);
  assert.equal(made.code, 201, made.text);
  assert.equal((await call('POST', widgets, widget('w'))).code, 201);
  await eventually(async () => {
    const { body } = await call('GET', `${crds}/widgets.test.example.com`);
    const conditions = body.status.conditions.map(
      (c: { type: string; status: string }) => `${c.type}=${c.status}`,
    );
    assert.deepEqual(conditions, ['NamesAccepted=True', 'Established=True']);
    assert.equal(body.status.acceptedNames.singular, 'widget');
  });
  const list = await call('GET', '/apis/test.example.com/v1');
  assert.deepEqual(
    list.body.resources.map((r: { name: string }) => r.name),
    ['widgets', 'widgets/scale', 'widgets/status'],
  );
});

test('validation errors read as Kubernetes’ own', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  const cases: [unknown, string][] = [
    [{ size: 0 }, 'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1'],
    [{}, 'spec.size: Required value'],
    [
      { size: 'x' },
      'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
    ],
    [{ size: 1, color: 'green' }, 'spec.color: Unsupported value: "green": supported values: "red", "blue"'],
    [{ size: 1, name: 'A' }, 'spec.name: Invalid value: "A": spec.name in body should match \'^[a-z]+$\''],
    [{ size: 1, name: 'toolong' }, 'spec.name: Too long: may not be more than 5 bytes'],
    [{ size: 1, items: [{ id: 'a' }, { id: 'a' }] }, 'spec.items[1]: Duplicate value: {"id":"a"}'],
    [{ size: 1, tags: ['a', 'a'] }, 'spec.tags[1]: Duplicate value: "a"'],
    [{ size: 1, items: [{}] }, 'spec.items[0].id: Required value'],
    [
      { size: 1, labels: { a: 1 } },
      'spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"',
    ],
  ];
  for (const [spec, text] of cases) {
    const reply = await call('POST', widgets, widget('w', spec));
    assert.equal(reply.code, 422, text);
    assert.equal(reply.body.message, `Widget.test.example.com "w" is invalid: ${text}`);
    assert.equal(reply.body.details.causes.length, 1);
  }
});

test('of two patterns in one schema each field is judged by its own', async (t) => {
  const { call } = await open(t);
  const crd = structuredClone(widgetCrd);
  const { properties } = crd.spec.versions[0]!.schema.openAPIV3Schema.properties.spec as unknown as {
    properties: Record<string, object>;
  };
  properties.digits = { type: 'string', pattern: '^[0-9]+$' };
  assert.equal((await call('POST', crds, crd)).code, 201);
  const taken = await call('POST', widgets, widget('w', { size: 1, name: 'abc', digits: '123' }));
  assert.equal(taken.code, 201, taken.text);
  const refused = await call('POST', widgets, widget('x', { size: 1, name: 'abc', digits: 'abc' }));
  assert.match(refused.body.message, /spec\.digits in body should match '\^\[0-9\]\+\$'/);
});

test('fields named as keywords of JSON Schema, and objects within objects, are judged', async (t) => {
  const { call } = await open(t);
  const definition = structuredClone(widgetCrd);
  const { properties } = definition.spec.versions[0]!.schema.openAPIV3Schema.properties.spec;
  Object.assign(properties, {
    not: { type: 'object', not: { required: ['bad'] }, properties: { bad: { type: 'string' } } },
    inner: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { a: { type: 'integer' } } },
  });
  await call('POST', crds, definition);
  const refused: [object, string[]][] = [
    [{ not: { bad: 'x' } }, ['<nil>: Invalid value: "": "spec.not" must not validate the schema (not)']],
    [{ inner: { a: 1 } }, ['spec.inner.apiVersion: Required value', 'spec.inner.kind: Required value']],
    [
      { inner: { apiVersion: 'a/b/c', kind: 'X' } },
      ['spec.inner.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
    ],
  ];
  for (const [spec, texts] of refused) {
    const { code, body } = await call('POST', widgets, widget('w', { size: 1, ...spec }));
    assert.equal(code, 422);
    const told = texts.length > 1 ? `[${texts.join(', ')}]` : texts[0];
    assert.equal(body.message, `Widget.test.example.com "w" is invalid: ${told}`);
  }
  const good = widget('w', {
    size: 1,
    not: {},
    inner: { apiVersion: 'v1', kind: 'X', metadata: { name: 'a' } },
  });
  assert.equal((await call('POST', widgets, good)).code, 201);
});

test('unknown fields are pruned, defaults filled in, preserved parts kept', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  const { body, headers } = await call(
    'POST',
    widgets,
    widget('w', { size: 1, nope: 1, port: 'http', extra: { any: [1] } }),
  );
  assert.deepEqual(body.spec, { size: 1, color: 'red', replicas: 1, port: 'http', extra: { any: [1] } });
  assert.match(String(headers.warning), /unknown field \\"spec.nope\\"/);
  const strict = await call('POST', `${widgets}?fieldValidation=Strict`, widget('x', { size: 1, nope: 1 }));
  assert.equal(
    strict.body.message,
    'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.nope"',
  );
});

test('status is written on its own, and generation counts spec only', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  const made = await call('POST', widgets, { ...widget('w'), status: { replicas: 9 } });
  assert.equal(made.body.status, undefined);
  assert.equal(made.body.metadata.generation, 1);
  const status = await call('PUT', `${widgets}/w/status`, {
    ...made.body,
    spec: { size: 7 },
    status: { replicas: 2 },
  });
  assert.equal(status.body.spec.size, 1);
  assert.equal(status.body.status.replicas, 2);
  assert.equal(status.body.metadata.generation, 1);
  const merge = { 'content-type': types.merge };
  const spec = await call('PATCH', `${widgets}/w`, { spec: { size: 5 }, status: { replicas: 1 } }, merge);
  assert.equal(spec.body.metadata.generation, 2);
  assert.equal(spec.body.status.replicas, 2);
  const labels = await call('PATCH', `${widgets}/w`, { metadata: { labels: { a: 'b' } } }, merge);
  assert.equal(labels.body.metadata.generation, 2);
});

test('scale reads and writes the paths the definition names', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  await call('POST', widgets, widget('w'));
  const scale = await call('GET', `${widgets}/w/scale`);
  assert.equal(scale.body.kind, 'Scale');
  assert.equal(scale.body.spec.replicas, 1);
  await call('PATCH', `${widgets}/w/scale`, { spec: { replicas: 4 } }, { 'content-type': types.merge });
  assert.equal((await call('GET', `${widgets}/w`)).body.spec.replicas, 4);
});

test('two versions show one object', async (t) => {
  const { call } = await open(t);
  const crd = structuredClone(widgetCrd);
  const [first] = crd.spec.versions;
  crd.spec.versions.push({ ...structuredClone(first!), name: 'v2', storage: false });
  await call('POST', crds, crd);
  await call('POST', widgets, widget('w'));
  const other = await call('GET', `${widgets.replace('/v1/', '/v2/')}/w`);
  assert.equal(other.body.apiVersion, 'test.example.com/v2');
  const put = await call(
    'PATCH',
    `${widgets.replace('/v1/', '/v2/')}/w`,
    { spec: { size: 8 } },
    { 'content-type': types.merge },
  );
  assert.equal(put.code, 200, put.text);
  const back = await call('GET', `${widgets}/w`);
  assert.equal(back.body.apiVersion, 'test.example.com/v1');
  assert.equal(back.body.spec.size, 8);
});

test('deleting a definition deletes its objects first, finalizers included', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  await call('POST', widgets, widget('plain'));
  await call('POST', widgets, widget('held', { size: 1 }, { finalizers: ['example.com/hold'] }));
  await eventually(async () =>
    assert.ok((await call('GET', `${crds}/widgets.test.example.com`)).body.metadata.finalizers),
  );
  await call('DELETE', `${crds}/widgets.test.example.com`);
  await eventually(async () => assert.equal((await call('GET', `${widgets}/plain`)).code, 404));
  assert.ok((await call('GET', `${widgets}/held`)).body.metadata.deletionTimestamp);
  await call('PATCH', `${widgets}/held`, { metadata: { finalizers: null } }, { 'content-type': types.merge });
  await eventually(async () =>
    assert.equal((await call('GET', `${crds}/widgets.test.example.com`)).code, 404),
  );
  assert.equal((await call('GET', widgets)).code, 404);
});

test('definitions are judged themselves', async (t) => {
  const { call } = await open(t);
  const wrong = structuredClone(widgetCrd);
  wrong.metadata.name = 'gadgets.test.example.com';
  const reply = await call('POST', crds, wrong);
  assert.equal(reply.code, 422);
  assert.match(
    reply.body.message,
    /metadata.name: Invalid value: "gadgets.test.example.com": must be spec.names.plural\+"."\+spec.group/,
  );
});
