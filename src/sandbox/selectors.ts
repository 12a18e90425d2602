// Label and field selectors: parses them from queries and objects, and matches objects. Pure.

import { own } from '../runtime/own-keys.ts';
import { badRequest } from './status.ts';
import { formatError, formats, qualifiedNameError } from './strategies/names.ts';
import { asList, asObj, asString, asStrings, dig, type Item } from './types.ts';

type Operator = 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  key: string;
  operator: Operator;
  values: readonly string[];
}

export function matchesLabels(
  selector: readonly Requirement[],
  labels: Record<string, string> | undefined,
): boolean {
  return selector.every((requirement) => matches(requirement, own(labels, requirement.key)));
}

function matches({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
      return /^[+-]?\d+$/.test(value ?? '') && Number(value) > Number(values[0]);
    case 'lt':
      return /^[+-]?\d+$/.test(value ?? '') && Number(value) < Number(values[0]);
  }
}

const operators: Record<string, Operator> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

/** Reads a `metav1.LabelSelector`. An empty one selects all objects. */
export function parseLabelSelector(selector: unknown): Requirement[] {
  const given = asObj(selector);
  return [
    ...Object.entries(asObj(given.matchLabels)).map(([key, value]) => ({
      key,
      operator: 'in' as const,
      values: [asString(value)],
    })),
    ...asList(given.matchExpressions).map((expression) => ({
      key: asString(expression.key),
      operator: own(operators, asString(expression.operator)) ?? 'in',
      values: asStrings(expression.values),
    })),
  ];
}

/** Splits at commas outside of parentheses. */
function split(text: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (c === ',' && depth === 0) {
      out.push(text.slice(start, i));
      start = i + 1;
    }
  }
  out.push(text.slice(start));
  return out.map((part) => part.trim());
}

/** The forms of a requirement in a query, by the operator that each one means. */
const shapes: readonly [RegExp, Operator][] = [
  [/^!\s*([^\s!=<>(),]+)$/, '!'],
  [/^([^\s!=<>(),]+)\s+in\s*\(([^()]*)\)$/, 'in'],
  [/^([^\s!=<>(),]+)\s+notin\s*\(([^()]*)\)$/, 'notin'],
  [/^([^\s!=<>(),]+)\s*!=\s*([^\s!=<>(),]*)$/, 'notin'],
  [/^([^\s!=<>(),]+)\s*={1,2}\s*([^\s!=<>(),]*)$/, 'in'],
  [/^([^\s!=<>(),]+)\s*>\s*([+-]?\d+)$/, 'gt'],
  [/^([^\s!=<>(),]+)\s*<\s*([+-]?\d+)$/, 'lt'],
  [/^([^\s!=<>(),]+)$/, 'exists'],
];

const cannotParse = (text: string, why: string) =>
  badRequest(`unable to parse requirement: ${why || `found '${text}', expected: identifier`}`);

function requirement(part: string): Requirement {
  for (const [shape, operator] of shapes) {
    const match = shape.exec(part);
    if (!match) continue;
    const key = match[1] as string;
    const keyError = qualifiedNameError(key);
    if (keyError) throw cannotParse(part, `<nil>: Invalid value: ${JSON.stringify(key)}: ${keyError}`);
    const hasList = operator === 'in' || operator === 'notin';
    const values =
      match[2] === undefined ? [] : hasList ? match[2].split(',').map((v) => v.trim()) : [match[2]];
    for (const value of values) {
      const valueError =
        operator === 'gt' || operator === 'lt' ? undefined : formatError(formats.labelValue, value);
      if (valueError)
        throw cannotParse(part, `values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${valueError}`);
    }
    return { key, operator, values };
  }
  throw cannotParse(part, '');
}

/** Parses the value of a `labelSelector` query. Throws 400. */
export function parseLabelQuery(text: string): Requirement[] {
  return text.trim() === '' ? [] : split(text).map(requirement);
}

export interface FieldTerm {
  path: string;
  equals: boolean;
  value: string;
}

/** Parses the value of a `fieldSelector` query. `selectable`: the fields that the kind allows. Throws 400. */
export function parseFieldQuery(text: string, selectable: readonly string[], builtin: boolean): FieldTerm[] {
  if (text.trim() === '') return [];
  // A backslash escapes a comma in a value.
  return text
    .split(/(?<!\\),/)
    .filter(Boolean)
    .map((part) => {
      const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
      if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
      const [, path = '', operator, value = ''] = match;
      if (path !== 'metadata.name' && path !== 'metadata.namespace' && !selectable.includes(path))
        throw badRequest(
          builtin && selectable.length === 0
            ? `"${path}" is not a known field selector: only "metadata.name", "metadata.namespace"`
            : `field label not supported: ${path}`,
        );
      return { path, equals: operator !== '!=', value: value.replace(/\\(.)/g, '$1') };
    });
}

/** Names of fields in selectors that differ from the path in the object. */
const aliases: Record<string, string> = { source: 'source.component' };

export function matchesFields(terms: readonly FieldTerm[], item: Item): boolean {
  return terms.every(({ path, equals, value }) => {
    const found = dig(item, own(aliases, path) ?? path);
    return (String(found ?? '') === value) === equals;
  });
}
