// What a URL asks for: a resource, or a path of the server's own. Pure.

import { badRequest } from '../status.ts';

export interface ResourceRoute {
  group: string;
  version: string;
  namespace: string;
  plural: string;
  name: string;
  subresource: string;
  /** Segments beyond the subresource; no resource has any here. */
  extra: boolean;
}

const partsOfNamespace = new Set(['status', 'finalize']);

/** The resource a path names, or undefined when the path is none (discovery, health …). */
export function resourceRoute(path: string): ResourceRoute | undefined {
  const parts = path.split('/').slice(1).map(decode);
  const core = parts[0] === 'api';
  if (!core && parts[0] !== 'apis') return undefined;
  const group = core ? '' : (parts[1] ?? '');
  const version = parts[core ? 1 : 2] ?? '';
  const rest = parts.slice(core ? 2 : 3);
  if (rest.at(-1) === '') rest.pop();
  if (rest.length === 0 || !version) return undefined;
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2 && !partsOfNamespace.has(rest[2] as string);
  const namespace = inNamespace ? (rest[1] as string) : '';
  const [plural = '', name = '', subresource = '', ...extra] = inNamespace ? rest.slice(2) : rest;
  return { group, version, namespace, plural, name, subresource, extra: extra.length > 0 };
}

/**
 * The name that a list or watch is limited to by its field selector: permission is asked for that name, as
 * Kubernetes does (apiserver pkg/endpoints/request/requestinfo.go).
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
