// The settings of `spikegate serve`: one row for each. The type, the flags with their help, the environment variables and
// docs/settings.md come from these rows. This file does not know what a setting is used for.
import { logRows } from './log-rows.ts';
import type { Row } from './row.ts';
import { saleRows } from './sale-rows.ts';
import { serverRows } from './server-rows.ts';

export const rows = { ...serverRows, ...saleRows, ...logRows };

type Rows = typeof rows;
type ValueOf<K extends keyof Rows> = Rows[K] extends Row<infer T> ? T : never;
type OptionalName = { [K in keyof Rows]: undefined extends ValueOf<K> ? K : never }[keyof Rows];

/** Durations are in ms. */
export type ServeSettings = { [K in Exclude<keyof Rows, OptionalName>]: ValueOf<K> } & {
  [K in OptionalName]?: NonNullable<ValueOf<K>>;
};

/**
 * The longest time a process takes to stop, in ms: the drain, and at most 18 s for the rest. Kubernetes must not kill the
 * process earlier.
 */
export const stopsWithinMs = (drain: number): number => drain + 18_000;
