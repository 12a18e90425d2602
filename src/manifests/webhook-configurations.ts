// Makes webhook configurations (admissionregistration.k8s.io/v1) from the registry of webhooks.

import { mutatePath, validatePath } from '../../webhooks/registry.ts';
import type { Webhooks } from '../../webhooks/webhook.ts';
import type { Kind } from '../api/define-kind.ts';
import type { KubeObject } from '../kube/objects.ts';
import { type Manifest, partOfSpikegate } from './manifest.ts';
import { deployment, namesOf, usernameOf } from './names.ts';

/** Where the API server finds the webhooks: a Service, or a URL for a server outside the cluster. */
export type WebhookTarget = { service: { namespace: string; name: string; port?: number } } | { url: string };

export interface WebhookConfigurationOptions {
  target: WebhookTarget;
  /** Spikegate's own namespace, whose objects are exempt. */
  namespace: string;
  /** Name of both configurations. Default: that of the default installation. */
  name?: string;
  /** The webhooks review only objects in these namespaces. Empty or absent: in all. */
  namespaces?: readonly string[];
  /** URLs with the secret that `serve` has written, by the webhook's name. Only for a target with a URL. */
  urls?: ReadonlyMap<string, string>;
  /** PEM. Absent when somebody else (cert-manager) writes it. */
  caBundle?: string;
}

/** Label of a namespace: its objects are exempt from the webhooks. */
export const exemptLabel = 'spikegate.io/exempt';

/** Kubernetes labels every namespace with its name. */
export const namespaceNameLabel = 'kubernetes.io/metadata.name';

/**
 * A hold under contention needs less. If it needs longer, the client gets 429 and retries. With a longer timeout, a
 * client would only wait longer for a replica that does not answer.
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
  /** CEL: the spec already has every default, so an update that does not change it skips this webhook. */
  complete?: string | undefined;
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

function mutating({ kind, defaulting, defaultStatus, complete }: Webhooks<KubeObject>): Webhook {
  return {
    verb: 'mutate',
    kind,
    path: mutatePath(kind),
    operations: ['CREATE', 'UPDATE'],
    withStatus: defaultStatus !== undefined,
    // 'allocated': only this webhook can set some of the fields, such as ids. See Defaulting.
    failurePolicy: defaulting === 'allocated' ? 'Fail' : 'Ignore',
    complete,
  };
}

/** DELETE only for kinds with rules for it. Otherwise no namespace could be deleted while no replica answers. */
function validating({ kind, rules, statusRules }: Webhooks<KubeObject>): Webhook {
  const deletions: Operation[] = rules.DELETE.length > 0 ? ['DELETE'] : [];
  return {
    verb: 'validate',
    kind,
    path: validatePath(kind),
    operations: ['CREATE', 'UPDATE', ...deletions],
    withStatus: statusRules !== undefined,
    failurePolicy: 'Fail',
  };
}

/**
 * CEL conditions that skip needless reviews. Spikegate's own writes of `/status` are correct and frequent: there is one
 * for every batch of orders. Other updates that do not change the spec (labels, finalizers, owners) break no rule, and
 * should work while no replica answers. A request for the main resource has no field `subResource`, hence `has`.
 */
function conditionsOf({ withStatus, complete }: Webhook, username: string): unknown[] {
  const isStatus = 'has(request.subResource)';
  const same = 'has(object.spec) && has(oldObject.spec) && object.spec == oldObject.spec';
  const unchanged = `request.operation == 'UPDATE' && !${isStatus} && ${same}${complete ? ` && ${complete}` : ''}`;
  return [
    { name: 'spec-is-not-as-before', expression: `!(${unchanged})` },
    ...(withStatus
      ? [
          {
            name: 'status-is-not-our-own',
            expression: `!(${isStatus} && request.userInfo.username == '${username}')`,
          },
        ]
      : []),
  ];
}

const nameOf = ({ verb, kind }: Pick<Webhook, 'verb' | 'kind'>): string =>
  `${verb}.${kind.singular}.spikegate.io`;

/** The path of each webhook, by its name, without the secret that `serve` puts before it. */
export const webhookPaths = (registry: readonly Webhooks<KubeObject>[]): ReadonlyMap<string, string> =>
  new Map(
    registry
      .flatMap((it) => [mutating(it), validating(it)])
      .map((webhook) => [nameOf(webhook), webhook.path]),
  );

function entry(webhook: Webhook, options: WebhookConfigurationOptions): unknown {
  const { target, namespace, name: installation = deployment.name, caBundle, namespaces = [] } = options;
  const username = usernameOf(namespace, namesOf(installation).serviceAccount);
  const { verb, kind, path, operations, withStatus, failurePolicy } = webhook;
  const { group, version, plural } = kind;
  // `serve` writes the path of a Service, with a secret in it. A path in this manifest would overwrite it.
  const where =
    'url' in target
      ? { url: options.urls?.get(nameOf(webhook)) ?? `${target.url}${path}` }
      : { service: { ...target.service } };
  return {
    name: nameOf(webhook),
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
    matchConditions: conditionsOf(webhook, username),
    namespaceSelector: {
      matchExpressions: [
        { key: exemptLabel, operator: 'DoesNotExist' },
        { key: namespaceNameLabel, operator: 'NotIn', values: ['kube-system', namespace] },
        ...(namespaces.length > 0
          ? [{ key: namespaceNameLabel, operator: 'In', values: [...namespaces] }]
          : []),
      ],
    },
  };
}
