// What of Helm the chart uses, and no more: enough to render it where there is no helm, and to fail on anything else.
// Kept small on purpose: a construct that it does not know is an error, so the chart stays within what is checked here.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { Manifest } from '../../src/manifests/manifest.ts';

type Json = Record<string, unknown>;
type Node =
  | { text: string }
  | { expression: string }
  | { block: 'if' | 'with' | 'range'; expression: string; body: Node[]; otherwise: Node[] };

type Block = Extract<Node, { block: string }>;

interface Scope {
  dot: unknown;
  root: Json;
  templates: Map<string, Node[]>;
}

export interface RenderOptions {
  values?: Json;
  name?: string;
  namespace?: string;
}

/**
 * `helm template --include-crds`: the objects of a chart, hooks apart.
 * @throws Error when the values break the schema, or a template has what is not known here
 */
export function render(
  chart: string,
  { values = {}, name = 'spikegate', namespace = 'spikegate-system' }: RenderOptions = {},
): { objects: Manifest[]; hooks: Manifest[] } {
  const read = (file: string) => readFileSync(join(chart, file), 'utf8');
  const merged = merge(parse(read('values.yaml')) as Json, values);
  const check = new Ajv({ strict: false }).compile(JSON.parse(read('values.schema.json')));
  if (!check(merged)) {
    const [error] = check.errors ?? [];
    throw new Error(`values${error?.instancePath} ${error?.message}: ${JSON.stringify(error?.params)}`);
  }
  const about = parse(read('Chart.yaml')) as Json;
  const root: Json = {
    Values: merged,
    Release: { Name: name, Namespace: namespace, Service: 'Helm' },
    Chart: { Name: about.name, Version: about.version, AppVersion: about.appVersion },
  };
  const files = readdirSync(join(chart, 'templates'), { recursive: true, encoding: 'utf8' }).sort();
  const templates = new Map<string, Node[]>();
  const bodies = files
    .filter((file) => /\.(yaml|tpl|txt)$/.test(file))
    .map((file) => ({ file, nodes: parseTemplate(read(join('templates', file)), templates, file) }));
  const texts = bodies.map(({ file, nodes }) => ({ file, text: run(nodes, { dot: root, root, templates }) }));
  const all = texts
    .filter(({ file }) => file.endsWith('.yaml'))
    .flatMap(({ file, text }) => parseAllDocuments(text).map((document) => objectOf(document, file)))
    .filter((object) => object !== null);
  const crds = readdirSync(join(chart, 'crds')).map((file) => parse(read(join('crds', file))) as Manifest);
  const isHook = ({ metadata }: Manifest) => metadata.annotations?.['helm.sh/hook'] !== undefined;
  return { objects: [...crds, ...all.filter((it) => !isHook(it))], hooks: all.filter(isHook) };
}

function objectOf(document: ReturnType<typeof parseAllDocuments>[number], file: string): Manifest | null {
  const [error] = document.errors;
  if (error) throw new Error(`${file}: ${error.message}`);
  return document.toJS() as Manifest | null;
}

function merge(base: Json, over: Json): Json {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isMap(before) && isMap(value) ? merge(before, value) : value;
  }
  return merged;
}

const isMap = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Splits a text at its actions, with the white space that their dashes take, and nests the blocks. */
function parseTemplate(text: string, templates: Map<string, Node[]>, file: string): Node[] {
  const pieces = text.split(/(\s*\{\{-|\{\{)\s*([\s\S]*?)\s*(-\}\}\s*|\}\})/);
  const top: Node[] = [];
  const stack: { into: Node[]; block?: Block }[] = [{ into: top }];
  for (let at = 0; at < pieces.length; at += 4) {
    const { into } = stack.at(-1)!;
    if (pieces[at]) into.push({ text: pieces[at]! });
    const action = pieces[at + 2];
    if (action === undefined) break;
    const [word = '', ...others] = action.split(/\s+/);
    const rest = others.join(' ');
    if (action.startsWith('/*')) continue;
    if (word === 'if' || word === 'with' || word === 'range') {
      const block: Block = { block: word, expression: rest, body: [], otherwise: [] };
      into.push(block);
      stack.push({ into: block.body, block });
    } else if (word === 'define') {
      const body: Node[] = [];
      templates.set(JSON.parse(rest), body);
      stack.push({ into: body });
    } else if (action === 'else') {
      const top = stack.at(-1)!;
      if (!top.block) throw new Error(`${file}: else without if`);
      top.into = top.block.otherwise;
    } else if (action === 'end') {
      if (stack.length === 1) throw new Error(`${file}: end without a beginning`);
      stack.pop();
    } else into.push({ expression: action });
  }
  if (stack.length > 1) throw new Error(`${file}: a block has no end`);
  return top;
}

