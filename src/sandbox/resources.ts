// The registry of all resources that the sandbox serves, in every version, built-in or from a CRD. Knows no storage and
// no HTTP. kinds.ts and CRDs define the kinds.

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

/** The fields of the object that a Scale shows, as dotted paths. */
export interface ScalePaths {
  spec: string;
  status: string;
  selector?: string;
}

/** The rules of one kind that its schema cannot express. Hooks may change `item` in place. */
export interface Strategy {
  /** Fills in defaults that depend on other fields. */
  fillIn?(item: Item): void;
  /** Sets the fields that the server decides, before the validation of a create. */
  prepareCreate?(item: Item): void;
  /** Sets the fields that the server decides, before the validation of an update. */
  prepareUpdate?(item: Item, old: Item): void;
  /** Restores fields that a write to /status must not change. The spec is restored for all kinds. */
  prepareStatus?(item: Item, old: Item): void;
  /** Allocates values that must be unique in the cluster. `others`: all stored objects of the kind. */
  allocate?(item: Item, others: Iterable<Item>): FieldError[];
  validate?(item: Item): FieldError[];
  validateUpdate?(item: Item, old: Item): FieldError[];
  /** The rules for a write to /status. */
  validateStatus?(item: Item): FieldError[];
  /** Does the work of Kubernetes' own admission plugins on a new object. Throws ApiError. */
  admit?(type: ResourceType, item: Item, find: Find): void;
  /** Names of objects that cannot be deleted. */
  undeletable?: ReadonlySet<string>;
  /** The grace period of a deletion in seconds, if the kind has one. `asked`: gracePeriodSeconds of the request. */
  graceSeconds?(item: Item, asked: unknown): number;
  /** The kind is Namespace: webhooks get its own name as the namespace, and spec.finalizers also delay its removal. */
  isNamespace?: true;
}

/** Looks up a stored object. A table's name is `group/plural`. */
export type Find = (table: string, namespace: string, name: string) => Item | undefined;

/** The namespace that a review of the object names. */
export const reviewedNamespace = (
  { strategy }: ResourceType,
  { namespace, name }: { namespace: string; name: string },
): string => (strategy.isNamespace ? name : namespace);

/** Whether spec.finalizers delay the removal of the object. Only namespaces have them. */
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
  /** Name of the table that stores the objects: `group/plural`. All versions of a kind share it. */
  readonly table: string;
  readonly builtin: boolean;
  /** The schema of the built-in type, or of the CRD's version. */
  readonly schema: SchemaRoot;
  /** The name of the built-in type, for protobuf. */
  readonly typeName?: string;
  readonly status: boolean;
  readonly scale: ScalePaths | undefined;
  /** Whether metadata.generation counts the changes of the object. */
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
  /** Converts between this version and the stored one. Absent when their fields are the same. */
  readonly convert?: { toStored(item: Item): Item; fromStored(item: Item): Item };
  /**
   * The beginning of an object's JSON in this version: its apiVersion. `render` replaces only this part. Set for the
   * versions of a CRD, if nothing else differs between them.
   */
  readonly prefix?: string;
  /** Validates a custom resource. Built-in types have their rules in `strategy`. */
  readonly check?: (item: Item, old: Item | undefined) => FieldError[];
  /** Discovery lists kinds in this order. */
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

/** `item` with apiVersion as its first field. All stored objects have this order: `render` replaces their beginning. */
export function ordered(item: Item): Item {
  const { apiVersion, kind, metadata, ...rest } = item;
  return { apiVersion, kind, metadata, ...rest };
}

/** The beginning of an object's JSON, up to and with the comma after its apiVersion. */
export const jsonPrefix = (apiVersion: string) => `{"apiVersion":${JSON.stringify(apiVersion)},`;

export class Registry {
  readonly #types = new Map<string, ResourceType>();
  /** Increases whenever the served kinds change. ETags and caches depend on it. */
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

  /** One of the types of a table, for callers who need only properties that all its versions share. */
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
