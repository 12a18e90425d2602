// Reconciles an ImoocPod: a number of pods without a Deployment. One reconcile creates all missing pods, or deletes all
// surplus pods. It takes into account its own earlier writes that the cache does not show yet.

import { ImoocPod, type ImoocPodStatus } from '../api/imooc-pod.ts';
import { fieldManager } from '../api/names.ts';
import { isAmbiguous, isConflict, isNotFound } from '../kube/errors.ts';
import { type Draft, keyOf } from '../kube/objects.ts';
import { exponential } from '../runtime/backoff.ts';
import type { Result } from '../runtime/controller.ts';
import { announce } from '../workloads/announce.ts';
import { type Pod, pods } from '../workloads/child-kinds.ts';
import { labelsOf, labelValue, managedSelector, ownerReference, selectorOf } from '../workloads/identity.ts';
import { Outcome } from '../workloads/outcome.ts';
import { atOnce, growing } from '../workloads/parallel.ts';
import { isReady, troubleOf } from '../workloads/rollout.ts';
import { phaseOf, summaryOf, type Verdict, writeStatus } from '../workloads/status.ts';
import { victims } from '../workloads/victims.ts';
import type { Working, Workload } from '../workloads/workload.ts';

const component = 'pod';
const parallel = 16;
/** Failed pods are replaced at growing intervals, like those of a Job. */
const replaceBackoff = { base: 1000, max: 300_000, forgottenAfter: 600_000 };

export const imoocPodWorkload: Workload<ImoocPod['spec'], ImoocPodStatus> = {
  kind: ImoocPod,
  owns: [pods],
  reconciler: (working) => {
    const fleet = new Fleet(working);
    return {
      reconcile: (owner, signal) => fleet.reconcile(owner, signal),
      forget: (key) => fleet.forget(key),
    };
  },
};

/** Facts about one owner's pods that the cache does not show. */
interface Memory {
  /** Uids of pods that this process deleted and that the cache still shows. */
  deleting: Set<string>;
  /** A create failed, but the pod may be stored. The next reconcile must list live. */
  isUnsure: boolean;
  /** Number of replacements of failed pods, and the time of the last. */
  replaced: { times: number; at: number } | undefined;
}

class Fleet {
  readonly #working: Working<ImoocPod>;
  readonly #memories = new Map<string, Memory>();

  constructor(working: Working<ImoocPod>) {
    this.#working = working;
  }

  forget(key: string): void {
    this.#memories.delete(key);
  }

  async reconcile(owner: ImoocPod, signal: AbortSignal): Promise<Result> {
    const { recorder, client, clock, cache } = this.#working;
    const memory = this.#memoryOf(keyOf(owner));
    if (memory.isUnsure) await this.#listLive(owner, memory, signal);
    const outcome = new Outcome();
    const all = this.#podsOf(owner, memory);
    const failed = all.filter(({ status }) => status?.phase === 'Failed' || status?.phase === 'Succeeded');
    const wait = this.#replaceWait(memory, failed.length);
    // Failed pods count as replicas until they may be replaced.
    const active = wait > 0 ? all : all.filter((pod) => !failed.includes(pod));
    const missing = (owner.spec.replicas ?? 1) - active.length;
    if (wait === 0) await this.#delete(failed, memory, outcome);
    if (missing > 0) await this.#create(owner, missing, memory, outcome, signal);
    if (missing < 0) await this.#delete(victims(active, -missing), memory, outcome);
    if (outcome.isGone) return {};
    const { status, verdict } = this.#describe(owner, memory, outcome);
    announce(recorder, owner, outcome, verdict);
    const result = await writeStatus<ImoocPod>({
      client,
      clock,
      cache,
      resource: ImoocPod,
      object: owner,
      fields: { phase: phaseOf(verdict), ...status },
      conditions: summaryOf(verdict),
    });
    outcome.throwIfFailed();
    return wait > 0 && result.requeueAfter === undefined ? { requeueAfter: wait } : result;
  }

