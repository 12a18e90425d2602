// The tables of metrics and alerts in docs/ are what the program exports and what the rules say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf, tables } from './tables.ts';

for (const name of Object.keys(tables)) {
  test(`docs/${name} is up to date (node test/monitoring/tables.ts)`, () => {
    const { is, must } = pageOf(name);
    assert.ok(must.split('\n').length > 20);
    assert.equal(is, must);
  });
}
