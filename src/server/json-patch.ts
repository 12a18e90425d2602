// JSON Patch (RFC 6902) from a raw object to the one our defaults made of it. Made from what the client sent,
// not from a typed copy, so that fields we do not know are never touched.

export type PatchOperation =
  | { op: 'add' | 'replace'; path: string; value: unknown }
  | { op: 'remove'; path: string };

/** The operations that turn `before` into `after`; lists are replaced as a whole. Unchanged parts that are shared cost nothing. */
export function diff(before: unknown, after: unknown, path = ''): PatchOperation[] {
  if (before === after) return [];
  if (!isMap(before) || !isMap(after)) {
    return equal(before, after) ? [] : [{ op: 'replace', path, value: after }];
  }
  const operations: PatchOperation[] = [];
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const at = `${path}/${escapePointer(key)}`;
    // A key may be called what every object inherits: `constructor`, `__proto__`.
    if (!has(before, key)) operations.push({ op: 'add', path: at, value });
    else operations.push(...diff(before[key], value, at));
  }
  for (const key of Object.keys(before)) {
    if (before[key] !== undefined && !has(after, key))
      operations.push({ op: 'remove', path: `${path}/${escapePointer(key)}` });
  }
  return operations;
}

/** JSON has no undefined: a field that is undefined is not there. */
const has = (map: Record<string, unknown>, key: string): boolean =>
  Object.hasOwn(map, key) && map[key] !== undefined;

/** RFC 6901: `~` and `/` in a key. */
const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function equal(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b);
}
