// Compares a stored object with the object that this version generates. Pure. Works on any JSON.

/**
 * Returns one sentence for each path at which `stored` differs from `wanted`, `most` sentences at most. `extras` says
 * whether fields that only `stored` has are differences. Usually they are 'allowed', because API servers fill in
 * defaults. In a schema they are 'refused', because there they change which objects are valid.
 */
export function differences(
  wanted: unknown,
  stored: unknown,
  options: { extras: 'allowed' | 'refused'; path?: string; most?: number },
): string[] {
  const { extras, path = '', most = 5 } = options;
  const found: string[] = [];
  const join = (field: string, where: string) => (where ? `${where}.${field}` : field);
  const compare = (a: unknown, b: unknown, where: string): void => {
    if (found.length >= most) return;
    if (isObject(a) && isObject(b)) {
      for (const field of Object.keys(a))
        if (a[field] !== undefined) compare(a[field], b[field], join(field, where));
      if (extras === 'allowed') return;
      for (const field of Object.keys(b))
        if (!Object.hasOwn(a, field)) compare(undefined, b[field], join(field, where));
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

/** API servers leave out such values, so one of them equals another or an absent field. */
const isEmpty = (value: unknown): boolean =>
  value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0);

function shown(value: unknown): string {
  if (value === undefined) return 'absent';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
