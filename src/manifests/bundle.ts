// An installation as one list of objects, in an order in which they can be applied: manifests/install/*.yaml.
import { registryOf } from '../../webhooks/registry.ts';
import { kindsOf } from '../api/kinds.ts';
import { certificates, injection } from './certificates.ts';
import { crdOf } from './crd.ts';
import * as deploy from './deploy.ts';
import { type Extent, everything } from './extent.ts';
import type { Manifest } from './manifest.ts';
import { deployment } from './names.ts';
import { certificateRbac, metricsRbac, rbac } from './rbac.ts';
import { webhookConfigurations } from './webhook-configurations.ts';

export type CertificateMode = 'self-signed' | 'cert-manager';

/** The webhook configurations come last: once they exist, the API server needs the answers of a running Spikegate. */
export function bundle(mode: CertificateMode, extent: Extent = everything): Manifest[] {
  const { namespace, service: name } = deployment;
  const configurations = webhookConfigurations(registryOf(extent.parts), {
    target: { service: { namespace, name } },
    namespace,
    namespaces: extent.namespaces,
  });
  const workload = deploy.workloadOf(extent);
  return [
    deploy.namespace,
    ...kindsOf(extent.parts).map(crdOf),
    deploy.priorityClass,
    ...rbac(deployment, extent),
    ...metricsRbac(deployment),
    ...(mode === 'self-signed' ? certificateRbac(deployment) : certificates(deployment)),
    ...deploy.services,
    deploy.networkPolicy,
    deploy.disruptionBudget,
    mode === 'self-signed' ? workload : merged(workload, deploy.workloadWithCertManager),
    ...(mode === 'self-signed' ? configurations : configurations.map(injected)),
  ];
}

const injected = (it: Manifest): Manifest => ({
  ...it,
  metadata: { ...it.metadata, annotations: injection(deployment) },
});

/**
 * Merges as kustomize does (strategic merge): maps by field, and lists whose items have names by name. Replaces
 * other lists.
 */
function merged<T>(base: T, patch: unknown): T {
  if (Array.isArray(base) && Array.isArray(patch)) {
    const isNamed = patch.every((item) => typeof item?.name === 'string');
    if (!isNamed) return patch as T;
    const added = patch.filter((item) => !base.some((it) => it.name === item.name));
    const known = base.map((it) => merged(it, patch.find((item) => item.name === it.name) ?? {}));
    return [...known, ...added] as T;
  }
  if (!isMap(base) || !isMap(patch)) return (patch ?? base) as T;
  const fields = Object.entries(patch).map(([name, value]) => [name, merged(base[name], value)]);
  return { ...base, ...Object.fromEntries(fields) };
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
