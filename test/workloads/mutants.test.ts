// Every defect of the operators that Spikegate replaces has a guard: a test that would fail on it. Each run checks that
// the table is whole and that its changes still fit the source. With SPIKEGATE_LONG_TESTS every guard also runs twice, a
// few minutes in all: it must pass on our source, and fail on the source with the defect.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { operators } from './defects/all.ts';
import { applied, Copy, root } from './mutants.ts';

const skip = process.env.SPIKEGATE_LONG_TESTS ? false : 'SPIKEGATE_LONG_TESTS is not set';
const source = (file: string): string => readFileSync(join(root, file), 'utf8');

for (const { kind, count, defects } of operators) {
  describe(`guards against the defects of the original ${kind} operator`, () => {
    it('are as many as the operator had defects', () => {
      assert.equal(new Set(defects.map(({ defect }) => defect)).size, count);
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

describe('a guard fails when its defect is in the source', { skip, timeout: 1_800_000 }, () => {
  let copy: Copy;
  const sound = new Map<string, Promise<{ verdict: string; output: string }>>();
  before(async () => {
    copy = await Copy.make();
  });
  after(() => copy.remove());

  for (const { kind, defects } of operators) {
    for (const { defect, guard, mutant } of defects) {
      it(`${kind}: ${defect}`, async () => {
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
