// The type of all schemas (structural OpenAPI v3, for built-in types and CRDs alike), and the function that prepares
// an incoming object: it finds or prunes unknown fields, drops nulls, and fills in defaults. Knows no storage and no
// HTTP.

import { own, setOwn } from '../../runtime/own-keys.ts';
import { isObj, type Obj } from '../types.ts';

export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  default?: unknown;
  enum?: unknown[];
  nullable?: boolean;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  minItems?: number;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-patch-merge-key'?: string;
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-group-version-kind'?: Obj[];
  /**
   * Our extension: a struct that Go always writes, even when it is empty. In managed fields, an update that sets a
   * field inside therefore does not own the struct itself.
   */
  'x-value-struct'?: boolean;
  /** Our extension: distinguishes int-or-string, quantity and time, which OpenAPI calls string. */
  'x-scalar'?: 'quantity' | 'int-or-string' | 'bytes' | 'time';
  [extension: string]: unknown;
}

/** A schema, and the definitions that its `$ref`s name. */
export interface SchemaRoot {
  schema: Schema;
  definitions: Record<string, Schema>;
}

const refPrefix = '#/components/schemas/';

export function deref(root: SchemaRoot, schema: Schema): Schema {
  if (schema.$ref) return own(root.definitions, schema.$ref.slice(refPrefix.length)) ?? {};
  return schema;
}

export const refTo = (name: string): Schema => ({ $ref: refPrefix + name });

export function preservesUnknown(schema: Schema): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true;
}

/** The schema of a field of an object. Undefined when the schema does not have it. */
export function fieldSchema(schema: Schema, name: string): Schema | undefined {
  const known = own(schema.properties, name);
  if (known) return known;
  return isObj(schema.additionalProperties) ? (schema.additionalProperties as Schema) : undefined;
}

/** Every object and every embedded resource may have these fields, even if its schema does not list them. */
const envelope = new Set(['apiVersion', 'kind', 'metadata']);

export interface PrepareOptions {
  /** Removes unknown fields. Otherwise they are only reported. */
  prune: boolean;
  /** Whether `value` is a whole object, with apiVersion, kind and metadata. */
  isRoot: boolean;
  /** Drops all nulls, as Go's decoder does. Otherwise nullable fields keep them. */
  dropNulls?: boolean;
}

export interface Prepared {
  /** Paths of unknown fields, as Strict validation prints them. */
  unknown: string[];
}

/**
 * Prepares `value` in place, and collects the paths of unknown fields. A field that is null but not nullable counts as
 * absent. Absent fields get their defaults.
 */
export function prepare(root: SchemaRoot, value: Obj, options: PrepareOptions): Prepared {
  const walk = new Walk(root, options);
  walk.visit(deref(root, root.schema), value, '', options.isRoot);
  return { unknown: walk.unknown };
}

class Walk {
  readonly unknown: string[] = [];
  readonly root: SchemaRoot;
  readonly options: PrepareOptions;

  constructor(root: SchemaRoot, options: PrepareOptions) {
    this.root = root;
    this.options = options;
  }

  visit(schema: Schema, value: unknown, path: string, isRoot: boolean): void {
    if (Array.isArray(value)) {
      if (!schema.items) return;
      const items = deref(this.root, schema.items);
      for (let i = 0; i < value.length; i++) this.visit(items, value[i], `${path}[${i}]`, false);
    } else if (isObj(value)) {
      this.#fields(schema, value, path, isRoot || schema['x-kubernetes-embedded-resource'] === true);
      this.#fillDefaults(schema, value, path);
    }
  }

  #fields(schema: Schema, value: Obj, path: string, isResource: boolean): void {
    const allowsUnknown =
      preservesUnknown(schema) ||
      schema.additionalProperties === true ||
      (!schema.properties && schema.additionalProperties === undefined && schema.type === undefined);
    for (const name of Object.keys(value)) {
      const known = fieldSchema(schema, name);
      const at = path ? `${path}.${name}` : name;
      if (known) {
        const child = deref(this.root, known);
        const isDropped =
          own(value, name) === null &&
          (this.options.dropNulls || (child.nullable !== true && known.nullable !== true));
        if (isDropped) delete value[name];
        else this.visit(child, own(value, name), at, false);
      } else if (!allowsUnknown && !(isResource && envelope.has(name))) {
        this.unknown.push(at);
        if (this.options.prune) delete value[name];
      }
    }
  }

  #fillDefaults(schema: Schema, value: Obj, path: string): void {
    for (const name of defaultsOf(schema)) {
      if (own(value, name) !== undefined) continue;
      const child = own(schema.properties, name) as Schema;
      setOwn(value, name, structuredClone(child.default));
      this.visit(deref(this.root, child), own(value, name), path ? `${path}.${name}` : name, false);
    }
  }
}

const defaultsCache = new WeakMap<Schema, string[]>();

function defaultsOf(schema: Schema): string[] {
  let names = defaultsCache.get(schema);
  if (!names) {
    names = Object.entries(schema.properties ?? {})
      .filter(([, child]) => child.default !== undefined)
      .map(([name]) => name);
    defaultsCache.set(schema, names);
  }
  return names;
}
