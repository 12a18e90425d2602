// Reconciles a Seckill: applies its children, hands the field `replicas` over to autoscalers, and writes the status.
import type { ConditionUpdate } from '../../api/conditions.ts';
import {
  kafkaConsumer,
  Seckill,
  type SeckillPhase,
  type SeckillServiceStatus,
  type SeckillSpec,
  type SeckillStatus,
} from '../../api/seckill.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import { apiVersionOf, keyOf } from '../../kube/objects.ts';
import type { Result } from '../../runtime/controller.ts';
import { announce } from '../../workloads/announce.ts';
import { type Deployment, deployments, pods, scaledObjects } from '../../workloads/child-kinds.ts';
import type { Failure, Outcome } from '../../workloads/outcome.ts';
import { podTroubles } from '../../workloads/pod-troubles.ts';
import { References } from '../../workloads/references.ts';
import { deploymentRollout } from '../../workloads/rollout.ts';
import { phaseOf, summaryOf, type Verdict, writeStatus } from '../../workloads/status.ts';
import type { Working, Workload, WorkloadReconciler } from '../../workloads/workload.ts';
import {
  bounds,
  desiredOf,
  owns,
  partsOf,
  referencesIn,
  referencesOf,
  replicasAnnotation,
} from './children.ts';

type Part = ReturnType<typeof partsOf>[number];

/** Field manager that owns `replicas` until an autoscaler has set it: without an owner it would be reset to 1. */
const scaleManager = 'spikegate-scale';

const conflictRetryMs = 60_000;

export const seckillWorkload: Workload<SeckillSpec, SeckillStatus> = {
  kind: Seckill,
  owns: [...owns, pods],
  reconciler: (working) => new SeckillReconciler(working),
};

class SeckillReconciler implements WorkloadReconciler<Seckill> {
  readonly #working: Working<Seckill>;
  readonly #references: References;
  readonly #troubles: ReturnType<typeof podTroubles>;

  constructor(working: Working<Seckill>) {
    this.#working = working;
    this.#references = new References({ ...working, wake: (owner) => working.wake(owner) });
    this.#troubles = podTroubles(working.sources.cacheOf(pods), Seckill.kind, (key) => working.wake(key));
  }

