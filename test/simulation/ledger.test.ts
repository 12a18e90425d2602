// The ledger in thousands of random histories: gates on several replicas, leaders that come and go, crashes at
// every await, lost answers, late watches. `SEED=n` replays one with its whole story, `SEEDS=n` sets how many.
import '../unfollowed.ts';

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { simulate } from './simulation.ts';

const replayed = process.env.SEED;
const seeds = Number(process.env.SEEDS ?? 2000);

if (replayed) {
  it(`seed ${replayed} keeps every promise`, async () => {
    const { violation, trace } = await simulate(Number(replayed));
    console.log(trace());
    assert.equal(violation, undefined);
  });
} else {
  // Thousands of lost races are thrown and caught; nobody reads their stacks.
  Error.stackTraceLimit = 0;

  it(`${seeds} random histories keep every promise`, async (test) => {
    const sums: Record<string, number> = {};
    const began = performance.now();
    for (let seed = 1; seed <= seeds; seed++) {
      const { violation, steps, counts, trace } = await simulate(seed);
      if (violation) {
        const end = trace().split('\n').slice(-30).join('\n');
        assert.fail(`seed ${seed} (SEED=${seed} replays it): ${violation}\n${end}`);
      }
      for (const [name, count] of Object.entries({ steps, ...counts }))
        sums[name] = (sums[name] ?? 0) + count;
    }
    const perSecond = Math.round((seeds * 1000) / (performance.now() - began));
    test.diagnostic(`${perSecond} seeds/s; ${JSON.stringify(sums)}`);
    // A simulation in which nothing happens would pass as well.
    for (const [name, count] of Object.entries(sums)) {
      if (name !== 'negative') assert.ok(count > seeds / 4, `${name}: ${count} in ${seeds} seeds`);
    }
  });
}
