// One end-to-end scenario.
import type { World } from '../world.ts';

export interface Scenario {
  name: string;
  run(world: World): Promise<void>;
}
