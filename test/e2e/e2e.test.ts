// Runs the scenarios on a target: E2E_TARGET=sandbox | control-plane | current. E2E_ONLY picks by name.
import { after, before, describe, test } from 'node:test';
import { scenarios } from './scenarios/index.ts';
import { openTarget, type TargetName } from './targets.ts';
import { World } from './world.ts';

const name = (process.env.E2E_TARGET ?? 'control-plane') as TargetName;
const only = process.env.E2E_ONLY;

describe(`end to end on ${name}`, async () => {
  const target = await openTarget(name);
  if ('skip' in target) {
    test(`left out: ${target.skip}`, { skip: target.skip }, () => {});
    return;
  }
  let world: World;
  before(async () => {
    world = await World.open(target);
  });
  after(() => world.close());
  for (const scenario of scenarios) {
    if (only && !scenario.name.includes(only)) continue;
    test(scenario.name, { timeout: 180_000 }, async (t) => {
      try {
        await scenario.run(world);
      } catch (error) {
        for (const replica of world.replicas) t.diagnostic(`replica ${replica.pid}:\n${replica.tail()}`);
        throw error;
      }
    });
  }
});
