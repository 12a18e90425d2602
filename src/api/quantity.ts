// Kubernetes quantities (apimachinery pkg/api/resource): `500m`, `1Gi`, `2e3`. Compares them exactly and by value:
// `1000m` equals `1`. Does not know the fields that have them.

/** The quantities that we accept. Kubernetes also accepts signs, which no resource request may have. */
export const quantityPattern =
  '^([0-9]{1,15}(\\.[0-9]{0,9})?|\\.[0-9]{1,9})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,2})?$';

const parts = /^([+-]?)(\d*)(?:\.(\d*))?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d{1,2})?$/;

const binary: Record<string, bigint> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const decimal: Record<string, number> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** Decimal places of a parsed value. `0.000000001e-99` needs 108; Kubernetes keeps only 9. */
const scale = 120;
const one = 10n ** BigInt(scale);

/** The value times 10^120, exact. Undefined for anything that is no quantity. */
function parse(quantity: unknown): bigint | undefined {
  if (typeof quantity !== 'string' && typeof quantity !== 'number') return undefined;
  const match = parts.exec(String(quantity));
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const mantissa = BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  const factor = binary[suffix];
  const exponent = factor ? 0 : (decimal[suffix] ?? (suffix ? Number(suffix.slice(1)) : 0));
  const power = scale + exponent - fraction.length;
  return mantissa * (factor ?? 1n) * 10n ** BigInt(power);
}

/** -1, 0 or 1. Undefined when one of the two is no quantity. */
export function compareQuantities(a: unknown, b: unknown): -1 | 0 | 1 | undefined {
  const [left, right] = [parse(a), parse(b)];
  if (left === undefined || right === undefined) return undefined;
  return left === right ? 0 : left < right ? -1 : 1;
}

/** Whether two quantities mean the same: `1000m` and `1`, `1Gi` and `1024Mi`. */
export const sameQuantity = (a: unknown, b: unknown): boolean => compareQuantities(a, b) === 0;

/** One text for each quantity: `1000m` becomes 1, `1024Mi` becomes 1Gi. Other texts stay unchanged. */
export function canonicalQuantity(quantity: string | number): string {
  const value = parse(quantity);
  if (value === undefined) return String(quantity);
  if (value % one !== 0n) {
    const milli = value * 1000n;
    return milli % one === 0n ? `${milli / one}m` : String(quantity);
  }
  const whole = value / one;
  const suffix = ['Ei', 'Pi', 'Ti', 'Gi', 'Mi'].find((it) => whole > 0n && whole % binary[it]! === 0n);
  return suffix === undefined ? String(whole) : `${whole / binary[suffix]!}${suffix}`;
}

export function isWholeNumber(quantity: unknown): boolean {
  const value = parse(quantity);
  return value !== undefined && value % one === 0n;
}

/** For display only: a double may lose digits. */
export function quantityToNumber(quantity: unknown): number | undefined {
  const value = parse(quantity);
  if (value === undefined) return undefined;
  const whole = value / one;
  return Number(whole) + Number((value - whole * one) / 10n ** BigInt(scale - 15)) / 1e15;
}