  async reconcile(seckill: Seckill, signal: AbortSignal): Promise<Result> {
    const { children, sources, client } = this.#working;
    const hasKeda = sources.resourceOf(scaledObjects) !== undefined;
    const parts = partsOf(seckill, hasKeda);
    const { handedOver, failures } = await this.#prepare(seckill, parts, signal);
    const desired = desiredOf(seckill, {
      hasKeda,
      isHandedOver: (name) => handedOver.has(name),
      held: new Set(failures.keys()),
      find: (reference) => this.#references.get(reference),
    });
    const kept = new Set(failures.keys());
    const outcome = await children.reconcile(seckill, Seckill, owns, desired, signal, kept);
    if (outcome.isGone) return {};
    outcome.failures.unshift(...failures.values());
    const { verdict, ...state } = this.#judge(seckill, parts, outcome, failures);
    announce(this.#working.recorder, seckill, outcome, verdict);
    const result = await writeStatus({
      client,
      resource: Seckill,
      object: seckill,
      clock: this.#working.clock,
      cache: this.#working.cache,
      ...state,
    });
    outcome.throwIfFailed();
    // A Deployment was just created. Reconcile again soon, to hand its replicas over.
    const hasNewDeployment = parts.some(
      (it) =>
        it.scaler !== 'none' &&
        !handedOver.has(it.name) &&
        !failures.has(it.short) &&
        outcome.get(deployments, it.name),
    );
    if (hasNewDeployment) return { requeueAfter: 100 };
    return outcome.conflicts.length > 0 ? { requeueAfter: conflictRetryMs } : result;
  }

  forget(key: string): void {
    this.#references.forget(key);
  }

  async stop(): Promise<void> {
    this.#troubles.stop();
    await this.#references.stop();
  }

  /**
   * Returns the names of the Deployments whose replicas another manager owns, and failures by the short name of the
   * service. A service with a failure stays unchanged.
   */
  async #prepare(
    seckill: Seckill,
    parts: readonly Part[],
    signal: AbortSignal,
  ): Promise<{ handedOver: Set<string>; failures: Map<string, Failure> }> {
    const { namespace = '' } = seckill.metadata;
    const unread = await this.#references.follow(keyOf(seckill), referencesOf(seckill));
    const handedOver = new Set<string>();
    const failures = new Map<string, Failure>();
    for (const part of parts) {
      const used = referencesIn(part.service, namespace);
      const unreadOne = unread.find(({ reference: { kind, name } }) =>
        used.some((it) => it.kind === kind && it.name === name),
      );
      if (unreadOne) {
        const { reference, error } = unreadOne;
        failures.set(part.short, { ...reference, error, reason: `${reference.kind}NotRead` });
        continue;
      }
      if (part.scaler === 'none') continue;
      try {
        if (await this.#handOver(seckill, part, signal)) handedOver.add(part.name);
      } catch (error) {
        if (signal.aborted) throw error;
        const { kind } = deployments;
        failures.set(part.short, { kind, name: part.name, error: error as Error, reason: 'HandOverFailed' });
      }
    }
    return { handedOver, failures };
  }

  /**
   * Returns whether our next apply may leave out the replicas of a Deployment. Server-side apply resets a field to its
   * default when its only owner leaves it out. So another field manager takes the field first, at its present value.
   * Below the autoscaler's minimum nothing is handed over: our next apply raises the replicas first, because a
   * HorizontalPodAutoscaler never changes a target at 0.
   */
  async #handOver(seckill: Seckill, { name }: Part, signal: AbortSignal): Promise<boolean> {
    const { sources, client } = this.#working;
    const { namespace = '', uid } = seckill.metadata;
    const live = sources.ownedBy(deployments, uid).find(({ metadata }) => metadata.name === name);
    const resource = sources.resourceOf(deployments);
    if (!live || !resource) return false;
    if (live.metadata.annotations?.[replicasAnnotation]) return true;
    const { replicas = 1 } = live.spec;
    if (replicas < bounds(seckill).min) return false;
    const { kind } = resource;
    const draft = {
      apiVersion: apiVersionOf(resource),
      kind,
      metadata: { name, namespace, uid: live.metadata.uid },
      spec: { replicas },
    } as unknown as Deployment;
    try {
      await client.apply(resource, draft, { fieldManager: scaleManager, signal });
      return true;
    } catch (error) {
      // Not found: the Deployment is being deleted. A conflict: an autoscaler has set the field and owns it already.
      if (isNotFound(error)) return false;
      if (isConflict(error)) return true;
      throw error;
    }
  }

