// Finds where two answers differ, by path. Pure.

import { normalise } from './normalise.ts';
import type { Answer, Difference, Json, Step } from './types.ts';

type Pair = Omit<Difference, 'step'>;

const isObject = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lists of things with names, by name; discovery and tables of columns are such. */
function byName(list: Json[]): Record<string, Json> | undefined {
  const named = list.map((item) => [item?.name ?? item?.metadata?.name, item] as const);
  if (named.some(([name]) => typeof name !== 'string')) return undefined;
  return Object.fromEntries(named.map(([name, item]) => [`'${name}'`, item]));
}

/** The entries of managedFields, by whom and how. */
const byManager = (list: Json[]): Record<string, Json> =>
  Object.fromEntries(
    list.map((entry) => [
      `${entry.manager} ${entry.operation}${entry.subresource ? ` ${entry.subresource}` : ''}`,
      entry,
    ]),
  );

function* walk(real: Json, sandbox: Json, path: string, keyed: boolean): Generator<Pair> {
  if (Array.isArray(real) && Array.isArray(sandbox)) {
    const managed = path.endsWith('.managedFields');
    const [a, b] = managed
      ? [byManager(real), byManager(sandbox)]
      : keyed
        ? [byName(real), byName(sandbox)]
        : [];
    if (a && b) yield* walk(a, b, path, keyed);
    else
      for (let i = 0; i < Math.max(real.length, sandbox.length); i++)
        yield* walk(real[i], sandbox[i], `${path}[${i}]`, keyed);
  } else if (isObject(real) && isObject(sandbox)) {
    for (const key of new Set([...Object.keys(real), ...Object.keys(sandbox)]))
      yield* walk(real[key], sandbox[key], `${path}.${key}`, keyed);
  } else if (real !== sandbox) yield { path, real, sandbox };
}

/** @param step `topic/step`, for the differences' names */
export function compare(name: string, step: Step, real: Answer, sandbox: Answer): Difference[] {
  const [a, b] = [normalise(real, step), normalise(sandbox, step)];
  const pairs: Pair[] = [];
  const told = (answer: Answer) => `${answer.code} ${answer.body?.message ?? answer.body?.kind ?? ''}`;
  // An object here and an error there have nothing else in common that could be compared.
  if (a.code !== b.code && a.body?.kind !== b.body?.kind)
    return [{ step: name, path: 'code', real: told(a), sandbox: told(b) }];
  // Details repeat the message in parts: where that differs, they do.
  if (
    isObject(a.body) &&
    isObject(b.body) &&
    a.body.status === 'Failure' &&
    a.body.message !== b.body.message
  )
    for (const answer of [a, b]) delete answer.body.details;
  if (a.code !== b.code) pairs.push({ path: 'code', real: a.code, sandbox: b.code });
  pairs.push(...walk(a.headers, b.headers, 'header', false));
  pairs.push(...walk(a.body, b.body, 'body', step.keyed === true));
  return pairs.map((pair) => ({ step: name, ...pair }));
}
