// The parts of an installation, in the order in which they are removed. A table; knows no client.
//
// The webhook configurations are removed first. While they exist and no server answers, nobody can write an object of
// ours, or delete a namespace that has one. Then follow the programs, the objects that the programs used, and their
// permissions.

import type { WantedKind } from '../kube/discovery.ts';

export interface Part extends WantedKind {
  /** Names of our objects that have no label, because `serve` makes them itself. They are found by name. */
  unlabelled?: (names: InstalledNames) => string[];
  /** Also looked for in all other namespaces: `serve --namespaces` needs permissions in each of its namespaces. */
  elsewhere?: true;
}

export interface InstalledNames {
  namespace: string;
  configuration: string;
  lease: string;
  certSecret: string;
  pathSecret: string;
}

export interface Stage {
  title: string;
  parts: readonly Part[];
}

const part = (
  group: string,
  kind: string,
  more: Partial<Part> = {},
  plural = `${kind.toLowerCase()}s`,
): Part => ({ group, kind, plural, versions: ['v1'], ...more });

const clusterWide = { namespaced: false };
export const rbacGroup = 'rbac.authorization.k8s.io';
const webhookConfiguration = {
  ...clusterWide,
  unlabelled: ({ configuration }: InstalledNames) => [configuration],
};

export const stages: readonly Stage[] = [
  {
    title: 'webhook configurations',
    parts: [
      part('admissionregistration.k8s.io', 'ValidatingWebhookConfiguration', webhookConfiguration),
      part('admissionregistration.k8s.io', 'MutatingWebhookConfiguration', webhookConfiguration),
    ],
  },
  {
    title: 'the server',
    parts: [
      part('autoscaling', 'HorizontalPodAutoscaler', { versions: ['v2'] }),
      part('policy', 'PodDisruptionBudget'),
      part('apps', 'Deployment'),
      part('batch', 'Job'),
    ],
  },
  {
    title: 'what it worked with',
    parts: [
      part('', 'Pod'),
      part('', 'Service'),
      part('networking.k8s.io', 'NetworkPolicy', {}, 'networkpolicies'),
      part('monitoring.coreos.com', 'ServiceMonitor'),
      part('monitoring.coreos.com', 'PodMonitor'),
      part('monitoring.coreos.com', 'PrometheusRule'),
      part('cert-manager.io', 'Certificate'),
      part('cert-manager.io', 'Issuer'),
      part('', 'ConfigMap'),
      part('', 'Secret', { unlabelled: ({ certSecret, pathSecret }) => [certSecret, pathSecret] }),
      part('coordination.k8s.io', 'Lease', { unlabelled: ({ lease }) => [lease] }),
    ],
  },
  {
    title: 'permissions',
    parts: [
      part(rbacGroup, 'RoleBinding', { elsewhere: true }),
      part(rbacGroup, 'Role', { elsewhere: true }),
      part(rbacGroup, 'ClusterRoleBinding', clusterWide),
      part(rbacGroup, 'ClusterRole', clusterWide),
      part('', 'ServiceAccount'),
      part('scheduling.k8s.io', 'PriorityClass', clusterWide, 'priorityclasses'),
    ],
  },
];
