// Webhook configurations from the registry of webhooks (admissionregistration.k8s.io/v1).

import { mutatePath, validatePath } from '../../webhooks/registry.ts';
import type { Webhooks } from '../../webhooks/webhook.ts';
import type { Kind } from '../api/define-kind.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Manifest } from './crd.ts';

/** Where the API server finds the webhooks: a Service in the cluster, or a URL for a server outside it. */
export type WebhookTarget = { service: { namespace: string; name: string; port?: number } } | { url: string };

export interface WebhookConfigurationOptions {
  target: WebhookTarget;
  /** PEM; absent where somebody else (cert-manager) puts it in. */
  caBundle?: string;
}

export const configurationName = 'spikegate';

/** Long enough for a hold under contention, short enough that a client does not give up first. */
const timeoutSeconds = 10;

/**
 * Namespaces that must work for Spikegate to come up are left out: a webhook that guards what it needs to
 * start can never start again.
 */
const exempt = { matchExpressions: [{ key: 'spikegate.io/exempt', operator: 'DoesNotExist' }] };

export function webhookConfigurations(
  registry: readonly Webhooks<KubeObject>[],
  options: WebhookConfigurationOptions,
): Manifest[] {
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: configurationName, labels: { 'app.kubernetes.io/part-of': 'spikegate' } },
      webhooks: registry.map(({ kind, defaultStatus }) =>
        webhook('mutate', kind, mutatePath(kind), ['CREATE', 'UPDATE'], options, defaultStatus !== undefined),
      ),
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: configurationName, labels: { 'app.kubernetes.io/part-of': 'spikegate' } },
      webhooks: registry.map(({ kind }) =>
        webhook('validate', kind, validatePath(kind), ['CREATE', 'UPDATE', 'DELETE'], options, false),
      ),
    },
  ];
}

function webhook(
  verb: string,
  kind: Kind,
  path: string,
  operations: string[],
  { target, caBundle }: WebhookConfigurationOptions,
  withStatus: boolean,
): unknown {
  const { group, version, plural, singular } = kind;
  const where = 'url' in target ? { url: `${target.url}${path}` } : { service: { ...target.service, path } };
  return {
    name: `${verb}.${singular}.spikegate.io`,
    admissionReviewVersions: ['v1'],
    clientConfig: {
      ...where,
      ...(caBundle ? { caBundle: Buffer.from(caBundle).toString('base64') } : {}),
    },
    rules: [
      {
        apiGroups: [group],
        apiVersions: [version],
        operations,
        resources: withStatus ? [plural, `${plural}/status`] : [plural],
        scope: 'Namespaced',
      },
    ],
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    sideEffects: verb === 'mutate' ? 'None' : 'NoneOnDryRun',
    ...(verb === 'mutate' ? { reinvocationPolicy: 'IfNeeded' } : {}),
    timeoutSeconds,
    namespaceSelector: exempt,
  };
}
