// Custom resource definitions and their objects: a life, wrong schemas, defaulting, pruning, lists, versions.

import type { Json, Step, Topic } from '../types.ts';
import { definition, group, object, thing, thingSchema, things } from './crd-shapes.ts';
import { crds, del, found, get, gone, patch, post, put, table } from './make.ts';
import { wrongDefinitions } from './wrong-definitions.ts';

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
    ...wrongDefinitions,
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
