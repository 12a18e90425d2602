// Checks values against the x-kubernetes-* extensions of a schema (here called marks) for which JSON Schema has no
// keyword: lists that are sets or maps, and embedded resources. Pure.

import { own } from '../../runtime/own-keys.ts';
import type { Schema } from '../schema/schema.ts';
import { type FieldError, field } from '../status.ts';
import { formatError, formats } from '../strategies/names.ts';
import { canonical, isObj, type Obj } from '../types.ts';

const uniqueListTypes = ['map', 'set'];

/** Whether `schema` has any of these marks, at any depth. */
export function hasMarks(schema: Schema | undefined): boolean {
  if (!isObj(schema)) return false;
  return (
    uniqueListTypes.includes(schema['x-kubernetes-list-type'] ?? '') ||
    schema['x-kubernetes-embedded-resource'] === true ||
    hasMarks(schema.items) ||
    Object.values(schema.properties ?? {}).some(hasMarks) ||
    hasMarks(schema.additionalProperties as Schema | undefined)
  );
}

/** Adds the violations of `value` at `path` to `out`. */
export function checkMarks(schema: Schema, value: unknown, path: string, out: FieldError[]): void {
  if (Array.isArray(value)) {
    checkList(schema, value, path, out);
    value.forEach((item, i) => {
      if (schema.items) checkMarks(schema.items, item, `${path}[${i}]`, out);
    });
  } else if (isObj(value)) {
    if (schema['x-kubernetes-embedded-resource']) out.push(...checkEmbedded(value, path));
    const others = isObj(schema.additionalProperties) ? (schema.additionalProperties as Schema) : undefined;
    for (const [name, child] of Object.entries(value)) {
      const childSchema = own(schema.properties, name) ?? others;
      if (childSchema) checkMarks(childSchema, child, path ? `${path}.${name}` : name, out);
    }
  }
}

function checkList(schema: Schema, list: readonly unknown[], path: string, out: FieldError[]): void {
  const kind = schema['x-kubernetes-list-type'] ?? '';
  if (!uniqueListTypes.includes(kind)) return;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  list.forEach((item, i) => {
    const hasKeys = kind === 'map' && isObj(item);
    const identity = hasKeys ? Object.fromEntries(keys.map((key) => [key, own(item as Obj, key)])) : item;
    const identityText = canonical(identity);
    if (seen.has(identityText)) out.push(field.duplicate(`${path}[${i}]`, identity));
    seen.add(identityText);
  });
}

/** An embedded object must have apiVersion and kind (apiextensions' objectmeta/validation.go). */
function checkEmbedded(value: Obj, path: string): FieldError[] {
  const { apiVersion, kind } = value;
  const errors: FieldError[] = [];
  for (const [name, given] of Object.entries({ apiVersion, kind })) {
    if (given === undefined) errors.push(field.required(`${path}.${name}`));
    else if (given === '') errors.push(field.invalid(`${path}.${name}`, given, 'must not be empty'));
  }
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    const bad = `unexpected GroupVersion string: ${apiVersion}`;
    errors.push(field.invalid(`${path}.apiVersion`, apiVersion, bad));
  }
  const bad = typeof kind === 'string' && kind && formatError(formats.label1035, kind.toLowerCase());
  if (bad) {
    const text = `may have mixed case, but should otherwise match: ${bad}`;
    errors.push(field.invalid(`${path}.kind`, kind, text));
  }
  return errors;
}
