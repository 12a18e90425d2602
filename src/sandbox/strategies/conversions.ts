// Converts built-in kinds between the stored version and other served versions. Pure.

import { own, setOwn } from '../../runtime/own-keys.ts';
import type { ResourceType } from '../resources.ts';
import { asList, asObj, type Item, type Obj } from '../types.ts';

/** autoscaling/v1 has a field only for CPU. Kubernetes keeps the other metrics in this annotation. */
const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';

function hpaToV2(item: Item): Item {
  const { targetCPUUtilizationPercentage: cpu, ...spec } = asObj(item.spec);
  const { currentCPUUtilizationPercentage: current, ...status } = asObj(item.status);
  const annotations = { ...item.metadata.annotations };
  const otherMetrics = annotations[metricsAnnotation];
  delete annotations[metricsAnnotation];
  const metrics: Obj[] = otherMetrics ? asList(JSON.parse(otherMetrics)) : [];
  if (cpu !== undefined) {
    metrics.unshift({
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpu } },
    });
  }
  const currentMetrics =
    current === undefined
      ? undefined
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }];
  return {
    ...item,
    apiVersion: 'autoscaling/v2',
    metadata: { ...item.metadata, ...(item.metadata.annotations ? { annotations } : {}) },
    spec: metrics.length > 0 ? { ...spec, metrics } : spec,
    ...(item.status ? { status: { ...status, ...(currentMetrics ? { currentMetrics } : {}) } } : {}),
  };
}

const isCpu = (metric: Obj) => metric.type === 'Resource' && asObj(metric.resource).name === 'cpu';

/** Drops `behavior` and `conditions`, which v1 does not have. */
function hpaToV1(item: Item): Item {
  const { metrics, behavior: _, ...spec } = asObj(item.spec);
  const { currentMetrics, conditions: __, ...status } = asObj(item.status);
  const cpu = asObj(asObj(asList(metrics).find(isCpu)?.resource).target).averageUtilization;
  const current = asObj(asObj(asList(currentMetrics).find(isCpu)?.resource).current).averageUtilization;
  const others = asList(metrics).filter((metric) => !isCpu(metric));
  const annotations = { ...item.metadata.annotations };
  if (others.length > 0) annotations[metricsAnnotation] = JSON.stringify(others);
  return {
    ...item,
    apiVersion: 'autoscaling/v1',
    metadata: { ...item.metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: cpu === undefined ? spec : { ...spec, targetCPUUtilizationPercentage: cpu },
    ...(item.status
      ? { status: current === undefined ? status : { ...status, currentCPUUtilizationPercentage: current } }
      : {}),
  };
}

/** core/v1 name → events.k8s.io/v1 name. */
const eventFields: Record<string, string> = {
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  count: 'deprecatedCount',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  reportingComponent: 'reportingController',
};

/** A conversion that only renames fields. */
const renamed = (names: Record<string, string>, apiVersion: string) => (item: Item) => {
  const out: Obj = {};
  for (const [name, value] of Object.entries(item)) setOwn(out, own(names, name) ?? name, value);
  return { ...out, apiVersion } as Item;
};

const coreNames = Object.fromEntries(Object.entries(eventFields).map(([core, events]) => [events, core]));

export const conversions: Record<string, NonNullable<ResourceType['convert']>> = {
  'autoscaling/v1/HorizontalPodAutoscaler': { toStored: hpaToV2, fromStored: hpaToV1 },
  'events.k8s.io/v1/Event': {
    toStored: renamed(coreNames, 'v1'),
    fromStored: renamed(eventFields, 'events.k8s.io/v1'),
  },
};
