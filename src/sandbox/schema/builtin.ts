// Builds the schemas of the built-in types from types.generated.ts and overlays.ts. With the exception of the two
// corrections below it knows no kind by name.

import {
  atomicFields,
  atomicTypes,
  defaults,
  listRules,
  patchStrategies,
  quantities,
  valueStructs,
} from './overlays.ts';
import { refTo, type Schema, type SchemaRoot } from './schema.ts';
import { builtinTypes } from './types.generated.ts';

/** The one-letter types of types.generated.ts, which explains them; `q` is a quantity, a text in that file. */
const scalars: Record<string, () => Schema> = {
  s: () => ({ type: 'string' }),
  i: () => ({ type: 'integer', format: 'int32' }),
  l: () => ({ type: 'integer', format: 'int64' }),
  d: () => ({ type: 'number', format: 'double' }),
  b: () => ({ type: 'boolean' }),
  y: () => ({ type: 'string', format: 'byte', 'x-scalar': 'bytes' }),
  t: () => ({ type: 'string', format: 'date-time', 'x-scalar': 'time' }),
  q: () => ({ type: 'string', 'x-scalar': 'quantity' }),
  x: () => ({
    type: 'string',
    format: 'int-or-string',
    'x-kubernetes-int-or-string': true,
    'x-scalar': 'int-or-string',
  }),
  o: () => ({ 'x-kubernetes-preserve-unknown-fields': true }),
};

/** The schema of a type as types.generated.ts writes it. `quantity`: its texts are quantities. */
function schemaOf(code: string, quantity: boolean): Schema {
  if (code.startsWith('[')) return { type: 'array', items: schemaOf(code.slice(1, -1), quantity) };
  if (code.startsWith('{'))
    return { type: 'object', additionalProperties: schemaOf(code.slice(1, -1), quantity) };
  const scalar = scalars[quantity && code === 's' ? 'q' : code];
  return scalar ? scalar() : refTo(code);
}

function fieldOf(type: string, name: string, code: string): Schema {
  const path = `${type}.${name}`;
  const schema = schemaOf(code, quantities.has(path));
  const rule = listRules[path];
  if (rule) {
    schema['x-kubernetes-list-type'] = rule.type;
    if (rule.keys && rule.type === 'map') schema['x-kubernetes-list-map-keys'] = [...rule.keys];
    if (rule.merge) schema['x-kubernetes-patch-merge-key'] = rule.merge;
    if (rule.strategy) schema['x-kubernetes-patch-strategy'] = rule.strategy;
  } else if (schema.type === 'array') schema['x-kubernetes-list-type'] = 'atomic';
  const strategy = patchStrategies[path];
  if (strategy) schema['x-kubernetes-patch-strategy'] = strategy;
  if (atomicFields.has(path)) schema['x-kubernetes-map-type'] = 'atomic';
  if (valueStructs.has(path) || name === 'metadata') schema['x-value-struct'] = true;
  const value = defaults[type]?.[name];
  if (value !== undefined) schema.default = value;
  return schema;
}

/** Reads one line of types.generated.ts: `name|field:type …`, where `!` marks a required field. */
function parse(line: string): [string, Schema] {
  const [type = '', fields = ''] = line.split('|');
  const schema: Schema = { type: 'object', properties: {} };
  const required: string[] = [];
  for (const field of fields.split(' ').filter(Boolean)) {
    const colon = field.lastIndexOf(':');
    const marked = field.slice(0, colon);
    const name = marked.replace('!', '');
    if (marked.endsWith('!')) required.push(name);
    (schema.properties as Record<string, Schema>)[name] = fieldOf(type, name, field.slice(colon + 1));
  }
  if (required.length > 0) schema.required = required;
  if (atomicTypes.has(type)) schema['x-kubernetes-map-type'] = 'atomic';
  return [type, schema];
}

export const definitions: Record<string, Schema> = Object.fromEntries(
  builtinTypes.trim().split('\n').map(parse),
);

// FieldsV1 and the data of a ControllerRevision may be any JSON.
definitions.ManagedFieldsEntry!.properties!.fieldsV1 = {
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
};
definitions.ControllerRevision!.properties!.data = {
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
};

export function builtinSchema(type: string): SchemaRoot {
  return { schema: refTo(type), definitions };
}

/** The schema of metadata, for the standard parts of a custom resource. */
export const metadataSchema: SchemaRoot = builtinSchema('ObjectMeta');
