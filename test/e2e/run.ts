// Runs groups of scenarios on one target, one after the other: they share the cluster's webhook configurations.
import { after, before, describe, test } from 'node:test';
import { type Group, groupNames, groups } from './scenarios/index.ts';
import { openTarget, type TargetName } from './targets.ts';
import { World } from './world.ts';

const scenarioMs = 180_000;

/** E2E_ONLY picks scenarios whose name contains it; a target that none of them needs is not opened. */
export async function runScenarios(name: TargetName, chosen: readonly Group[] = groupNames): Promise<void> {
  const only = process.env.E2E_ONLY ?? '';
  const scenarios = chosen.flatMap((group) => groups[group].filter((it) => it.name.includes(only)));
  if (scenarios.length === 0) return;
  const target = await openTarget(name);
  const what = chosen === groupNames ? '' : `, ${chosen.join(', ')}`;
  describe(`end to end on ${name}${what}`, () => {
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
      test(scenario.name, { timeout: scenarioMs }, async (t) => {
        try {
          await scenario.run(world);
        } catch (error) {
          for (const replica of world.replicas) t.diagnostic(`replica ${replica.pid}:\n${replica.tail()}`);
          throw error;
        } finally {
          // A crowd of a failed scenario would load the next ones, and keep the process from ending.
          world.endScenario();
        }
      });
    }
  });
}
