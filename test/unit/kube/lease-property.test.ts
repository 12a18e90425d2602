// Leader election under random cuts, lost answers, stops and restarts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseWorld } from './lease-world.ts';

async function turmoil(seed: number, deletions: boolean): Promise<LeaseWorld> {
  const world = new LeaseWorld();
  const { clock, server } = world;
  let state = seed;
  const random = () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
  let serial = 0;
  const begin = async () => {
    const one = world.contender(`p${serial++}`, { random });
    await one.start();
    return one;
  };
  const all = [await begin(), await begin(), await begin()];
  for (let step = 0; step < 40; step++) {
    const i = Math.floor(random() * all.length);
    const action = random();
    if (action < 0.5) {
      all[i]!.line = (['open', 'cut', 'lost', 'hang'] as const)[Math.floor(random() * 4)]!;
    } else if (action < 0.7) {
      void all[i]!.elector.stop();
      all[i] = await begin();
    } else if (action < 0.8 && deletions) {
      server.lease = undefined;
    }
    await clock.advance(random() * 20_000);
  }
  for (const { elector } of all) void elector.stop();
  await clock.advance(60_000);
  const last = await begin();
  await clock.advance(20_000);
  assert.equal(last.elector.isLeader, true, `seed ${seed}: in the end the lease is free for others`);
  assert.ok(world.epochsRise, `seed ${seed}: ${JSON.stringify(world.terms)}`);
  return world;
}

test('there are never two leaders, and epochs only rise', async () => {
  for (let seed = 1; seed <= 80; seed++) {
    assert.deepEqual((await turmoil(seed, false)).together, [], `seed ${seed}`);
  }
});

test('with the lease deleted now and then two may lead for a moment, but epochs only rise', async () => {
  for (let seed = 1; seed <= 80; seed++) await turmoil(seed, true);
});
