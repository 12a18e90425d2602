// The custom kind of these requests: its definition, its schema, its objects.
import type { Json } from '../types.ts';

export const group = 'crds.example.com';
export const definition = (
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

export const object = (properties: Json, more: Json = {}): Json => ({ type: 'object', properties, ...more });
const base = `/apis/${group}/v1/namespaces/@{ns}`;
export const things = `${base}/things`;
export const thing = (name: string, spec: Json, more: Json = {}): Json => ({
  apiVersion: `${group}/v1`,
  kind: 'Thing',
  metadata: { name },
  spec,
  ...more,
});

export const thingSchema = object({
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
