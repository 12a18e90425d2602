// Random damage to a review, as text: fields lost, changed, doubled, moved, and bytes flipped. From a seed.
import type { Random } from '../simulation/random.ts';

// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
type Json = any;

/** Values that have broken somebody's program before. */
const oddValues: (() => string)[] = [
  ...['null', 'true', 'false', '0', '-0', '-1', '0.5', '1e400', '-1e400', '1e-7', '9007199254740993'],
  ...['""', '" "', '"0"', '"null"', '"\\u0000"', '"\\ud800"', '"../../etc"', '"constructor"', '"__proto__"'],
  ...['[]', '{}', '[null]', '[[]]', '{"__proto__":{"isPay":true}}', '{"constructor":{"prototype":null}}'],
  ...['{"toString":1}', '{"length":-1}', '{"0":1}', '["spikegate.io/in-use"]'],
  ...[
    '"2026-01-01T00:00:00Z"',
    '"9999-12-31T23:59:59Z"',
    '"+275760-09-13T00:00:00Z"',
    '"2016-12-31T23:59:60Z"',
  ],
  ...['"0000-01-01T00:00:00Z"', '"2026-02-30T00:00:00Z"', '"2026-01-01T00:00:00+23:59"', '"now"'],
  ...[
    '"CREATE"',
    '"UPDATE"',
    '"DELETE"',
    '"CONNECT"',
    '"goods1"',
    '"buyer1"',
    '"status"',
    '"Paid"',
    '"Expired"',
  ],
].map((text) => () => text);

const hugeValues: (() => string)[] = [
  () => JSON.stringify('x'.repeat(100_000)),
  () => `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  () => `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  () => `[${'0,'.repeat(50_000)}0]`,
  () => `{${Array.from({ length: 5000 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
];

const oddKeys = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  'a/b',
  'a~b',
  'status',
  'spec',
  '0',
];

/** The text of `review` with one to four damages. */
export function damaged(review: object, random: Random): string {
  const copy = structuredClone(review) as Json;
  const inserted: string[] = [];
  for (let i = random.int(1, 4); i > 0; i--) damage(copy, random, inserted);
  // Written as text in the end, because some of it no object can hold: doubled keys, 1e400, depth.
  let text = JSON.stringify(copy);
  for (const [index, value] of inserted.entries())
    text = text.replaceAll(JSON.stringify(mark(index)), () => value);
  return random.chance(0.1) ? flipped(text, random) : text;
}

const mark = (index: number) => `INSERTED ${index} HERE`;

function damage(root: Json, random: Random, inserted: string[]): void {
  const places = [...placesOf(root, [])];
  // The rules read the objects; what is around them is refused before.
  const inObjects = places.filter(([, field, deeper]) => /^o(bject|ldObject)$/.test(field ?? '') && deeper);
  const [...place] = random.pick(inObjects.length > 0 && random.chance(0.8) ? inObjects : places) ?? [];
  const key = place.pop();
  if (key === undefined) return;
  const parent = place.reduce((at: Json, step) => at[step], root);
  const how = random.weighted({ remove: 2, replace: 6, huge: 1, add: 2, copy: 2 });
  if (how === 'remove') delete parent[key];
  else if (how === 'copy') {
    const from = random.pick(places);
    parent[key] = structuredClone(from.reduce((at: Json, step) => at?.[step], root) ?? null);
  } else {
    inserted.push(random.pick(how === 'huge' ? hugeValues : oddValues)());
    const target =
      how === 'add' && typeof parent[key] === 'object' && parent[key] !== null ? parent[key] : parent;
    const name = how === 'add' ? random.pick(oddKeys) : key;
    const value = mark(inserted.length - 1);
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  }
}

/** Paths of everything inside, the root left out. */
function* placesOf(value: Json, path: string[]): Generator<string[]> {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    yield [...path, key];
    yield* placesOf(value[key], [...path, key]);
  }
}

function flipped(text: string, random: Random): string {
  const bytes = Buffer.from(text);
  for (let i = random.int(1, 3); i > 0; i--) bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
  return bytes.toString('latin1');
}
