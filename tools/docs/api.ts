// docs/api.md, written from the schemas of the kinds and the table of refusals.
import type { Kind } from '../../src/api/define-kind.ts';
import { saleKinds, workloadKinds } from '../../src/api/kinds.ts';
import { refusals } from '../../src/api/refusals.ts';
import { id } from '../../src/api/schema.ts';

interface Schema {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  enum?: readonly unknown[];
  default?: unknown;
  pattern?: string;
  format?: string;
  anyOf?: Schema[];
  [keyword: string]: unknown;
}

/** The whole file. */
export function apiDocument(): string {
  const sections = [
    head,
    '## The sale',
    ...saleKinds.map(kindSection),
    '## Workloads',
    ...workloadKinds.map(kindSection),
    refusalSection(),
  ];
  return `${sections.join('\n\n')}\n`;
}

const head = `# The kinds and their fields

Written by \`npm run docs\` from the schemas in \`src/api\`. The same schemas make the CRDs, so \`kubectl explain\` says the
same. \`*\` after a name: the field is required. Every object is namespaced. A reference names an object of the same
namespace, by its name or by the id that Spikegate has allocated to it.`;

function kindSection(kind: Kind): string {
  const names = [kind.plural, ...kind.shortNames].map((name) => `\`${name}\``).join(', ');
  const fields = [
    ...rowsOf('spec', kind.specSchema as Schema, new Map()),
    ...rowsOf('status', kind.statusSchema as Schema, new Map()),
  ];
  return [
    `### ${kind.kind}`,
    '',
    `\`${kind.apiVersion}\` · ${names} · ${kind.description}`,
    '',
    '| field | type | what it is |',
    '|---|---|---|',
    ...fields,
  ].join('\n');
}

/** `seen`: the first path of each object schema, so that a part that occurs many times is described once. */
function rowsOf(path: string, schema: Schema, seen: Map<string, string>): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const mark = schema.required?.includes(name) ? '*' : '';
    const field = `${path}.${name}`;
    const inner = innerOf(field, property);
    const twin = inner && repeats(inner.schema) ? seen.get(shapeOf(inner.schema)) : undefined;
    if (inner && !twin) seen.set(shapeOf(inner.schema), inner.path);
    const note = twin ? ` Its fields are those of \`${twin}\`.` : '';
    const row = `| \`${field}\`${mark} | ${typeOf(property)} | ${cell((property.description ?? '') + note)}${defaultOf(property)} |`;
    return [row, ...(inner && !twin ? rowsOf(inner.path, inner.schema, seen) : [])];
  });
}

/** The object whose fields get rows of their own. */
function innerOf(path: string, schema: Schema): { path: string; schema: Schema } | undefined {
  if (schema.properties) return { path, schema };
  if (schema.items?.properties) return { path: `${path}[]`, schema: schema.items };
  const values = schema.additionalProperties;
  if (typeof values === 'object' && values.properties) return { path: `${path}.*`, schema: values };
  return undefined;
}

const repeats = (schema: Schema): boolean => Object.keys(schema.properties ?? {}).length > 1;

const shapeOf = (schema: Schema): string =>
  JSON.stringify(schema, (key, value) =>
    key === 'description' && typeof value === 'string' ? undefined : value,
  );

function typeOf(schema: Schema): string {
  const bounds = boundsOf(schema);
  const name = nameOf(schema);
  return bounds ? `${name}, ${bounds}` : name;
}

function nameOf(schema: Schema): string {
  if (schema['x-kubernetes-int-or-string']) return 'integer or string';
  if (schema.items) return `list of ${nameOf(schema.items)}`;
  const values = schema.additionalProperties;
  if (typeof values === 'object') return `map to ${typeOf(values)}`;
  if (schema.format === 'date-time') return 'time';
  if (schema.pattern === uuid) return 'UUID';
  return schema.type ?? 'any';
}

function boundsOf(schema: Schema): string {
  if (schema.pattern === uuid) return '';
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' ');
  const { minimum, maximum, maxLength, maxItems, maxProperties, pattern } = schema;
  const parts = [
    minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : '',
    minimum !== undefined && maximum === undefined ? `at least ${minimum}` : '',
    maxItems === undefined ? '' : `at most ${maxItems}`,
    maxProperties === undefined ? '' : `at most ${maxProperties} keys`,
    pattern ? `\`${cell(pattern)}\`` : '',
    maxLength === undefined || schema.format ? '' : `at most ${maxLength} characters`,
  ];
  return parts.filter(Boolean).join(', ');
}

function defaultOf({ default: value }: Schema): string {
  return value === undefined ? '' : ` Default: \`${JSON.stringify(value)}\`.`;
}

const uuid = (id({ description: '' }) as { pattern?: string }).pattern;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function refusalSection(): string {
  const rows = Object.entries(refusals).map(
    ([reason, { code, when }]) => `| \`${reason}\` | ${code} | ${when} |`,
  );
  return [
    '## Refusals',
    '',
    'A request that Spikegate refuses gets a `Status` with one of these reasons in `reason`. The reason stays the same between\nversions; the message may change. `details.causes[0].field` names the field. 429: the same request may succeed a moment\nlater; `details.retryAfterSeconds` says when, and kubectl and client-go retry by themselves.',
    '',
    '| reason | code | when |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}
