// Validates custom resources by their structural schema, with ajv. Translates ajv's errors into the errors of
// kube-apiserver. marks.ts has the checks that ajv lacks. Knows schemas and values only.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { RE2JS } from 're2js';
import { own } from '../../runtime/own-keys.ts';
import type { Schema } from '../schema/schema.ts';
import { type FieldError, field } from '../status.ts';
import { isObj, type Obj } from '../types.ts';
import { checkMarks, hasMarks } from './marks.ts';

/** Makes ajv use RE2, whose time is linear in the length of the text, as Go's regular expressions do. */
const linearTime = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    // ajv caches patterns by their toString(), so it must return the text of this pattern.
    return { test: (text: string) => compiled.matcher(text).find(), toString: () => pattern };
  },
  { code: '' },
);
const options = {
  strict: false,
  verbose: true,
  logger: false,
  validateSchema: false,
  ownProperties: true,
  code: { regExp: linearTime },
} as const;

/** Reports every error of a value. */
const thorough = new Ajv({ ...options, allErrors: true });
/** Stops at the first error, because a map of megabytes may have a hundred thousand errors. */
const brief = new Ajv({ ...options, allErrors: false });
for (const ajv of [thorough, brief]) addFormats.default(ajv);
/** A value with more nodes than this is validated by `brief`. */
const maxNodes = 5000;

/** The formats that the apiextensions server checks. All others are only documentation. */
const checkedFormats = new Set([
  'date',
  'date-time',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uri',
  'uuid',
  'byte',
  'duration',
]);
/** Keywords that ajv reads unchanged. */
const copiedKeywords = [
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'uniqueItems',
  'multipleOf',
  'minProperties',
  'maxProperties',
  'required',
  'nullable',
] as const;

/** The JSON Schema that ajv compiles for a structural schema. */
function toJsonSchema(schema: Schema): Obj {
  const out: Obj = {};
  for (const name of copiedKeywords) if (schema[name] !== undefined) out[name] = schema[name];
  if (schema['x-kubernetes-int-or-string']) out.type = ['integer', 'string'];
  else if (schema.type) out.type = schema.type;
  if (schema.nullable && !out.type) delete out.nullable;
  if (schema.enum) out.enum = schema.nullable ? [...schema.enum, null] : schema.enum;
  if (schema.format && checkedFormats.has(schema.format)) out.format = schema.format;
  for (const side of ['Minimum', 'Maximum']) {
    const bound = side.toLowerCase();
    if (schema[`exclusive${side}`] === true && out[bound] !== undefined) {
      out[`exclusive${side}`] = out[bound];
      delete out[bound];
    }
  }
  if (schema.properties) {
    out.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([k, v]) => [k, toJsonSchema(v)]),
    );
  }
  if (isObj(schema.additionalProperties))
    out.additionalProperties = toJsonSchema(schema.additionalProperties as Schema);
  if (schema.items) out.items = toJsonSchema(schema.items);
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const)
    if (schema[name]) out[name] = schema[name].map(toJsonSchema);
  if (schema.not) out.not = toJsonSchema(schema.not);
  return out;
}

function fieldPath(pointer: string, root: unknown): string {
  let path = '';
  let at: unknown = root;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) path += `[${name}]`;
    else path += path ? `.${name}` : name;
    at = isObj(at) || Array.isArray(at) ? own(at as Obj, name) : undefined;
  }
  return path || '<nil>';
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value;
}

/** The end of an error text, by keyword: `spec.x in body ${end}`. */
const bounds: Record<string, (limit: unknown) => string> = {
  minimum: (n) => `should be greater than or equal to ${n}`,
  exclusiveMinimum: (n) => `should be greater than ${n}`,
  maximum: (n) => `should be less than or equal to ${n}`,
  exclusiveMaximum: (n) => `should be less than ${n}`,
  minLength: (n) => `should be at least ${n} chars long`,
  pattern: (p) => `should match '${p}'`,
  minItems: (n) => `should have at least ${n} items`,
  multipleOf: (n) => `should be a multiple of ${n}`,
  uniqueItems: () => "shouldn't contain duplicates",
  minProperties: (n) => `should have at least ${n} properties`,
};

/** Error texts of the keywords that combine schemas. */
const combined: Record<string, string> = {
  oneOf: 'must validate one and only one schema (oneOf). Found none valid',
  anyOf: 'must validate at least one schema (anyOf)',
  not: 'must not validate the schema (not)',
  allOf: 'must validate all the schemas (allOf)',
};

