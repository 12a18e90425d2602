// Makes OpenAPI documents of the served schemas: in v3 one per group and version, in v2 one for all. kubectl reads
// them to explain, validate and merge objects, and to learn which parameters the server knows. Pure.

import { setOwn } from '../../runtime/own-keys.ts';
import { apiVersionOf, type ResourceType } from '../resources.ts';
import { definitions } from '../schema/builtin.ts';
import { preservesUnknown, type Schema } from '../schema/schema.ts';
import { isObj, type Obj } from '../types.ts';

/** `EventsV1Event` → `io.k8s.api.events.v1.Event`, `V2MetricSpec` → `io.k8s.api.v2.MetricSpec`. */
function builtinName(type: string): string {
  const grouped = /^([A-Z][a-z]+)V1([A-Z].*)$/.exec(type);
  if (grouped) return `io.k8s.api.${grouped[1]?.toLowerCase()}.v1.${grouped[2]}`;
  const v2 = /^V2([A-Z].*)$/.exec(type);
  return v2 ? `io.k8s.api.v2.${v2[1]}` : `io.k8s.api.v1.${type}`;
}

function nameOf(type: ResourceType): string {
  if (type.typeName) return builtinName(type.typeName);
  return [...type.group.split('.').reverse(), type.version, type.kind].join('.');
}

/** Keywords that only the sandbox's own schemas have. `ref` replaces a $ref. */
const internal = new Set(['x-value-struct', 'x-scalar', '$ref']);

/** Collects the schemas of one document. */
class Publisher {
  readonly schemas: Record<string, Obj> = {};
  readonly #v2: boolean;
  readonly #prefix: string;

  constructor(v2: boolean) {
    this.#v2 = v2;
    this.#prefix = v2 ? '#/definitions/' : '#/components/schemas/';
  }

