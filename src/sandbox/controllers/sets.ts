// The StatefulSet controller creates and replaces pods one by one, in order. The DaemonSet controller keeps one pod
// on the only node, which kubelet.ts simulates.

import type { Core } from '../operations/core.ts';
import { asList, asNumber, asObj, asString, type Item, type Obj } from '../types.ts';
import { nodeName } from './kubelet.ts';
import { isActive, isReady, OwnerController, replicasOf } from './owner.ts';
import { currentRevision, type Revision } from './revisions.ts';

/** Holds the ControllerRevision's name on pods of a StatefulSet, and only its hash on pods of a DaemonSet. */
const hashLabel = 'controller-revision-hash';
const controls = ['/pods', 'apps/controllerrevisions'];
const revisionsTable = 'apps/controllerrevisions';
const revisionOf = (pod: Item) => pod.metadata.labels?.[hashLabel];

export class StatefulSetController extends OwnerController {
  constructor(core: Core) {
    super(core, { table: 'apps/statefulsets', controls, account: 'statefulset-controller' });
  }

  protected override async reconcile(set: Item): Promise<void> {
    const revision = await currentRevision(
      this.api,
      set,
      this.controlled(revisionsTable, set),
      this.reference(set),
    );
    try {
      if (!set.metadata.deletionTimestamp) await this.#step(set, revision);
    } finally {
      await this.#writeStatus(set, revision);
    }
  }

  #pods(set: Item): Map<number, Item> {
    const ordinal = (pod: Item) => Number(pod.metadata.name.slice(set.metadata.name.length + 1));
    return new Map(this.controlled('/pods', set).map((pod) => [ordinal(pod), pod]));
  }

  async #step(set: Item, revision: Revision): Promise<void> {
    const spec = asObj(set.spec);
    const wanted = replicasOf(set);
    const start = asNumber(asObj(spec.ordinals).start);
    const parallel = spec.podManagementPolicy === 'Parallel';
    const pods = this.#pods(set);
    for (let n = start; n < start + wanted; n++) {
      const pod = pods.get(n);
      if (!pod) await this.#createPod(set, n, revision);
      // By default the next pod is created only when this one is ready.
      if (!parallel && !(pod && isActive(pod) && isReady(pod))) return;
    }
    for (const n of [...pods.keys()].sort((a, b) => b - a)) {
      if (n >= start && n < start + wanted) continue;
      const pod = pods.get(n) as Item;
      if (isActive(pod)) await this.#deletePod(pod);
      if (!parallel) return;
    }
    await this.#rollOne(set, pods, revision, start + wanted);
  }

  /** Replaces the highest pod of an old revision when all pods above it are ready. */
  async #rollOne(set: Item, pods: Map<number, Item>, revision: Revision, end: number): Promise<void> {
    const update = asObj(asObj(set.spec).updateStrategy);
    if (update.type === 'OnDelete') return;
    const partition = asNumber(asObj(update.rollingUpdate).partition);
    for (let n = end - 1; n >= partition; n--) {
      const pod = pods.get(n);
      if (!pod) return;
      if (revisionOf(pod) !== revision.name) {
        if (isActive(pod)) await this.#deletePod(pod);
        return;
      }
      if (!isReady(pod)) return;
    }
  }

  async #createPod(set: Item, n: number, revision: Revision): Promise<void> {
    const name = `${set.metadata.name}-${n}`;
    const spec = asObj(set.spec);
    const labels = {
      [hashLabel]: revision.name,
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(n),
    };
    const claims = await this.#ensureClaims(set, name);
    const template = asObj(spec.template);
    const volumes = [
      ...asList(asObj(template.spec).volumes).filter((v) => !claims.some((c) => c.name === v.name)),
      ...claims,
    ];
    const extra = {
      hostname: name,
      ...(spec.serviceName ? { subdomain: spec.serviceName } : {}),
      ...(volumes.length > 0 ? { volumes } : {}),
    };
    // Another owner may have a pod of this name, for example an earlier set of the same name. The deletion of that
    // pod does not enqueue this set. So a failed create must throw, and the queue retries it.
    await this.makePod(set, this.podFrom(set, template, { name, labels }, extra));
  }

  async #ensureClaims(set: Item, podName: string): Promise<Obj[]> {
    const out: Obj[] = [];
    for (const template of asList(asObj(set.spec).volumeClaimTemplates)) {
      const volume = asString(asObj(template.metadata).name);
      const claimName = `${volume}-${podName}`;
      const metadata = {
        ...asObj(template.metadata),
        name: claimName,
        namespace: set.metadata.namespace,
        labels: asObj(asObj(asObj(set.spec).selector).matchLabels),
      };
      await this.api.ensure('/persistentvolumeclaims', {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata,
        spec: template.spec,
      } as unknown as Item);
      out.push({ name: volume, persistentVolumeClaim: { claimName } });
    }
    return out;
  }

  async #deletePod(pod: Item): Promise<void> {
    await this.api.delete('/pods', pod.metadata.namespace ?? '', pod.metadata.name, {
      preconditions: { uid: pod.metadata.uid },
    });
  }

  async #writeStatus(set: Item, revision: Revision): Promise<void> {
    const pods = [...this.#pods(set).values()].filter(isActive);
    const ready = pods.filter(isReady);
    const updated = pods.filter((pod) => revisionOf(pod) === revision.name);
    const recorded = asString(asObj(set.status).currentRevision) || revision.name;
    const isRolledOut = updated.length === replicasOf(set) && ready.length === updated.length;
    const current = isRolledOut ? revision.name : recorded;
    await this.api.status(this.table, set, {
      observedGeneration: set.metadata.generation,
      replicas: pods.length,
      ...(ready.length > 0 ? { readyReplicas: ready.length } : {}),
      availableReplicas: ready.length,
      ...(pods.some((pod) => revisionOf(pod) === current)
        ? { currentReplicas: pods.filter((pod) => revisionOf(pod) === current).length }
        : {}),
      ...(updated.length > 0 ? { updatedReplicas: updated.length } : {}),
      currentRevision: current,
      updateRevision: revision.name,
      collisionCount: 0,
    });
  }
}

