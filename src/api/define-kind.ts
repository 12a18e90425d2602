// Makes the TypeScript type, the CRD and the validator of a kind from one definition. Knows the shapes of
// Kubernetes objects, and no kind of ours.
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Static, TSchema } from './schema.ts';
import { withSharedParts } from './shared-parts.ts';
import { type SchemaViolation, violationOf } from './violations.ts';

export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  jsonPath: string;
  description?: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  priority?: number;
}

export interface KindDefinition<Spec extends TSchema, Status extends TSchema> {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: string[];
  description: string;
  spec: Spec;
  status: Status;
  printerColumns: PrinterColumn[];
  /** JSON paths for `--field-selector`, besides name and namespace; at most 8, each of a string, number or boolean. */
  selectableFields?: string[];
  /** The scale subresource, for `kubectl scale` and autoscalers. */
  scale?: ScalePaths;
}

/** JSON paths, as in the CRD. */
export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

export interface CustomObject<Spec, Status> extends KubeObject {
  spec: Spec;
  status?: Status;
}

export interface Kind<Spec = unknown, Status = unknown> extends Resource<CustomObject<Spec, Status>> {
  singular: string;
  shortNames: string[];
  description: string;
  apiVersion: string;
  printerColumns: PrinterColumn[];
  selectableFields?: string[];
  scale?: ScalePaths;
  specSchema: TSchema;
  statusSchema: TSchema;
  /** The defaults of the schema's top-level spec fields. */
  specDefaults: Readonly<Record<string, unknown>>;
  /**
   * Checks apiVersion, kind and spec. Undefined: valid. Otherwise the first violation. Never throws, whatever the
   * input.
   */
  validate(object: unknown): SchemaViolation | undefined;
  /** The same check for a status that a client sends to /status, which the API server has not validated yet. */
  validateStatus(object: unknown): SchemaViolation | undefined;
  /**
   * Whether spec and status have their required fields, each with the right type, so that rules can read them.
   * Bounds are not checked. An object that was stored under another schema may fail this.
   */
  isReadable(object: unknown): boolean;
}

export type ObjectOf<K> = K extends Kind<infer Spec, infer Status> ? CustomObject<Spec, Status> : never;

// Stop at the first error: a map of a million wrong values must not cost a million messages. `verbose` adds the
// value to the error, for the message.
const ajv = new Ajv({ verbose: true, strict: false, validateFormats: true, inlineRefs: false });
// ajv-formats is CommonJS, so its default export is a namespace under NodeNext.
(addFormats as unknown as (target: Ajv) => void)(ajv);
// RFC 3339 has leap seconds, JavaScript has none. Rules cannot compare such a time, so it is invalid.
const rfc3339 = ajv.formats['date-time'] as { validate(text: string): boolean };
ajv.addFormat('date-time', (text: string) => rfc3339.validate(text) && !Number.isNaN(Date.parse(text)));
// No JavaScript integer exceeds int64. Minimum and maximum check the rest.
ajv.addFormat('int64', true);

export function defineKind<Spec extends TSchema, Status extends TSchema>(
  definition: KindDefinition<Spec, Status>,
): Kind<Static<Spec>, Static<Status>> {
  const apiVersion = `${definition.group}/${definition.version}`;
  const { spec, status, ...rest } = definition;
  const check = checker({
    type: 'object',
    required: ['apiVersion', 'kind', 'spec'],
    properties: { apiVersion: { const: apiVersion }, kind: { const: definition.kind }, spec },
  });
  const checkStatus = checker({ type: 'object', properties: { status } });
  const checkTypes = checker({
    type: 'object',
    required: ['spec'],
    properties: { spec: typesOf(spec), status: typesOf(status) },
  });
  return {
    ...rest,
    namespaced: true,
    apiVersion,
    specSchema: spec,
    statusSchema: status,
    specDefaults: defaultsOf(spec),
    validate: check,
    validateStatus: checkStatus,
    isReadable: (object) => checkTypes(object) === undefined,
  };
}

/** Compiles at first use, so that commands which serve nothing do not wait for it. */
function checker(schema: object): (object: unknown) => SchemaViolation | undefined {
  let compiled: ValidateFunction | undefined;
  return (object) => {
    compiled ??= ajv.compile(withSharedParts(forAjv(schema) as object));
    const [error] = compiled(object) ? [] : (compiled.errors ?? []);
    return error && violationOf(error);
  };
}

/**
 * In a CRD an int-or-string is an anyOf. For ajv it becomes a list of types, so that the error says which types are
 * allowed. In JSON Schema, `minimum` ignores strings and `pattern` ignores numbers.
 */
function forAjv(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(forAjv);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { anyOf, ...rest } = schema as Record<string, unknown>;
  const isIntOrString = rest['x-kubernetes-int-or-string'] === true;
  const entries = Object.entries(rest).map(([name, value]) => [name, forAjv(value)]);
  if (isIntOrString) entries.push(['type', ['integer', 'string']]);
  else if (anyOf) entries.push(['anyOf', forAjv(anyOf)]);
  return Object.fromEntries(entries);
}

/** The schema without its bounds: only what a program relies on when it reads the object. */
function typesOf(schema: unknown): unknown {
  const { type, required, properties, items, additionalProperties, ...rest } = schema as Record<
    string,
    unknown
  >;
  return {
    ...(rest['x-kubernetes-int-or-string'] ? { 'x-kubernetes-int-or-string': true } : {}),
    ...(type ? { type } : {}),
    ...(required ? { required } : {}),
    ...(properties
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, property]) => [name, typesOf(property)]),
          ),
        }
      : {}),
    ...(items ? { items: typesOf(items) } : {}),
    ...(additionalProperties ? { additionalProperties: typesOf(additionalProperties) } : {}),
  };
}

function defaultsOf(schema: TSchema): Record<string, unknown> {
  const properties = (schema as { properties?: Record<string, { default?: unknown }> }).properties ?? {};
  const found = Object.entries(properties).filter(([, property]) => property.default !== undefined);
  return Object.fromEntries(found.map(([name, property]) => [name, property.default]));
}
