// `__proto__`, `constructor` and `toString` as keys of every map of every kind, in every type of patch. A user who might
// write config maps ended the whole sandbox with one JSON patch; a real server stores such keys like any other.
import assert from 'node:assert/strict';
import { afterEach, describe, it, type TestContext, test } from 'node:test';
import { apply } from '../../src/sandbox/fields/managed.ts';
import { builtinResources } from '../../src/sandbox/kinds.ts';
import { jsonPatch, mergePatch } from '../../src/sandbox/patch/json.ts';
import { strategicPatch } from '../../src/sandbox/patch/strategic.ts';
import { decodeProtobuf } from '../../src/sandbox/protobuf/decode.ts';
import { apiVersionOf, type ResourceType } from '../../src/sandbox/resources.ts';
import { deref, prepare, type Schema } from '../../src/sandbox/schema/schema.ts';
import { type Item, isObj, type Obj } from '../../src/sandbox/types.ts';
import { includes, restored, withoutForeignEntries } from '../../src/workloads/compare.ts';
import {
  configmap,
  configmaps,
  crds,
  eventually,
  hookServer,
  open,
  patchOf,
  types,
  webhookConfig,
  widgetCrd,
} from '../sandbox/harness.ts';

const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
const inherited = Object.getOwnPropertyNames(Object.prototype).sort();

afterEach(() => {
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), inherited);
  assert.equal(({} as Obj).polluted, undefined);
});

/** Written as text: a literal would set the prototype. */
const withKeys = (value: unknown): Obj =>
  JSON.parse(`{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`);

interface MapPlace {
  path: string[];
  values: Schema;
}

/** Every map that a kind has, also in the items of its lists, nine steps deep. */
function mapsOf(type: ResourceType): MapPlace[] {
  const found: MapPlace[] = [];
  const visit = (schema: Schema, path: string[]): void => {
    const at = deref(type.schema, schema);
    if (path.length > 9) return;
    if (isObj(at.additionalProperties)) found.push({ path, values: at.additionalProperties as Schema });
    if (at.items) visit(at.items, [...path, '0']);
    for (const [name, child] of Object.entries(at.properties ?? {})) visit(child, [...path, name]);
  };
  visit(type.schema.schema, []);
  return found;
}

/** `value` at the path; `0` is the only item of a list, with what its merge keys may be. */
function nest(path: readonly string[], value: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  if (first !== '0') return { [first]: nest(rest, value) };
  const item = nest(rest, value);
  return [
    isObj(item)
      ? {
          name: 'a',
          type: 'a',
          key: 'a',
          uid: 'a',
          ip: 'a',
          topologyKey: 'a',
          port: 1,
          containerPort: 1,
          mountPath: 'a',
          devicePath: 'a',
          whenUnsatisfiable: 'a',
          protocol: 'TCP',
          ...item,
        }
      : item,
  ];
}

const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((it, name) => (it as Obj | undefined)?.[name], value);