export class DaemonSetController extends OwnerController {
  constructor(core: Core) {
    super(core, { table: 'apps/daemonsets', controls, account: 'daemon-set-controller' });
  }

  protected override async reconcile(set: Item): Promise<void> {
    const revision = await currentRevision(
      this.api,
      set,
      this.controlled(revisionsTable, set),
      this.reference(set),
    );
    const pods = this.controlled('/pods', set);
    try {
      if (!set.metadata.deletionTimestamp) await this.#step(set, revision, pods);
    } finally {
      await this.#writeStatus(set, revision, pods.filter(isActive));
    }
  }

  async #step(set: Item, revision: Revision, pods: readonly Item[]): Promise<void> {
    const old = pods.filter(isActive).find((pod) => revisionOf(pod) !== revision.hash);
    const onDelete = asObj(asObj(set.spec).updateStrategy).type === 'OnDelete';
    if (pods.length === 0) {
      const metadata = {
        generateName: `${set.metadata.name}-`,
        labels: { [hashLabel]: revision.hash, 'pod-template-generation': String(set.metadata.generation) },
      };
      await this.makePod(set, this.podFrom(set, asObj(asObj(set.spec).template), metadata, { nodeName }));
    } else if (old && !onDelete) {
      await this.api.delete('/pods', old.metadata.namespace ?? '', old.metadata.name, {
        preconditions: { uid: old.metadata.uid },
      });
    }
  }

  async #writeStatus(set: Item, revision: Revision, active: readonly Item[]): Promise<void> {
    const ready = active.filter(isReady).length;
    const updated = active.filter((pod) => revisionOf(pod) === revision.hash).length;
    await this.api.status(this.table, set, {
      currentNumberScheduled: active.length > 0 ? 1 : 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 1,
      numberReady: ready,
      observedGeneration: set.metadata.generation,
      ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
      ...(ready > 0 ? { numberAvailable: ready } : { numberUnavailable: 1 }),
    });
  }
}
