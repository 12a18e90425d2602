// ReplicaSets: creates and deletes pods until there are as many as wanted.

import type { Core } from '../operations/core.ts';
import { asList, asNumber, asObj, type Item, type Obj, timestamp } from '../types.ts';
import { isActive, isReady, OwnerController, replicasOf, untilAvailable, withConditions } from './owner.ts';

/** kube-controller-manager's limit of pods created or deleted in one step. */
const burst = 500;
const failed = 'ReplicaFailure';

export class ReplicaSetController extends OwnerController {
  constructor(core: Core) {
    super(core, { table: 'apps/replicasets', controls: ['/pods'], account: 'replicaset-controller' });
  }

  protected override async reconcile(set: Item): Promise<void> {
    const pods = this.controlled('/pods', set).filter(isActive);
    let failure: Error | undefined;
    try {
      if (!set.metadata.deletionTimestamp) await this.#step(set, pods);
    } catch (error) {
      failure = error as Error;
    }
    await this.#writeStatus(set, failure);
    if (failure) throw failure;
  }

  async #step(set: Item, pods: readonly Item[]): Promise<void> {
    const wanted = replicasOf(set);
    const template = asObj(asObj(set.spec).template);
    for (let n = pods.length; n < Math.min(wanted, pods.length + burst); n++) {
      const pod = this.podFrom(set, template, { generateName: `${set.metadata.name}-` });
      const { name } = (await this.api.create('/pods', pod)).metadata;
      this.api.event(set, 'SuccessfulCreate', `Created pod: ${name}`);
    }
    if (pods.length <= wanted) return;
    // Pods that are not ready go first, then the youngest.
    const order = [...pods].sort(
      (a, b) =>
        Number(isReady(a)) - Number(isReady(b)) ||
        (a.metadata.creationTimestamp > b.metadata.creationTimestamp ? -1 : 1),
    );
    for (const pod of order.slice(0, Math.min(burst, pods.length - wanted))) {
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
    const next = waits.filter((wait): wait is number => wait !== undefined && wait > 0);
    if (next.length > 0) this.later(set, Math.min(...next));
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

  /** Why pods could not be created or deleted, while that is so. */
  #conditions(set: Item, failure: Error | undefined): Obj {
    const others = asList(asObj(set.status).conditions).filter(({ type }) => type !== failed);
    const now = timestamp(this.api.core.clock.now());
    const told = { type: failed, status: 'True', reason: 'FailedCreate', message: failure?.message };
    // These conditions have no lastUpdateTime.
    const conditions = failure
      ? withConditions(set, [told], now).map(({ lastUpdateTime: _, ...rest }) => rest)
      : others;
    return conditions.length > 0 ? { conditions } : {};
  }
}