describe('every map of every built-in kind', () => {
  const places = builtinResources().flatMap((type) => mapsOf(type).map((place) => ({ type, ...place })));
  const value = (schema: Schema) =>
    schema.type === 'string' ? 'polluted' : schema.type === 'array' ? ['polluted'] : {};
  const base = (type: ResourceType): Item =>
    ({
      apiVersion: apiVersionOf(type),
      kind: type.kind,
      metadata: { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    }) as Item;

  it('has such keys like any other, in every type of patch', () => {
    assert.ok(places.length > 200, `${places.length} maps`);
    for (const { type, path, values } of places) {
      const wanted = withKeys(value(values));
      const told = `${type.kind} ${path.join('.')}`;
      const config = { ...base(type), ...(nest(path, wanted) as Obj) };
      const live = { ...base(type), ...(nest(path, {}) as Obj) };
      const results: Record<string, unknown> = {
        merge: mergePatch(base(type), nest(path, wanted)),
        strategic: strategicPatch(type.schema, base(type), nest(path, wanted) as Obj),
        'strategic twice': strategicPatch(
          type.schema,
          strategicPatch(type.schema, base(type), nest(path, wanted) as Obj),
          nest(path, wanted) as Obj,
        ),
        apply: apply(type, undefined, structuredClone(config), {
          manager: 'm',
          force: false,
          subresource: '',
          now: 0,
        }),
        json: jsonPatch(
          live,
          keys.map((key) => ({ op: 'add', path: `/${[...path, key].join('/')}`, value: value(values) })),
        ),
      };
      for (const [how, result] of Object.entries(results)) {
        const map = at(result, path) as Obj;
        assert.deepEqual(Object.keys(map ?? {}).sort(), [...keys].sort(), `${told} by ${how}`);
        assert.equal(Object.getPrototypeOf(map), Object.prototype, `${told} by ${how}`);
      }
      prepare(type.schema, structuredClone(config), { prune: true, isRoot: true, dropNulls: true });
    }
  });

  it('is read by a JSON patch as what it has itself, and nothing it inherits', () => {
    for (const path of [
      '/__proto__/zzz',
      '/constructor/prototype/zzz',
      '/metadata/__proto__/zzz',
      '/toString/x',
    ]) {
      for (const op of ['add', 'replace', 'remove', 'copy', 'move', 'test']) {
        const patch = [{ op, path, from: path, value: 'polluted' }];
        assert.throws(() => jsonPatch({ metadata: { name: 'x' } }, patch), { code: 422 }, `${op} ${path}`);
      }
    }
    for (const op of keys) assert.throws(() => jsonPatch({}, [{ op, path: '/a', value: 1 }]), { code: 422 });
  });
});

test('a map in protobuf has such keys like any other', () => {
  const field = (number: number, bytes: Uint8Array) =>
    Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
  const text = (number: number, value: string) => field(number, Buffer.from(value));
  const entries = keys.map((key) => field(2, Buffer.concat([text(1, key), text(2, 'v')])));
  const type = field(1, Buffer.concat([text(1, 'v1'), text(2, 'ConfigMap')]));
  const body = Buffer.concat([Buffer.from('k8s\0'), type, field(2, Buffer.concat(entries))]);
  const { data } = decodeProtobuf(body, 'ConfigMap') as { data: Obj };
  assert.deepEqual(Object.keys(data).sort(), [...keys].sort());
});

describe('children of the workload kinds', () => {
  it('lose a selector key of such a name that somebody added', () => {
    const wanted = { spec: { selector: { app: 'a' } } };
    for (const key of keys) {
      const stored = JSON.parse(`{"spec":{"selector":{"app":"a",${JSON.stringify(key)}:"b"}}}`);
      assert.deepEqual(Object.keys(withoutForeignEntries(stored, wanted).spec.selector), ['app'], key);
      assert.deepEqual(Object.keys(restored(stored, wanted).spec.selector), ['app'], key);
      const asked = {
        spec: { selector: { ...wanted.spec.selector, ...JSON.parse(`{${JSON.stringify(key)}:"b"}`) } },
      };
      assert.equal(includes(wanted, asked), false, `${key} is wanted and not there`);
      assert.equal(includes(stored, asked), true);
    }
  });
});

test('a user of config maps cannot end the sandbox, nor can a webhook', async (t) => {
  const { call } = await open(t);
  await call('POST', configmaps, configmap('c'));
  const url = `${configmaps}/c`;
  const json = { 'content-type': types.json };
  const sent = '[{"op":"add","path":"/__proto__/zzz","value":"p"}]';
  const refused = await call('PATCH', url, sent, json);
  assert.equal(refused.code, 422, refused.text);
  for (const key of keys) {
    const text = `{"data":{${JSON.stringify(key)}:"own"}}`;
    for (const type of [types.merge, types.strategic]) {
      const { code, body } = await call('PATCH', url, text, { 'content-type': type });
      // `__proto__` is a good key of a config map; so are the others.
      assert.equal(code, 200, `${key} ${JSON.stringify(body).slice(0, 300)}`);
      assert.equal(Object.getOwnPropertyDescriptor(body.data, key)?.value, 'own');
    }
    const applied = await call(
      'PATCH',
      `${url}?fieldManager=f&force=true`,
      `{"apiVersion":"v1","kind":"ConfigMap",${text.slice(1)}`,
      { 'content-type': types.apply },
    );
    assert.equal(applied.code, 200, applied.text);
    assert.equal(Object.getOwnPropertyDescriptor(applied.body.data, key)?.value, 'own');
  }
  const secret = await call(
    'POST',
    '/api/v1/namespaces/default/secrets',
    `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"type":"constructor","stringData":{"__proto__":"x","constructor":"y"}}`,
  );
  assert.equal(secret.code, 201, secret.text);
  assert.deepEqual(Object.keys(secret.body.data).sort(), ['__proto__', 'constructor']);

  const hook = await hookServer(t as TestContext, () =>
    patchOf([{ op: 'add', path: '/__proto__/zzz', value: 'p' }]),
  );
  await call(
    'POST',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    webhookConfig('Mutating', 'm', hook),
  );
  await eventually(async () => assert.ok((await call('POST', configmaps, configmap('d'))).code >= 400));
  assert.equal((await call('GET', '/readyz')).code, 200);
});

test('a CRD of such names: properties, scale paths, printer columns', async (t) => {
  const { call } = await open(t);
  const crd = structuredClone(widgetCrd) as unknown as { spec: { versions: Obj[] } } & Obj;
  const [version] = crd.spec.versions as [Obj];
  version.subresources = {
    scale: { specReplicasPath: '.spec.__proto__.replicas', statusReplicasPath: '.status.constructor' },
  };
  version.additionalPrinterColumns = [{ name: 'P', type: 'string', jsonPath: '.spec.constructor' }];
  version.schema = {
    openAPIV3Schema: JSON.parse(
      '{"type":"object","properties":{"spec":{"type":"object","required":["constructor"],"x-kubernetes-preserve-unknown-fields":true,"properties":{"constructor":{"type":"string"},"toString":{"type":"string","default":"d"}}}}}',
    ),
  };
  const made = await call('POST', crds, crd);
  assert.equal(made.code, 201, made.text);
  const url = '/apis/test.example.com/v1/namespaces/default/widgets';
  const widget = (spec: string) =>
    `{"apiVersion":"test.example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":${spec}}`;
  await eventually(async () => assert.notEqual((await call('GET', url)).code, 404));
  const missing = await call('POST', url, widget('{}'));
  assert.equal(missing.code, 422, 'what is inherited does not count as given');
  const whole = await call('POST', url, widget('{"constructor":"c"}'));
  assert.equal(whole.code, 201, whole.text);
  assert.equal(Object.getOwnPropertyDescriptor(whole.body.spec, 'toString')?.value, 'd');
  const scaled = await call('PATCH', `${url}/w/scale`, '{"spec":{"replicas":3}}', {
    'content-type': types.merge,
  });
  assert.equal(scaled.code, 200, scaled.text);
  assert.equal((await call('GET', `${url}/w/scale`)).body.spec.replicas, 3);
  assert.equal((await call('GET', '/readyz')).code, 200);
});
