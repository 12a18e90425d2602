// The kinds that the tests of workloads read, as resources of a client.
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import type { Deployment, Pod, Service } from '../../src/workloads/child-kinds.ts';

const of = <T extends KubeObject>(
  group: string,
  version: string,
  kind: string,
  plural: string,
): Resource<T> => ({
  group,
  version,
  kind,
  plural,
  namespaced: true,
});

export const deploymentsV1 = of<Deployment>('apps', 'v1', 'Deployment', 'deployments');
export const servicesV1 = of<Service>('', 'v1', 'Service', 'services');
export const podsV1 = of<Pod>('', 'v1', 'Pod', 'pods');
export const serviceMonitorsV1 = of<KubeObject & { spec: Record<string, unknown> }>(
  'monitoring.coreos.com',
  'v1',
  'ServiceMonitor',
  'servicemonitors',
);

/** The Prometheus operator's definition, as far as its API goes here. */
export const serviceMonitorDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'servicemonitors.monitoring.coreos.com' },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: {
      kind: 'ServiceMonitor',
      listKind: 'ServiceMonitorList',
      plural: 'servicemonitors',
      singular: 'servicemonitor',
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        },
      },
    ],
  },
};
