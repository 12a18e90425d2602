// The kustomize component manifests/monitoring, for clusters with the Prometheus operator and a Grafana that loads
// dashboards from ConfigMaps.
import { operatorDashboardJson } from '../monitoring/operator-dashboard.ts';
import { prometheusRules } from '../monitoring/rules.ts';
import { saleDashboardJson } from '../monitoring/sale-dashboard.ts';
import { type Manifest, partOfSpikegate } from './manifest.ts';

const labels = { 'app.kubernetes.io/name': 'spikegate', ...partOfSpikegate };

const serviceMonitor = (namespace: string): Manifest => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'ServiceMonitor',
  metadata: { name: 'spikegate', namespace, labels },
  spec: {
    selector: {
      matchLabels: { 'app.kubernetes.io/name': 'spikegate', 'app.kubernetes.io/component': 'metrics' },
    },
    endpoints: [
      {
        port: 'metrics',
        path: '/metrics',
        interval: '15s',
        // Prometheus' own token. Its user needs the role spikegate-metrics-reader, or one like it.
        bearerTokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
        // Metrics of stock have a label `namespace` with the namespace of the goods. Without `honorLabels`,
        // Prometheus would rename that label and set `namespace` to the namespace of the pod.
        honorLabels: true,
      },
    ],
  },
});

const prometheusRule = (namespace: string): Manifest => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'spikegate', namespace, labels },
  spec: prometheusRules(),
});

const dashboards = { sale: saleDashboardJson(), operator: operatorDashboardJson() };

/** The dashboards are JSON files, so that people can import them too. kustomize makes ConfigMaps of them. */
const kustomization = {
  apiVersion: 'kustomize.config.k8s.io/v1alpha1',
  kind: 'Component',
  resources: ['service-monitor.yaml', 'prometheus-rule.yaml'],
};
const configMaps = (namespace: string) =>
  Object.keys(dashboards).map((name) => ({
    name: `spikegate-dashboard-${name}`,
    namespace,
    files: [`dashboards/${name}.json`],
    options: { disableNameSuffixHash: true, labels: { ...labels, grafana_dashboard: '1' } },
  }));

/** Contents by file name below manifests/monitoring: YAML files as objects, other files as texts. */
export function monitoringFiles(namespace: string): {
  yaml: Record<string, unknown>;
  text: Record<string, string>;
} {
  return {
    yaml: {
      'service-monitor.yaml': serviceMonitor(namespace),
      'prometheus-rule.yaml': prometheusRule(namespace),
      Kustomization: { ...kustomization, configMapGenerator: configMaps(namespace) },
    },
    text: Object.fromEntries(
      Object.entries(dashboards).map(([name, json]) => [
        `dashboards/${name}.json`,
        `${JSON.stringify(json, null, 2)}\n`,
      ]),
    ),
  };
}
