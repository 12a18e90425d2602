// Finds where a stored object differs from what this version generates. Pure; knows JSON, and no kind.

/**
 * The paths at which `stored` differs from `wanted`, one sentence each, at most `most` of them. `extras` decides
 * about fields that only `stored` has. API servers fill in defaults, so such fields are usually 'allowed'. In a
 * schema they change what is accepted, so there they are 'refused'.
 */
export function differences(
  wanted: unknown,
  stored: unknown,
  options: { extras: 'allowed' | 'refused'; path?: string; most?: number },
): string[] {
  const { extras, path = '', most = 5 } = options;
  const found: string[] = [];
  const at = (field: string, where: string) => (where ? `${where}.${field}` : field);
  const compare = (a: unknown, b: unknown, where: string): void => {
    if (found.length >= most) return;
    if (isObject(a) && isObject(b)) {
      for (const field of Object.keys(a))
        if (a[field] !== undefined) compare(a[field], b[field], at(field, where));
      if (extras === 'allowed') return;
      for (const field of Object.keys(b))
        if (!Object.hasOwn(a, field)) compare(undefined, b[field], at(field, where));
    } else if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
      for (const [index, item] of a.entries()) compare(item, b[index], `${where}[${index}]`);
    } else if (JSON.stringify(a) !== JSON.stringify(b) && !(isEmpty(a) && isEmpty(b))) {
      found.push(`${where} must be ${shown(a)}, is ${shown(b)}`);
    }
  };
  compare(wanted, stored, path);
  return found;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** API servers leave out empty values. */
const isEmpty = (value: unknown): boolean =>
  value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0);

function shown(value: unknown): string {
  if (value === undefined) return 'absent';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
