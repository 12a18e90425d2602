// All scenarios, in groups. A group shares a cluster and its webhook configurations, so its scenarios run one after the
// other; groups know nothing of each other and may run side by side, each on a cluster of its own.
import { boards } from './board.ts';
import { certificates } from './certificates.ts';
import { clocks } from './clocks.ts';
import { crowds } from './crowds.ts';
import { dataService } from './data-service.ts';
import { deletion } from './deletion.ts';
import { doctor } from './doctor.ts';
import { elasticWebs } from './elastic-web.ts';
import { fieldSelectors } from './field-selectors.ts';
import { ids } from './ids.ts';
import { imoocPods } from './imooc-pod.ts';
import { mountedCertificates } from './mounted-certificates.ts';
import { recovery } from './recovery.ts';
import { refusalTable } from './refusals.ts';
import type { Scenario } from './scenario.ts';
import { seckill } from './seckill.ts';
import { secondInstallation } from './second-installation.ts';
import { uninstalling } from './uninstall.ts';
import { upgrades } from './upgrade.ts';
import { walkthrough } from './walkthrough.ts';

export const groups = {
  sale: [...walkthrough, ...refusalTable, ...fieldSelectors, ...ids],
  recovery: [...deletion, ...recovery, ...clocks],
  crowds: [...crowds, ...boards],
  certificates: [...certificates, ...mountedCertificates],
  upgrades,
  doctor: [...doctor, ...secondInstallation],
  seckill,
  'data-service': dataService,
  // Uninstalling comes last: what it takes away, the others need.
  'web-and-pods': [...elasticWebs, ...imoocPods, ...uninstalling],
} as const satisfies Record<string, readonly Scenario[]>;

export type Group = keyof typeof groups;
export const groupNames = Object.keys(groups) as readonly Group[];