  #memoryOf(key: string): Memory {
    let memory = this.#memories.get(key);
    if (!memory) {
      memory = { deleting: new Set(), isUnsure: false, replaced: undefined };
      this.#memories.set(key, memory);
    }
    return memory;
  }

  /** The pods of this owner that are not being deleted. Found by owner reference: labels can be copied. */
  #podsOf(owner: ImoocPod, memory: Memory): Pod[] {
    const { sources } = this.#working;
    const cache = sources.cacheOf(pods);
    for (const uid of memory.deleting) {
      const pod = cache.getByUid(uid);
      if (!pod || pod.metadata.deletionTimestamp) memory.deleting.delete(uid);
    }
    return sources
      .ownedBy(pods, owner.metadata.uid)
      .filter(({ metadata }) => !metadata.deletionTimestamp && !memory.deleting.has(metadata.uid));
  }

  /** Returns the ms until failed pods may be replaced. If there are some, the result 0 counts as a replacement. */
  #replaceWait(memory: Memory, failed: number): number {
    const now = this.#working.clock.monotonic();
    const { replaced } = memory;
    const { base, max, forgottenAfter } = replaceBackoff;
    if (replaced && now - replaced.at > forgottenAfter) memory.replaced = undefined;
    if (failed === 0) return 0;
    const { times, at } = memory.replaced ?? { times: 0, at: Number.NEGATIVE_INFINITY };
    const wait = times === 0 ? 0 : at + exponential(times - 1, base, max) - now;
    if (wait > 0) return wait;
    memory.replaced = { times: times + 1, at: now };
    return 0;
  }

  async #listLive(owner: ImoocPod, memory: Memory, signal: AbortSignal): Promise<void> {
    const { client, sources } = this.#working;
    const { namespace = '' } = owner.metadata;
    const labelSelector = [
      managedSelector,
      ...Object.entries(selectorOf(owner, component)).map((it) => it.join('=')),
    ];
    const resource = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
    const { items } = await client.list<Pod>(resource, {
      namespace,
      labelSelector: labelSelector.join(','),
      signal,
    });
    for (const pod of items) sources.cacheOf(pods).observe(withKind(pod));
    memory.isUnsure = false;
  }

  async #create(
    owner: ImoocPod,
    count: number,
    memory: Memory,
    outcome: Outcome,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, sources } = this.#working;
    const resource = sources.resourceOf(pods);
    if (!resource) throw new Error('pods are not known');
    if (!(await this.#isCurrent(owner, signal))) {
      outcome.isGone = true;
      return;
    }
    // A quota that refuses one pod refuses the rest. So create a few first, then more.
    await growing(count, parallel, async () => {
      try {
        const pod = await client.create<Pod>(resource, imoocPodChild(owner), { fieldManager, signal });
        sources.cacheOf(pods).observe(pod);
        outcome.changed(pods, pod, undefined);
      } catch (error) {
        if (isAmbiguous(error)) memory.isUnsure = true;
        outcome.failures.push({ kind: 'Pod', name: `${owner.metadata.name}-pod`, error: error as Error });
        throw error;
      }
    });
  }

  /** A live read: false when the owner is gone or changed, for example to fewer replicas than the cache shows. */
  async #isCurrent(owner: ImoocPod, signal: AbortSignal): Promise<boolean> {
    const { client } = this.#working;
    const { namespace, name, uid, generation } = owner.metadata;
    try {
      const live = await client.get(ImoocPod, { namespace, name }, { signal });
      const isSame = live.metadata.uid === uid && live.metadata.generation === generation;
      return isSame && !live.metadata.deletionTimestamp;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #delete(doomed: readonly Pod[], memory: Memory, outcome: Outcome): Promise<void> {
    const { client, sources } = this.#working;
    const resource = sources.resourceOf(pods);
    if (!resource) return;
    await atOnce(parallel, doomed, async (pod) => {
      const { namespace, name, uid } = pod.metadata;
      memory.deleting.add(uid);
      try {
        await client.delete(resource, { namespace, name }, { preconditions: { uid } });
        outcome.deleted(pods, pod);
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) return;
        memory.deleting.delete(uid);
        outcome.failures.push({ kind: 'Pod', name, error: error as Error });
      }
    });
  }

  #describe(
    owner: ImoocPod,
    memory: Memory,
    outcome: Outcome,
  ): { status: Omit<ImoocPodStatus, 'conditions'>; verdict: Verdict } {
    const active = this.#podsOf(owner, memory).filter(
      ({ status }) => status?.phase !== 'Failed' && status?.phase !== 'Succeeded',
    );
    const ready = active.filter(isReady).length;
    const wanted = owner.spec.replicas ?? 1;
    const isDone = active.length === wanted && ready === wanted;
    const counted = `${ready} of ${wanted} pods ready`;
    const stuck = isDone ? undefined : active.map(troubleOf).find((it) => it !== undefined);
    const ofPods = stuck && { reason: stuck.reason, message: `${counted}; ${stuck.message}` };
    const verdict: Verdict = {
      isReady: isDone && !outcome.trouble,
      isProgressing: !isDone,
      reason: isDone ? 'AllReady' : 'Scaling',
      message: counted,
      trouble: outcome.trouble ?? ofPods,
    };
    const selector = Object.entries(selectorOf(owner, component)).map((it) => it.join('='));
    const status = {
      replicas: active.length,
      readyReplicas: ready,
      podNames: active.map(({ metadata }) => metadata.name).sort(),
      selector: selector.join(','),
    };
    return { status, verdict };
  }
}

/** The API server leaves kind and apiVersion out of the items of a list. */
const withKind = (pod: Pod): Pod => ({ ...pod, apiVersion: 'v1', kind: 'Pod' });

/** The pod of the original operator. It meets Pod Security "restricted", so that every namespace accepts it. */
export function imoocPodChild(owner: ImoocPod): Draft<Pod> {
  const { name, namespace = '' } = owner.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${name}-pod`,
      namespace,
      labels: { app: labelValue(name), ...labelsOf(owner, component) },
      ownerReferences: [ownerReference(owner)],
    },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 65_534, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'busybox',
          image: 'busybox',
          command: ['sleep', '3600'],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
}
