// Finds the installations of Spikegate in a cluster, by their webhook configurations. Two installations would judge
// every order twice and hold its stock twice, and two leaders would settle the same goods. Only reads.
import { partOfLabels } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { InstallationNames } from './names.ts';

/** On a webhook configuration: its installation replaces the others, which then stop. */
export const takesOverLabel = 'spikegate.io/takes-over';

export interface WebhookConfiguration extends KubeObject {
  webhooks?: { clientConfig?: { service?: { namespace: string; name: string }; url?: string } }[];
}

export interface Installation {
  /** Name of its webhook configurations. */
  configuration: string;
  /** Undefined when the webhooks have a URL: a server outside the cluster. */
  service: { namespace: string; name: string } | undefined;
  /** Set when Helm installed it. */
  release: { namespace: string; name: string } | undefined;
  takesOver: boolean;
  /** creationTimestamp, RFC 3339. */
  created: string;
}

/** The names of one installation, as it knows them. `url`: set when it serves outside the cluster. */
export type OwnInstallation = Pick<InstallationNames, 'configuration' | 'service'> & {
  namespace: string;
  url?: string;
};

const resources = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map(
  (kind): Resource<WebhookConfiguration> => ({
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    namespaced: false,
  }),
);

const label = 'app.kubernetes.io/part-of';
const labelSelector = `${label}=${partOfLabels[label]}`;

/** @throws ApiError, ConnectionError */
export async function installedConfigurations(client: Client): Promise<WebhookConfiguration[]> {
  const lists = await Promise.all(resources.map((resource) => client.list(resource, { labelSelector })));
  return lists.flatMap(({ items }) => items);
}

export function installationsOf(configurations: readonly WebhookConfiguration[]): Installation[] {
  const byName = new Map<string, Installation>();
  for (const { metadata, webhooks = [] } of configurations) {
    const { annotations = {}, labels = {} } = metadata;
    const [namespace, name] = ['namespace', 'name'].map(
      (part) => annotations[`meta.helm.sh/release-${part}`],
    );
    const before = byName.get(metadata.name);
    byName.set(metadata.name, {
      configuration: metadata.name,
      service:
        before?.service ?? webhooks.find(({ clientConfig }) => clientConfig?.service)?.clientConfig?.service,
      release: namespace && name ? { namespace, name } : before?.release,
      takesOver: before?.takesOver || labels[takesOverLabel] === 'true',
      created: [before?.created, metadata.creationTimestamp].filter((it) => it !== undefined).sort()[0] ?? '',
    });
  }
  return [...byName.values()];
}

/**
 * The other installations that stand in our way. Of two, the one that takes over goes on; otherwise the older one,
 * so that a mistaken second installation does not stop the first.
 */
export function rivalsOf(
  found: readonly Installation[],
  own: OwnInstallation,
  takeOver: boolean,
): Installation[] {
  if (takeOver) return [];
  const mine = found.find((it) => isOwn(it, own));
  if (mine?.takesOver) return [];
  return found.filter((it) => it !== mine && (!mine || it.takesOver || it.created < mine.created));
}

/** A configuration of our name with a URL is ours: a server outside the cluster, for development. */
export function isOwn({ configuration, service }: Installation, own: OwnInstallation): boolean {
  if (configuration !== own.configuration) return false;
  if (!service) return true;
  return own.url === undefined && service.namespace === own.namespace && service.name === own.service;
}

/** "release shop in namespace shop-system (webhook configuration shop-spikegate)" */
export function describe({ release, service, configuration }: Installation): string {
  const where = release
    ? `release ${release.name} in namespace ${release.namespace}`
    : service
      ? `Service ${service.name} in namespace ${service.namespace}`
      : 'a server outside the cluster';
  return `${where} (webhook configuration ${configuration})`;
}

/** Exit code 2: nothing has been written. */
export class AnotherInstallationError extends Error {
  override readonly name = 'AnotherInstallationError';

  constructor(rivals: readonly Installation[]) {
    super(
      `this cluster has another Spikegate: ${rivals.map(describe).join(', ')}. Remove it first, or replace it with --take-over (chart: takeOver=true)`,
    );
  }
}

/** @throws AnotherInstallationError, ApiError, ConnectionError */
export async function refuseSecond(client: Client, own: OwnInstallation, takeOver: boolean): Promise<void> {
  const rivals = rivalsOf(installationsOf(await installedConfigurations(client)), own, takeOver);
  if (rivals.length > 0) throw new AnotherInstallationError(rivals);
}
