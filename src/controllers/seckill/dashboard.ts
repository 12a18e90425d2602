// The Grafana dashboard of a Seckill, as JSON. It shows the services of the Seckill and the orders of the sale. Pure.
import { dashboardOf, type Panel } from '../../monitoring/grafana.ts';
import { orderPanels } from '../../monitoring/sale-panels.ts';

export interface DashboardOptions {
  name: string;
  namespace: string;
  services: readonly { short: string; deployment: string }[];
  topic?: { topic: string; consumerGroup: string } | undefined;
}

/** Deterministic: the same options give the same text, so that a reconcile without changes writes nothing. */
export function dashboard(options: DashboardOptions): string {
  const { namespace, name } = options;
  return JSON.stringify(
    dashboardOf({
      uid: `seckill-${namespace}-${name}`,
      title: `Seckill ${namespace}/${name}`,
      tags: ['seckill'],
      panels: [...orderPanels, ...servicePanels(options), ...kafkaPanels(options)],
    }),
  );
}

function servicePanels({ namespace, services }: DashboardOptions): Panel[] {
  const where = (label: string, values: string[]) =>
    `namespace="${namespace}",${label}=~"${values.join('|')}"`;
  const deployments = services.map(({ deployment }) => deployment);
  const ofDeployments = where('deployment', deployments);
  // Select pods by their ReplicaSet. Names of pods are ambiguous and may be cut; names of ReplicaSets are never cut.
  const ofPods = (names: string[]) =>
    `on (namespace, pod) group_left () max by (namespace, pod) (kube_pod_owner{owner_kind="ReplicaSet",${where(
      'owner_name',
      names.map((it) => `${it}-[0-9a-z]+`),
    )}})`;
  const ofServices = where(
    'service',
    deployments.map((it) => `${it}-svc`),
  );
  return [
    {
      title: 'Pods ready',
      description: 'Ready pods of each service, and how many are wanted.',
      unit: 'short',
      queries: [
        {
          expr: `kube_deployment_status_replicas_ready{${ofDeployments}}`,
          legendFormat: '{{deployment}} ready',
        },
        { expr: `kube_deployment_spec_replicas{${ofDeployments}}`, legendFormat: '{{deployment}} wanted' },
      ],
    },
    {
      title: 'Services that answer Prometheus',
      description: 'Targets that are up, by service.',
      unit: 'short',
      queries: [{ expr: `sum by (service) (up{${ofServices}})`, legendFormat: '{{service}}' }],
    },
    {
      title: 'CPU',
      description: 'Used, as a part of what is requested: what the autoscaler looks at.',
      unit: 'percentunit',
      queries: services.map(({ short, deployment }) => ({
        expr:
          `sum(rate(container_cpu_usage_seconds_total{namespace="${namespace}",container="${short}"}[2m]) * ${ofPods([deployment])})` +
          ` / sum(kube_pod_container_resource_requests{namespace="${namespace}",resource="cpu"} * ${ofPods([deployment])})`,
        legendFormat: short,
      })),
    },
    {
      title: 'Memory',
      description: 'Working set, by pod.',
      unit: 'bytes',
      queries: [
        {
          expr: `sum by (pod) (container_memory_working_set_bytes{namespace="${namespace}",container!=""} * ${ofPods(deployments)})`,
          legendFormat: '{{pod}}',
        },
      ],
    },
    {
      title: 'Restarts',
      description: 'Of containers, within five minutes.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (pod) (increase(kube_pod_container_status_restarts_total{namespace="${namespace}"}[5m]) * ${ofPods(deployments)}) > 0`,
          legendFormat: '{{pod}}',
        },
      ],
    },
  ];
}

function kafkaPanels({ topic }: DashboardOptions): Panel[] {
  if (!topic) return [];
  return [
    {
      title: 'Kafka lag',
      description: 'Messages that wait to be consumed: what KEDA looks at.',
      unit: 'short',
      queries: [
        {
          expr: `sum(kafka_consumergroup_lag{topic="${topic.topic}",consumergroup="${topic.consumerGroup}"})`,
          legendFormat: topic.consumerGroup,
        },
      ],
    },
  ];
}
