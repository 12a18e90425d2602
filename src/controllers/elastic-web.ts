// Reconciles an ElasticWeb: runs as many pods as its requests per second need. The load is in the spec, or comes from
// Prometheus.
import type { ConditionUpdate } from '../api/conditions.ts';
import {
  durationMs,
  ElasticWeb,
  type ElasticWebSpec,
  type ElasticWebStatus,
  metricsOf,
  replicaLimit,
} from '../api/elastic-web.ts';
import { parseTime, timestamp } from '../api/sale.ts';
import { clamp, type Limits, replicasFor } from '../api/scaling.ts';
import { keyOf } from '../kube/objects.ts';
import type { Result } from '../runtime/controller.ts';
import { announce } from '../workloads/announce.ts';
import { deployments, pods, serviceMonitors, services } from '../workloads/child-kinds.ts';
import { selectorOf } from '../workloads/identity.ts';
import type { Outcome } from '../workloads/outcome.ts';
import { Outside } from '../workloads/outside.ts';
import { type PodTroubles, podTroubles } from '../workloads/pod-troubles.ts';
import { askPrometheus } from '../workloads/prometheus.ts';
import { type MeterSettings, QpsMeters, type Reading } from '../workloads/qps-meter.ts';
import { deploymentRollout } from '../workloads/rollout.ts';
import { phaseOf, summaryOf, type Verdict, writeStatus } from '../workloads/status.ts';
import type { Working, Workload } from '../workloads/workload.ts';
import { component, elasticWebChildren, seriesLabels } from './elastic-web-children.ts';

/** Pause after a conflict: the other owner of a child may release it, and no event tells us that. */
const conflictRetryMs = 60_000;

const elasticWebOwns = [serviceMonitors, services, deployments];

export const elasticWebWorkload: Workload<ElasticWeb['spec'], ElasticWebStatus> = {
  kind: ElasticWeb,
  owns: [...elasticWebOwns, pods],
  reconciler: (working) => {
    const troubles = podTroubles(working.sources.cacheOf(pods), ElasticWeb.kind, (key) => working.wake(key));
    const prometheus = new Outside({ reach: working.reach.prometheus });
    const meters = new QpsMeters({
      clock: working.clock,
      ask: (settings, signal) => askPrometheus(settings, prometheus, working.clock, signal),
      wake: working.wake,
    });
    return {
      reconcile: (web, signal) => reconcile(web, working, meters, troubles, signal),
      forget: (key) => meters.forget(key),
      stop() {
        troubles.stop();
        meters.stop();
      },
    };
  },
};

async function reconcile(
  web: ElasticWeb,
  working: Working<ElasticWeb>,
  meters: QpsMeters,
  troubles: PodTroubles,
  signal: AbortSignal,
): Promise<Result> {
  const { client, clock, cache, recorder, children } = working;
  const reading = readLoad(web, meters, working.prometheusServer);
  const replicas =
    reading?.replicas ?? clamp(replicasFor(web.spec.totalQPS, web.spec.singlePodQPS), limitsOf(web.spec));
  const outcome = await children.reconcile(
    web,
    ElasticWeb,
    elasticWebOwns,
    elasticWebChildren(web, replicas),
    signal,
  );
  if (outcome.isGone) return {};
  const verdict = judge(web, outcome, replicas, troubles);
  announce(recorder, web, outcome, verdict);
  const before = web.status?.desiredReplicas;
  if (before !== undefined && before !== replicas) {
    recorder.event(
      web,
      'Normal',
      'Scaled',
      `from ${before} to ${replicas} pods for ${loadOf(web, reading)} QPS`,
    );
  }
  const result = await writeStatus<ElasticWeb>({
    ...{ client, clock, cache, resource: ElasticWeb, object: web },
    fields: {
      phase: phaseOf(verdict),
      desiredReplicas: replicas,
      ...podCounts(web, outcome),
      ...observedLoad(web, reading),
    },
    conditions: [
      ...summaryOf(verdict),
      ...outcome.conditions(),
      scalingLimited(web, reading, replicas),
      ...(reading ? [metricsCondition(reading, serverOf(web, working.prometheusServer))] : []),
    ],
  });
  outcome.throwIfFailed();
  return outcome.conflicts.length > 0 ? { requeueAfter: conflictRetryMs } : result;
}

/** With metrics the minimum is 1: without a pod nothing counts requests, and the load would stay 0 for ever. */
function limitsOf(spec: ElasticWebSpec): Limits {
  const { minReplicas = 0, maxReplicas = replicaLimit } = spec;
  const min = Math.max(metricsOf(spec) ? 1 : 0, minReplicas);
  return { min, max: Math.max(min, maxReplicas) };
}

function readLoad(web: ElasticWeb, meters: QpsMeters, defaultServer: string): Reading | undefined {
  const key = keyOf(web);
  const { spec, status } = web;
  if (!metricsOf(spec)) {
    meters.forget(key);
    return undefined;
  }
  const byTotal = clamp(replicasFor(spec.totalQPS, spec.singlePodQPS), limitsOf(spec));
  // The status has a measured load only if observedQPS is set.
  const wasMeasured = status?.observedQPS !== undefined;
  return meters.follow(key, meterSettings(web, defaultServer), {
    qps: status?.observedQPS,
    seenAt: wasMeasured ? parseTime(status?.observedTime) : undefined,
    replicas: wasMeasured ? (status?.desiredReplicas ?? byTotal) : byTotal,
  });
}

