// Computes the children of a Seckill. Pure: knows the spec and which APIs the cluster serves. Does not see the
// children that exist already.

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

/** All kinds of children, in any order. */
export const owns = [
  scaledObjects,
  autoscalers,
  serviceMonitors,
  services,
  disruptionBudgets,
  deployments,
  configMaps,
];

/** Annotation of a Deployment whose replicas were handed over to an autoscaler. Its value is the Scaler. */
export const replicasAnnotation = 'spikegate.io/replicas';
/** Annotation of the pod template: a hash of the values that the environment refers to. A new hash restarts the pods. */
const configAnnotation = 'spikegate.io/config';

export interface Situation {
  /** Whether the cluster serves KEDA's ScaledObject. */
  hasKeda: boolean;
  /** Whether another field manager owns the Deployment's replicas. Then we can leave the field out, and it keeps its value. */
  isHandedOver(deployment: string): boolean;
  /** Short names of services that stay unchanged, because something they depend on could not be read. */
  held: ReadonlySet<string>;
  /** An object that an environment variable refers to. Undefined when it does not exist. */
  find(reference: Reference): Referenced | undefined;
}

export type Scaler = 'keda' | 'hpa' | 'none';

function scalerOf(seckill: Seckill, field: SeckillServiceField, hasKeda: boolean): Scaler {
  const { hpa, keda } = seckill.spec.scaling ?? {};
  // Without KEDA the consumer keeps its own replicas, even when hpa is enabled. The condition Autoscaling says so.
  if (field === kafkaConsumer && keda?.enabled && keda.kafkaScaler) return hasKeda ? 'keda' : 'none';
  return hpa?.enabled ? 'hpa' : 'none';
}

export const bounds = ({ spec }: Seckill): { min: number; max: number } => {
  const { minReplicas = 1, maxReplicas = 10 } = spec.scaling?.hpa ?? {};
  return { min: minReplicas, max: Math.max(minReplicas, maxReplicas) };
};

/** One enabled service of a Seckill. */
interface ServicePart {
  seckill: Seckill;
  field: SeckillServiceField;
  short: string;
  service: SeckillService;
  /** Name of the Deployment. The other children's names begin with it. */
  name: string;
  scaler: Scaler;
}

export function partsOf(seckill: Seckill, hasKeda: boolean): ServicePart[] {
  return enabledServices(seckill.spec).map((it) => ({
    ...it,
    seckill,
    name: `${seckill.metadata.name}-${it.short}`,
    scaler: scalerOf(seckill, it.field, hasKeda),
  }));
}

/**
 * The children in the order in which they are created: first the Deployments, then what sends them traffic, then what
 * scales and measures them.
 */
export function desiredOf(seckill: Seckill, situation: Situation): Desired[] {
  const all = partsOf(seckill, situation.hasKeda);
  const parts = all.filter(({ short }) => !situation.held.has(short));
  const { monitoring, scaling } = seckill.spec;
  const consumer = parts.find(({ field }) => field === kafkaConsumer);
  // Ask for a ScaledObject even without KEDA: the outcome of the reconcile then says what to install.
  const wantsKeda = consumer && scaling?.keda?.enabled && scaling.keda.kafkaScaler;
  // The dashboard shows all services, so it also gets those that stay unchanged.
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

const hasPorts = ({ service }: ServicePart): boolean => (service.ports ?? []).length > 0;
const hasMetrics = (part: ServicePart): boolean => metricsPortOf(part) !== undefined;
const isRedundant = ({ seckill, service, scaler }: ServicePart): boolean =>
  (scaler === 'none' ? (service.replicas ?? 1) : bounds(seckill).min) > 1;

function deploymentOf(part: ServicePart, situation: Situation): Desired {
  const { seckill, short, service, name, scaler } = part;
  const { min, max } = bounds(seckill);
  const replicas = service.replicas ?? 1;
  const omitsReplicas = scaler !== 'none' && situation.isHandedOver(name);
  const initialReplicas = scaler === 'none' ? replicas : Math.min(Math.max(replicas, min), max);
  return {
    kind: deployments,
    name,
    component: short,
    ...(omitsReplicas ? { annotations: { [replicasAnnotation]: scaler } } : {}),
    body: {
      spec: {
        ...(omitsReplicas ? {} : { replicas: initialReplicas }),
        selector: { matchLabels: selectorOf(seckill, short) },
        template: {
          metadata: { labels: labelsOf(seckill, short), annotations: configHash(part, situation) },
          spec: { containers: [containerOf(part)] },
        },
      },
    },
  };
}

function containerOf({ short, service }: ServicePart): object {
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

function serviceOf({ seckill, short, service, name }: ServicePart): Desired {
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

function budgetOf({ seckill, short, name }: ServicePart): Desired {
  return {
    kind: disruptionBudgets,
    name: `${name}-pdb`,
    component: short,
    body: { spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(seckill, short) } } },
  };
}

function autoscalerOf({ seckill, short, name }: ServicePart): Desired {
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

function scaledObjectOf({ seckill, short, name }: ServicePart): Desired {
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
function metricsPortOf({ service }: ServicePart): string | undefined {
  const tcp = (service.ports ?? []).filter(({ protocol }) => protocol !== 'UDP');
  const port = tcp.find((it) => portNameOf(it) === 'http') ?? tcp[0];
  return port && portNameOf(port);
}

function monitorOf(part: ServicePart): Desired {
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

function dashboardOf(seckill: Seckill, parts: readonly ServicePart[]): Desired {
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
  env.flatMap((it) => referenceIn(namespace, it)?.reference ?? []);

function referenceIn(
  namespace: string,
  { valueFrom }: EnvVar,
): { reference: Reference; key: string } | undefined {
  const { configMapKeyRef, secretKeyRef } = valueFrom ?? {};
  const it = configMapKeyRef ?? secretKeyRef;
  if (!it) return undefined;
  return {
    reference: { kind: configMapKeyRef ? 'ConfigMap' : 'Secret', namespace, name: it.name },
    key: it.key,
  };
}

/** Hash of exactly the keys that the environment uses. A change of another key in the same Secret restarts no pods. */
function configHash({ seckill, service }: ServicePart, { find }: Situation): Record<string, string> {
  const values = (service.env ?? []).flatMap((variable) => {
    const used = referenceIn(seckill.metadata.namespace ?? '', variable);
    return used ? [[variable.name, own(find(used.reference)?.data, used.key) ?? null]] : [];
  });
  return values.length > 0 ? { [configAnnotation]: hashOf(values) } : {};
}
