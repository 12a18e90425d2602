// One setting as a row of a table, and short ways to write one.

export const groups = [
  'Cluster',
  'Listening',
  'Certificates',
  'Callers',
  'Leader election',
  'Sale',
  'Workloads',
  'Log',
] as const;

export interface Row<T> {
  /** In the syntax of commander: `--port <number>`, `--board`, `--no-leader-elect`. */
  flag: string;
  env: string;
  parse(text: string): T;
  default: T;
  /** The default as help and docs show it. Absent: they show the value itself. */
  defaultText?: string;
  choices?: readonly string[];
  group: (typeof groups)[number];
  help: string;
}

export const row = <T>(row: Row<T>): Row<T> => row;

/** A setting that may be absent. */
export const optional = (
  row: Pick<Row<string>, 'flag' | 'env' | 'group' | 'help' | 'defaultText'>,
): Row<string | undefined> => ({
  ...row,
  parse: (text) => text,
  default: undefined,
});

export const text = (row: Pick<Row<string>, 'flag' | 'env' | 'default' | 'group' | 'help'>): Row<string> => ({
  ...row,
  parse: (text) => text,
});

export const choice = <T extends string>(
  row: Pick<Row<T>, 'flag' | 'env' | 'default' | 'group' | 'help'> & { choices: readonly T[] },
): Row<T> => ({ ...row, parse: (text) => text as T });

export const second = 1000;
export const minute = 60 * second;
export const day = 24 * 60 * minute;

/** Returns `rows`. The compiler checks that each entry is a row, and keeps the type of each value. */
export const checked = <T extends Record<string, Pick<Row<unknown>, 'flag' | 'env' | 'group' | 'help'>>>(
  rows: T,
): T => rows;
