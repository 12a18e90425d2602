// Turns a CustomResourceDefinition into resource types, one per served version. Knows the shape of CRDs, nothing of
// storage.

import { jsonPath } from '../jsonpath.ts';
import { since } from '../printers/cells.ts';
import {
  allVerbs,
  apiVersionOf,
  type Column,
  jsonPrefix,
  type ResourceType,
  type ScalePaths,
} from '../resources.ts';
import { definitions } from '../schema/builtin.ts';
import { prepare, refTo, type Schema, type SchemaRoot } from '../schema/schema.ts';
import { asList, asNumber, asObj, asString, asStrings, equal, type Item, isObj, type Obj } from '../types.ts';
import { compile } from './validator.ts';

/** Reads the value of a printer column from an object. */
function cell(path: string, type: string): Column['value'] {
  const find = jsonPath(path);
  return (item, now) => {
    const values = find(item);
    if (values.length === 0) return null;
    const value = values.length === 1 ? values[0] : values;
    if (type === 'date') return since(value, now);
    if (type === 'integer' || type === 'number' || type === 'boolean') return value;
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
}

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  priority: 0,
  value: (item) => item.metadata.name,
};
const ageColumn: Column = {
  name: 'Age',
  type: 'date',
  priority: 0,
  value: (item, now) => since(item.metadata.creationTimestamp, now),
};

function columnsOf(version: Obj): Column[] {
  const given = asList(version.additionalPrinterColumns);
  if (given.length === 0) return [nameColumn, ageColumn];
  const columns = given.map(
    (column): Column => ({
      name: asString(column.name),
      type: asString(column.type),
      priority: asNumber(column.priority),
      value: cell(asString(column.jsonPath), asString(column.type)),
      ...(column.format ? { format: asString(column.format) } : {}),
      ...(column.description ? { description: asString(column.description) } : {}),
    }),
  );
  return [nameColumn, ...columns];
}

/** Gives the root and every embedded object the server's own schema of metadata. */
function withMetadata(schema: Schema, isRoot: boolean): Schema {
  const out: Schema = { ...schema };
  if (schema.properties) {
    out.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, child]) => [name, withMetadata(child, false)]),
    );
  }
  if (schema.items) out.items = withMetadata(schema.items, false);
  if (isObj(schema.additionalProperties))
    out.additionalProperties = withMetadata(schema.additionalProperties as Schema, false);
  if (isRoot || schema['x-kubernetes-embedded-resource']) {
    const typeMeta = { apiVersion: { type: 'string' }, kind: { type: 'string' } };
    out.properties = {
      ...typeMeta,
      ...out.properties,
      metadata: { ...refTo('ObjectMeta'), 'x-value-struct': true },
    };
  }
  return out;
}

/** The server's own rules validate metadata, not the schema of the CRD. */
function withoutMetadata(schema: Schema): Schema {
  if (!schema.properties?.metadata) return schema;
  const { metadata: _, ...properties } = schema.properties;
  return { ...schema, properties };
}

function scalePaths(version: Obj): ScalePaths | undefined {
  const scale = asObj(asObj(version.subresources).scale);
  if (!scale.specReplicasPath) return undefined;
  const path = (name: string) => asString(scale[name]).replace(/^\./, '');
  const selector = path('labelSelectorPath');
  return {
    spec: path('specReplicasPath'),
    status: path('statusReplicasPath'),
    ...(selector ? { selector } : {}),
  };
}

/**
 * Converts objects between a served version and the stored version: sets apiVersion, then prunes and applies defaults
 * with the schema of the target. Two versions with the same schema need no conversion, because only the beginning of
 * their JSON (the apiVersion) differs.
 */
function convertFor(
  own: SchemaRoot,
  ownVersion: string,
  stored: SchemaRoot,
  storedVersion: string,
): NonNullable<ResourceType['convert']> {
  const to = (apiVersion: string, schema: SchemaRoot) => (item: Item) => {
    const out = { ...structuredClone(item), apiVersion };
    prepare(schema, out, { prune: true, isRoot: true });
    return out;
  };
  return { toStored: to(storedVersion, stored), fromStored: to(ownVersion, own) };
}

/** The types of a CRD. Their `order` places them after all built-in kinds in discovery. */
export function typesOf(crd: Item): ResourceType[] {
  const spec = asObj(crd.spec);
  const names = asObj(spec.names);
  const group = asString(spec.group);
  const storage = asList(spec.versions).find(
    (version) => version.storage === true && version.served === true,
  );
  const rootOf = (version: Obj): SchemaRoot => ({
    schema: withMetadata(asObj(asObj(version.schema).openAPIV3Schema) as Schema, true),
    definitions,
  });
  return asList(spec.versions)
    .filter((version) => version.served === true)
    .map((version): ResourceType => {
      const given = asObj(asObj(version.schema).openAPIV3Schema) as Schema;
      const self = { group, version: asString(version.name) };
      const root = rootOf(version);
      const isAsStored = !storage || equal(version.schema, storage.schema);
      const stored = { group, version: asString(storage?.name) };
      return {
        ...self,
        kind: asString(names.kind),
        plural: asString(names.plural),
        singular: asString(names.singular),
        listKind: asString(names.listKind),
        namespaced: spec.scope === 'Namespaced',
        shortNames: asStrings(names.shortNames),
        categories: asStrings(names.categories),
        table: `${group}/${names.plural}`,
        builtin: false,
        schema: root,
        status: isObj(asObj(version.subresources).status),
        scale: scalePaths(version),
        generation: true,
        returnsDeleted: false,
        strategy: {},
        columns: columnsOf(version),
        selectable: asList(version.selectableFields).map((field) =>
          asString(field.jsonPath).replace(/^\./, ''),
        ),
        verbs: allVerbs,
        subresources: {},
        ...(isAsStored
          ? { prefix: jsonPrefix(apiVersionOf(self)) }
          : { convert: convertFor(root, apiVersionOf(self), rootOf(storage), apiVersionOf(stored)) }),
        check: compile(withoutMetadata(given)),
        order: 1000,
      };
    });
}
