// The controller of ReplicaSets. It creates and deletes pods until a ReplicaSet has spec.replicas of them.

import type { Core } from '../operations/core.ts';
import { asList, asNumber, asObj, type Item, type Obj, timestamp } from '../types.ts';
import { isActive, isReady, OwnerController, replicasOf, untilAvailable, withConditions } from './owner.ts';

/** kube-controller-manager's limit of pods created or deleted in one step. */
const burst = 500;
const failureType = 'ReplicaFailure';

export class ReplicaSetController extends OwnerController {
  constructor(core: Core) {
    // Names of store tables: group/plural. Pods have the empty group.
    super(core, { table: 'apps/replicasets', controls: ['/pods'], account: 'replicaset-controller' });
  }

  protected override async reconcile(set: Item): Promise<void> {
    const pods = this.controlled('/pods', set).filter(isActive);
    let failure: Error | undefined;
    try {
      if (!set.metadata.deletionTimestamp) await this.#createOrDelete(set, pods);
    } catch (error) {
      failure = error as Error;
    }
    await this.#writeStatus(set, failure);
    if (failure) throw failure;
  }

  async #createOrDelete(set: Item, pods: readonly Item[]): Promise<void> {
    const wanted = replicasOf(set);
    const template = asObj(asObj(set.spec).template);
    for (let n = pods.length; n < Math.min(wanted, pods.length + burst); n++) {
      const pod = this.podFrom(set, template, { generateName: `${set.metadata.name}-` });
      const { name } = (await this.api.create('/pods', pod)).metadata;
      this.api.event(set, 'SuccessfulCreate', `Created pod: ${name}`);
    }
    if (pods.length <= wanted) return;
    // Delete pods that are not ready first, then the youngest.
    const deletable = [...pods].sort(
      (a, b) =>
        Number(isReady(a)) - Number(isReady(b)) ||
        (a.metadata.creationTimestamp > b.metadata.creationTimestamp ? -1 : 1),
    );
    for (const pod of deletable.slice(0, Math.min(burst, pods.length - wanted))) {
      await this.api.delete('/pods', pod.metadata.namespace ?? '', pod.metadata.name, {
        preconditions: { uid: pod.metadata.uid },
      });
      this.api.event(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
    }
  }

  async #writeStatus(set: Item, failure: Error | undefined): Promise<void> {
    const pods = this.controlled('/pods', set).filter(isActive);
    const minReady = asNumber(asObj(set.spec).minReadySeconds);
    const now = this.api.core.clock.now();
    const waits = pods.map((pod) => untilAvailable(pod, minReady, now));
    const available = waits.filter((wait) => wait === 0).length;
    const remainingWaits = waits.filter((wait): wait is number => wait !== undefined && wait > 0);
    if (remainingWaits.length > 0) this.later(set, Math.min(...remainingWaits));
    const ready = pods.filter(isReady).length;
    await this.api.status(this.table, set, {
      ...this.#conditions(set, failure),
      replicas: pods.length,
      ...(pods.length > 0 ? { fullyLabeledReplicas: pods.length } : {}),
      ...(ready > 0 ? { readyReplicas: ready } : {}),
      ...(available > 0 ? { availableReplicas: available } : {}),
      observedGeneration: set.metadata.generation,
    });
  }

  /**
   * The conditions of the status. ReplicaFailure is there only while the last attempt to create or delete pods failed.
   * Its reason is FailedCreate in both cases; Kubernetes' controller says FailedDelete for a deletion.
   */
  #conditions(set: Item, failure: Error | undefined): Obj {
    const others = asList(asObj(set.status).conditions).filter(({ type }) => type !== failureType);
    const now = timestamp(this.api.core.clock.now());
    const failureCondition = {
      type: failureType,
      status: 'True',
      reason: 'FailedCreate',
      message: failure?.message,
    };
    // A condition of a ReplicaSet has no lastUpdateTime; withConditions sets one, as for Deployments.
    const conditions = failure
      ? withConditions(set, [failureCondition], now).map(({ lastUpdateTime: _, ...rest }) => rest)
      : others;
    return conditions.length > 0 ? { conditions } : {};
  }
}
