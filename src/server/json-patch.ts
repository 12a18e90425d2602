// Makes the JSON Patch (RFC 6902) that adds our defaults to the client's object. It compares raw JSON instead of a typed
// copy, so that it never touches fields that we do not know.

export type PatchOperation =
  | { op: 'add' | 'replace'; path: string; value: unknown }
  | { op: 'remove'; path: string };

/**
 * The operations that turn `before` into `after`. A list is replaced as a whole. Objects that both values share by
 * reference are not compared.
 */
export function diff(before: unknown, after: unknown, path = ''): PatchOperation[] {
  if (before === after) return [];
  if (!isMap(before) || !isMap(after)) {
    return equal(before, after) ? [] : [{ op: 'replace', path, value: after }];
  }
  const operations: PatchOperation[] = [];
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const at = `${path}/${escapePointer(key)}`;
    // A key may have the name of an inherited property: `constructor`, `__proto__`.
    if (!has(before, key)) operations.push({ op: 'add', path: at, value });
    else operations.push(...diff(before[key], value, at));
  }
  for (const key of Object.keys(before)) {
    if (before[key] !== undefined && !has(after, key))
      operations.push({ op: 'remove', path: `${path}/${escapePointer(key)}` });
  }
  return operations;
}

/** A field with the value undefined does not exist in JSON. */
const has = (map: Record<string, unknown>, key: string): boolean =>
  Object.hasOwn(map, key) && map[key] !== undefined;

/** RFC 6901 escapes `~` and `/` in a key. */
const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Only lists can be equal here: `diff` has already compared by identity. */
function equal(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b);
}
