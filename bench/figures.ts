// Numbers for people: quartiles, percentiles, and tables of them. Knows nothing of what was measured.

export interface Quartiles {
  min: number;
  q1: number;
  median: number;
  q3: number;
  max: number;
  /** How many values there were. */
  n: number;
}

/** The value below which `share` (0..1) of the sorted values lie, interpolated; NaN for no values. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (above - below) * (at - Math.floor(at));
}

export function quartiles(values: readonly number[]): Quartiles {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, q1, median, q3, max] = [0, 0.25, 0.5, 0.75, 1].map((share) => percentile(sorted, share));
  return { min: min!, q1: q1!, median: median!, q3: q3!, max: max!, n: sorted.length };
}

export const median = (values: readonly number[]): number => quartiles(values).median;

/** Round by round: what was measured side by side is compared side by side. */
export const ratios = (ours: readonly number[], theirs: readonly number[]): Quartiles =>
  quartiles(ours.map((value, round) => value / theirs[round]!));

/** Three significant digits, no exponent. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

/** `1.45 (1.40–1.52)`: the median and the quartiles around it. */
export const spread = ({ q1, median, q3 }: Quartiles): string =>
  `${short(median)} (${short(q1)}–${short(q3)})`;

/** Columns as wide as they must be; the first one to the left, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ');
  return [line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

/** The same object with every number cut to four significant digits, for the JSON line. */
export function rounded(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : Number(value.toPrecision(4));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}