function translate(error: ErrorObject, root: unknown): FieldError | undefined {
  const path = fieldPath(error.instancePath, root);
  const params = error.params as Obj;
  const value = error.data;
  switch (error.keyword) {
    case 'required':
      return field.required(
        path === '<nil>' ? String(params.missingProperty) : `${path}.${params.missingProperty}`,
      );
    case 'type': {
      const wanted = Array.isArray(params.type)
        ? (params.type as string[]).filter((t) => t !== 'null')
        : [params.type];
      const name = typeName(value);
      return field.type(
        path,
        name,
        `${path} in body must be of type ${wanted.join(',')}: ${JSON.stringify(name)}`,
      );
    }
    case 'enum':
      return field.unsupported(
        path,
        value,
        (params.allowedValues as unknown[]).filter((v) => v !== null),
      );
    case 'format':
      return field.type(
        path,
        value,
        `${path} in body must be of type ${params.format}: ${JSON.stringify(value)}`,
      );
    case 'maxLength':
      return field.tooLong(path, Number(params.limit));
    case 'maxItems':
      return {
        reason: 'FieldValueTooMany',
        message: `Too many: ${(value as unknown[]).length}: must have at most ${params.limit} items`,
        field: path,
      };
    case 'maxProperties':
      return {
        reason: 'FieldValueTooMany',
        message: `Too many: ${Object.keys(value as Obj).length}: must have at most ${params.limit} items`,
        field: path,
      };
    case 'minItems':
    case 'minProperties': {
      const have = Array.isArray(value) ? value.length : Object.keys(value as Obj).length;
      return field.invalid(path, have, `${path} in body ${bounds[error.keyword]?.(params.limit)}`);
    }
  }
  const combination = combined[error.keyword];
  // A combination of schemas has one error for all errors inside it, without a field.
  if (combination)
    return field.invalid('<nil>', '', `${JSON.stringify(path === '<nil>' ? '' : path)} ${combination}`);
  const bound = bounds[error.keyword];
  const limit = params.limit ?? params.pattern ?? params.multipleOf ?? params.comparison;
  return bound
    ? field.invalid(path, value, `${path} in body ${bound(limit)}`)
    : field.invalid(path, value, error.message ?? 'is not valid');
}

const stringKeywords = new Set(['maxLength', 'minLength', 'pattern']);
const alternatives = new Set(['anyOf', 'oneOf', 'not']);

/**
 * Whether the error is inside anyOf, oneOf or not, which report an error of their own. A part after `properties` is
 * the name of a field, even when it is called `anyOf`.
 */
function isInner(schemaPath: string): boolean {
  const parts = schemaPath.split('/').slice(1);
  for (let i = 0; i < parts.length - 1; i++) {
    if (parts[i] === 'properties') i++;
    else if (alternatives.has(parts[i] as string)) return true;
  }
  return false;
}

/** Whether `value` has more than `maximum` nodes (objects, lists and plain values). */
function isLarge(value: unknown, maximum: number): boolean {
  const stack: unknown[] = [value];
  for (let seen = 0; stack.length > 0; seen++) {
    if (seen + stack.length > maximum) return true;
    const next = stack.pop();
    if (typeof next === 'object' && next !== null) {
      const children = Object.values(next);
      if (children.length > maximum) return true;
      stack.push(...children);
    }
  }
  return false;
}

/**
 * Compiles a structural schema. The returned function never throws. `once`: the caller uses the function once, so
 * ajv does not keep the compiled code.
 */
export function compile(schema: Schema, { once = false } = {}): (item: Obj) => FieldError[] {
  const compiled = new Map<Ajv, ValidateFunction>();
  const marked = hasMarks(schema);
  return (item) => {
    const ajv = isLarge(item, maxNodes) ? brief : thorough;
    let validate = compiled.get(ajv);
    if (!validate) {
      const json = toJsonSchema(schema);
      validate = ajv.compile(json);
      // Otherwise ajv's cache keeps the validator for the lifetime of the process.
      if (once) ajv.removeSchema(json);
      compiled.set(ajv, validate);
    }
    const errors: FieldError[] = [];
    if (!validate(item)) {
      const found = validate.errors ?? [];
      const failedStrings = new Set<string>();
      for (const error of found) {
        if (isInner(error.schemaPath) || error.keyword === 'if') continue;
        // Report only the first error of each string: its length, or else its pattern.
        if (stringKeywords.has(error.keyword)) {
          if (failedStrings.has(error.instancePath)) continue;
          failedStrings.add(error.instancePath);
        }
        const translated = translate(error, item);
        if (translated) errors.push(translated);
      }
    }
    if (marked) checkMarks(schema, item, '', errors);
    return errors;
  };
}
