// The parts of the server that every operation uses, and the checks that operations share. Knows no HTTP, because the
// sandbox's own controllers call the operations, too.

import type { Clock } from '../../runtime/clock.ts';
import { own } from '../../runtime/own-keys.ts';
import type { Admission } from '../admission/admission.ts';
import type { ApiCall } from '../call.ts';
import { apiVersionOf, type Registry, type ResourceType } from '../resources.ts';
import { metadataSchema } from '../schema/builtin.ts';
import { decodeError, missingRequired } from '../schema/gotypes.ts';
import { prepare } from '../schema/schema.ts';
import { badRequest, type FieldError, field, forbidden, invalid, notFound } from '../status.ts';
import type { Entry } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import { checkMeta, formats } from '../strategies/names.ts';
import { nameFormats } from '../strategies/strategies.ts';
import { type Item, isObj, type Logger } from '../types.ts';

export interface Core {
  store: Store;
  registry: Registry;
  admission: Admission;
  clock: Clock;
  log: Logger;
}

/** The result of a write: the object, and the stored revision (none on a dry run). */
export interface Written {
  item: Item;
  entry: Entry | undefined;
}

/** `Kind in version "v" cannot be handled as a Kind: why`. */
export const cannotHandle = (type: ResourceType, why: string) =>
  badRequest(
    `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: ${why}`,
  );

/**
 * Normalises an object of a client or webhook: checks the types of its fields, removes unknown fields and applies
 * defaults. Returns the removed fields.
 */
export function refine(type: ResourceType, item: Item): string[] {
  if (!isObj(item.metadata)) {
    if (item.metadata !== undefined && item.metadata !== null)
      throw cannotHandle(
        type,
        `json: cannot unmarshal ${typeof item.metadata} into Go struct field ${type.kind}.metadata of type v1.ObjectMeta`,
      );
    item.metadata = {} as Item['metadata'];
  }
  const wrong = type.builtin
    ? decodeError(type.schema, item, type.kind)
    : decodeError(metadataSchema, item.metadata as unknown as Record<string, unknown>, 'ObjectMeta');
  if (wrong) throw cannotHandle(type, wrong);
  if (!type.builtin) dropNullMetadata(item);
  const { unknown } = prepare(type.schema, item, { prune: true, isRoot: true, dropNulls: type.builtin });
  type.strategy.fillIn?.(item);
  return unknown;
}

function dropNullMetadata(item: Item): void {
  const metadata = item.metadata as unknown as Record<string, unknown>;
  for (const name of Object.keys(metadata)) if (metadata[name] === null) delete metadata[name];
}

/** Ignores unknown fields, warns of them or refuses the object, as the parameter fieldValidation says. */
export function reportUnknown(type: ResourceType, unknown: readonly string[], call: ApiCall): void {
  if (unknown.length === 0 || call.validation === 'Ignore') return;
  // kube-apiserver reports the unknown fields of custom resources in sorted order.
  const paths = type.builtin ? unknown : unknown.toSorted();
  const texts = paths.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (call.validation === 'Strict') throw cannotHandle(type, `strict decoding error: ${texts.join(', ')}`);
  call.warnings.push(...texts);
}

/** The body must have the kind and apiVersion of the URL. */
export function checkIdentity(type: ResourceType, item: Item): void {
  if (!type.builtin && item.kind && item.kind !== type.kind && item.apiVersion === apiVersionOf(type)) {
    const name = isObj(item.metadata) ? (item.metadata.name ?? '') : '';
    throw invalid({ group: type.group, kind: item.kind }, name, [
      field.invalid('kind', item.kind, `must be ${type.kind}`),
    ]);
  }
  if (!item.kind || !item.apiVersion) {
    const missing = item.kind ? "Object 'apiVersion' is missing" : "Object 'Kind' is missing";
    throw badRequest(`${missing} in '${JSON.stringify(item).slice(0, 200)}'`);
  }
  if (item.apiVersion !== apiVersionOf(type))
    throw badRequest(
      `the API version in the data (${item.apiVersion}) does not match the expected API version (${apiVersionOf(type)})`,
    );
  if (item.kind !== type.kind)
    throw badRequest(
      `${item.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: no kind ${JSON.stringify(item.kind)} is registered for version ${JSON.stringify(apiVersionOf(type))}`,
    );
}

/** Checks the content of the object. Throws one 422 with all errors. */
export function validateItem(
  type: ResourceType,
  item: Item,
  old: Item | undefined,
  subresource: string,
): void {
  const format = (type.builtin && own(nameFormats, type.kind)) || formats.subdomain;
  const errors: FieldError[] = old ? checkMeta(item, undefined) : checkMeta(item, format);
  if (type.builtin && subresource === '') {
    errors.push(...(type.strategy.validate?.(item) ?? []));
    const reported = new Set(errors.map((error) => error.field));
    for (const path of missingRequired(type.schema, item))
      if (!reported.has(path)) errors.push(field.required(path));
    if (old) errors.push(...(type.strategy.validateUpdate?.(item, old) ?? []));
  }
  if (type.builtin && subresource === 'status') errors.push(...(type.strategy.validateStatus?.(item) ?? []));
  if (type.check) errors.push(...type.check(item, old));
  if (errors.length > 0) throw invalid(type, item.metadata.name ?? '', errors);
}

/** Refuses a new object when its namespace does not exist or is being deleted. */
export function guardNamespace(core: Core, type: ResourceType, namespace: string, name: string): void {
  if (!type.namespaced) return;
  const entry = core.store.table('/namespaces').get(namespace);
  if (!entry) throw notFound({ group: '', plural: 'namespaces' }, namespace);
  if (entry.deleting) {
    throw forbidden(
      type,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }
}
