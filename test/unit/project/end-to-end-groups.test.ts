// Every group of scenarios has its file for the sandbox, or it would never run there.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { groupNames } from '../../e2e/scenarios/index.ts';

const folder = join(import.meta.dirname, '..', '..', 'e2e', 'sandbox');

test('each group of scenarios runs on the sandbox, in a file of its name', () => {
  const files = readdirSync(folder);
  assert.deepEqual(files.sort(), groupNames.map((name) => `${name}.test.ts`).sort());
  for (const name of groupNames) {
    assert.match(readFileSync(join(folder, `${name}.test.ts`), 'utf8'), new RegExp(`\\['${name}'\\]`));
  }
});
