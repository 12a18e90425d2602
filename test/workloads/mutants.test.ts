// Every defect of the seeds S1 to S4 has a test that would fail on it. That the table is whole, and that its changes
// still fit the source, is looked at each time. With SPIKEGATE_LONG_TESTS every guard runs twice, a few minutes in all:
// it passes on our source, and fails on the source with the defect.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rows } from './defects.ts';
import { applied, Copy, root } from './mutants.ts';

const skip = process.env.SPIKEGATE_LONG_TESTS ? false : 'SPIKEGATE_LONG_TESTS is not set';
const source = (file: string): string => readFileSync(join(root, file), 'utf8');

for (const { row, tells, defects } of rows) {
  describe(`guards of ${row}`, () => {
    it('are as many as the row has defects', () => {
      assert.equal(new Set(defects.map(({ defect }) => defect)).size, tells);
    });
    for (const { defect, guard, mutant } of defects) {
      it(`${defect}: has a guard, and a change that fits`, () => {
        assert.notEqual(applied(source(mutant.file), mutant), source(mutant.file));
        const text = source(guard.file) + tables.map(source).join('');
        assert.ok(text.includes(guard.name), `no test "${guard.name}" in ${guard.file}`);
      });
    }
  });
}

/** Where tests get their names from. */
const tables = ['test/refusals/elastic-web.ts', 'test/refusals/data-service.ts', 'test/refusals/seckill.ts'];

describe('guards fail on the defect', { skip, timeout: 1_800_000 }, () => {
  let copy: Copy;
  const sound = new Map<string, Promise<{ verdict: string; output: string }>>();
  before(async () => {
    copy = await Copy.make();
  });
  after(() => copy.remove());

  for (const { row, defects } of rows) {
    for (const { defect, guard, mutant } of defects) {
      it(`${row}: ${defect}`, async () => {
        const name = `${guard.file} ${guard.suite ?? ''} ${guard.name}`;
        if (!sound.has(name)) sound.set(name, copy.judge(guard));
        const without = await sound.get(name)!;
        assert.equal(without.verdict, 'passed', `${name}, on our source:\n${without.output}`);
        const { verdict, output } = await copy.judge(guard, mutant);
        assert.equal(verdict, 'failed', `${name} does not notice it:\n${output}`);
      });
    }
  }
});
