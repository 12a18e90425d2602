// Paths and queries of resources. Pure; knows neither the network nor any kind.

import type { Resource } from './objects.ts';

/**
 * The path of a collection, or of one object when `name` is given. Throws on an empty name: the server would read
 * it as the path of the collection, and a delete would remove every object.
 */
export function resourcePath(r: Resource, namespace?: string, name?: string, subresource?: string): string {
  const root = r.group ? `/apis/${r.group}/${r.version}` : `/api/${r.version}`;
  const scope = r.namespaced && namespace ? `/namespaces/${segment('namespace', namespace)}` : '';
  const collection = `${root}${scope}/${r.plural}`;
  if (name === undefined) return collection;
  if (r.namespaced && !namespace) throw new TypeError(`${r.kind} "${name}": the namespace is missing`);
  const object = `${collection}/${segment('name', name)}`;
  return subresource ? `${object}/${subresource}` : object;
}

// Throws on names that no object can have (apimachinery pkg/api/validation/path) or that would leave the
// collection.
function segment(what: string, text: string): string {
  if (text === '' || text === '.' || text === '..' || /[/%]/.test(text)) {
    throw new TypeError(`"${text}" cannot be a ${what}`);
  }
  return encodeURIComponent(text);
}

/** Leaves out undefined values. */
export function withQuery(
  path: string,
  query: Record<string, string | number | boolean | undefined>,
): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parts.push(`${name}=${encodeURIComponent(value)}`);
  }
  if (parts.length === 0) return path;
  return `${path}${path.includes('?') ? '&' : '?'}${parts.join('&')}`;
}
