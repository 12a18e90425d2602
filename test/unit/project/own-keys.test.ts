// Keys that users choose never index a plain object (src/runtime/own-keys.ts). A person has looked at each place in the
// sources that indexes an object by something else than a literal or a number; a new place fails this test.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseSync } from 'oxc-parser';
import { own, setOwn } from '../../../src/runtime/own-keys.ts';

/**
 * By file. In each place the key comes from a table in the sources, from the keys of the very object, or from a list of
 * constants: no user can choose another one.
 */
const reviewedPlaces = JSON.parse(
  readFileSync(join(import.meta.dirname, 'own-keys-reviewed.json'), 'utf8'),
) as Record<string, string[]>;
const root = join(import.meta.dirname, '..', '..', '..');
const files = globSync(['src/**/*.ts', 'webhooks/*.ts', 'certs/*.ts'], { cwd: root })
  .filter((file) => !file.includes('/page/') && !file.endsWith('.generated.ts'))
  .sort();

type Node = { type: string; start: number; end: number; [field: string]: unknown };

/** Names that number things. */
const counts = /^(i|j|k|n|at|index|place|low|middle|cut|start|end|length|offset|position|number|count)$/;
const wrappers = new Set(['TSAsExpression', 'TSNonNullExpression', 'ParenthesizedExpression']);

function isNumberOrLiteral(key: Node): boolean {
  if (wrappers.has(key.type)) return isNumberOrLiteral(key.expression as Node);
  if (key.type === 'Literal' || key.type === 'UpdateExpression') return true;
  if (key.type === 'Identifier') return counts.test(key.name as string);
  if (key.type !== 'BinaryExpression') return false;
  const right = key.right as Node;
  return key.operator !== '+' || (right.type === 'Literal' && typeof right.value === 'number');
}

/** Whether the node reads or writes an object by a key that the source does not spell out. */
function isSuspect(node: Node): boolean {
  if (node.type === 'MemberExpression')
    return node.computed === true && !isNumberOrLiteral(node.property as Node);
  if (node.type === 'BinaryExpression')
    return node.operator === 'in' && (node.left as Node).type !== 'Literal';
  if (node.type !== 'CallExpression') return false;
  const { object, property } = node.callee as Node & { object?: Node; property?: Node };
  return object?.name === 'Object' && property?.name === 'assign';
}

function suspectsIn(file: string, text = readFileSync(join(root, file), 'utf8')): string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return void value.forEach(visit);
    if (typeof value !== 'object' || value === null) return;
    const node = value as Node;
    if (isSuspect(node)) found.add(`${file}: ${text.slice(node.start, node.end).replace(/\s+/g, ' ')}`);
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseSync(file, text).program);
  return [...found];
}

const reviewed = new Set(
  Object.entries(reviewedPlaces).flatMap(([file, places]) => places.map((it) => `${file}: ${it}`)),
);

test('every place that indexes an object by a variable has been looked at', () => {
  const unknown = files.flatMap((file) => suspectsIn(file)).filter((place) => !reviewed.has(place));
  assert.deepEqual(
    unknown,
    [],
    'use own() and setOwn() where a user can choose the key; else name the place in own-keys-reviewed.json',
  );
});

test('no place is listed that is gone', () => {
  const there = new Set(files.flatMap((file) => suspectsIn(file)));
  assert.deepEqual(
    [...reviewed].filter((place) => !there.has(place)),
    [],
  );
});

test('the search finds reads, writes, `in` and Object.assign, and leaves lists alone', () => {
  const text =
    'a[key]; a[b.c] = 1; key in a; Object.assign(a, b); a[0]; a[i]; a["x"]; a[n - 1]; a?.[name as string]';
  assert.deepEqual(suspectsIn('x.ts', text), [
    'x.ts: a[key]',
    'x.ts: a[b.c]',
    'x.ts: key in a',
    'x.ts: Object.assign(a, b)',
    'x.ts: a?.[name as string]',
  ]);
});

test('own sees no inherited key, and setOwn sets a key of that name', () => {
  for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'x']) {
    const map: Record<string, unknown> = {};
    assert.equal(own(map, key), undefined);
    setOwn(map, key, { polluted: 1 });
    assert.deepEqual(own(map, key), { polluted: 1 });
    assert.deepEqual(Object.keys(map), [key]);
    assert.equal(Object.getPrototypeOf(map), Object.prototype);
  }
  assert.equal(own(undefined, 'x'), undefined);
});
