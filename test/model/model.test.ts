// The ledger's protocol as a model (ledger.pml) that spin searches exhaustively for small bounds, and the model with
// one fault each, which spin must catch. Needs Debian's `spin` and a C compiler; where there is none it is left out.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { whyNoSpin } from './spin.ts';

const model = join(import.meta.dirname, 'ledger.pml');
/** In CI the model is checked, not left out. */
const skip = process.env.CI ? false : whyNoSpin;

/** Bounds for which the whole state space is searched. */
const bounds = {
  'two requests of two names, two leaders': ['-DREQUESTS=2', '-DLEADERS=2'],
  'three requests, two of them of one name': ['-DREQUESTS=3', '-DLEADERS=1'],
  'two requests, and a replica with a lot that may die': ['-DREQUESTS=2', '-DLEADERS=1', '-DLOTS=1'],
} as const;

const mutants = [
  {
    fault: 'a hold is freed too early',
    define: 'FREED_EARLY',
    where: 'two requests of two names, two leaders',
  },
  {
    fault: 'a lot is counted twice',
    define: 'LOT_TWICE',
    where: 'two requests, and a replica with a lot that may die',
  },
  {
    fault: 'a request gives back what another of its name shares',
    define: 'SHARED_WRONGLY',
    where: 'three requests, two of them of one name',
  },
  {
    fault: 'the unit of a deleted order is free although a request of its name is open',
    define: 'NOT_RAISED',
    where: 'three requests, two of them of one name',
  },
  { fault: 'clocks are believed', define: 'CLOCK_BELIEVED', where: 'two requests of two names, two leaders' },
  { fault: 'a new leader does not list', define: 'NO_LIST', where: 'two requests of two names, two leaders' },
] as const;

interface Search {
  errors: number;
  states: number;
  isComplete: boolean;
  /** The first assertion that fails, as spin's trail tells it. */
  broken: string | undefined;
}

function search(defines: readonly string[]): Search {
  const dir = mkdtempSync(join(tmpdir(), 'spikegate-model-'));
  try {
    // The checker writes its trail beside the model.
    copyFileSync(model, join(dir, 'ledger.pml'));
    const run = (program: string, args: readonly string[]): string => {
      const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: dir, encoding: 'utf8' });
      if (error || status !== 0) throw new Error(`${program}: ${error?.message ?? stdout + stderr}`);
      return stdout;
    };
    run('spin', ['-a', ...defines, 'ledger.pml']);
    // Assertions and end states; states compressed without loss.
    run('cc', ['-O2', '-w', '-DSAFETY', '-DCOLLAPSE', '-DVECTORSZ=512', '-o', 'pan', 'pan.c']);
    const found = run('./pan', ['-m50000', '-w24']);
    const errors = Number(/errors: (\d+)/.exec(found)?.[1] ?? Number.NaN);
    const trail = errors > 0 ? run('spin', ['-t', ...defines, 'ledger.pml']) : '';
    return {
      errors,
      states: Number(/(\d+) states, stored/.exec(found)?.[1]),
      isComplete: !/not completed|truncated|out of memory|max search depth too small/.test(found),
      broken: /text of failed assertion: (.*)/.exec(trail)?.[1],
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe('the model of the ledger keeps every promise', { skip }, () => {
  for (const [name, defines] of Object.entries(bounds)) {
    it(`with ${name}`, (test) => {
      const { errors, states, isComplete, broken } = search(defines);
      test.diagnostic(`${states} states`);
      assert.deepEqual({ errors, isComplete, broken }, { errors: 0, isComplete: true, broken: undefined });
      assert.ok(states > 100_000, 'a model in which nothing happens keeps every promise');
    });
  }
});

describe('spin catches a model in which', { skip }, () => {
  for (const { fault, define, where } of mutants) {
    it(fault, (test) => {
      const { errors, broken } = search([...bounds[where], `-D${define}`]);
      test.diagnostic(broken ?? '');
      assert.equal(errors, 1);
      assert.match(broken ?? '', /assert\(/);
    });
  }
});

describe('docs/ledger.md', () => {
  it('names each rule of the model, and no other', () => {
    const labels = (file: string) => [...new Set(readFileSync(file, 'utf8').match(/\bR_[A-Z_]+/g))].sort();
    assert.deepEqual(labels(join(import.meta.dirname, '../../docs/ledger.md')), labels(model));
  });
});
