// A simulation that finds nothing proves nothing: each of these broken ledgers must be caught.
import '../unfollowed.ts';

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mutants } from './mutants.ts';
import { restoreSeeds } from './plan.ts';
import { simulate } from './simulation.ts';

/** The simulation proper runs more than that. */
const maxSeeds = 2000;

Error.stackTraceLimit = 0;

describe('the simulation catches a ledger in which', () => {
  for (const { fault, variant, needsRestore, install } of mutants) {
    it(fault, async (test) => {
      const restore = install?.();
      try {
        const { first, step } = needsRestore ? restoreSeeds : { first: 1, step: 1 };
        for (let seed = first; seed < first + maxSeeds * step; seed += step) {
          const { violation } = await simulate(seed, variant);
          if (!violation) continue;
          test.diagnostic(`seed ${seed}: ${violation}`);
          return;
        }
        assert.fail(`not caught in ${maxSeeds} seeds`);
      } finally {
        restore?.();
      }
    });
  }
});
