// Checks that a definition's schema is structural, which kube-apiserver requires. Pure; knows schemas only.

import { RE2JS } from 're2js';
import { own } from '../../runtime/own-keys.ts';
import { prepare, type Schema } from '../schema/schema.ts';
import { type FieldError, field } from '../status.ts';
import { isObj } from '../types.ts';
import { compile } from './validator.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Returns all errors of a schema, with their paths. */
export function checkSchema(schema: Schema, path: string, isRoot: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const preserve = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  if (!schema.type && !intOrString && !(preserve && !isRoot)) {
    errors.push(
      field.required(
        `${path}.type`,
        isRoot ? 'must not be empty at the root' : 'must not be empty for specified object fields',
      ),
    );
  }
  if (schema.type && !types.includes(schema.type))
    errors.push(field.unsupported(`${path}.type`, schema.type, types));
  if (isRoot && schema.type && schema.type !== 'object')
    errors.push(field.invalid(`${path}.type`, schema.type, 'must be object at the root'));
  if (schema.additionalProperties !== undefined && isRoot)
    errors.push(field.forbidden(`${path}.additionalProperties`, 'must not be used at the root'));
  if (schema.type === 'array' && !schema.items)
    errors.push(field.required(`${path}.items`, 'must be specified'));
  if (Object.keys(schema.properties ?? {}).length > 0 && schema.additionalProperties)
    errors.push(
      field.forbidden(
        `${path}.additionalProperties`,
        'additionalProperties and properties are mutual exclusive',
      ),
    );
  if (schema.$ref) errors.push(field.forbidden(`${path}.$ref`, '$ref is not supported'));
  if (schema.pattern) {
    try {
      RE2JS.compile(schema.pattern);
    } catch {
      errors.push(
        field.invalid(`${path}.pattern`, schema.pattern, `must be a valid regular expression, but isn't`),
      );
    }
  }
  errors.push(
    ...checkExtensions(schema, path),
    ...checkListType(schema, path),
    ...checkDefault(schema, path),
  );
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    errors.push(...checkSchema(child, `${path}.properties[${name}]`, false));
  if (Array.isArray(schema.items))
    errors.push(field.forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  else if (schema.items) errors.push(...checkSchema(schema.items, `${path}.items`, false));
  if (isRoot) errors.push(...checkMetadata(schema.properties?.metadata, `${path}.properties[metadata]`));
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const)
    schema[name]?.forEach((part, i) => {
      errors.push(...checkJunctor(part, `${path}.${name}[${i}]`, preserve || intOrString));
    });
  if (schema.not) errors.push(...checkJunctor(schema.not, `${path}.not`, preserve || intOrString));
  if (isObj(schema.additionalProperties))
    errors.push(...checkSchema(schema.additionalProperties as Schema, `${path}.additionalProperties`, false));
  return errors;
}

/** The parts of allOf, anyOf and the like must not set types: a structural schema sets them outside. */
function checkJunctor(schema: Schema, path: string, mayHaveType: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type && !mayHaveType)
    errors.push(field.forbidden(`${path}.type`, 'must be empty to be structural'));
  if (schema.default !== undefined)
    errors.push(field.forbidden(`${path}.default`, 'must be undefined to be structural'));
  if (schema.description)
    errors.push(field.forbidden(`${path}.description`, 'must be empty to be structural'));
  if (schema.nullable) errors.push(field.forbidden(`${path}.nullable`, 'must be false to be structural'));
  return errors;
}

/** The schema may describe only `name` and `generateName` of the root's metadata. */
function checkMetadata(metadata: Schema | undefined, path: string): FieldError[] {
  if (!metadata) return [];
  const errors: FieldError[] = [];
  const names = Object.keys(metadata.properties ?? {});
  if (names.some((name) => name !== 'name' && name !== 'generateName'))
    errors.push(
      field.forbidden(
        path,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
  for (const [name, child] of Object.entries(metadata.properties ?? {}))
    if (child.default !== undefined)
      errors.push(
        field.forbidden(`${path}.properties[${name}].default`, 'must not be set in top-level metadata'),
      );
  return errors;
}

function checkExtensions(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const preserve = schema['x-kubernetes-preserve-unknown-fields'];
  if (preserve === false)
    errors.push(
      field.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'),
    );
  if (schema['x-kubernetes-embedded-resource'] && !preserve && !schema.properties)
    errors.push(
      field.required(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
  if (schema['x-kubernetes-embedded-resource'] && schema.type !== 'object')
    errors.push(
      field.invalid(
        `${path}.type`,
        schema.type ?? '',
        'must be object if x-kubernetes-embedded-resource is true',
      ),
    );
  if (schema.uniqueItems)
    errors.push(
      field.forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  return errors;
}

/** A default must be valid and must have no unknown fields. */
function checkDefault(schema: Schema, path: string): FieldError[] {
  if (schema.default === undefined) return [];
  const at = `${path}.default`;
  // Validate the default as the field `it` of an object. The errors drop that name again.
  const holder = { type: 'object', properties: { it: schema } };
  const value = { it: structuredClone(schema.default) };
  const root = { schema: holder, definitions: {} };
  if (prepare(root, structuredClone(value), { prune: false, isRoot: false }).unknown.length > 0)
    return [field.invalid(at, schema.default, 'must not have unknown fields')];
  return compile(holder, { once: true })(value).map((error) => ({
    ...error,
    field: `${at}${error.field.slice(2)}`,
    message: error.message.replaceAll(/\bit(?= in body)/g, ''),
  }));
}

const listTypes = ['atomic', 'set', 'map'];

function checkListType(schema: Schema, path: string): FieldError[] {
  const kind = schema['x-kubernetes-list-type'];
  if (kind === undefined) return [];
  if (!listTypes.includes(kind))
    return [field.unsupported(`${path}.x-kubernetes-list-type`, kind, listTypes)];
  if (schema.type !== 'array')
    return [
      field.invalid(
        `${path}.type`,
        schema.type ?? '',
        'must be array if x-kubernetes-list-type is specified',
      ),
    ];
  if (kind === 'set' && schema.items?.type === 'object' && schema.items['x-kubernetes-map-type'] !== 'atomic')
    return [
      field.invalid(
        `${path}.items.x-kubernetes-map-type`,
        null,
        'must be atomic as item of a list with x-kubernetes-list-type=set',
      ),
    ];
  if (kind !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (keys.length === 0)
    return [
      field.required(
        `${path}.x-kubernetes-list-map-keys`,
        'must not be empty if x-kubernetes-list-type is map',
      ),
    ];
  return keys.flatMap((key) => {
    const known = own(schema.items?.properties, key);
    if (!known)
      return [
        field.invalid(
          `${path}.x-kubernetes-list-map-keys`,
          [key],
          'entries must all be names of item properties',
        ),
      ];
    const isAlwaysSet = schema.items?.required?.includes(key) || known.default !== undefined;
    return isAlwaysSet
      ? []
      : [
          field.required(
            `${path}.items.properties[${key}].default`,
            'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
          ),
        ];
  });
}
