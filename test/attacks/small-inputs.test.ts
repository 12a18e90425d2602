// Small inputs that kept the sandbox's one event loop for seconds or minutes: a leader lost its lease meanwhile. A
// bystander asks for a config map while each of them is judged; how long it waits is compared with a quiet sandbox.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { clone, type Obj } from '../../src/sandbox/types.ts';
import {
  configmap,
  configmaps,
  crds,
  eventually,
  type Json,
  open,
  type Rig,
  types,
  widgetCrd,
} from '../sandbox/harness.ts';

const namespaced = '/apis/test.example.com/v1/namespaces/default';
const pods = '/api/v1/namespaces/default/pods';
const list = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i));

/** Of these a quiet answer takes one; what froze the sandbox took 2,500 to 20,000. */
const maxQuietAnswers = 1000;

let call: Rig['call'];
let quiet: number;
const cleanups: (() => Promise<void> | void)[] = [];
before(async () => {
  ({ call } = await open({ after: (run: () => Promise<void>) => cleanups.push(run) } as never));
  await call('POST', configmaps, configmap('c'));
  await call('POST', pods, pod('p', []));
  const times: number[] = [];
  for (let i = 0; i < 100; i++) times.push(await waitOfBystander());
  quiet = Math.max(5, times.sort((a, b) => a - b)[95]!);
});
after(async () => {
  for (const run of cleanups) await run();
});

const pod = (name: string, env: Obj[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'x', env }] },
});

async function waitOfBystander(): Promise<number> {
  const began = performance.now();
  assert.equal((await call('GET', `${configmaps}/c`)).code, 200);
  return performance.now() - began;
}

/** The answer, given while nobody else waited long. */
async function judged(attack: () => Promise<Json>): Promise<Json> {
  let isOver = false;
  const answer = attack().finally(() => {
    isOver = true;
  });
  let longest = 0;
  while (!isOver) longest = Math.max(longest, await waitOfBystander());
  const times = Math.round(longest / quiet);
  assert.ok(times < maxQuietAnswers, `a bystander waited ${Math.round(longest)} ms, ${times} quiet answers`);
  return answer;
}

/** A definition whose `spec` is this schema. */
function definition(plural: string, spec: Obj): Obj {
  const names = { plural, kind: `${plural[0]?.toUpperCase()}${plural.slice(1)}` };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  return {
    ...clone(widgetCrd),
    metadata: { name: `${plural}.test.example.com` },
    spec: { group: 'test.example.com', scope: 'Namespaced', names, versions },
  };
}

async function served(plural: string, spec: Obj): Promise<string> {
  assert.equal((await call('POST', crds, definition(plural, spec))).code, 201);
  await eventually(async () => assert.equal((await call('GET', `${namespaced}/${plural}`)).code, 200));
  return `${namespaced}/${plural}`;
}

const custom = (plural: string, spec: Obj) => ({
  apiVersion: 'test.example.com/v1',
  kind: `${plural[0]?.toUpperCase()}${plural.slice(1)}`,
  metadata: { name: 'a' },
  spec,
});

const nested = (depth: number, wrap: (inner: Obj) => Obj): Obj => {
  let schema: Obj = { type: 'string', default: 'x' };
  for (let i = 0; i < depth; i++) schema = wrap(schema);
  return schema;
};

