// Custom resource definitions that an API server refuses: wrong schemas, names, versions, columns.
import type { Json, Step } from '../types.ts';
import { definition, object } from './crd-shapes.ts';
import { crds, post } from './make.ts';

const wrong = (name: string, schema: Json, more: Json = {}, version: Json = {}): Step =>
  post(`wrong: ${name}`, `${crds}?dryRun=All`, definition('wrongs', 'Wrong', schema, more, version));

export const wrongDefinitions: Step[] = [
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
];
