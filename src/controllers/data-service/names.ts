// The names of a DataService's children: the plain names of the first version for the first DataService of a
// namespace, prefixed names for every further one. A decision stays, whoever comes and goes. Pure.
import { type Component, type DataService, isMiddleware } from '../../api/data-service.ts';
import { addressOf, builtIn } from '../../api/data-service-parts.ts';

export interface NamedChild {
  name: string;
  /** `app.kubernetes.io/component` */
  component: string;
}

/**
 * `others`: the other DataServices of the namespace. `children`: existing Services of this one. Existing children
 * decide before the status does, so that a lost status changes no name. `hasPlainNames`: the one that got the plain
 * names, whose status may not say so yet.
 */
export function prefixOf(
  object: DataService,
  others: readonly DataService[],
  children: readonly NamedChild[],
  hasPlainNames: (it: DataService) => boolean = () => false,
): string {
  const found = prefixIn(children) ?? decidedOf(object) ?? (hasPlainNames(object) ? '' : undefined);
  if (found !== undefined) return found;
  const isTaken = others.some(
    (other) => holdsPlainNames(other) || isBefore(other, object) || hasPlainNames(other),
  );
  return isTaken ? `${object.metadata.name}-` : '';
}

/** The prefix of existing Services. */
export function prefixIn(children: readonly NamedChild[]): string | undefined {
  for (const { name, component } of children) {
    const plain = builtIn[component as Component]?.object;
    if (plain !== undefined && name.endsWith(plain)) return name.slice(0, name.length - plain.length);
  }
  return undefined;
}

function decidedOf({ spec, status }: DataService): string | undefined {
  return spec.namePrefix ?? status?.namePrefix;
}

const holdsPlainNames = (other: DataService): boolean => decidedOf(other) === '';

/** Whether `other` was not reconciled yet and will get the plain names when it is. */
function isBefore(other: DataService, object: DataService): boolean {
  if (decidedOf(other) !== undefined) return false;
  if (other.metadata.deletionTimestamp) return false;
  return age(other) < age(object);
}

const age = ({ metadata }: DataService): string => `${metadata.creationTimestamp} ${metadata.uid}`;

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
