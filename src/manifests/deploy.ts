// What runs Spikegate on a cluster: Namespace, Deployment, Services, and the objects that protect them.

import { allParts } from '../api/kinds.ts';
import type { Extent } from './extent.ts';
import { type Manifest, partOfSpikegate } from './manifest.ts';
import { deployment, version } from './names.ts';
import { exemptLabel } from './webhook-configurations.ts';

const name = 'spikegate';

/** The selector of a Deployment is immutable, so it contains only labels that never change. */
const selector = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/instance': name };
const labels = { ...selector, ...partOfSpikegate };

export const ports = { webhook: 9443, metrics: 8080 };

/** Mount path of cert-manager's Secret. */
const certDirectory = '/var/run/spikegate/certificates';

/** The image's own user. */
export const user = 65_532;

/**
 * Longer than `serve` takes to stop (a drain of 10 s and the time for its parts). A process that is killed earlier
 * does not release its lease.
 */
export const terminationGracePeriodSeconds = 45;

/** Above every workload without a priority class, far below the system's own. */
const priority = 1_000_000;

const metadata = (objectName: string, objectLabels: object = labels) => ({
  name: objectName,
  namespace: deployment.namespace,
  labels: objectLabels as Record<string, string>,
});

export const namespace: Manifest = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: deployment.namespace,
    labels: {
      ...partOfSpikegate,
      // Admission must not guard the namespace that it needs to start.
      [exemptLabel]: 'true',
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/audit': 'restricted',
      'pod-security.kubernetes.io/warn': 'restricted',
    },
  },
};

export const priorityClass: Manifest = {
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name, labels: partOfSpikegate },
  value: priority,
  description: 'Spikegate: while none of its pods runs, no order can be made.',
};

const probe = (path: string, more: object) => ({
  httpGet: { path, port: 'https', scheme: 'HTTPS' },
  // /readyz opens a connection to its own port, with a limit of 2 s.
  timeoutSeconds: 3,
  ...more,
});

const container = {
  name,
  image: `${name}:${version}`,
  imagePullPolicy: 'IfNotPresent',
  args: ['serve', '--metrics-auth'],
  env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
  ports: [
    { name: 'https', containerPort: ports.webhook, protocol: 'TCP' },
    { name: 'metrics', containerPort: ports.metrics, protocol: 'TCP' },
  ],
  startupProbe: probe('/healthz', { periodSeconds: 2, failureThreshold: 60 }),
  livenessProbe: probe('/healthz', { periodSeconds: 10, failureThreshold: 3 }),
  readinessProbe: probe('/readyz', { periodSeconds: 5, failureThreshold: 2 }),
  // No CPU limit: a throttled replica answers late, and a late answer is a failed order.
  resources: { requests: { cpu: '200m', memory: '192Mi' }, limits: { memory: '512Mi' } },
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
};

const spread = (topologyKey: string) => ({
  maxSkew: 1,
  topologyKey,
  // On a cluster with one node the next pod must still find a place while the last one runs.
  whenUnsatisfiable: 'ScheduleAnyway',
  labelSelector: { matchLabels: selector },
});

export const workload: Manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata(name),
  spec: {
    replicas: 2,
    revisionHistoryLimit: 3,
    // Endpoints follow readiness with a delay. The last old pod goes only when the new one has been reachable for a
    // while.
    minReadySeconds: 5,
    selector: { matchLabels: selector },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: {
      metadata: { labels: { ...labels, 'app.kubernetes.io/version': version } },
      spec: {
        serviceAccountName: deployment.serviceAccount,
        priorityClassName: name,
        terminationGracePeriodSeconds,
        // Without this, Kubernetes sets a variable SPIKEGATE_… for each Service of the namespace, and `serve` reads
        // its settings from variables with this prefix.
        enableServiceLinks: false,
        topologySpreadConstraints: [spread('topology.kubernetes.io/zone'), spread('kubernetes.io/hostname')],
        securityContext: {
          runAsNonRoot: true,
          runAsUser: user,
          runAsGroup: user,
          fsGroup: user,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        containers: [container],
      },
    },
  },
};

/** The extent as environment variables and not as flags, because the patch for cert-manager replaces all flags. */
export function extentVariables({ parts, namespaces }: Extent): { name: string; value: string }[] {
  return [
    ...(parts.length < allParts.length ? [{ name: 'SPIKEGATE_PARTS', value: parts.join(',') }] : []),
    ...(namespaces.length > 0 ? [{ name: 'SPIKEGATE_NAMESPACES', value: namespaces.join(',') }] : []),
  ];
}

/** The Deployment of an installation that is limited to an extent. */
export function workloadOf(extent: Extent): Manifest {
  const { spec } = workload as unknown as { spec: { template: { spec: object } } };
  const containers = [{ ...container, env: [...extentVariables(extent), ...container.env] }];
  const template = { ...spec.template, spec: { ...spec.template.spec, containers } };
  return { ...workload, spec: { ...spec, template } };
}

/** A kustomize patch of `workload`, which mounts the certificates from cert-manager's Secret. */
export const workloadWithCertManager: Manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: deployment.namespace },
  spec: {
    template: {
      spec: {
        containers: [
          {
            name,
            args: ['serve', '--metrics-auth', '--certs', 'files', '--cert-dir', certDirectory],
            volumeMounts: [{ name: 'certificates', mountPath: certDirectory, readOnly: true }],
          },
        ],
        volumes: [
          { name: 'certificates', secret: { secretName: deployment.certSecret, defaultMode: 0o440 } },
        ],
      },
    },
  },
};

const service = (
  serviceName: string,
  from: { name: string; port: number; targetPort: string },
): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata(serviceName, { ...labels, 'app.kubernetes.io/component': from.targetPort }),
  spec: { type: 'ClusterIP', selector, ports: [{ ...from, protocol: 'TCP' }] },
});

export const services: Manifest[] = [
  service(deployment.service, { name: 'https', port: 443, targetPort: 'https' }),
  service(deployment.metricsService, { name: 'metrics', port: ports.metrics, targetPort: 'metrics' }),
];

/**
 * Allows the API server, whose address no policy can name, and scrapers of metrics to reach the pods. The pods call
 * the API server and whatever an ElasticWeb or a DataService names, so egress is not limited.
 */
export const networkPolicy: Manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: metadata(name),
  spec: {
    podSelector: { matchLabels: selector },
    policyTypes: ['Ingress'],
    // One entry for each port, so that a patch can narrow each.
    ingress: Object.values(ports).map((port) => ({ ports: [{ protocol: 'TCP', port }] })),
  },
};

export const disruptionBudget: Manifest = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: metadata(name),
  spec: {
    maxUnavailable: 1,
    // A pod that is not ready serves nobody, so it must not block the drain of a node.
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
    selector: { matchLabels: selector },
  },
};
