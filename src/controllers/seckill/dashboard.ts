// The Grafana dashboard of a Seckill as JSON: how its services do, and how the sale goes. Pure; knows no child.

export interface DashboardOptions {
  name: string;
  namespace: string;
  services: readonly { short: string; deployment: string }[];
  topic?: { topic: string; consumerGroup: string } | undefined;
}

interface Query {
  expr: string;
  legendFormat: string;
}

interface Panel {
  title: string;
  description: string;
  unit: string;
  queries: Query[];
  type?: 'timeseries' | 'stat';
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in
const datasource = { type: 'prometheus', uid: '${datasource}' };
const columns = 24;
const width = 12;
const height = 8;

/** Deterministic: the same sale gives the same text, so that nothing is written anew. */
export function dashboard(options: DashboardOptions): string {
  const panels = [...salePanels(), ...servicePanels(options), ...kafkaPanels(options)];
  return JSON.stringify({
    uid: `seckill-${options.namespace}-${options.name}`.slice(0, 40),
    title: `Seckill ${options.namespace}/${options.name}`,
    tags: ['spikegate', 'seckill'],
    schemaVersion: 36,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' }],
    },
    panels: panels.map(render),
  });
}

function render({ title, description, unit, queries, type = 'timeseries' }: Panel, index: number): object {
  const inRow = columns / width;
  return {
    id: index + 1,
    ...{ type, title, description, datasource },
    gridPos: { x: (index % inRow) * width, y: Math.floor(index / inRow) * height, w: width, h: height },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: type === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] } } : { tooltip: { mode: 'multi' } },
    targets: queries.map((query, number) => ({
      ...query,
      datasource,
      refId: String.fromCharCode(65 + number),
    })),
  };
}

function salePanels(): Panel[] {
  const webhook = '/validate-myapp-spike-com-v1-spikeorder';
  return [
    {
      title: 'Orders asked for',
      description: 'Reviews of orders per second, by answer.',
      unit: 'reqps',
      queries: [
        {
          expr: `sum by (code) (rate(controller_runtime_webhook_requests_total{webhook="${webhook}"}[1m]))`,
          legendFormat: '{{code}}',
        },
      ],
    },
    {
      title: 'Orders refused',
      description: 'Holds refused per second, by reason: SoldOut is the end of the sale.',
      unit: 'reqps',
      queries: [
        {
          expr: 'sum by (reason) (rate(spikegate_ledger_refusals_total[1m])) > 0',
          legendFormat: '{{reason}}',
        },
      ],
    },
    {
      title: 'Time of an order',
      description: 'How long a buyer waits for the yes or no.',
      unit: 's',
      queries: [0.5, 0.99].map((quantile) => ({
        expr: `histogram_quantile(${quantile}, sum by (le) (rate(controller_runtime_webhook_latency_seconds_bucket{webhook="${webhook}"}[1m])))`,
        legendFormat: `p${quantile * 100}`,
      })),
    },
    {
      title: 'Orders in one write',
      description: 'What group commit gathers: grows with the rush.',
      unit: 'short',
      queries: [
        {
          expr: 'sum(rate(spikegate_ledger_write_changes_sum[1m])) / sum(rate(spikegate_ledger_write_changes_count[1m]))',
          legendFormat: 'mean',
        },
      ],
    },
  ];
}

function servicePanels({ namespace, services }: DashboardOptions): Panel[] {
  const where = (label: string, values: string[]) =>
    `namespace="${namespace}",${label}=~"${values.join('|')}"`;
  const deployments = services.map(({ deployment }) => deployment);
  const ofDeployments = where('deployment', deployments);
  const ofPods = where(
    'pod',
    deployments.map((it) => `${it}-[0-9a-z]+-[0-9a-z]+`),
  );
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
          `sum(rate(container_cpu_usage_seconds_total{namespace="${namespace}",pod=~"${deployment}-[0-9a-z]+-[0-9a-z]+",container="${short}"}[2m]))` +
          ` / sum(kube_pod_container_resource_requests{namespace="${namespace}",pod=~"${deployment}-[0-9a-z]+-[0-9a-z]+",resource="cpu"})`,
        legendFormat: short,
      })),
    },
    {
      title: 'Memory',
      description: 'Working set, by pod.',
      unit: 'bytes',
      queries: [
        {
          expr: `sum by (pod) (container_memory_working_set_bytes{${ofPods},container!=""})`,
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
          expr: `sum by (pod) (increase(kube_pod_container_status_restarts_total{${ofPods}}[5m])) > 0`,
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
