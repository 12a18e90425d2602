// Parses the path of a URL into a resource and its subresource. Pure.

import { badRequest } from '../status.ts';

export interface ResourceRoute {
  group: string;
  version: string;
  namespace: string;
  plural: string;
  name: string;
  subresource: string;
  /** There are segments after the subresource. No resource has any. */
  extra: boolean;
}

const namespaceSubresources = new Set(['status', 'finalize']);

/** The resource of a path. Undefined for the other paths of the server (discovery, health, …). */
export function resourceRoute(path: string): ResourceRoute | undefined {
  const parts = path.split('/').slice(1).map(decode);
  const core = parts[0] === 'api';
  if (!core && parts[0] !== 'apis') return undefined;
  const group = core ? '' : (parts[1] ?? '');
  const version = parts[core ? 1 : 2] ?? '';
  const rest = parts.slice(core ? 2 : 3);
  if (rest.at(-1) === '') rest.pop();
  if (rest.length === 0 || !version) return undefined;
  const inNamespace =
    rest[0] === 'namespaces' && rest.length > 2 && !namespaceSubresources.has(rest[2] as string);
  const namespace = inNamespace ? (rest[1] as string) : '';
  const [plural = '', name = '', subresource = '', ...extra] = inNamespace ? rest.slice(2) : rest;
  return { group, version, namespace, plural, name, subresource, extra: extra.length > 0 };
}

/**
 * The name to which the field selector limits a list or watch. Authorization then asks for that name, as in
 * Kubernetes (apiserver pkg/endpoints/request/requestinfo.go).
 */
export function nameSelected(query: URLSearchParams): string {
  for (const term of (query.get('fieldSelector') ?? '').split(',')) {
    const [, name] = /^metadata\.name==?([^=].*)$/.exec(term) ?? [];
    if (name) return name;
  }
  return '';
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(part)}`);
  }
}