  ref(type: string): Obj {
    const name = builtinName(type);
    if (!this.schemas[name]) {
      // The entry must exist before the call below, because a type may contain itself.
      this.schemas[name] = {};
      this.schemas[name] = this.schema(definitions[type] ?? {});
    }
    return { $ref: this.#prefix + name };
  }

  schema(given: Schema): Obj {
    const out: Obj = {};
    for (const [name, value] of Object.entries(given)) if (!internal.has(name)) setOwn(out, name, value);
    if (given.properties)
      out.properties = Object.fromEntries(
        Object.entries(given.properties).map(([k, v]) => [k, this.schema(v)]),
      );
    if (given.items) out.items = this.schema(given.items);
    if (isObj(given.additionalProperties))
      out.additionalProperties = this.schema(given.additionalProperties as Schema);
    if (given['x-kubernetes-int-or-string']) this.#intOrString(out);
    if (this.#v2) this.#simplify(given, out);
    if (!given.$ref) return out;
    const target = this.ref(given.$ref.slice(given.$ref.lastIndexOf('/') + 1));
    if (Object.keys(out).length === 0) return target;
    // OpenAPI ignores fields beside a $ref. Readers of v2 do not know allOf, so they get the bare reference.
    return this.#v2 ? target : { allOf: [target], ...out };
  }

  #intOrString(out: Obj): void {
    out.format = 'int-or-string';
    delete out['x-kubernetes-int-or-string'];
    if (this.#v2) out.type = 'string';
    else {
      delete out.type;
      out.oneOf = [{ type: 'integer' }, { type: 'string' }];
    }
  }

  /** Drops what OpenAPI v2 cannot express, as kube-apiserver does. */
  #simplify(given: Schema, out: Obj): void {
    for (const name of ['anyOf', 'oneOf', 'not', 'nullable']) delete out[name];
    if (given.nullable) delete out.type;
    if (preservesUnknown(given)) {
      delete out.items;
      if (given.type === 'object') delete out.properties;
    }
  }
}

const gvk = ({ group, version, kind }: ResourceType): Obj => ({ group, kind, version });

function addKind(publisher: Publisher, type: ResourceType): void {
  const name = nameOf(type);
  if (type.typeName) publisher.ref(type.typeName);
  else {
    publisher.schemas[name] = publisher.schema(type.schema.schema);
    const description = type.schema.schema.description;
    if (description) (publisher.schemas[name] as Obj).description = description;
  }
  const schema = publisher.schemas[name] as Obj;
  schema['x-kubernetes-group-version-kind'] = [gvk(type)];
}

/** Query parameters of writes, by HTTP method. */
const writeParameters: Record<string, string[]> = {
  post: ['dryRun', 'fieldManager', 'fieldValidation'],
  put: ['dryRun', 'fieldManager', 'fieldValidation'],
  patch: ['dryRun', 'fieldManager', 'fieldValidation', 'force'],
  delete: ['dryRun', 'gracePeriodSeconds', 'propagationPolicy', 'orphanDependents'],
};
const booleans = new Set(['force', 'orphanDependents']);
const verbOf: Record<string, string> = {
  get: 'get',
  post: 'create',
  put: 'update',
  patch: 'patch',
  delete: 'delete',
};
const actionOf: Record<string, string> = {
  get: 'get',
  post: 'post',
  put: 'put',
  patch: 'patch',
  delete: 'delete',
};

function operation(type: ResourceType, method: string, v2: boolean, list: boolean): Obj {
  const parameters = (writeParameters[method] ?? []).map((name) => {
    const schema = {
      type: booleans.has(name) ? 'boolean' : name === 'gracePeriodSeconds' ? 'integer' : 'string',
      uniqueItems: true,
    };
    return v2 ? { name, in: 'query', ...schema } : { name, in: 'query', schema };
  });
  const target = { $ref: (v2 ? '#/definitions/' : '#/components/schemas/') + nameOf(type) };
  const content = v2 || list ? {} : { content: { 'application/json': { schema: target } } };
  const answer = v2 && !list ? { schema: target } : content;
  return {
    operationId: `${list ? 'list' : verbOf[method]}${type.version}${type.namespaced ? 'Namespaced' : ''}${type.kind}${type.group.replaceAll('.', '')}`,
    ...(parameters.length > 0 ? { parameters } : {}),
    responses: { '200': { description: 'OK', ...answer } },
    'x-kubernetes-action': list ? 'list' : actionOf[method],
    'x-kubernetes-group-version-kind': gvk(type),
  };
}

function addPaths(paths: Obj, type: ResourceType, v2: boolean): void {
  const root = type.group ? `/apis/${apiVersionOf(type)}` : `/api/${type.version}`;
  const base = `${root}${type.namespaced ? '/namespaces/{namespace}' : ''}/${type.plural}`;
  const make = (methods: string[], list: boolean) =>
    Object.fromEntries(
      methods.map((method) => [method, operation(type, method, v2, list && method === 'get')]),
    );
  // Reviews have no verb but create.
  const isReview = type.verbs.length === 1;
  paths[base] = make(isReview ? ['post'] : ['get', 'post'], true);
  if (isReview) return;
  paths[`${base}/{name}`] = make(['get', 'put', 'patch', 'delete'], false);
  if (type.status) paths[`${base}/{name}/status`] = make(['get', 'put', 'patch'], false);
}

export function documentV3(types: readonly ResourceType[]): Obj {
  const publisher = new Publisher(false);
  const paths: Obj = {};
  for (const type of types) {
    addKind(publisher, type);
    addPaths(paths, type, false);
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths,
    components: { schemas: publisher.schemas },
  };
}

export function documentV2(types: readonly ResourceType[]): Obj {
  const publisher = new Publisher(true);
  const paths: Obj = {};
  for (const type of types) {
    addKind(publisher, type);
    addPaths(paths, type, true);
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.37.0' },
    paths,
    definitions: publisher.schemas,
  };
}
