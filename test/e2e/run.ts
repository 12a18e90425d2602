// Runs every scenario on one target, one after the other: they share the cluster's webhook configurations.
import { after, before, describe, test } from 'node:test';
import { scenarios } from './scenarios/index.ts';
import { openTarget, type TargetName } from './targets.ts';
import { World } from './world.ts';

const scenarioMs = 180_000;

/** E2E_ONLY picks scenarios whose name contains it. */
export async function runScenarios(name: TargetName): Promise<void> {
  const only = process.env.E2E_ONLY;
  const target = await openTarget(name);
  describe(`end to end on ${name}`, () => {
    if ('skip' in target) {
      test('all scenarios', { skip: target.skip }, () => {});
      return;
    }
    let world: World;
    before(async () => {
      world = await World.open(target);
    });
    after(() => world.close());
    for (const scenario of scenarios) {
      if (only && !scenario.name.includes(only)) continue;
      test(scenario.name, { timeout: scenarioMs }, async (t) => {
        try {
          await scenario.run(world);
        } catch (error) {
          for (const replica of world.replicas) t.diagnostic(`replica ${replica.pid}:\n${replica.tail()}`);
          throw error;
        }
      });
    }
  });
}
