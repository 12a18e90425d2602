// The registry of what is served: every resource in every version, built-in or from a CRD. Knows no storage and no
// HTTP. kinds.ts and CRDs define the kinds.

import type { SchemaRoot } from './schema/schema.ts';
import type { FieldError } from './status.ts';
import type { Entry } from './store/entry.ts';
import { asObj, asStrings, type Item } from './types.ts';

/** A column of `kubectl get`: `value` computes the cell from the object. */
export interface Column {
  name: string;
  type: string;
  format?: string;
  description?: string;
  /** 0: always shown. Above: only with -o wide. */
  priority: number;
  value: (item: Item, now: number) => unknown;
}

export interface ScalePaths {
  spec: string;
  status: string;
  selector?: string;
}

/** The particular rules of one kind, beyond its schema. Every hook changes the object in place. */
export interface Strategy {
  /** Defaults that depend on other fields. */
  fillIn?(item: Item): void;
  /** Allocations and fixed fields, before the validation of a create. */
  prepareCreate?(item: Item): void;
  prepareUpdate?(item: Item, old: Item): void;
  /** Fixed fields beyond spec, before a write of the status. */
  prepareStatus?(item: Item, old: Item): void;
  /** Allocates what must be unique in the cluster. `others`: all stored objects of the kind. */
  allocate?(item: Item, others: Iterable<Item>): FieldError[];
  validate?(item: Item): FieldError[];
  validateUpdate?(item: Item, old: Item): FieldError[];
  /** The rules for a status that is written separately. */
  validateStatus?(item: Item): FieldError[];
  /** What Kubernetes' own admission plugins demand of a new object and fill in. Throws ApiError. */
  admit?(type: ResourceType, item: Item, find: Find): void;
  /** Names of objects that cannot be deleted. */
  undeletable?: ReadonlySet<string>;
  /** Only for a kind with a grace period: its seconds. `asked`: gracePeriodSeconds of the request. */
  graceSeconds?(item: Item, asked: unknown): number;
  /** The object is a namespace. Webhooks get its own name as the namespace, and spec.finalizers keep it too. */
  isNamespace?: true;
}

/** Looks up a stored object. A table's name is `group/plural`. */
export type Find = (table: string, namespace: string, name: string) => Item | undefined;

/** The namespace of an object as webhooks see it. */
export const reviewedNamespace = (
  { strategy }: ResourceType,
  { namespace, name }: { namespace: string; name: string },
): string => (strategy.isNamespace ? name : namespace);

/** Whether spec.finalizers keep the object: only a namespace has them. */
export const hasSpecFinalizers = ({ strategy }: ResourceType, { spec }: Item): boolean =>
  strategy.isNamespace === true && asStrings(asObj(spec).finalizers).length > 0;

export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Where it is stored. Two versions of a kind share a table. */
  readonly table: string;
  readonly builtin: boolean;
  /** The schema of the built-in type, or of the CRD's version. */
  readonly schema: SchemaRoot;
  /** The name of the built-in type, for protobuf. */
  readonly typeName?: string;
  readonly status: boolean;
  readonly scale: ScalePaths | undefined;
  /**
   * Whether metadata.generation counts changes of everything but metadata and (with a status subresource) status.
   */
  readonly generation: boolean;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsDeleted: boolean;
  readonly strategy: Strategy;
  readonly columns: readonly Column[];
  /** Additional fields for field selectors. */
  readonly selectable: readonly string[];
  /** The verbs that discovery lists and the server allows. */
  readonly verbs: readonly string[];
  /** Other subresources by name, for discovery. */
  readonly subresources: Readonly<
    Record<string, { kind: string; group?: string; version?: string; verbs: string[] }>
  >;
  /** Converts fields that a version adds or renames. Absent when the stored form is the served form. */
  readonly convert?: { toStored(item: Item): Item; fromStored(item: Item): Item };
  /** The beginning of this version's JSON. Set when one table has several versions that differ in nothing else. */
  readonly prefix?: string;
  /** Validates a custom resource. Built-in types have their rules in `strategy`. */
  readonly check?: (item: Item, old: Item | undefined) => FieldError[];
  readonly order: number;
}

export const apiVersionOf = (type: { group: string; version: string }) =>
  type.group ? `${type.group}/${type.version}` : type.version;

export const allVerbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
] as const;

/** The JSON of a stored revision in the version of `type`. */
export function render(type: ResourceType, entry: Entry): string {
  const { json } = entry;
  if (type.prefix && !json.startsWith(type.prefix)) return type.prefix + json.slice(json.indexOf(',') + 1);
  if (type.convert) return JSON.stringify(type.convert.fromStored(JSON.parse(entry.json) as Item));
  return json;
}

export function load(type: ResourceType, entry: Entry): Item {
  return JSON.parse(render(type, entry)) as Item;
}

/** `item` with its fields in the order of every stored object. Prefixes rely on that order. */
export function ordered(item: Item): Item {
  const { apiVersion, kind, metadata, ...rest } = item;
  return { apiVersion, kind, metadata, ...rest };
}

/** The beginning of a stored object's JSON. */
export const jsonPrefix = (apiVersion: string) => `{"apiVersion":${JSON.stringify(apiVersion)},`;

export class Registry {
  readonly #types = new Map<string, ResourceType>();
  /** Increases whenever the served kinds change. For ETags and caches. */
  generation = 0;

  add(type: ResourceType): void {
    this.#types.set(`${type.group}/${type.version}/${type.plural}`, type);
    this.generation++;
  }

  remove(group: string, version: string, plural: string): void {
    if (this.#types.delete(`${group}/${version}/${plural}`)) this.generation++;
  }

  get(group: string, version: string, plural: string): ResourceType | undefined {
    return this.#types.get(`${group}/${version}/${plural}`);
  }

  /** The type of a table, in any version, for what is the same in all versions. */
  ofTable(table: string): ResourceType | undefined {
    for (const type of this.#types.values()) if (type.table === table && !type.convert) return type;
    return undefined;
  }

  ofKind(apiVersion: string, kind: string): ResourceType | undefined {
    for (const type of this.#types.values())
      if (type.kind === kind && apiVersionOf(type) === apiVersion) return type;
    return undefined;
  }

  all(): ResourceType[] {
    return [...this.#types.values()];
  }

  /** One type per table, in the stored version. */
  stored(): ResourceType[] {
    const seen = new Map<string, ResourceType>();
    for (const type of this.#types.values()) {
      if (!type.convert && !seen.has(type.table)) seen.set(type.table, type);
    }
    return [...seen.values()];
  }

  groups(): string[] {
    return [...new Set(this.all().map((type) => type.group))];
  }

  /** The versions of a group, preferred ones first. */
  versions(group: string): string[] {
    const versions = new Set(this.all().flatMap((type) => (type.group === group ? [type.version] : [])));
    return [...versions].sort(byVersionPriority);
  }
}

/**
 * GA before beta before alpha, then higher numbers first: apimachinery's `version.CompareKubeAwareVersionStrings`.
 */
function byVersionPriority(a: string, b: string): number {
  const rank = (version: string): [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (!match) return [3, 0, 0];
    const stage = match[2] === undefined ? 0 : match[2] === 'beta' ? 1 : 2;
    return [stage, -Number(match[1]), -Number(match[3] ?? 0)];
  };
  const [x, y] = [rank(a), rank(b)];
  for (let i = 0; i < 3; i++) if (x[i] !== y[i]) return (x[i] as number) - (y[i] as number);
  return a < b ? -1 : 1;
}
