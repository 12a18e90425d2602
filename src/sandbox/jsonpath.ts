// Compiles the JSONPath of printer columns: fields, quoted fields, indexes, `[*]` and `[?(@.a=="b")]`. Pure.

import { own } from '../runtime/own-keys.ts';
import { isObj } from './types.ts';

/** From one value to the values that the next part of the path selects in it. */
type Step = (value: unknown) => unknown[];

const field =
  (name: string): Step =>
  (value) =>
    isObj(value) && own(value, name) !== undefined ? [own(value, name)] : [];
const index =
  (n: number): Step =>
  (value) => {
    const found = Array.isArray(value) ? value.at(n) : undefined;
    return found === undefined ? [] : [found];
  };
const every: Step = (value) => (Array.isArray(value) ? value : isObj(value) ? Object.values(value) : []);

const compare: Record<string, (a: unknown, b: unknown) => boolean> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => Number(a) < Number(b),
  '>': (a, b) => Number(a) > Number(b),
  '<=': (a, b) => Number(a) <= Number(b),
  '>=': (a, b) => Number(a) >= Number(b),
};

function filter(path: string, operator: string, literal: string): Step {
  const inner = steps(path);
  const wanted: unknown = /^['"]/.test(literal) ? literal.slice(1, -1) : JSON.parse(literal);
  const test = own(compare, operator) ?? (() => false);
  return (value) => every(value).filter((item) => run(inner, item).some((found) => test(found, wanted)));
}

const stepSyntaxes: readonly [RegExp, (match: RegExpExecArray) => Step][] = [
  [
    /^\[\?\(\s*@([^\s=!<>]*)\s*(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|[\w.-]+)\s*\)\]/,
    (m) => filter(m[1] as string, m[2] as string, m[3] as string),
  ],
  [/^\[\*\]|^\.\*/, () => every],
  [/^\[(-?\d+)\]/, (m) => index(Number(m[1]))],
  [/^\[(?:'([^']*)'|"([^"]*)")\]/, (m) => field((m[1] ?? m[2] ?? '').replace(/\\(.)/g, '$1'))],
  [/^\.?((?:\\.|[^.[\]\\])+)/, (m) => field((m[1] as string).replace(/\\(.)/g, '$1'))],
];

function steps(path: string): Step[] {
  const out: Step[] = [];
  let rest = path.trim().replace(/^\{(.*)\}$/, '$1');
  while (rest !== '' && rest !== '.') {
    const hit = stepSyntaxes
      .map(([syntax, make]) => [syntax.exec(rest), make] as const)
      .find(([match]) => match);
    if (!hit?.[0]) throw new Error(`unrecognized path ${JSON.stringify(path)}`);
    out.push(hit[1](hit[0]));
    rest = rest.slice(hit[0][0].length);
  }
  return out;
}

function run(all: readonly Step[], value: unknown): unknown[] {
  return all.reduce<unknown[]>((values, step) => values.flatMap(step), [value]);
}

/** Compiles a path. Throws when it cannot be parsed. */
export function jsonPath(path: string): (value: unknown) => unknown[] {
  const compiled = steps(path);
  return (value) => run(compiled, value);
}
