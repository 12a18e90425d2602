// Computes the children of a Seckill. Pure: knows the spec and what the cluster serves, not what is stored.

import { containerPortsOf, type EnvVar, inStrings, type ServicePort } from '../../api/podspec.ts';
import {
  enabledServices,
  kafkaConsumer,
  type Seckill,
  type SeckillService,
  type SeckillServiceField,
} from '../../api/seckill.ts';
import { own } from '../../runtime/own-keys.ts';
import {
  autoscalers,
  configMaps,
  deployments,
  disruptionBudgets,
  scaledObjects,
  serviceMonitors,
  services,
} from '../../workloads/child-kinds.ts';
import type { Desired } from '../../workloads/children.ts';
import { hashOf, labelsOf, selectorOf } from '../../workloads/identity.ts';
import type { Reference, Referenced } from '../../workloads/references.ts';
import { dashboard } from './dashboard.ts';

export const owns = [
  scaledObjects,
  autoscalers,
  serviceMonitors,
  services,
  disruptionBudgets,
  deployments,
  configMaps,
];

/** On a Deployment whose replicas were handed over to an autoscaler. */
export const replicasAnnotation = 'spikegate.io/replicas';
/** On pods. A change of what their environment refers to rolls them. */
const configAnnotation = 'spikegate.io/config';

export interface Situation {
  /** Whether the cluster serves KEDA's ScaledObject. */
  hasKeda: boolean;
  /** Another manager owns the Deployment's replicas already, so leaving them out changes nothing. */
  isHandedOver(deployment: string): boolean;
  /** Short names of services that stay unchanged, because something they depend on could not be read. */
  held: ReadonlySet<string>;
  /** An object that an environment variable refers to. Undefined when it does not exist. */
  find(reference: Reference): Referenced | undefined;
}

export type Scaler = 'keda' | 'hpa' | 'none';

function scalerOf(seckill: Seckill, field: SeckillServiceField, hasKeda: boolean): Scaler {
  const { hpa, keda } = seckill.spec.scaling ?? {};
  if (field === kafkaConsumer && keda?.enabled && keda.kafkaScaler) return hasKeda ? 'keda' : 'none';
  return hpa?.enabled ? 'hpa' : 'none';
}

export const bounds = ({ spec }: Seckill): { min: number; max: number } => {
  const { minReplicas = 1, maxReplicas = 10 } = spec.scaling?.hpa ?? {};
  return { min: minReplicas, max: Math.max(minReplicas, maxReplicas) };
};

interface Part {
  seckill: Seckill;
  field: SeckillServiceField;
  short: string;
  service: SeckillService;
  /** Name of the Deployment. The other children's names begin with it. */
  name: string;
  scaler: Scaler;
}

export function partsOf(seckill: Seckill, hasKeda: boolean): Part[] {
  return enabledServices(seckill.spec).map((it) => ({
    ...it,
    seckill,
    name: `${seckill.metadata.name}-${it.short}`,
    scaler: scalerOf(seckill, it.field, hasKeda),
  }));
}

/** In the order in which they are made: what runs, what sends it traffic, then what scales and measures it. */
export function desiredOf(seckill: Seckill, situation: Situation): Desired[] {
  const all = partsOf(seckill, situation.hasKeda);
  const parts = all.filter(({ short }) => !situation.held.has(short));
  const { monitoring, scaling } = seckill.spec;
  const consumer = parts.find(({ field }) => field === kafkaConsumer);
  // Wanted even without KEDA: the outcome then says what to install.
  const wantsKeda = consumer && scaling?.keda?.enabled && scaling.keda.kafkaScaler;
  return [
    ...parts.map((part) => deploymentOf(part, situation)),
    ...parts.filter(hasPorts).map(serviceOf),
    ...parts.filter(isRedundant).map(budgetOf),
    ...parts.filter(({ scaler }) => scaler === 'hpa').map(autoscalerOf),
    ...(wantsKeda ? [scaledObjectOf(consumer)] : []),
    ...(monitoring?.enabled && monitoring.prometheusEnabled ? parts.filter(hasMetrics).map(monitorOf) : []),
    ...(monitoring?.enabled && monitoring.grafanaEnabled ? [dashboardOf(seckill, all)] : []),
  ];
}

const hasPorts = ({ service }: Part): boolean => (service.ports ?? []).length > 0;
const hasMetrics = (part: Part): boolean => metricsPortOf(part) !== undefined;
const isRedundant = ({ seckill, service, scaler }: Part): boolean =>
  (scaler === 'none' ? (service.replicas ?? 1) : bounds(seckill).min) > 1;

function deploymentOf(part: Part, situation: Situation): Desired {
  const { seckill, short, service, name, scaler } = part;
  const { min, max } = bounds(seckill);
  const replicas = service.replicas ?? 1;
  const isLeft = scaler !== 'none' && situation.isHandedOver(name);
  const first = scaler === 'none' ? replicas : Math.min(Math.max(replicas, min), max);
  return {
    kind: deployments,
    name,
    component: short,
    ...(isLeft ? { annotations: { [replicasAnnotation]: scaler } } : {}),
    body: {
      spec: {
        ...(isLeft ? {} : { replicas: first }),
        selector: { matchLabels: selectorOf(seckill, short) },
        template: {
          metadata: { labels: labelsOf(seckill, short), annotations: configHash(part, situation) },
          spec: { containers: [containerOf(part)] },
        },
      },
    },
  };
}