describe('a definition', () => {
  it('with a pattern that backtracks matches in linear time', async () => {
    const url = await served('patterns', {
      type: 'object',
      properties: { p: { type: 'string', pattern: '^(a+)+$' } },
    });
    const wrong = custom('patterns', { p: `${'a'.repeat(40)}!` });
    const { code, text } = await judged(() => call('POST', url, wrong));
    assert.equal(code, 422);
    assert.match(text, /should match '\^\(a\+\)\+\$'/);
    assert.equal((await call('POST', url, custom('patterns', { p: 'aaa' }))).code, 201);
  });

  it('with a pattern that Go does not know is refused', async () => {
    const schema = { type: 'object', properties: { p: { type: 'string', pattern: '(?=a)b' } } };
    const { code, text } = await call('POST', crds, definition('lookaheads', schema));
    assert.equal(code, 422);
    assert.match(text, /must be a valid regular expression/);
  });

  it('with 4,000 properties is served, with more than 5,000 schemas refused', async () => {
    const properties = (count: number) =>
      Object.fromEntries(list(count, (i) => [`p${i}`, { type: 'string' }]));
    const url = await judged(() => served('many', { type: 'object', properties: properties(4000) }));
    assert.equal((await judged(() => call('POST', url, custom('many', { p1: 'x' })))).code, 201);
    const tooMany = definition('toomany', { type: 'object', properties: properties(5001) });
    const { code, text } = await judged(() => call('POST', crds, tooMany));
    assert.equal(code, 422);
    assert.match(text, /must have at most 5000 schemas, got 5003/);
  });

  it('with defaults in defaults, or conditions in conditions, is refused beyond 32', async () => {
    const defaults = (inner: Obj): Obj => ({ type: 'object', default: {}, properties: { a: inner } });
    const conditions = (inner: Obj): Obj => ({ anyOf: [inner, {}] });
    for (const [name, spec] of Object.entries({
      defaults: nested(240, defaults),
      conditions: { type: 'object', anyOf: [nested(400, conditions)] },
    })) {
      const { code, text } = await judged(() => call('POST', crds, definition(name, spec)));
      assert.equal(code, 422, name);
      assert.match(text, /schemas must be nested at most 32 deep/);
    }
    const { code, text } = await judged(() =>
      call('POST', crds, definition('shallow', nested(25, defaults))),
    );
    assert.equal(code, 201, text);
  });

  it('of a map judges one of megabytes by the first that is wrong', async () => {
    const entries = {
      type: 'object',
      maxProperties: 64,
      additionalProperties: { type: 'integer', minimum: 1 },
    };
    const url = await served('maps', { type: 'object', properties: { goodsMap: entries } });
    const goodsMap = Object.fromEntries(list(130_000, (i) => [`g${i}`, 0]));
    const { code, text } = await judged(() => call('POST', url, custom('maps', { goodsMap })));
    assert.equal(code, 422);
    assert.ok(text.length < 5000, `${text.length}`);
  });

  it('of a list that is a set finds what is there twice in one pass', async () => {
    const l = { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' };
    const url = await served('sets', { type: 'object', properties: { l } });
    const values = list(30_000, (i) => `v${i}`);
    assert.equal((await judged(() => call('POST', url, custom('sets', { l: values })))).code, 201);
    const { code, text } = await judged(() => call('POST', url, custom('sets', { l: [...values, 'v7'] })));
    assert.equal(code, 422);
    assert.match(text, /spec\.l\[30000\]: Duplicate value/);
  });
});

describe('a body', () => {
  it('of YAML with thousands of keys is read in one pass, and a larger one refused', async () => {
    const yaml = { 'content-type': 'application/yaml' };
    const keys = (count: number) => list(count, (i) => `  k${i}: v\n`).join('');
    const text = (count: number) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata:\n${keys(count)}`;
    assert.equal((await judged(() => call('POST', configmaps, text(20_000), yaml))).code, 201);
    const { code, text: told } = await judged(() => call('POST', configmaps, text(60_000), yaml));
    assert.equal(code, 413);
    assert.match(told, /limit is 524288/);
  });
});

describe('a patch', () => {
  const json = { 'content-type': types.json };
  it('that doubles a value eleven times is refused as a real server refuses it', async () => {
    const doubled = [
      { op: 'add', path: '/data', value: { a: 'x'.repeat(490_000) } },
      ...list(11, (i) => ({ op: 'copy', from: '/data', path: `/data/b${i}` })),
    ];
    const { code } = await judged(() => call('PATCH', `${configmaps}/c`, doubled, json));
    assert.equal(code, 422);
  });

  it('that moves a long list nine thousand times is refused', async () => {
    const moves = [
      { op: 'add', path: '/data', value: list(700_000, () => 1) },
      ...list(9000, () => ({ op: 'move', from: '/data/0', path: '/data/-' })),
    ];
    const { code } = await judged(() => call('PATCH', `${configmaps}/c`, moves, json));
    assert.equal(code, 422);
  });

  it('that merges long lists finds their items by key', async () => {
    const strategic = { 'content-type': types.strategic };
    const env = list(20_000, (i) => ({ name: `e${i}`, value: 'x' }));
    const { code } = await judged(() =>
      call('PATCH', `${pods}/p`, { spec: { containers: [{ name: 'c', env }] } }, strategic),
    );
    assert.equal(code, 422, 'the variables of a pod are fixed');
    const finalizers = list(20_000, (i) => `example.com/f${i}`);
    const merged = await judged(() =>
      call('PATCH', `${configmaps}/c`, { metadata: { finalizers } }, strategic),
    );
    assert.equal(merged.body.metadata.finalizers.length, 20_000);
    const gone = { metadata: { '$deleteFromPrimitiveList/finalizers': finalizers } };
    const emptied = await judged(() => call('PATCH', `${configmaps}/c`, gone, strategic));
    assert.equal(emptied.body.metadata.finalizers?.length ?? 0, 0);
    const applied = { 'content-type': types.apply };
    assert.equal(
      (await judged(() => call('PATCH', `${pods}/q?fieldManager=f`, pod('q', env), applied))).code,
      201,
    );
  });
});