export function meterSettings(web: ElasticWeb, defaultServer: string): MeterSettings {
  const { spec } = web;
  const metrics = metricsOf(spec) ?? {};
  return {
    server: metrics.server ?? defaultServer,
    query: metrics.query ?? defaultQuery(web, metrics),
    timeoutMs: durationMs(metrics.timeout, '5s'),
    intervalMs: durationMs(metrics.interval, '30s'),
    stabilizationMs: durationMs(metrics.stabilization, '5m'),
    maxStepUp: metrics.maxStepUp,
    maxStepDown: metrics.maxStepDown,
    singlePodQPS: spec.singlePodQPS,
    ...limitsOf(spec),
  };
}

/**
 * Selects the pods of this object by the labels that our ServiceMonitor copies to their series. Names of pods would not
 * do: they are ambiguous, and Kubernetes cuts long ones. rate() handles counters that restart at 0.
 */
function defaultQuery(web: ElasticWeb, metrics: NonNullable<ElasticWebSpec['metrics']>): string {
  const counter = metrics.counter ?? 'http_server_requests_seconds_count';
  const own = Object.entries(selectorOf(web, component))
    .filter(([label]) => seriesLabels.includes(label))
    .map(([label, value]) => `,${label.replaceAll(/[^a-zA-Z0-9_]/g, '_')}="${value}"`);
  const series = `${counter}{namespace="${web.metadata.namespace ?? ''}"${own.join('')}}`;
  return `sum(rate(${series}[${metrics.window ?? '1m'}]))`;
}

function judge(web: ElasticWeb, outcome: Outcome, replicas: number, troubles: PodTroubles): Verdict {
  const { spec, metadata } = web;
  const deployment = outcome.get(deployments, metadata.name);
  const service = outcome.get(services, metadata.name);
  const rollout = deployment && deploymentRollout(deployment);
  const ready = rollout?.ready ?? 0;
  const isDone = rollout?.isDone === true && rollout.wanted === replicas && service !== undefined;
  const ofPods = isDone ? undefined : troubles.of(web, component);
  const trouble = outcome.trouble ?? rollout?.trouble ?? ofPods;
  const isReady = isDone && !trouble;
  const capacity = `${ready} of ${replicas} pods ready, ${ready * spec.singlePodQPS} QPS`;
  return {
    isReady,
    isProgressing: !isDone,
    reason: isReady ? 'AllReady' : 'RollingOut',
    message: replicas === 0 ? 'no pods are wanted; the Service stays' : capacity,
    trouble,
  };
}

function podCounts({ spec, metadata }: ElasticWeb, outcome: Outcome): Partial<ElasticWebStatus> {
  const { status } = outcome.get(deployments, metadata.name) ?? {};
  const [ingress] = outcome.get(services, metadata.name)?.status?.loadBalancer?.ingress ?? [];
  const ready = status?.readyReplicas ?? 0;
  const address = ingress?.hostname ?? ingress?.ip;
  return {
    realQPS: ready * spec.singlePodQPS,
    replicas: status?.replicas ?? 0,
    readyReplicas: ready,
    ...(address ? { address } : {}),
  };
}

function observedLoad({ status }: ElasticWeb, reading: Reading | undefined): Partial<ElasticWebStatus> {
  if (reading?.qps === undefined) return {};
  // Keep the time while the value is the same: a new time would cause a write at each measurement.
  const isSame = status?.observedQPS === reading.qps && status.observedTime !== undefined;
  const observedTime = isSame ? status.observedTime : timestamp(reading.seenAt ?? 0);
  return { observedQPS: reading.qps, ...(observedTime ? { observedTime } : {}) };
}

const loadOf = ({ spec }: ElasticWeb, reading: Reading | undefined): number => reading?.qps ?? spec.totalQPS;

/** Explains why there are more or fewer pods than the load needs. */
function scalingLimited(web: ElasticWeb, reading: Reading | undefined, replicas: number): ConditionUpdate {
  const { min, max } = limitsOf(web.spec);
  const wanted = replicasFor(loadOf(web, reading), web.spec.singlePodQPS);
  const because = (reason: string, message: string): ConditionUpdate => ({
    ...{ type: 'ScalingLimited', status: 'True', reason, message },
  });
  if (wanted > max && replicas === max) {
    return because('TooManyReplicas', `${wanted} pods are needed, at most ${max} allowed`);
  }
  if (wanted < min && replicas === min) {
    return because('TooFewReplicas', `${wanted} pods would do, at least ${min} run`);
  }
  if (replicas < wanted) {
    return because('GrowingInSteps', `${wanted} pods are needed, ${replicas} are wanted so far (maxStepUp)`);
  }
  if (replicas > Math.max(wanted, min)) {
    return because(
      'ShrinkingInSteps',
      `${wanted} pods would do, ${replicas} run until that is so for long enough (stabilization, maxStepDown)`,
    );
  }
  const message = 'as many pods as the load needs';
  return { type: 'ScalingLimited', status: 'False', reason: 'WithinLimits', message };
}

/** The Prometheus server, for messages. */
const serverOf = ({ spec }: ElasticWeb, defaultServer: string): string =>
  spec.metrics?.server ?? `${defaultServer} (serve --prometheus-server; spec.metrics.server is not set)`;

function metricsCondition({ failure, qps, seenAt, replicas }: Reading, server: string): ConditionUpdate {
  const type = 'MetricsAvailable';
  if (failure) {
    const consequence =
      qps === undefined
        ? `there was no answer yet, totalQPS counts: ${replicas} pods`
        : `the last good answer, ${qps} QPS${seenAt ? ` at ${timestamp(seenAt)}` : ''}, is kept: ${replicas} pods`;
    return {
      type,
      status: 'False',
      reason: failure.reason,
      message: `${server}: ${failure.message}; ${consequence}`,
    };
  }
  if (qps === undefined)
    return { type, status: 'Unknown', reason: 'NotAskedYet', message: `${server} is not asked yet` };
  return { type, status: 'True', reason: 'Answered', message: `requests per second are those of ${server}` };
}
