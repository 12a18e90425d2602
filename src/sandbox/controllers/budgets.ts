// Disruption budgets and autoscalers: their statuses, from the pods there are. Nothing is ever scaled: without
// containers there is no load to measure, and the autoscaler's condition says so.

import { joinKey, splitKey } from '../../kube/objects.ts';
import type { Core } from '../operations/core.ts';
import { matchesLabels, parseLabelSelector } from '../selectors.ts';
import { parse } from '../store/entry.ts';
import { asObj, asString, type Item, timestamp } from '../types.ts';
import { ControllerApi } from './api.ts';
import { scaled } from './deployments.ts';
import { isActive, isReady, replicasOf, statusNumber, withConditions } from './owner.ts';
import { KeyQueue } from './queue.ts';

const budgets = 'policy/poddisruptionbudgets';
const autoscalers = 'autoscaling/horizontalpodautoscalers';
/** Pods change often and in bunches; a status a moment late is soon enough. */
const gatherMs = 100;

export class StatusKeeper {
  private readonly api: ControllerApi;
  private readonly queue: KeyQueue;
  private stopListening: () => void = () => {};

  constructor(core: Core) {
    this.api = new ControllerApi(core, 'disruption-controller');
    this.queue = new KeyQueue({
      clock: core.clock,
      workers: 2,
      work: (key) => this.visit(key),
      failed: (key, error) => core.log.warn({ err: error, object: key }, 'status waits'),
    });
  }

  start(): void {
    this.touch('');
    this.stopListening = this.api.core.store.onCommit((changes) => {
      const touched = new Set<string>();
      for (const { entry } of changes) {
        const own = entry.table === budgets || entry.table === autoscalers;
        if (own || entry.table === '/pods' || entry.table === 'apps/deployments')
          touched.add(entry.namespace);
      }
      for (const namespace of touched) this.touch(namespace);
    });
  }

  close(): void {
    this.stopListening();
    this.queue.close();
  }

  private touch(namespace: string): void {
    for (const table of [budgets, autoscalers])
      for (const entry of this.api.entries(table, namespace))
        this.queue.addAfter(`${table} ${joinKey(entry.namespace, entry.name)}`, gatherMs);
  }

  private async visit(key: string): Promise<void> {
    const [table = '', path = ''] = key.split(' ');
    const { namespace, name } = splitKey(path);
    const item = this.api.get(table, namespace, name);
    if (!item || item.metadata.deletionTimestamp) return;
    await this.api.status(table, item, table === budgets ? this.budget(item) : this.autoscaler(item));
  }

  private budget(item: Item): Record<string, unknown> {
    const spec = asObj(item.spec);
    const selector = parseLabelSelector(spec.selector);
    const pods = [...this.api.entries('/pods', item.metadata.namespace)]
      .filter((entry) => matchesLabels(selector, entry.labels))
      .map(parse)
      .filter(isActive);
    const healthy = pods.filter(isReady).length;
    const desired =
      spec.maxUnavailable === undefined
        ? scaled(spec.minAvailable ?? 1, pods.length, true)
        : Math.max(0, pods.length - scaled(spec.maxUnavailable, pods.length, true));
    const allowed = Math.max(0, healthy - desired);
    const condition =
      allowed > 0
        ? { type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods', message: '' }
        : { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods', message: '' };
    return {
      observedGeneration: item.metadata.generation,
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: pods.length,
      conditions: this.conditions(item, [condition]),
    };
  }

  private autoscaler(item: Item): Record<string, unknown> {
    const target = asObj(asObj(item.spec).scaleTargetRef);
    const plural = `${asString(target.kind).toLowerCase()}s`;
    const found = this.api.get(`apps/${plural}`, item.metadata.namespace ?? '', asString(target.name));
    const message = 'the sandbox runs no containers, so there are no metrics to scale by';
    return {
      currentReplicas: found ? statusNumber(found, 'replicas') : 0,
      desiredReplicas: found ? replicasOf(found) : 0,
      conditions: this.conditions(item, [
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

  private conditions(item: Item, wanted: Record<string, unknown>[]): Record<string, unknown>[] {
    // These kinds' conditions have no lastUpdateTime.
    return withConditions(item, wanted, timestamp(this.api.core.clock.now())).map(
      ({ lastUpdateTime: _, ...rest }) => rest,
    );
  }
}
