// The settings of `spikegate serve`: one row for each. The rows give the type, the flags with their help, the environment
// variables, and docs/settings.md. Knows nothing of what a setting is used for.
import { logRows } from './log-rows.ts';
import type { Row } from './row.ts';
import { saleRows } from './sale-rows.ts';
import { serverRows } from './server-rows.ts';

export const rows = { ...serverRows, ...saleRows, ...logRows };

type Rows = typeof rows;
type ValueOf<K extends keyof Rows> = Rows[K] extends Row<infer T> ? T : never;
type Absent = { [K in keyof Rows]: undefined extends ValueOf<K> ? K : never }[keyof Rows];

/** Durations are in ms. */
export type ServeSettings = { [K in Exclude<keyof Rows, Absent>]: ValueOf<K> } & {
  [K in Absent]?: NonNullable<ValueOf<K>>;
};

/** The longest time a process takes to stop, in ms: Kubernetes must not kill it earlier. */
export const stopsWithinMs = (drain: number): number => drain + 18_000;
