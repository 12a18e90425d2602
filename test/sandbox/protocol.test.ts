// Verbs, errors, lists, selectors and paging, as raw requests.

import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import { configmap, configmaps, crds, open, types, widget, widgetCrd, widgets } from './harness.ts';

test('create, get, replace, delete', async (t) => {
  const { call } = await open(t);
  const made = await call('POST', configmaps, configmap('a'));
  assert.equal(made.code, 201);
  assert.match(made.body.metadata.uid, /^[0-9a-f-]{36}$/);
  assert.match(made.body.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const again = await call('POST', configmaps, configmap('a'));
  assert.equal(again.code, 409);
  assert.deepEqual(again.body, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'configmaps "a" already exists',
    reason: 'AlreadyExists',
    details: { name: 'a', kind: 'configmaps' },
    code: 409,
  });
  const stale = await call('PUT', `${configmaps}/a`, {
    ...made.body,
    metadata: { ...made.body.metadata, resourceVersion: '1' },
  });
  assert.equal(stale.code, 409);
  assert.equal(
    stale.body.message,
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  );
  const put = await call('PUT', `${configmaps}/a`, { ...made.body, data: { b: '2' } });
  assert.equal(put.code, 200);
  assert.ok(Number(put.body.metadata.resourceVersion) > Number(made.body.metadata.resourceVersion));
  const same = await call('PUT', `${configmaps}/a`, put.body);
  assert.equal(same.body.metadata.resourceVersion, put.body.metadata.resourceVersion);
  const gone = await call('DELETE', `${configmaps}/a`);
  assert.deepEqual(gone.body.details, { name: 'a', kind: 'configmaps', uid: made.body.metadata.uid });
  const missing = await call('GET', `${configmaps}/a`);
  assert.equal(missing.code, 404);
  assert.equal(missing.body.message, 'configmaps "a" not found');
});

test('bad requests are told what is wrong', async (t) => {
  const { call } = await open(t);
  const cases: [string, string, unknown, number, RegExp, Record<string, string>?][] = [
    ['POST', configmaps, '{"kind":', 400, /json parse error/],
    [
      'POST',
      configmaps,
      configmap('Bad_Name'),
      422,
      /^ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain/,
    ],
    [
      'POST',
      configmaps,
      { ...configmap('a'), metadata: {} },
      422,
      /metadata.name: Required value: name or generateName is required/,
    ],
    [
      'POST',
      configmaps,
      { ...configmap('a'), metadata: { name: 'a', namespace: 'other' } },
      400,
      /the namespace of the provided object does not match the namespace sent on the request/,
    ],
    [
      'POST',
      configmaps,
      { ...configmap('a'), apiVersion: 'v2' },
      400,
      /the API version in the data \(v2\) does not match the expected API version \(v1\)/,
    ],
    ['POST', '/api/v1/namespaces/nowhere/configmaps', configmap('a'), 404, /namespaces "nowhere" not found/],
    [
      'POST',
      configmaps,
      'a: b',
      415,
      /the body of the request was in an unknown format/,
      { 'content-type': 'text/plain' },
    ],
    [
      'PATCH',
      `${configmaps}/a`,
      '{}',
      415,
      /application\/strategic-merge-patch\+json/,
      { 'content-type': 'application/json' },
    ],
    ['GET', `${configmaps}?labelSelector=a%20b`, undefined, 400, /unable to parse requirement/],
    [
      'GET',
      `${configmaps}?fieldSelector=spec.x%3D1`,
      undefined,
      400,
      /"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"/,
    ],
    ['GET', `${configmaps}?continue=nonsense`, undefined, 400, /continue key is not valid/],
    [
      'GET',
      `${configmaps}?resourceVersionMatch=Exact`,
      undefined,
      422,
      /resourceVersionMatch is forbidden unless resourceVersion is provided/,
    ],
    [
      'POST',
      `${configmaps}?dryRun=Some`,
      configmap('a'),
      422,
      /dryRun: Unsupported value: \["Some"\]: supported values: "All"/,
    ],
    ['POST', `${configmaps}/a`, configmap('a'), 405, /does not allow this method/],
    ['DELETE', '/api/v1/configmaps', undefined, 405, /does not allow this method/],
    [
      'GET',
      configmaps,
      undefined,
      406,
      /only the following media types are accepted/,
      { accept: 'text/html' },
    ],
    ['POST', configmaps, configmap('a', { x: 'y'.repeat(4 * 1024 * 1024) }), 413, /Request entity too large/],
    [
      'POST',
      `${configmaps}?fieldValidation=Strict`,
      { ...configmap('a'), nonsense: 1 },
      400,
      /^ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "nonsense"$/,
    ],
    [
      'POST',
      configmaps,
      { ...configmap('a'), data: { x: 1 } },
      400,
      /cannot unmarshal number into Go struct field ConfigMap.data.x of type string/,
    ],
    [
      'GET',
      `${configmaps}?resourceVersion=99999`,
      undefined,
      504,
      /Too large resource version: 99999, current: \d+/,
    ],
  ];
  for (const [method, url, body, code, message, headers] of cases) {
    const reply = await call(method, url, body, headers);
    assert.equal(reply.code, code, `${method} ${url}: ${reply.text}`);
    assert.equal(reply.body.kind, 'Status', url);
    assert.match(reply.body.message, message);
  }
});

