// The pages of docs/ that are written from the code are up to date.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { documents } from '../../tools/docs/documents.ts';

const root = join(import.meta.dirname, '..', '..');

for (const [path, write] of documents) {
  test(`${path} is what the code says`, () => {
    assert.equal(readFileSync(join(root, path), 'utf8'), write(), 'run: npm run docs');
  });
}
