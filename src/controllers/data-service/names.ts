// The names of a DataService's children. The first DataService of a namespace gets the plain names of Spikegate's first
// version, each further one gets prefixed names. A DataService keeps its names when others come or go. Pure.
import { type Component, type DataService, isMiddleware } from '../../api/data-service.ts';
import { addressOf, builtIn } from '../../api/data-service-parts.ts';

export interface NamedChild {
  name: string;
  /** `app.kubernetes.io/component` */
  component: string;
}

/**
 * `others`: the other DataServices of the namespace. `children`: the existing Services of this one. They take
 * precedence over the status, so that a lost status changes no name. `hasPlainNames`: whether a DataService has the
 * plain names, also while its status does not say so yet.
 */
export function prefixOf(
  object: DataService,
  others: readonly DataService[],
  children: readonly NamedChild[],
  hasPlainNames: (it: DataService) => boolean = () => false,
): string {
  const found = prefixIn(children) ?? recordedPrefix(object) ?? (hasPlainNames(object) ? '' : undefined);
  if (found !== undefined) return found;
  const isTaken = others.some(
    (other) => recordedPrefix(other) === '' || isBefore(other, object) || hasPlainNames(other),
  );
  return isTaken ? `${object.metadata.name}-` : '';
}

/** The prefix that existing Services have in their names. */
export function prefixIn(children: readonly NamedChild[]): string | undefined {
  for (const { name, component } of children) {
    const plain = builtIn[component as Component]?.object;
    if (plain !== undefined && name.endsWith(plain)) return name.slice(0, name.length - plain.length);
  }
  return undefined;
}

function recordedPrefix({ spec, status }: DataService): string | undefined {
  return spec.namePrefix ?? status?.namePrefix;
}

/** Whether `other` is older, was not reconciled yet, and so will get the plain names. */
function isBefore(other: DataService, object: DataService): boolean {
  if (recordedPrefix(other) !== undefined) return false;
  if (other.metadata.deletionTimestamp) return false;
  return creationOrder(other) < creationOrder(object);
}

const creationOrder = ({ metadata }: DataService): string => `${metadata.creationTimestamp} ${metadata.uid}`;

export const nameOf = (prefix: string, component: Component): string =>
  `${prefix}${builtIn[component].object}`;

/** host:port of a component for clients in the cluster. */
export function hostOf(object: DataService, prefix: string, component: Component, port: number): string {
  const { thirdParty } = object.spec[component] ?? {};
  const elsewhere = thirdParty && isMiddleware(component) ? addressOf(thirdParty.url, port) : undefined;
  if (elsewhere) {
    return `${elsewhere.host.includes(':') ? `[${elsewhere.host}]` : elsewhere.host}:${elsewhere.port}`;
  }
  return `${nameOf(prefix, component)}.${object.metadata.namespace}.svc:${port}`;
}