  #judge(seckill: Seckill, parts: readonly Part[], outcome: Outcome, failures: ReadonlyMap<string, Failure>) {
    const states = parts.map((part) => ({
      part,
      ...this.#stateOf(seckill, part, outcome, failures.get(part.short)),
    }));
    const serviceStatuses = Object.fromEntries(states.map(({ part, status }) => [part.short, status]));
    const isReady = (it: { status: SeckillServiceStatus }) => it.status.phase === 'Ready';
    const unready = states.filter((it) => !isReady(it));
    const degraded = states.find((it) => it.status.phase === 'Degraded');
    const count = `${states.length - unready.length}/${states.length}`;
    const verdict: Verdict = {
      isReady: unready.length === 0 && !outcome.trouble,
      isProgressing: unready.length > 0,
      ...(unready.length > 0
        ? {
            reason: 'ServicesNotReady',
            message: `${count} services are ready; waiting for ${unready.map(({ part }) => part.short).join(', ')}`,
          }
        : {
            reason: 'ServicesReady',
            message: states.length > 0 ? `${count} services are ready` : 'no service is enabled',
          }),
      trouble:
        outcome.trouble ??
        (degraded
          ? {
              reason: degraded.reason ?? 'ServiceDegraded',
              message: `${degraded.part.short}: ${degraded.status.message}`,
            }
          : undefined),
    };
    const hasBegun = states.some(({ status }) => status.phase !== 'Pending');
    const phase: SeckillPhase =
      !hasBegun && unready.length > 0 && !verdict.trouble ? 'Pending' : phaseOf(verdict);
    return {
      verdict,
      fields: { phase, ready: count, serviceStatuses },
      conditions: [
        ...summaryOf(verdict),
        ...outcome.conditions(),
        autoscaling(seckill, parts),
        monitoring(seckill, outcome),
      ],
    };
  }

  #stateOf(
    seckill: Seckill,
    part: Part,
    outcome: Outcome,
    failure: Failure | undefined,
  ): { status: SeckillServiceStatus; reason?: string } {
    const live = outcome.get(deployments, part.name);
    const held = failure && {
      reason: failure.reason ?? 'ApplyFailed',
      message: `${failure.kind} ${failure.name}: ${failure.error.message}`,
    };
    if (!live) {
      const counts = { readyReplicas: 0, totalReplicas: 0 };
      if (held)
        return { status: { ...counts, phase: 'Degraded', message: held.message }, reason: held.reason };
      return { status: { ...counts, phase: 'Pending' } };
    }
    const { ready, wanted, isDone, trouble } = deploymentRollout(live);
    const isStopped = wanted === 0 && part.scaler !== 'none';
    const stuck = isDone ? undefined : (trouble ?? this.#troubles.of(seckill, part.short));
    const problem = held ?? (isStopped && part.scaler === 'hpa' ? stopped(part) : stuck);
    const counts = { readyReplicas: ready, totalReplicas: wanted };
    if (problem)
      return {
        status: { ...counts, phase: 'Degraded', message: problem.message || problem.reason },
        reason: problem.reason,
      };
    const phase =
      isDone && !isStopped
        ? 'Ready'
        : live.status?.observedGeneration === undefined
          ? 'Pending'
          : 'Progressing';
    return { status: { ...counts, phase } };
  }
}

/** Somebody scaled the Deployment to 0 after the hand-over. No HorizontalPodAutoscaler raises it again. */
const stopped = ({ name, seckill }: Part): { reason: string; message: string } => ({
  reason: 'ScaledToZero',
  message: `Deployment ${name} has 0 replicas, which its HorizontalPodAutoscaler leaves alone; kubectl scale it to ${bounds(seckill).min}`,
});

function autoscaling({ spec }: Seckill, parts: readonly Part[]): ConditionUpdate {
  const { hpa, keda } = spec.scaling ?? {};
  const type = 'Autoscaling';
  const consumer = parts.find(({ field }) => field === kafkaConsumer);
  if (keda?.enabled && consumer) {
    if (consumer.scaler !== 'keda') {
      const message = `KEDA is to scale ${consumer.name} and is not installed; it keeps ${consumer.service.replicas ?? 1} replicas meanwhile`;
      return { type, status: 'False', reason: 'KedaNotInstalled', message };
    }
    if (hpa?.enabled) {
      const message = `hpa and keda are both enabled: KEDA scales ${consumer.name}, which has no HorizontalPodAutoscaler of ours`;
      return { type, status: 'True', reason: 'KedaTakesPrecedence', message };
    }
    return { type, status: 'True', reason: 'Keda', message: `KEDA scales ${consumer.name}` };
  }
  return hpa?.enabled
    ? { type, status: 'True', reason: 'HorizontalPodAutoscaler', message: 'by CPU' }
    : { type, status: 'False', reason: 'Disabled', message: '' };
}

function monitoring({ spec }: Seckill, outcome: Outcome): ConditionUpdate {
  const { enabled, prometheusEnabled, grafanaEnabled } = spec.monitoring ?? {};
  const type = 'Monitoring';
  if (!enabled || !(prometheusEnabled || grafanaEnabled))
    return { type, status: 'False', reason: 'Disabled', message: '' };
  const missing = [...outcome.missing].find(({ kind }) => kind === 'ServiceMonitor');
  if (missing) {
    const message = `ServiceMonitor is not served: install ${missing.install}`;
    return { type, status: 'False', reason: 'PrometheusOperatorNotInstalled', message };
  }
  return { type, status: 'True', reason: 'Enabled', message: '' };
}
