// Custom resource definitions and their objects: a life, wrong schemas, defaulting, pruning, lists, versions.

import type { Json, Step, Topic } from '../types.ts';
import { crds, del, found, get, gone, patch, post, put, table } from './make.ts';

const group = 'crds.example.com';
const definition = (
  plural: string,
  kind: string,
  schema: Json,
  more: Json = {},
  version: Json = {},
): Json => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}`, labels: { topic: 'crds' } },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural, kind },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...version }],
    ...more,
  },
});

const object = (properties: Json, more: Json = {}): Json => ({ type: 'object', properties, ...more });
const base = `/apis/${group}/v1/namespaces/@{ns}`;
const things = `${base}/things`;
const thing = (name: string, spec: Json, more: Json = {}): Json => ({
  apiVersion: `${group}/v1`,
  kind: 'Thing',
  metadata: { name },
  spec,
  ...more,
});

const thingSchema = object({
  spec: object(
    {
      size: { type: 'integer', minimum: 1, maximum: 10, default: 3 },
      ratio: { type: 'number', minimum: 0 },
      above: { type: 'integer', exclusiveMinimum: true, minimum: 5 },
      half: { type: 'number', multipleOf: 0.5 },
      color: { type: 'string', enum: ['red', 'blue'], default: 'red' },
      name: { type: 'string', pattern: '^[a-z]+$', minLength: 2, maxLength: 4 },
      when: { type: 'string', format: 'date-time' },
      mail: { type: 'string', format: 'email' },
      bytes: { type: 'string', format: 'byte' },
      port: { 'x-kubernetes-int-or-string': true },
      flag: { type: 'boolean' },
      maybe: { type: 'string', nullable: true },
      never: { type: 'string', nullable: true, default: 'x' },
      list: { type: 'array', minItems: 1, maxItems: 2, items: { type: 'string' } },
      set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
      map: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['key'],
        items: object({ key: { type: 'string' }, value: { type: 'integer' } }, { required: ['key'] }),
      },
      open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      free: { type: 'object', additionalProperties: { type: 'integer' } },
      atomic: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'string' } },
      either: {
        anyOf: [{ required: ['a'] }, { required: ['b'] }],
        ...object({ a: { type: 'string' }, b: { type: 'string' } }),
      },
      not: { not: { required: ['bad'] }, ...object({ bad: { type: 'string' }, good: { type: 'string' } }) },
      embedded: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-preserve-unknown-fields': true,
      },
      nested: object({ deep: object({ a: { type: 'integer', default: 1 } }, { default: {} }) }),
    },
    { required: ['size'] },
  ),
  status: object({ ready: { type: 'boolean' }, replicas: { type: 'integer' }, selector: { type: 'string' } }),
});

const wrong = (name: string, schema: Json, more: Json = {}, version: Json = {}): Step =>
  post(`wrong: ${name}`, `${crds}?dryRun=All`, definition('wrongs', 'Wrong', schema, more, version));
const refuse = (name: string, spec: Json): Step =>
  post(`refused: ${name}`, `${things}?dryRun=All`, thing('no', spec));
const accept = (name: string, spec: Json): Step =>
  post(`taken: ${name}`, things, thing(name.replaceAll(' ', '-'), spec));
const established = ({ body }: { body: Json }) =>
  body.status?.conditions?.some((c: Json) => c.type === 'Established' && c.status === 'True');
const crd = `${crds}/things.${group}`;

export const definitions: Topic = {
  name: 'crds',
  steps: [
    wrong('no schema', undefined, { versions: [{ name: 'v1', served: true, storage: true }] }),
    wrong('no type', { properties: {} }),
    wrong('a type that is none', { type: 'thing' }),
    wrong('a root that is no object', { type: 'string' }),
    wrong('a property without a type', object({ a: {} })),
    wrong('an array without items', object({ a: { type: 'array' } })),
    wrong('items as a list', object({ a: { type: 'array', items: [{ type: 'string' }] } })),
    wrong(
      'both kinds of properties',
      object({ a: { ...object({}), additionalProperties: { type: 'string' } } }),
    ),
    wrong('additionalProperties false', object({}, { additionalProperties: false })),
    wrong('a reference', object({ a: { $ref: '#/x' } })),
    wrong('a default of the wrong type', object({ a: { type: 'integer', default: 'x' } })),
    wrong('a default that is refused', object({ a: { type: 'integer', default: 9, maximum: 5 } })),
    wrong('a default that would be pruned', object({ a: object({}, { default: { b: 1 } }) })),
    wrong('a default in metadata', object({ metadata: object({ name: { type: 'string', default: 'x' } }) })),
    wrong('metadata restricted', object({ metadata: object({ labels: { type: 'object' } }) })),
    wrong('a type within anyOf', object({ a: { type: 'string', anyOf: [{ type: 'string' }] } })),
    wrong('a property only in anyOf', object({ a: { type: 'object', anyOf: [{ properties: { b: {} } }] } })),
    wrong('a default in anyOf', object({ a: { type: 'string', anyOf: [{ default: 'x' }] } })),
    wrong(
      'a set of atoms that are objects',
      object({ a: { type: 'array', 'x-kubernetes-list-type': 'set', items: object({}) } }),
    ),
    wrong(
      'a map without keys',
      object({ a: { type: 'array', 'x-kubernetes-list-type': 'map', items: object({}) } }),
    ),
    wrong(
      'a map of keys that are not there',
      object({
        a: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: object({}),
        },
      }),
    ),
    wrong(
      'a key that may be missing',
      object({
        a: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: object({ k: { type: 'string' } }),
        },
      }),
    ),
    wrong(
      'an unknown list type',
      object({ a: { type: 'array', 'x-kubernetes-list-type': 'heap', items: { type: 'string' } } }),
    ),
    wrong('a list type for an object', object({ a: { type: 'object', 'x-kubernetes-list-type': 'set' } })),
    wrong('int-or-string and a type', object({ a: { type: 'string', 'x-kubernetes-int-or-string': true } })),
    wrong(
      'unknown fields kept in a text',
      object({ a: { type: 'string', 'x-kubernetes-preserve-unknown-fields': true } }),
    ),
    wrong(
      'unknown fields not kept',
      object({ a: { type: 'object', 'x-kubernetes-preserve-unknown-fields': false } }),
    ),
    wrong('an embedded text', object({ a: { type: 'string', 'x-kubernetes-embedded-resource': true } })),
    wrong('a bad pattern', object({ a: { type: 'string', pattern: '(' } })),
    wrong('unique items', object({ a: { type: 'array', uniqueItems: true, items: { type: 'string' } } })),
    wrong('a name that does not fit', object({}), { names: { plural: 'others', kind: 'Wrong' } }),
    wrong('no group', object({}), { group: '' }),
    wrong('no plural', object({}), { names: { kind: 'Wrong' } }),
    wrong('an odd kind', object({}), { names: { plural: 'wrongs', kind: 'wr_ong', listKind: 'wr_ong' } }),
    wrong('an odd scope', object({}), { scope: 'Galaxy' }),
    wrong('no versions', object({}), { versions: [] }),
    wrong('no storage version', object({}), {}, { storage: false }),
    wrong('two storage versions', object({}), {
      versions: ['v1', 'v2'].map((name) => ({
        name,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: object({}) },
      })),
    }),
    wrong('a version twice', object({}), {
      versions: ['v1', 'v1'].map((name, i) => ({
        name,
        served: true,
        storage: i === 0,
        schema: { openAPIV3Schema: object({}) },
      })),
    }),
    wrong('an odd version', object({}), {}, { name: 'V_1' }),
    wrong('unknown fields preserved everywhere', object({}), { preserveUnknownFields: true }),
    wrong(
      'a column without a path',
      object({}),
      {},
      { additionalPrinterColumns: [{ name: 'A', type: 'string' }] },
    ),
    wrong(
      'a column of no type',
      object({}),
      {},
      { additionalPrinterColumns: [{ name: 'A', type: 'thing', jsonPath: '.a' }] },
    ),
    wrong(
      'a column with a bad path',
      object({}),
      {},
      { additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: 'a[' }] },
    ),
    wrong('a scale without paths', object({}), {}, { subresources: { scale: {} } }),
    wrong(
      'a scale elsewhere',
      object({}),
      {},
      { subresources: { scale: { specReplicasPath: '.status.r', statusReplicasPath: '.spec.r' } } },
    ),
    wrong('a conversion by no webhook', object({}), { conversion: { strategy: 'Webhook' } }),
    wrong('an odd conversion', object({}), { conversion: { strategy: 'Magic' } }),
    wrong('an odd name', object({}), { names: { plural: 'Wrongs', kind: 'Wrong' } }),
    post('a definition in a protected group', `${crds}?dryRun=All`, {
      ...definition('wrongs', 'Wrong', object({})),
      metadata: { name: 'wrongs.my.k8s.io' },
      spec: { ...definition('wrongs', 'Wrong', object({})).spec, group: 'my.k8s.io' },
    }),
    post(
      'a definition',
      crds,
      definition(
        'things',
        'Thing',
        thingSchema,
        { names: { plural: 'things', kind: 'Thing', shortNames: ['tg'], categories: ['all'] } },
        {
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.size',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          additionalPrinterColumns: [
            { name: 'Size', type: 'integer', jsonPath: '.spec.size', description: 'How big.' },
            { name: 'Color', type: 'string', jsonPath: '.spec.color', priority: 1 },
            { name: 'Flag', type: 'boolean', jsonPath: '.spec.flag' },
            { name: 'Ratio', type: 'number', jsonPath: '.spec.ratio' },
            { name: 'When', type: 'date', jsonPath: '.spec.when' },
            { name: 'List', type: 'string', jsonPath: '.spec.list' },
            { name: 'First', type: 'string', jsonPath: '.spec.list[0]' },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
        },
      ),
    ),
    post('the definition again', crds, definition('things', 'Thing', thingSchema)),
    post('the kind again', crds, definition('thingies', 'Thing', object({}))),
    get('established', crd, { until: established }),
    get('not accepted', `${crds}/thingies.${group}`, {
      pick: 'status.conditions.0.status',
      until: ({ body }) => body.status?.conditions?.length > 0,
    }),
    get('its group', `/apis/${group}`, { until: found }),
    get('its version', `/apis/${group}/v1`, { until: found, keyed: true }),
    get('its empty list', things, { until: found }),
    get('definitions as a table', `${crds}?fieldSelector=metadata.name%3Dthings.crds.example.com`, {
      headers: table,
    }),
    post('an object with defaults', things, thing('a', {})),
    post('an object without a spec', things, {
      apiVersion: `${group}/v1`,
      kind: 'Thing',
      metadata: { name: 'bare' },
    }),
    post('an object with a status', things, thing('s', {}, { status: { ready: true } })),
    post('of another kind', things, { ...thing('x', {}), kind: 'Other' }),
    post('of another version', things, { ...thing('x', {}), apiVersion: `${group}/v2` }),
    post('of no kind', things, { metadata: { name: 'x' }, spec: {} }),
    post('a bad name', things, thing('Bad_', {})),
    post('no name', things, { apiVersion: `${group}/v1`, kind: 'Thing', metadata: {} }),
    post('a bad label', things, { ...thing('x', {}), metadata: { name: 'x', labels: { 'a b': 'c' } } }),
    post('labels of numbers', things, { ...thing('x', {}), metadata: { name: 'x', labels: { a: 1 } } }),
    post('metadata that is a text', things, { ...thing('x', {}), metadata: 'x' }),
    post('unknown metadata', things, { ...thing('um', {}), metadata: { name: 'um', colour: 'red' } }),
    post('broken JSON for it', things, '{"a":'),
    refuse('too small', { size: 0 }),
    refuse('too big', { size: 11 }),
    refuse('a text for a number', { size: 'x' }),
    refuse('a fraction for an integer', { size: 1.5 }),
    refuse('an excluded minimum', { above: 5 }),
    refuse('not a multiple', { half: 0.7 }),
    refuse('no such color', { color: 'green' }),
    refuse('a bad pattern', { name: 'A1' }),
    refuse('too short', { name: 'a' }),
    refuse('too long', { name: 'abcdefg' }),
    refuse('no time', { when: 'soon' }),
    refuse('no mail', { mail: 'x' }),
    refuse('no base64', { bytes: '%%%' }),
    refuse('a truth for a port', { port: true }),
    refuse('a fraction for a port', { port: 1.5 }),
    refuse('a text for a flag', { flag: 'yes' }),
    refuse('too few items', { list: [] }),
    refuse('too many items', { list: ['a', 'b', 'c'] }),
    refuse('items of a wrong type', { list: [1] }),
    refuse('twice in a set', { set: ['a', 'b', 'a'] }),
    refuse('a key twice', { map: [{ key: 'a' }, { key: 'a' }] }),
    refuse('no key', { map: [{ value: 1 }] }),
    refuse('a text in a free map', { free: { a: 'x' } }),
    refuse('neither', { either: {} }),
    refuse('the bad', { not: { bad: 'x' } }),
    refuse('null for a number', { ratio: null, flag: null }),
    refuse('an embedded thing without a kind', { embedded: { a: 1 } }),
    refuse('an embedded thing with a bad name', {
      embedded: { apiVersion: 'v1', kind: 'X', metadata: { name: 'A_' } },
    }),
    refuse('several at once', { size: 99, color: 'x', list: [], name: 'A' }),
    refuse('a list for the spec', []),
    accept('a port as a number', { port: 80 }),
    accept('a port as a text', { port: 'http' }),
    accept('nulls', { maybe: null, never: null, size: null }),
    accept('unknown fields', { surplus: 1, open: { a: { b: 1 } }, nested: { deep: { x: 1 } } }),
    accept('nested defaults', { nested: {} }),
    accept('a whole float', { size: 4.0, ratio: 1 }),
    accept('maps and sets', {
      set: ['a', 'b'],
      map: [{ key: 'a', value: 1 }, { key: 'b' }],
      free: { x: 1 },
      atomic: { y: '2' },
    }),
    accept('either a', { either: { a: 'x' } }),
    accept('an embedded thing', {
      embedded: { apiVersion: 'v1', kind: 'X', metadata: { name: 'a', odd: 1 }, more: 1 },
    }),
    accept('columns', { size: 2, flag: true, ratio: 1.5, when: '2001-01-01T00:00:00Z', list: ['p', 'q'] }),
    get('one as a table', `${things}/columns`, { headers: table }),
    get('all as a table', things, { headers: table }),
    patch('merge', 'a spec through the main door', `${things}/s`, {
      spec: { size: 5 },
      status: { ready: true },
    }),
    patch('merge', 'a status through its own', `${things}/s/status`, {
      spec: { size: 6 },
      status: { ready: true, surplus: 1, selector: 'a=b', replicas: 1 },
      metadata: { labels: { a: 'b' } },
    }),
    patch('merge', 'a wrong status', `${things}/s/status`, { status: { ready: 'x' } }),
    get('the status', `${things}/s/status`),
    get('the scale', `${things}/s/scale`),
    patch('merge', 'scaled', `${things}/s/scale`, { spec: { replicas: 7 } }),
    patch('merge', 'scaled too far', `${things}/s/scale`, { spec: { replicas: 11 } }),
    patch('merge', 'scaled below nothing', `${things}/s/scale`, { spec: { replicas: -1 } }),
    put('scaled by a put', `${things}/s/scale`, {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 's', namespace: '@{ns}' },
      spec: { replicas: 2 },
    }),
    get('after that', `${things}/s`, { save: { rv: 'metadata.resourceVersion' } }),
    put('a put without a version', `${things}/s`, thing('s', { size: 3 })),
    put('a put', `${things}/s`, {
      ...thing('s', { size: 4 }),
      metadata: { name: 's', resourceVersion: '@{rv}' },
    }),
    put('a stale put', `${things}/s`, {
      ...thing('s', { size: 4 }),
      metadata: { name: 's', resourceVersion: '@{rv}' },
    }),
    patch('json', 'a JSON patch', `${things}/s`, [{ op: 'replace', path: '/spec/size', value: 8 }]),
    patch('strategic', 'a strategic patch', `${things}/s`, { spec: { size: 8 } }),
    patch(
      'apply',
      'applied',
      `${things}/ap?fieldManager=one`,
      thing('ap', { size: 2, map: [{ key: 'a', value: 1 }], set: ['x'] }),
    ),
    patch(
      'apply',
      'applied by another',
      `${things}/ap?fieldManager=two`,
      thing('ap', { map: [{ key: 'b', value: 2 }], set: ['y'], size: 3 }),
    ),
    patch(
      'apply',
      'applied beside it',
      `${things}/ap?fieldManager=two`,
      thing('ap', { map: [{ key: 'b', value: 2 }], set: ['y'], free: { q: 1 }, atomic: { r: 's' } }),
    ),
    patch(
      'apply',
      'applied with surplus',
      `${things}/ap?fieldManager=one`,
      thing('ap', { size: 2, surplus: 1 }),
    ),
    patch('apply', 'applied wrongly', `${things}/ap?fieldManager=one`, thing('ap', { size: 'x' })),
    patch('merge', 'a definition with a wrong change', crd, { spec: { scope: 'Cluster' } }),
    patch('merge', 'a definition with another kind', crd, {
      spec: { names: { kind: 'Thang', listKind: 'ThangList' } },
    }),
    patch('json', 'a second version', crd, [
      {
        op: 'add',
        path: '/spec/versions/-',
        value: {
          name: 'v2',
          served: true,
          storage: false,
          schema: {
            openAPIV3Schema: object({
              spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            }),
          },
        },
      },
    ]),
    get('in its second version', `/apis/${group}/v2/namespaces/@{ns}/things/a`, { until: found }),
    get('the group of two versions', `/apis/${group}`, { until: ({ body }) => body.versions?.length === 2 }),
    post('made in its second version', `/apis/${group}/v2/namespaces/@{ns}/things`, {
      ...thing('two', { whatever: 1 }),
      apiVersion: `${group}/v2`,
    }),
    get('read in its first', `${things}/two`),
    patch('json', 'the second version served no more', crd, [
      { op: 'replace', path: '/spec/versions/1/served', value: false },
    ]),
    get('not there', `/apis/${group}/v2/namespaces/@{ns}/things/a`, { until: gone }),
    patch('json', 'a stored version removed', crd, [{ op: 'remove', path: '/spec/versions/0' }]),
    patch('merge', 'a status of a definition', `${crd}/status`, { status: { storedVersions: ['v1', 'v2'] } }),
    del('a collection of things', `${things}?fieldSelector=metadata.name%3Da`),
    del('one thing', `${things}/s`),
    del('the definition', crd),
    get('its objects', things, { until: gone }),
    get('the definition is gone', crd, { until: gone }),
    del('the other', `${crds}/thingies.${group}`, undefined, { setup: true }),
  ],
};
