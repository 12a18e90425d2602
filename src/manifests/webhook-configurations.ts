// Webhook configurations from the registry of webhooks (admissionregistration.k8s.io/v1).

import { mutatePath, validatePath } from '../../webhooks/registry.ts';
import type { Webhooks } from '../../webhooks/webhook.ts';
import type { Kind } from '../api/define-kind.ts';
import type { KubeObject } from '../kube/objects.ts';
import { type Manifest, partOfSpikegate } from './manifest.ts';
import { deployment } from './names.ts';

/** Where the API server finds the webhooks: a Service in the cluster, or a URL for a server outside it. */
export type WebhookTarget = { service: { namespace: string; name: string; port?: number } } | { url: string };

export interface WebhookConfigurationOptions {
  target: WebhookTarget;
  /** Where Spikegate itself runs; its objects are not asked about. */
  namespace: string;
  /** Of both configurations. Default: that of an installation unless told otherwise. */
  name?: string;
  /** PEM; absent where somebody else (cert-manager) puts it in. */
  caBundle?: string;
}

/** On a namespace: nothing in it is asked about. */
export const exemptLabel = 'spikegate.io/exempt';

/**
 * Long enough for a hold under contention: what does not fit is answered 429, which clients try again. An API server
 * that waits longer only keeps its clients longer from a replica that answers.
 */
const timeoutSeconds = 5;

type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

interface Webhook {
  verb: 'mutate' | 'validate';
  kind: Kind;
  path: string;
  operations: readonly Operation[];
  withStatus: boolean;
  failurePolicy: 'Fail' | 'Ignore';
}

export function webhookConfigurations(
  registry: readonly Webhooks<KubeObject>[],
  options: WebhookConfigurationOptions,
): Manifest[] {
  const configuration = (kind: string, webhooks: readonly Webhook[]): Manifest => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: options.name ?? deployment.configuration, labels: partOfSpikegate },
    webhooks: webhooks.map((webhook) => entry(webhook, options)),
  });
  return [
    configuration('MutatingWebhookConfiguration', registry.map(mutating)),
    configuration('ValidatingWebhookConfiguration', registry.map(validating)),
  ];
}

function mutating({ kind, defaulting, defaultStatus }: Webhooks<KubeObject>): Webhook {
  return {
    ...{ verb: 'mutate', kind, path: mutatePath(kind), operations: ['CREATE', 'UPDATE'] },
    withStatus: defaultStatus !== undefined,
    failurePolicy: defaulting === 'allocated' ? 'Fail' : 'Ignore',
  };
}

/** A deletion that no rule is about is not asked about: while no replica answers, a namespace could not go. */
function validating({ kind, rules }: Webhooks<KubeObject>): Webhook {
  const deletions: Operation[] = rules.DELETE.length > 0 ? ['DELETE'] : [];
  return {
    ...{ verb: 'validate', kind, path: validatePath(kind), operations: ['CREATE', 'UPDATE', ...deletions] },
    ...{ withStatus: false, failurePolicy: 'Fail' },
  };
}

function entry(webhook: Webhook, { target, namespace, caBundle }: WebhookConfigurationOptions): unknown {
  const { verb, kind, path, operations, withStatus, failurePolicy } = webhook;
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
    failurePolicy,
    matchPolicy: 'Equivalent',
    sideEffects: verb === 'mutate' ? 'None' : 'NoneOnDryRun',
    ...(verb === 'mutate' ? { reinvocationPolicy: 'IfNeeded' } : {}),
    timeoutSeconds,
    namespaceSelector: {
      matchExpressions: [
        { key: exemptLabel, operator: 'DoesNotExist' },
        // Kubernetes labels every namespace with its name, from 1.21 on; where none has the label, none is left out.
        { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', namespace] },
      ],
    },
  };
}
