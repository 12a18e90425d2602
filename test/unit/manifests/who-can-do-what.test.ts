// The table of docs/security.md: each line names tests that are there, and what it says of the roles for people is so.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kinds } from '../../../src/api/kinds.ts';
import { deployment } from '../../../src/manifests/names.ts';
import { type PolicyRule, rbac } from '../../../src/manifests/rbac.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const page = readFileSync(join(root, 'docs', 'security.md'), 'utf8');
const [, section = ''] = /## Who can do what, with which right\n([\s\S]*?)\n## /.exec(page) ?? [];
const lines = section
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| who | right'));
const roles = rbac(deployment).filter(({ kind }) => kind === 'ClusterRole');
const rulesOf = (name: string) =>
  roles.find(({ metadata }) => metadata.name === name)?.rules as PolicyRule[] | undefined;

test('every line names tests that are there', () => {
  assert.ok(lines.length >= 12, `${lines.length} lines`);
  for (const line of lines) {
    const named = [
      ...line
        .split('|')
        .at(-2)!
        .matchAll(/`([^`]+)`/g),
    ].map(([, name]) => name!);
    assert.ok(named.length > 0, line);
    for (const name of named) assert.ok(existsSync(join(root, 'test', `${name}.test.ts`)), name);
  }
});

test('the roles that it names are those of an installation', () => {
  const names = new Set([...section.matchAll(/`(spikegate-part-[a-z]+)`/g)].map(([, name]) => name!));
  assert.deepEqual(names, new Set(['spikegate-part-sale', 'spikegate-part-workloads']));
  for (const name of names) assert.ok(rulesOf(name), name);
});

for (const { kind, singular, plural, group } of kinds) {
  test(`a viewer of ${kind} reads, and an editor writes all but its status`, () => {
    const [viewer, editor] = ['viewer', 'editor'].map(
      (role) => rulesOf(`spikegate-${singular}-${role}`) ?? [],
    );
    const verbs = (rules: PolicyRule[], resource: string) =>
      rules.filter((rule) => rule.resources.includes(resource)).flatMap((rule) => rule.verbs);
    assert.deepEqual(verbs(viewer!, plural), ['get', 'list', 'watch']);
    assert.deepEqual(verbs(editor!, plural), ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']);
    for (const rules of [viewer!, editor!]) {
      assert.deepEqual(verbs(rules, `${plural}/status`), ['get']);
      assert.ok(rules.every(({ apiGroups }) => apiGroups.join() === group));
    }
  });
}

test('nobody among people writes a status by our roles', () => {
  const people = roles.filter(({ metadata }) => /-(viewer|editor)$/.test(metadata.name));
  const writes = people.flatMap(({ rules }) =>
    (rules as PolicyRule[]).filter(
      ({ resources, verbs }) =>
        resources.some((it) => it.endsWith('/status') || it.includes('*')) &&
        verbs.some((it) => it !== 'get'),
    ),
  );
  assert.deepEqual(writes, []);
});
