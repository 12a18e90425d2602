// One definition per kind gives its TypeScript type, its CRD and its validator.
// Knows the shapes of Kubernetes objects and nothing else of ours.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Static, TSchema } from './schema.ts';

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
}

export interface CustomObject<Spec, Status> extends KubeObject {
  spec: Spec;
  status?: Status;
}

/** A rule of a schema that an object breaks. `field` is a path as kubectl prints it: `spec.goodsMap.goods1`. */
export interface SchemaViolation {
  field: string;
  message: string;
}

export interface Kind<Spec = unknown, Status = unknown> extends Resource<CustomObject<Spec, Status>> {
  singular: string;
  shortNames: string[];
  description: string;
  apiVersion: string;
  printerColumns: PrinterColumn[];
  specSchema: TSchema;
  statusSchema: TSchema;
  /** The defaults of the schema's top-level spec fields. */
  specDefaults: Readonly<Record<string, unknown>>;
  /** Checks apiVersion, kind and spec; an empty list means valid. Never throws, whatever it is given. */
  validate(object: unknown): SchemaViolation[];
}

export type ObjectOf<K> = K extends Kind<infer Spec, infer Status> ? CustomObject<Spec, Status> : never;

const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: true });
// ajv-formats is CommonJS: its default export arrives as a namespace under NodeNext.
(addFormats as unknown as (target: Ajv) => void)(ajv);
// int64 is a range that JavaScript's integers cannot leave; the bounds say the rest.
ajv.addFormat('int64', true);

export function defineKind<Spec extends TSchema, Status extends TSchema>(
  definition: KindDefinition<Spec, Status>,
): Kind<Static<Spec>, Static<Status>> {
  const apiVersion = `${definition.group}/${definition.version}`;
  let compiled: ValidateFunction | undefined;
  const schema = {
    type: 'object',
    required: ['apiVersion', 'kind', 'spec'],
    properties: {
      apiVersion: { const: apiVersion },
      kind: { const: definition.kind },
      spec: definition.spec,
    },
  };
  const { spec, status, ...rest } = definition;
  return {
    ...rest,
    namespaced: true,
    apiVersion,
    specSchema: spec,
    statusSchema: status,
    specDefaults: defaultsOf(spec),
    validate(object) {
      compiled ??= ajv.compile(schema);
      return compiled(object) ? [] : (compiled.errors ?? []).map(violation);
    },
  };
}

function defaultsOf(schema: TSchema): Record<string, unknown> {
  const properties = (schema as { properties?: Record<string, { default?: unknown }> }).properties ?? {};
  const found = Object.entries(properties).filter(([, property]) => property.default !== undefined);
  return Object.fromEntries(found.map(([name, property]) => [name, property.default]));
}

function violation(error: ErrorObject): SchemaViolation {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (error.keyword === 'required') path.push(String(error.params.missingProperty));
  const field = path.join('.') || '(the object)';
  if (error.keyword === 'required') return { field, message: `${field} is required` };
  if (error.keyword === 'const') {
    return { field, message: `${field} must be ${JSON.stringify(error.params.allowedValue)}` };
  }
  if (error.keyword === 'enum') {
    return { field, message: `${field} must be one of ${error.params.allowedValues.join(', ')}` };
  }
  return { field, message: `${field} ${error.message ?? 'is invalid'}` };
}
