// JSON Patch: whatever two objects are, the patch between them makes the one of the other, and no more.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diff } from '../../../src/server/json-patch.ts';
import { applyPatch } from '../../contract/apply-patch.ts';
import { Random } from '../../simulation/random.ts';

type Json = unknown;

const keys = [
  'a',
  'b',
  'c',
  '',
  '~',
  '/',
  'a/b',
  'm~n',
  '~1',
  '0',
  '__proto__',
  'constructor',
  'toString',
  'ü',
];

function put(map: object, key: string, value: Json): void {
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}

function randomJson(random: Random, depth: number): Json {
  const how = random.weighted(depth > 0 ? { leaf: 3, list: 1, map: 4 } : { leaf: 1, list: 0, map: 0 });
  if (how === 'leaf') return random.pick([null, true, false, 0, 1, -1.5, '', 'x', '__proto__', 2 ** 53]);
  if (how === 'list') return Array.from({ length: random.int(0, 3) }, () => randomJson(random, depth - 1));
  const map = {};
  for (let i = random.int(0, 5); i > 0; i--) put(map, random.pick(keys), randomJson(random, depth - 1));
  return map;
}

/** Shares what it does not change, as our defaults do. */
function edited(random: Random, value: Json, depth: number): Json {
  if (random.chance(0.1) || typeof value !== 'object' || value === null || Array.isArray(value)) {
    return random.chance(0.5) ? value : randomJson(random, depth);
  }
  const copy = { ...value };
  for (const key of Object.keys(value)) {
    if (random.chance(0.2)) delete (copy as Record<string, Json>)[key];
    else if (random.chance(0.4))
      put(copy, key, edited(random, (value as Record<string, Json>)[key], depth - 1));
  }
  if (random.chance(0.3)) put(copy, random.pick(keys), randomJson(random, depth - 1));
  return copy;
}

describe('a patch', () => {
  it('between any two objects makes the second of the first', () => {
    const random = new Random(7);
    for (let run = 0; run < 20_000; run++) {
      const before = randomJson(random, 4);
      const after = run % 2 ? edited(random, before, 4) : randomJson(random, 4);
      const unchanged = structuredClone(before);
      const patch = JSON.parse(JSON.stringify(diff(before, after)));
      assert.deepEqual(
        applyPatch(before, patch),
        after,
        `run ${run}: ${JSON.stringify([before, after, patch])}`,
      );
      assert.deepEqual(before, unchanged);
      assert.deepEqual(diff(after, after), []);
      assert.deepEqual(diff(after, structuredClone(after)), []);
    }
  });

  it('has one operation for each field that changes', () => {
    const before = { spec: { a: 1, b: [1, 2], c: { d: 1 } }, other: { 'x/y~z': 1 } };
    const after = { spec: { a: 2, b: [1, 2, 3], c: { d: 1 }, e: null }, other: { 'x/y~z': 2 } };
    assert.deepEqual(diff(before, after), [
      { op: 'replace', path: '/spec/a', value: 2 },
      { op: 'replace', path: '/spec/b', value: [1, 2, 3] },
      { op: 'add', path: '/spec/e', value: null },
      { op: 'replace', path: '/other/x~1y~0z', value: 2 },
    ]);
    assert.deepEqual(diff({ a: 1 }, {}), [{ op: 'remove', path: '/a' }]);
  });

  it('takes a field that is undefined for one that is not there', () => {
    assert.deepEqual(diff({ a: undefined }, {}), []);
    assert.deepEqual(diff({}, { a: undefined }), []);
    assert.deepEqual(diff({ a: 1 }, { a: undefined }), [{ op: 'remove', path: '/a' }]);
    assert.deepEqual(diff({ a: undefined }, { a: 1 }), [{ op: 'add', path: '/a', value: 1 }]);
    assert.deepEqual(diff({ a: null }, { a: undefined }), [{ op: 'remove', path: '/a' }]);
  });

  it('replaces what becomes another kind of thing', () => {
    for (const [before, after] of [
      [{}, []],
      [[], {}],
      [null, {}],
      [{}, null],
      ['[]', []],
      [0, false],
    ]) {
      assert.deepEqual(diff({ a: before }, { a: after }), [{ op: 'replace', path: '/a', value: after }]);
    }
  });
});

describe('the test of patches', () => {
  it('is as strict as an API server', () => {
    const wrong = [
      { op: 'replace', path: '/b', value: 1 },
      { op: 'remove', path: '/toString' },
      { op: 'add', path: '/b/c', value: 1 },
      { op: 'add', path: '/a/b', value: 1 },
      { op: 'add', path: 'a', value: 1 },
      { op: 'move', path: '/a' },
    ];
    for (const operation of wrong)
      assert.throws(() => applyPatch({ a: 1 }, [operation]), JSON.stringify(operation));
  });
});
