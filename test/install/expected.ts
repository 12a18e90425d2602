// What an installation is made of, from the registry of kinds and webhooks: what the overlays and the chart are held to.
import { kinds } from '../../src/api/kinds.ts';
import { certificates, injection } from '../../src/manifests/certificates.ts';
import { crdOf } from '../../src/manifests/crd.ts';
import * as deploy from '../../src/manifests/deploy.ts';
import type { Manifest } from '../../src/manifests/manifest.ts';
import { deployment } from '../../src/manifests/names.ts';
import { certificateRbac, metricsRbac, rbac } from '../../src/manifests/rbac.ts';
import { webhookConfigurations } from '../../src/manifests/webhook-configurations.ts';
import { registry } from '../../webhooks/registry.ts';

const { namespace, service: name } = deployment;
const target = { service: { namespace, name } };

/** The Namespace apart: `helm install --create-namespace` makes that. */
const common = [
  ...kinds.map(crdOf),
  ...rbac(deployment),
  ...metricsRbac(deployment),
  ...[deploy.priorityClass, ...deploy.services, deploy.networkPolicy, deploy.disruptionBudget],
];
const configurations = webhookConfigurations(registry, { target, namespace });
export const kustomized = {
  'self-signed': [...common, deploy.workload, ...configurations, ...certificateRbac(deployment)],
  'cert-manager': [
    ...common,
    withCertificates(deploy.workload),
    ...configurations.map((it) => ({
      ...it,
      metadata: { ...it.metadata, annotations: injection(deployment) },
    })),
    ...certificates(deployment),
  ],
};

/** What a strategic merge of the overlay's patch makes of it. */
function withCertificates(workload: Manifest): Manifest {
  const merged = structuredClone(workload) as never as { spec: Pods };
  const { spec } = structuredClone(deploy.workloadWithCertManager) as never as { spec: Pods };
  Object.assign(merged.spec.template.spec.containers[0]!, spec.template.spec.containers[0]);
  merged.spec.template.spec.volumes = spec.template.spec.volumes;
  return merged as never;
}

export interface Pods {
  replicas: number;
  template: {
    metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
    spec: { containers: { args: string[]; image: string }[]; volumes?: unknown; [field: string]: unknown };
  };
}

/** Plain objects by kind and name, in one order. */
export const byName = (objects: readonly Manifest[]): Record<string, unknown> =>
  Object.fromEntries(
    objects
      .map((it) => [
        `${it.kind} ${it.metadata.namespace ?? ''}/${it.metadata.name}`,
        JSON.parse(JSON.stringify(it)),
      ])
      .sort(),
  );
