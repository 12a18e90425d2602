// Starts the workload controllers and the kubelet, which simulates a node. The StatusKeeper computes the statuses of
// disruption budgets and autoscalers.

import type { Core } from '../operations/core.ts';
import { StatusKeeper } from './budgets.ts';
import { DeploymentController } from './deployments.ts';
import { Kubelet } from './kubelet.ts';
import { ReplicaSetController } from './replicasets.ts';
import { DaemonSetController, StatefulSetController } from './sets.ts';

export async function startWorkloads(core: Core, readyAfterMs: number): Promise<{ close(): void }> {
  const kubelet = new Kubelet(core, readyAfterMs);
  await kubelet.start();
  const controllers = [
    new DeploymentController(core),
    new ReplicaSetController(core),
    new StatefulSetController(core),
    new DaemonSetController(core),
    new StatusKeeper(core),
  ];
  for (const controller of controllers) controller.start();
  return {
    close() {
      for (const controller of controllers.toReversed()) controller.close();
      kubelet.close();
    },
  };
}
