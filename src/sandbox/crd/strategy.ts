// CustomResourceDefinitions as objects: their defaults and the rules users meet when they write one. Pure.

import { jsonPath } from '../jsonpath.ts';
import type { Strategy } from '../resources.ts';
import type { Schema } from '../schema/schema.ts';
import { type FieldError, field } from '../status.ts';
import { checkFormat, formats } from '../strategies/names.ts';
import { asList, asObj, asString, equal, type Item, isObj } from '../types.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

function checkSchema(schema: Schema, path: string, isRoot: boolean): FieldError[] {
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
  if (schema.type === 'array' && !schema.items)
    errors.push(field.required(`${path}.items`, 'must be specified'));
  if (schema.properties && schema.additionalProperties)
    errors.push(
      field.forbidden(
        `${path}.additionalProperties`,
        'additionalProperties and properties are mutual exclusive',
      ),
    );
  if (schema.$ref) errors.push(field.forbidden(`${path}.$ref`, '$ref is not supported'));
  if (schema.pattern) {
    try {
      new RegExp(schema.pattern);
    } catch {
      errors.push(
        field.invalid(`${path}.pattern`, schema.pattern, `must be a valid regular expression, but isn't`),
      );
    }
  }
  errors.push(...checkListType(schema, path));
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    errors.push(...checkSchema(child, `${path}.properties[${name}]`, false));
  if (schema.items) errors.push(...checkSchema(schema.items, `${path}.items`, false));
  if (isObj(schema.additionalProperties))
    errors.push(...checkSchema(schema.additionalProperties as Schema, `${path}.additionalProperties`, false));
  return errors;
}

function checkListType(schema: Schema, path: string): FieldError[] {
  if (schema['x-kubernetes-list-type'] !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (keys.length === 0)
    return [
      field.required(
        `${path}.x-kubernetes-list-map-keys`,
        'must not be empty if x-kubernetes-list-type is map',
      ),
    ];
  return keys.flatMap((key) => {
    const known = schema.items?.properties?.[key];
    if (!known)
      return [
        field.invalid(
          `${path}.x-kubernetes-list-map-keys`,
          key,
          'entries must all be names of item properties',
        ),
      ];
    const given = schema.items?.required?.includes(key) || known.default !== undefined;
    return given
      ? []
      : [
          field.required(
            `${path}.items.properties[${key}].default`,
            'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
          ),
        ];
  });
}

function checkNames(item: Item): FieldError[] {
  const spec = asObj(item.spec);
  const names = asObj(spec.names);
  const wanted = `${names.plural}.${spec.group}`;
  const errors: FieldError[] = [];
  if (item.metadata.name !== wanted)
    errors.push(
      field.invalid('metadata.name', item.metadata.name, 'must be spec.names.plural+"."+spec.group'),
    );
  if (!spec.group) errors.push(field.required('spec.group'));
  else if (!asString(spec.group).includes('.'))
    errors.push(field.invalid('spec.group', spec.group, 'should be a domain with at least one dot'));
  for (const name of ['plural', 'singular', 'kind', 'listKind']) {
    const value = asString(names[name]);
    if (!value) errors.push(field.required(`spec.names.${name}`));
    else errors.push(...checkFormat(formats.label1035, `spec.names.${name}`, value.toLowerCase()));
  }
  if (names.kind && names.kind === names.listKind)
    errors.push(
      field.invalid('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'),
    );
  if (spec.scope !== 'Namespaced' && spec.scope !== 'Cluster')
    errors.push(
      spec.scope
        ? field.unsupported('spec.scope', spec.scope, ['Cluster', 'Namespaced'])
        : field.required('spec.scope'),
    );
  return errors;
}

function checkVersions(item: Item): FieldError[] {
  const spec = asObj(item.spec);
  const versions = asList(spec.versions);
  const errors: FieldError[] = [];
  const stored = versions.filter((version) => version.storage === true).length;
  if (stored !== 1)
    errors.push(
      field.invalid('spec.versions', versions, 'must have exactly one version marked as storage version'),
    );
  const conversion = asObj(spec.conversion);
  if (conversion.strategy === 'Webhook')
    errors.push(field.forbidden('spec.conversion.strategy', 'the sandbox converts with strategy None only'));
  const seen = new Set<string>();
  versions.forEach((version, i) => {
    const path = `spec.versions[${i}]`;
    const name = asString(version.name);
    errors.push(...checkFormat(formats.label1035, `${path}.name`, name));
    if (seen.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    seen.add(name);
    const schema = asObj(version.schema).openAPIV3Schema;
    if (!isObj(schema)) errors.push(field.required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
    else errors.push(...checkSchema(schema as Schema, `${path}.schema.openAPIV3Schema`, true));
    asList(version.additionalPrinterColumns).forEach((column, n) => {
      try {
        jsonPath(asString(column.jsonPath));
      } catch (error) {
        errors.push(
          field.invalid(
            `${path}.additionalPrinterColumns[${n}].jsonPath`,
            column.jsonPath,
            (error as Error).message,
          ),
        );
      }
    });
  });
  return errors;
}

/** Columns without a priority have 0; names that can be derived are. */
function fillIn(item: Item): void {
  const names = asObj(asObj(item.spec).names);
  if (names.kind) {
    names.singular ??= asString(names.kind).toLowerCase();
    names.listKind ??= `${names.kind}List`;
  }
}

export const crdStrategy: Strategy = {
  fillIn,
  prepareCreate(item) {
    const stored = asList(asObj(item.spec).versions).filter((version) => version.storage === true);
    item.status = {
      conditions: null,
      acceptedNames: { plural: '', kind: '' },
      storedVersions: stored.map((version) => version.name),
    };
  },
  prepareUpdate(item) {
    const status = asObj(item.status);
    const stored = asList(asObj(item.spec).versions).find((version) => version.storage === true)?.name;
    const known = Array.isArray(status.storedVersions) ? status.storedVersions : [];
    if (stored && !known.includes(stored)) status.storedVersions = [...known, stored];
    item.status = status;
  },
  validate: (item) => [...checkNames(item), ...checkVersions(item)],
  validateUpdate(item, old) {
    const [now, before] = [asObj(item.spec), asObj(old.spec)];
    const fixed = ['group', 'scope'].filter((name) => !equal(now[name], before[name]));
    const names = ['kind', 'plural'].filter(
      (name) => !equal(asObj(now.names)[name], asObj(before.names)[name]),
    );
    return [
      ...fixed.map((name) => field.invalid(`spec.${name}`, now[name], 'field is immutable')),
      ...names.map((name) =>
        field.invalid(`spec.names.${name}`, asObj(now.names)[name], 'field is immutable'),
      ),
    ];
  },
};
