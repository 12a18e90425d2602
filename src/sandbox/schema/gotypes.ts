// Checks that JSON fits a built-in type, as Go's decoder does, and converts quantities from numbers to text. Only for
// built-in schemas: a custom resource has a validator instead.

import { own, setOwn } from '../../runtime/own-keys.ts';
import { isObj, type Obj } from '../types.ts';
import { deref, fieldSchema, type Schema, type SchemaRoot } from './schema.ts';

const goNames: Record<string, string> = { int32: 'int32', int64: 'int64', double: 'float64' };

function jsonName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' ? (Number.isInteger(value) ? 'number' : `number ${value}`) : typeof value;
}

const quantity = /^[+-]?(\d+(\.\d*)?|\.\d+)(m|n|u|k|Ki|Mi|Gi|Ti|Pi|Ei|M|G|T|P|E|[eE][+-]?\d+)?$/;

/**
 * The error text of Go's decoder, or undefined. Converts quantities in `value` in place. `typeName`: the kind, for the
 * text.
 */
export function decodeError(root: SchemaRoot, value: Obj, typeName: string): string | undefined {
  return visit(root, deref(root, root.schema), value, '', typeName);
}

function mismatch(value: unknown, path: string, typeName: string, go: string): string {
  return `json: cannot unmarshal ${jsonName(value)} into Go struct field ${typeName}${path ? `.${path}` : ''} of type ${go}`;
}

function visit(
  root: SchemaRoot,
  schema: Schema,
  value: unknown,
  path: string,
  typeName: string,
): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (schema['x-kubernetes-preserve-unknown-fields'] && !schema.type) return undefined;
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return mismatch(value, path, typeName, `[]${goType(schema.items ?? {})}`);
    const items = deref(root, schema.items ?? {});
    for (let i = 0; i < value.length; i++) {
      const error = visitMember(root, items, value, i, path, typeName);
      if (error) return error;
    }
    return undefined;
  }
  if (schema.type === 'object') return visitObject(root, schema, value, path, typeName);
  return undefined;
}

function visitObject(root: SchemaRoot, schema: Schema, value: unknown, path: string, typeName: string) {
  if (!isObj(value)) return mismatch(value, path, typeName, goType(schema));
  for (const name of Object.keys(value)) {
    const known = fieldSchema(schema, name);
    if (!known) continue;
    const error = visitMember(
      root,
      deref(root, known),
      value,
      name,
      path ? `${path}.${name}` : name,
      typeName,
    );
    if (error) return error;
  }
  return undefined;
}

function goType(schema: Schema): string {
  if (schema.$ref) return `v1.${schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)}`;
  if (schema.type === 'string') return 'string';
  if (schema.type === 'boolean') return 'bool';
  if (schema.type === 'object') return 'map[string]string';
  return goNames[schema.format ?? ''] ?? schema.type ?? 'interface {}';
}

/** Checks one field (or list element) of `holder`. Converts a quantity in place. */
function visitMember(
  root: SchemaRoot,
  schema: Schema,
  holder: Obj | unknown[],
  key: string | number,
  path: string,
  typeName: string,
): string | undefined {
  const at = holder as Record<string | number, unknown>;
  const value = own(at, String(key));
  if (value === null || value === undefined) return undefined;
  const kind = schema['x-scalar'];
  if (kind === 'quantity') {
    if (typeof value === 'number') setOwn(at, String(key), String(value));
    else if (typeof value !== 'string') return mismatch(value, path, typeName, 'resource.Quantity');
    return quantity.test(String(value))
      ? undefined
      : "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  }
  if (kind === 'int-or-string') {
    return typeof value === 'string' || Number.isInteger(value)
      ? undefined
      : mismatch(value, path, typeName, 'intstr.IntOrString');
  }
  if (kind === 'time') {
    if (typeof value !== 'string') return mismatch(value, path, typeName, 'Time');
    return Number.isNaN(Date.parse(value))
      ? `parsing time "${value}" as "2006-01-02T15:04:05Z07:00": cannot parse "${value}" as "2006"`
      : undefined;
  }
  if (kind === 'bytes') {
    if (typeof value !== 'string') return mismatch(value, path, typeName, '[]uint8');
    const badCharacter = /[^A-Za-z0-9+/=\r\n]/.exec(value);
    if (badCharacter) return `illegal base64 data at input byte ${badCharacter.index}`;
    return value.replace(/[\r\n]/g, '').length % 4 === 0
      ? undefined
      : `illegal base64 data at input byte ${value.length - (value.length % 4)}`;
  }
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' ? undefined : mismatch(value, path, typeName, 'string');
    case 'boolean':
      return typeof value === 'boolean' ? undefined : mismatch(value, path, typeName, 'bool');
    case 'integer':
      return Number.isInteger(value) ? undefined : mismatch(value, path, typeName, goType(schema));
    case 'number':
      return typeof value === 'number' ? undefined : mismatch(value, path, typeName, 'float64');
    default:
      return visit(root, schema, value, path, typeName);
  }
}

/** Paths of required fields that are missing or empty, as validation prints them. Ignores metadata and status. */
export function missingRequired(root: SchemaRoot, value: Obj): string[] {
  const out: string[] = [];
  const visitRequired = (schema: Schema, at: unknown, path: string): void => {
    if (Array.isArray(at)) {
      const items = deref(root, schema.items ?? {});
      for (let i = 0; i < at.length; i++) visitRequired(items, at[i], `${path}[${i}]`);
      return;
    }
    if (!isObj(at)) return;
    for (const name of schema.required ?? []) {
      const given = own(at, name);
      if (given === undefined || given === '') out.push(path ? `${path}.${name}` : name);
    }
    for (const name of Object.keys(at)) {
      if (path === '' && (name === 'status' || name === 'metadata')) continue;
      const known = fieldSchema(schema, name);
      if (known) visitRequired(deref(root, known), own(at, name), path ? `${path}.${name}` : name);
    }
  };
  visitRequired(deref(root, root.schema), value, '');
  return out;
}
