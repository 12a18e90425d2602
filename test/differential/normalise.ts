// Takes out of an answer what is different on every run (uids, times, versions, generated names, addresses) and
// what two versions of Kubernetes write down differently without meaning anything else.

import type { Answer, Json, Step } from './types.ts';

const rules: [RegExp, string][] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uid>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g, '<exact time>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>'],
  [/\b(resourceVersion\\*":\\*"|ResourceVersion in record \()\d+/g, '$1<version>'],
  [/127\.0\.0\.1:\d{4,5}/g, '127.0.0.1:<port>'],
  [/\b10\.96\.\d+\.\d+\b/g, '<cluster IP>'],
  [/resource version: \d+ \(\d+\)/g, 'resource version: <version> (<version>)'],
  [/resource version: \d+, current: \d+/g, 'resource version: <version>, current: <version>'],
  [/\bResourceVersion in precondition: \d+, ResourceVersion in object meta: \d+/g, 'ResourceVersions'],
  [/\b0xc[0-9a-f]{9}\b/g, '<address>'],
  [/\bX509SHA256=[0-9a-f]{64}\b/g, 'X509SHA256=<hash>'],
  [/\b(default-token|kube-api-access)-[a-z0-9]{5}\b/g, '$1-<generated>'],
  // Go's cmp mixes ordinary spaces with others, so that nobody relies on its texts.
  [/\u00a0/g, ' '],
  // An age is told by the clock of the moment.
  [/^\d+m?s$/, '<age>'],
];

/** Values that differ by nature, by the key they stand under. Who the administrator is, is each server's affair. */
const hidden: Record<string, string> = {
  username: '<user>',
  resourceVersion: '<version>',
  continue: '<token>',
  caBundle: '<ca>',
  'ca.crt': '<ca>',
  token: '<token>',
};

const opening = /^(\[\]|&|map\[|[A-Za-z0-9]+\.[A-Z]\w*\{|\{|\[)/;
const pairs: Record<string, number> = { '{': 1, '[': 1, '(': 1, '}': -1, ']': -1, ')': -1 };

/** Wrong values with parts are printed as Go prints them; since 1.33, and by the sandbox, as JSON. */
function values(message: string): string {
  return message
    .replace(/(nvalid|nsupported) value: /g, '$&\n')
    .split('\n')
    .map((part, index) => {
      if (index === 0 || !opening.test(part)) return part;
      let depth = 0;
      let quoted = false;
      for (let i = 0; i < part.length; i++) {
        if (part[i] === '"' && part[i - 1] !== '\\') quoted = !quoted;
        if (!quoted) depth += pairs[part[i] as string] ?? 0;
        if (!quoted && depth === 0 && part[i] === ':' && part[i + 1] === ' ')
          return `<value>${part.slice(i)}`;
      }
      return part;
    })
    .join('');
}

function text(value: string): string {
  const plain = rules.reduce((all, [pattern, by]) => all.replace(pattern, by), value);
  return plain.includes(' value: ') ? values(plain) : plain;
}

function clean(value: Json, key: string): Json {
  if (typeof value === 'string') return value !== '' && hidden[key] ? hidden[key] : text(value);
  if (key === 'nodePort' && value >= 30_000) return '<node port>';
  // Definitions of other topics come and go meanwhile.
  if (key === 'groups' && Array.isArray(value))
    return value.filter((group) => !String(group?.name).endsWith('.example.com')).map((v) => clean(v, key));
  // The order of verbs says nothing.
  if (key === 'verbs' && Array.isArray(value)) return value.toSorted();
  if (key === 'managedFields' && Array.isArray(value)) return managed(value.map((v) => clean(v, '')));
  if (Array.isArray(value)) return value.map((v) => clean(v, key));
  if (typeof value !== 'object' || value === null) return value;
  const result: Json = {};
  // Keys hold uids too: those of owners in managedFields.
  for (const [k, v] of Object.entries(value)) result[text(k)] = clean(v, k);
  return result;
}

/** What a manager wrote, through whichever subresource: all of its entries as one. */
function managed(entries: Json[]): Json[] {
  const merged = new Map<string, Json>();
  for (const { subresource: _, ...entry } of entries) {
    const key = `${entry.manager} ${entry.operation} ${entry.apiVersion}`;
    const before = merged.get(key);
    merged.set(key, before ? { ...before, fieldsV1: union(before.fieldsV1, entry.fieldsV1) } : entry);
  }
  return [...merged.values()];
}

function union(a: Json, b: Json): Json {
  const result = { ...a };
  for (const [key, value] of Object.entries(b ?? {}))
    result[key] = key in result ? union(result[key], value) : value;
  return result;
}

/** An error repeats the answer's code in its body. */
function concise(body: Json): Json {
  if (body?.kind !== 'Status' || body?.status !== 'Failure') return body;
  const { code: _, ...rest } = body;
  // Wrong fields come in the order in which Go walks its maps: in none.
  if (typeof rest.message === 'string')
    rest.message = rest.message.replace(/(?<=is invalid: \[).*(?=\]$)/s, inOrder);
  rest.details?.causes?.sort((a: Json, b: Json) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return rest;
}

const inOrder = (list: string) =>
  list
    .split(/, (?=[^\s,]+: (?:Invalid|Required|Unsupported|Duplicate|Forbidden|Too) )/)
    .sort()
    .join(', ');

const escaped = (value: string) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Names made from generateName end in five random letters, wherever they are mentioned. */
function generatedNames(value: Json, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found;
  if (typeof value.generateName === 'string' && value.generateName !== '') found.add(value.generateName);
  for (const v of Object.values(value)) generatedNames(v, found);
  return found;
}

const nameOf = (item: Json): string =>
  JSON.stringify([item?.object?.metadata?.name ?? item?.metadata?.name ?? item?.name ?? item, item?.type]);

export function normalise(answer: Answer, step: Step): Answer {
  let body = clean(answer.body, '');
  const generated = [...generatedNames([body, step.body])];
  if (generated.length > 0) {
    const made = new RegExp(`(?<![a-z0-9])(${generated.map(escaped).join('|')})[a-z0-9]{5}\\b`, 'g');
    body = JSON.parse(JSON.stringify(body).replace(made, '$1<generated>'));
  }
  body = concise(body);
  if (step.unordered) {
    for (const list of [body?.items, body?.events]) {
      if (Array.isArray(list)) list.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    }
  }
  const headers = Object.fromEntries(Object.entries(answer.headers).map(([k, v]) => [k, text(v)]));
  return { ...answer, headers, body };
}