function run(nodes: readonly Node[], scope: Scope): string {
  return nodes
    .map((node) => {
      if ('text' in node) return node.text;
      if (!('block' in node)) return printed(evaluate(node.expression, scope));
      const value = evaluate(node.expression, scope);
      if (node.block === 'range')
        return (value as unknown[]).map((dot) => run(node.body, { ...scope, dot })).join('');
      const dot = node.block === 'with' ? value : scope.dot;
      return isTrue(value) ? run(node.body, { ...scope, dot }) : run(node.otherwise, scope);
    })
    .join('');
}

/** As Go's templates have it: zero, nothing and what is empty are false. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isMap(value) ? Object.keys(value).length > 0 : Boolean(value);
}

function printed(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'object')
    throw new Error(`a value must be plain to be printed, got ${JSON.stringify(value)}`);
  return String(value);
}

const indented = (spaces: unknown, text: unknown): string =>
  String(text)
    .split('\n')
    .map((line) => (line ? ' '.repeat(Number(spaces)) + line : line))
    .join('\n');

function call(name: string, args: unknown[], scope: Scope): unknown {
  const [first, second] = args;
  switch (name) {
    case 'include': {
      const template = scope.templates.get(String(first));
      if (!template) throw new Error(`no template ${first}`);
      return run(template, { ...scope, dot: second });
    }
    case 'toYaml':
      return stringify(first, { lineWidth: 0 }).trimEnd();
    case 'nindent':
      return `\n${indented(first, second)}`;
    case 'quote':
      return JSON.stringify(printed(first));
    case 'int':
      return Math.trunc(Number(first));
    case 'default':
      return isTrue(second) ? second : first;
    case 'eq':
      return first === second;
    case 'ne':
      return first !== second;
    case 'contains':
      return String(second).includes(String(first));
    case 'trunc':
      return String(second).slice(0, Number(first));
    case 'trimSuffix':
      return String(second).endsWith(String(first)) ? String(second).slice(0, -String(first).length) : second;
    case 'or':
      return args.find(isTrue) ?? args.at(-1);
    case 'join':
      return (second as unknown[]).join(String(first));
    case 'trim':
      return String(first).trim();
    default:
      throw new Error(`the function ${name} is not known here`);
  }
}

/** `a b | c d`: what a command gives is the last argument of the next. */
function evaluate(expression: string, scope: Scope): unknown {
  let piped: unknown[] = [];
  for (const command of expression.split('|')) {
    const words = command.match(/"(?:[^"\\]|\\.)*"|\([^()]*\)|\S+/g) ?? [];
    const [head = '', ...others] = words;
    const args = [...others.map((word) => operand(word, scope)), ...piped];
    const isOperand = /^[.$"0-9-]/.test(head);
    const value = isOperand ? operand(head, scope) : call(head, args, scope);
    if (isOperand && args.length > 0 && typeof value !== 'function')
      throw new Error(`${head} takes no arguments`);
    piped = [typeof value === 'function' ? value(...args) : value];
  }
  return piped[0];
}

function operand(word: string, scope: Scope): unknown {
  if (word.startsWith('(')) return evaluate(word.slice(1, -1), scope);
  // Within `range` and `with` the dot is something else, and the dollar is what it was outside.
  if (word.startsWith('$')) return operand(word === '$' ? '.' : word.slice(1), { ...scope, dot: scope.root });
  const { dot } = scope;
  if (word.startsWith('"')) return JSON.parse(word);
  if (/^-?\d+$/.test(word)) return Number(word);
  if (!/^\.[\w.]*$/.test(word)) throw new Error(`${word} is not known here`);
  let value = dot;
  for (const field of word.split('.').filter(Boolean)) {
    if (!isMap(value)) throw new Error(`${word}: ${field} of what is no map`);
    value = value[field];
  }
  return value;
}
