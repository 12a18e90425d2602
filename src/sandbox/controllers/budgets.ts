// The statuses of disruption budgets and autoscalers, from the existing pods. Nothing is ever scaled: without
// containers there is no load to measure, and the autoscaler's condition says so.

import { joinKey, splitKey } from '../../kube/objects.ts';
import { own } from '../../runtime/own-keys.ts';
import type { Core } from '../operations/core.ts';
import { matchesLabels, parseLabelSelector } from '../selectors.ts';
import { parse } from '../store/entry.ts';
import { asList, asObj, asString, type Item, timestamp } from '../types.ts';
import { ControllerApi, isLost } from './api.ts';
import { scaled } from './deployments.ts';
import { isActive, isReady, replicasOf, statusNumber, withConditions } from './owner.ts';
import { KeyQueue } from './queue.ts';

const budgets = 'policy/poddisruptionbudgets';
const autoscalers = 'autoscaling/horizontalpodautoscalers';
/** Pods change often and in groups, so a status is computed this long after a change. */
const gatherMs = 100;
/** An eviction whose pod still exists after this time did not happen. */
const evictionTimeoutMs = 120_000;
const scalable = new Set(['apps/deployments', 'apps/replicasets', 'apps/statefulsets']);

export class StatusKeeper {
  readonly #api: ControllerApi;
  readonly #queue: KeyQueue;
  #stopListening: () => void = () => {};

  constructor(core: Core) {
    this.#api = new ControllerApi(core, 'disruption-controller');
    this.#queue = new KeyQueue({
      clock: core.clock,
      workers: 2,
      work: (key) => this.#visit(key),
      failed: (key, error) => core.log.warn({ err: error, object: key }, 'status waits'),
    });
  }

  start(): void {
    this.#enqueueAll('');
    this.#stopListening = this.#api.core.store.onCommit((changes) => {
      const touched = new Set<string>();
      for (const { entry } of changes) {
        const hasStatus = entry.table === budgets || entry.table === autoscalers;
        if (hasStatus || entry.table === '/pods' || scalable.has(entry.table)) touched.add(entry.namespace);
      }
      for (const namespace of touched) this.#enqueueAll(namespace);
    });
  }

  close(): void {
    this.#stopListening();
    this.#queue.close();
  }

  #enqueueAll(namespace: string): void {
    for (const table of [budgets, autoscalers])
      for (const entry of this.#api.entries(table, namespace))
        this.#queue.addAfter(`${table} ${joinKey(entry.namespace, entry.name)}`, gatherMs);
  }

  async #visit(key: string): Promise<void> {
    const [table = '', path = ''] = key.split(' ');
    const { namespace, name } = splitKey(path);
    const item = this.#api.get(table, namespace, name);
    if (!item || item.metadata.deletionTimestamp) return;
    if (table === autoscalers) return this.#api.status(table, item, this.#autoscaler(item));
    // Compute the status again at each retry: an eviction may have been added to it in between.
    const change = (live: Item) => {
      live.status = this.#budget(live, key);
    };
    await this.#api.update(table, namespace, name, change, 'status').catch((error) => {
      if (!isLost(error)) throw error;
    });
  }

  #budget(item: Item, key: string): Record<string, unknown> {
    const spec = asObj(item.spec);
    const selector = parseLabelSelector(spec.selector);
    const pods = [...this.#api.entries('/pods', item.metadata.namespace)]
      .filter((entry) => spec.selector !== undefined && matchesLabels(selector, entry.labels))
      .map(parse)
      .filter(isActive);
    const evicted = this.#evicted(item, pods);
    const healthy = pods.filter(
      (pod) => isReady(pod) && own(evicted, pod.metadata.name) === undefined,
    ).length;
    const expected =
      spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string'
        ? this.#expected(pods)
        : pods.length;
    const desired =
      spec.maxUnavailable === undefined
        ? scaled(spec.minAvailable ?? 1, expected, true)
        : Math.max(0, expected - scaled(spec.maxUnavailable, expected, true));
    const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0;
    const condition =
      allowed > 0
        ? { type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods', message: '' }
        : { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods', message: '' };
    const waiting = Object.keys(evicted).length > 0;
    if (waiting) this.#queue.addAfter(key, evictionTimeoutMs);
    return {
      observedGeneration: item.metadata.generation,
      ...(waiting ? { disruptedPods: evicted } : {}),
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      conditions: this.#conditions(item, [condition]),
    };
  }

  /** Pods that still exist although an eviction has put them into `status.disruptedPods`. Pod name → time. */
  #evicted(budget: Item, pods: readonly Item[]): Record<string, string> {
    const now = this.#api.core.clock.now();
    const disrupted = Object.entries(asObj(asObj(budget.status).disruptedPods)).map(
      ([name, at]) => [name, asString(at)] as const,
    );
    return Object.fromEntries(
      disrupted.filter(
        ([name, at]) =>
          Date.parse(at) + evictionTimeoutMs > now && pods.some((pod) => pod.metadata.name === name),
      ),
    );
  }

  /**
   * Sum of the replicas that the owners of these pods want. A pod that is already gone still counts.
   */
  #expected(pods: readonly Item[]): number {
    const counts = new Map<string, number>();
    for (const pod of pods) {
      const owner = this.#topOwner(pod);
      if (owner) counts.set(owner.metadata.uid, replicasOf(owner));
      else counts.set(pod.metadata.uid, 1);
    }
    return [...counts.values()].reduce((sum, n) => sum + n, 0);
  }

  /** The Deployment, ReplicaSet or StatefulSet to which a pod belongs. */
  #topOwner(item: Item): Item | undefined {
    const reference = asList(item.metadata.ownerReferences).find((r) => r.controller === true);
    const table = `apps/${asString(reference?.kind).toLowerCase()}s`;
    if (!reference || !scalable.has(table)) return undefined;
    const owner = this.#api.get(table, item.metadata.namespace ?? '', asString(reference.name));
    if (owner?.metadata.uid !== reference.uid) return undefined;
    return this.#topOwner(owner as Item) ?? owner;
  }

  #autoscaler(item: Item): Record<string, unknown> {
    const target = asObj(asObj(item.spec).scaleTargetRef);
    const plural = `${asString(target.kind).toLowerCase()}s`;
    const found = this.#api.get(`apps/${plural}`, item.metadata.namespace ?? '', asString(target.name));
    const message = 'the sandbox runs no containers, so there are no metrics to scale by';
    return {
      currentReplicas: found ? statusNumber(found, 'replicas') : 0,
      desiredReplicas: found ? replicasOf(found) : 0,
      conditions: this.#conditions(item, [
        found
          ? {
              type: 'AbleToScale',
              status: 'True',
              reason: 'SucceededGetScale',
              message: "the HPA controller was able to get the target's current scale",
            }
          : {
              type: 'AbleToScale',
              status: 'False',
              reason: 'FailedGetScale',
              message: `the target ${target.kind}/${target.name} does not exist`,
            },
        { type: 'ScalingActive', status: 'False', reason: 'FailedGetResourceMetric', message },
      ]),
    };
  }

  #conditions(item: Item, wanted: Record<string, unknown>[]): Record<string, unknown>[] {
    // The conditions of these kinds have no lastUpdateTime.
    return withConditions(item, wanted, timestamp(this.#api.core.clock.now())).map(
      ({ lastUpdateTime: _, ...rest }) => rest,
    );
  }
}
