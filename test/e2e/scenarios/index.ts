// All scenarios, in the order in which they run.
import type { World } from '../world.ts';
import { certificates } from './certificates.ts';
import { crowds } from './crowds.ts';
import { dataService } from './data-service.ts';
import { deletion } from './deletion.ts';
import { doctor } from './doctor.ts';
import { elasticWebs } from './elastic-web.ts';
import { imoocPods } from './imooc-pod.ts';
import { mountedCertificates } from './mounted-certificates.ts';
import { recovery } from './recovery.ts';
import { refusalTable } from './refusals.ts';
import { seckill } from './seckill.ts';
import { uninstalling } from './uninstall.ts';
import { upgrades } from './upgrade.ts';
import { walkthrough } from './walkthrough.ts';

export interface Scenario {
  name: string;
  /** Minutes of load: left out of `npm test`, run by .ci/run. */
  isLong?: boolean;
  run(world: World): Promise<void>;
}

export const scenarios: readonly Scenario[] = [
  ...walkthrough,
  ...refusalTable,
  ...deletion,
  ...recovery,
  ...crowds,
  ...certificates,
  ...mountedCertificates,
  ...upgrades,
  ...doctor,
  ...seckill,
  ...dataService,
  ...elasticWebs,
  ...imoocPods,
  ...uninstalling,
];
