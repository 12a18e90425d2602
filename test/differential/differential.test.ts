// The sandbox beside a real API server: the same raw requests, answers compared.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainNotFound, findBinaries } from '../control-plane/index.ts';
import { minorOf, newest } from '../control-plane/versions.ts';
import { allowances, plain } from './allowances.ts';
import { judge } from './allowed.ts';
import { differences } from './differential.ts';
import { documented, tableOf } from './document.ts';
import { changes, record, recorded } from './recorded.ts';
import { topics } from './requests/index.ts';

const found = await findBinaries();
const isNewest = !('missing' in found) && `1.${minorOf(found.version)}` === newest;
const skip =
  'missing' in found
    ? explainNotFound(found)
    : !isNewest && `the sandbox is compared with Kubernetes ${newest} only`;

test('at least 300 raw requests are recorded, each under a name of its own', () => {
  const names = topics.flatMap(({ name, steps }) => steps.map((step) => `${name}/${step.name}`));
  assert.equal(new Set(names).size, names.length);
  assert.ok(topics.flatMap(({ steps }) => steps.filter((step) => !step.setup && !step.open)).length >= 300);
});

test('docs/sandbox.md shows every allowed difference with its reason', () => {
  assert.equal(documented(), tableOf(allowances), 'run: node test/differential/main.ts --document');
});

test('a difference that no entry allows is left, an entry that nothing needs is told', () => {
  const table = [{ steps: ['a/x', 'a/y'], path: 'code', reason: 'r' }];
  const difference = (path: string) => ({ step: 'a/x', path, real: 1, sandbox: 2 });
  const { left, unused } = judge([difference('code'), difference('body.kind')], table);
  assert.deepEqual(left, [difference('body.kind')]);
  assert.deepEqual(unused, ['a/y code: r']);
});

test('what differs otherwise than recorded is told, also where an entry allows any difference', () => {
  const differs = (sandbox: number) => record([{ step: 'a/x', path: 'code', real: 1, sandbox }], []);
  assert.deepEqual(changes(differs(2), differs(2)), []);
  assert.deepEqual(changes(differs(2), differs(3)), ['a/x code\n  was 1 ≠ 2\n  is  1 ≠ 3']);
  assert.deepEqual(changes(differs(2), {}), ['a/x code\n  was 1 ≠ 2\n  is  the same on both']);
  assert.deepEqual(record([{ step: 'a/x', path: 'code', real: 1, sandbox: 2 }], plain), differs(2));
});

test('the sandbox answers as kube-apiserver does', { skip, timeout: 240_000 }, async () => {
  assert.ok(!('missing' in found));
  const all = await differences(topics, found);
  const { left, unused } = judge(all, allowances);
  assert.deepEqual(left, [], 'mend these, or give them a reason in allowances.ts or gaps.ts');
  assert.deepEqual(unused, [], 'mended: take these out of allowances.ts or gaps.ts');
  const told = changes(recorded(), record(all, plain));
  assert.deepEqual(told, [], 'if this is better than before: node test/differential/main.ts --record');
});