function containerOf({ short, service }: Part): object {
  const { ports } = containerPortsOf(service.ports);
  const probed = (service.ports ?? []).find(({ protocol }) => protocol !== 'UDP');
  return {
    name: short,
    image: service.image,
    ...(ports.length > 0 ? { ports } : {}),
    ...(service.env?.length ? { env: service.env } : {}),
    ...(service.resources ? { resources: inStrings(service.resources) } : {}),
    ...(probed
      ? {
          readinessProbe: {
            tcpSocket: { port: probed.targetPort ?? probed.port },
            periodSeconds: 5,
            timeoutSeconds: 2,
          },
        }
      : {}),
  };
}

const portNameOf = ({ name }: ServicePort): string => name ?? 'http';

function serviceOf({ seckill, short, service, name }: Part): Desired {
  return {
    kind: services,
    name: `${name}-svc`,
    component: short,
    body: {
      spec: {
        type: 'ClusterIP',
        selector: selectorOf(seckill, short),
        ports: (service.ports ?? []).map((it) => ({
          name: portNameOf(it),
          port: it.port,
          targetPort: it.targetPort ?? it.port,
          protocol: it.protocol ?? 'TCP',
        })),
      },
    },
  };
}

function budgetOf({ seckill, short, name }: Part): Desired {
  return {
    kind: disruptionBudgets,
    name: `${name}-pdb`,
    component: short,
    body: { spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(seckill, short) } } },
  };
}

function autoscalerOf({ seckill, short, name }: Part): Desired {
  const target = seckill.spec.scaling?.hpa?.targetCPUUtilizationPercentage ?? 80;
  const { min, max } = bounds(seckill);
  const metrics = [
    {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } },
    },
  ];
  return {
    kind: autoscalers,
    name: `${name}-hpa`,
    component: short,
    body: {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: min,
        maxReplicas: max,
        metrics,
      },
    },
  };
}

function scaledObjectOf({ seckill, short, name }: Part): Desired {
  const {
    bootstrapServers,
    consumerGroup,
    topic,
    lagThreshold = '5',
  } = seckill.spec.scaling!.keda!.kafkaScaler!;
  const { min, max } = bounds(seckill);
  return {
    kind: scaledObjects,
    name: `${name}-kafka`,
    component: short,
    body: {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicaCount: min,
        maxReplicaCount: max,
        triggers: [
          {
            type: 'kafka',
            // KEDA accepts strings only.
            metadata: { bootstrapServers, consumerGroup, topic, lagThreshold: String(lagThreshold) },
          },
        ],
      },
    },
  };
}

/** The port called http, otherwise the first TCP port. */
function metricsPortOf({ service }: Part): string | undefined {
  const tcp = (service.ports ?? []).filter(({ protocol }) => protocol !== 'UDP');
  const port = tcp.find((it) => portNameOf(it) === 'http') ?? tcp[0];
  return port && portNameOf(port);
}

function monitorOf(part: Part): Desired {
  const { seckill, short, name } = part;
  return {
    kind: serviceMonitors,
    name,
    component: short,
    body: {
      spec: {
        selector: { matchLabels: selectorOf(seckill, short) },
        endpoints: [{ port: metricsPortOf(part), path: '/metrics', interval: '30s' }],
      },
    },
  };
}

function dashboardOf(seckill: Seckill, parts: readonly Part[]): Desired {
  const { name, namespace = '' } = seckill.metadata;
  return {
    kind: configMaps,
    name: `${name}-dashboard`,
    component: 'dashboard',
    // The default label for which Grafana's sidecar looks.
    labels: { grafana_dashboard: '1' },
    body: {
      data: {
        [`${name}.json`]: dashboard({
          name,
          namespace,
          services: parts.map((part) => ({ short: part.short, deployment: part.name })),
          topic: seckill.spec.scaling?.keda?.kafkaScaler,
        }),
      },
    },
  };
}

export function referencesOf(seckill: Seckill): Reference[] {
  const { namespace = '' } = seckill.metadata;
  return enabledServices(seckill.spec).flatMap(({ service }) => referencesIn(service, namespace));
}

export const referencesIn = ({ env = [] }: SeckillService, namespace: string): Reference[] =>
  env.flatMap((it) => keyOf(namespace, it)?.reference ?? []);

function keyOf(namespace: string, { valueFrom }: EnvVar): { reference: Reference; key: string } | undefined {
  const { configMapKeyRef, secretKeyRef } = valueFrom ?? {};
  const it = configMapKeyRef ?? secretKeyRef;
  if (!it) return undefined;
  return {
    reference: { kind: configMapKeyRef ? 'ConfigMap' : 'Secret', namespace, name: it.name },
    key: it.key,
  };
}

/** Hash of exactly the keys that the environment uses: another key of the same Secret rolls no pods. */
function configHash({ seckill, service }: Part, { find }: Situation): Record<string, string> {
  const values = (service.env ?? []).flatMap((variable) => {
    const used = keyOf(seckill.metadata.namespace ?? '', variable);
    return used ? [[variable.name, own(find(used.reference)?.data, used.key) ?? null]] : [];
  });
  return values.length > 0 ? { [configAnnotation]: hashOf(values) } : {};
}