test('no credentials, no answer but health and version', async (t) => {
  const { sandbox } = await open(t);
  const bare = (path: string) =>
    new Promise<number>((resolve, reject) => {
      request(sandbox.server + path, { ca: sandbox.ca }, (res) => {
        res.resume();
        resolve(res.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });
  assert.equal(await bare('/api/v1/namespaces'), 401);
  assert.equal(await bare('/apis'), 401);
  assert.equal(await bare('/healthz'), 200);
  assert.equal(await bare('/readyz'), 200);
  assert.equal(await bare('/version'), 200);
});

test('lists page at one version, whatever is written meanwhile', async (t) => {
  const { call } = await open(t);
  for (const name of ['a', 'b', 'c', 'd', 'e']) await call('POST', configmaps, configmap(name));
  const first = await call('GET', `${configmaps}?limit=2`);
  assert.equal(first.body.items.length, 2);
  assert.ok(first.body.metadata.remainingItemCount >= 3);
  await call('DELETE', `${configmaps}/d`);
  await call('POST', configmaps, configmap('cc'));
  await call('PATCH', `${configmaps}/e`, { data: { a: 'changed' } }, { 'content-type': types.merge });
  const rest = await call('GET', `${configmaps}?limit=10&continue=${first.body.metadata.continue}`);
  assert.equal(rest.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
  const found = rest.body.items.filter(
    (item: { metadata: { name: string } }) => item.metadata.name.length < 3,
  );
  assert.deepEqual(
    found.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['c', 'd', 'e'],
  );
  assert.equal(found[2].data.a, '1');
});

test('a page whose version is compacted away is 410 with a token to go on without consistency', async (t) => {
  const { call, sandbox } = await open(t);
  for (const name of ['a', 'b', 'c']) await call('POST', configmaps, configmap(name));
  const first = await call('GET', `${configmaps}?limit=1`);
  await call('POST', configmaps, configmap('d'));
  sandbox.compact();
  const late = await call('GET', `${configmaps}?limit=1&continue=${first.body.metadata.continue}`);
  assert.equal(late.code, 410);
  assert.equal(late.body.reason, 'Expired');
  const onward = await call('GET', `${configmaps}?continue=${late.body.metadata.continue}`);
  assert.ok(onward.body.items.some((item: { metadata: { name: string } }) => item.metadata.name === 'd'));
});

test('label and field selectors', async (t) => {
  const { call } = await open(t);
  await call('POST', configmaps, configmap('a', {}, { labels: { env: 'prod', n: '5' } }));
  await call('POST', configmaps, configmap('b', {}, { labels: { env: 'dev' } }));
  await call('POST', configmaps, configmap('c'));
  const names = async (selector: string) => {
    const reply = await call('GET', `${configmaps}?${selector}`);
    return reply.body.items
      .map((item: { metadata: { name: string } }) => item.metadata.name)
      .filter((n: string) => n.length === 1)
      .join('');
  };
  const label = (text: string) => names(`labelSelector=${encodeURIComponent(text)}`);
  assert.equal(await label('env=prod'), 'a');
  assert.equal(await label('env!=prod'), 'bc');
  assert.equal(await label('env in (prod, dev)'), 'ab');
  assert.equal(await label('env notin (prod)'), 'bc');
  assert.equal(await label('env'), 'ab');
  assert.equal(await label('!env'), 'c');
  assert.equal(await label('n>4,env==prod'), 'a');
  assert.equal(await names('fieldSelector=metadata.name%3Db'), 'b');
  assert.equal(await names('fieldSelector=metadata.name!%3Db'), 'ac');
});

test('deletecollection takes what is selected', async (t) => {
  const { call } = await open(t);
  await call('POST', configmaps, configmap('a', {}, { labels: { x: 'y' } }));
  await call('POST', configmaps, configmap('b'));
  const reply = await call('DELETE', `${configmaps}?labelSelector=x%3Dy`);
  assert.equal(reply.code, 200);
  assert.equal((await call('GET', `${configmaps}/a`)).code, 404);
  assert.equal((await call('GET', `${configmaps}/b`)).code, 200);
});

test('preconditions of a delete', async (t) => {
  const { call } = await open(t);
  const made = await call('POST', configmaps, configmap('a'));
  const wrong = await call('DELETE', `${configmaps}/a`, { preconditions: { uid: 'other' } });
  assert.equal(wrong.code, 409);
  assert.match(wrong.body.message, /Precondition failed: UID in precondition: other, UID in object meta: /);
  const right = await call('DELETE', `${configmaps}/a`, { preconditions: { uid: made.body.metadata.uid } });
  assert.equal(right.code, 200);
});

test('tables and metadata-only answers', async (t) => {
  const { call } = await open(t);
  await call('POST', crds, widgetCrd);
  await call('POST', widgets, widget('w', { size: 3 }));
  const table = await call('GET', widgets, undefined, {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  });
  assert.equal(table.body.kind, 'Table');
  assert.deepEqual(
    table.body.columnDefinitions.map((c: { name: string }) => c.name),
    ['Name', 'Size', 'Ready'],
  );
  assert.deepEqual(table.body.rows[0].cells, ['w', 3, null]);
  assert.equal(table.body.rows[0].object.kind, 'PartialObjectMetadata');
  const partial = await call('GET', widgets, undefined, {
    accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  });
  assert.equal(partial.body.kind, 'PartialObjectMetadataList');
  assert.equal(partial.body.items[0].spec, undefined);
  const yaml = await call('GET', `${widgets}/w`, undefined, { accept: 'application/yaml' });
  assert.match(yaml.text, /^apiVersion: test.example.com\/v1\nkind: Widget/);
});
