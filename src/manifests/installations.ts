// Finds the installations of Spikegate in a cluster by their webhook configurations. Two installations for the same
// objects would admit every order twice and hold its stock twice, and two leaders would settle the same goods. Only
// reads.
import type { Kind } from '../api/define-kind.ts';
import { allParts, kindsOf } from '../api/kinds.ts';
import { partOfLabels } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { type Extent, everything } from './extent.ts';
import type { InstallationNames } from './names.ts';
import { namespaceNameLabel } from './webhook-configurations.ts';

/** Label of a webhook configuration: its installation replaces the others, which then stop. */
export const takesOverLabel = 'spikegate.io/takes-over';

export interface WebhookConfiguration extends KubeObject {
  webhooks?: {
    name?: string;
    clientConfig?: { service?: { namespace: string; name: string }; url?: string };
    rules?: { apiGroups?: string[]; resources?: string[] }[];
    namespaceSelector?: { matchExpressions?: { key: string; operator: string; values?: string[] }[] };
  }[];
}

export interface Installation {
  /** Name of its webhook configurations. */
  configuration: string;
  /** Undefined when the webhooks have a URL: a server outside the cluster. */
  service: { namespace: string; name: string } | undefined;
  /** Set when Helm installed it. */
  release: { namespace: string; name: string } | undefined;
  takesOver: boolean;
  /** The kinds that its webhooks judge, as `plural.group`. Empty: unknown. */
  kinds: readonly string[];
  /** The only namespaces whose objects it judges. Empty: all. */
  namespaces: readonly string[];
  /** creationTimestamp, RFC 3339. */
  created: string;
}

/** The names of one installation, as it knows them. `url`: set when it serves outside the cluster. */
export type OwnInstallation = Pick<InstallationNames, 'configuration' | 'service'> &
  Partial<Extent> & {
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
      kinds: [...new Set([...(before?.kinds ?? []), ...webhooks.flatMap(kindsIn)])],
      namespaces: before?.namespaces ?? namespacesIn(webhooks[0]),
      takesOver: before?.takesOver || labels[takesOverLabel] === 'true',
      created: [before?.created, metadata.creationTimestamp].filter((it) => it !== undefined).sort()[0] ?? '',
    });
  }
  return [...byName.values()];
}

/**
 * The other installations because of which this one must not run. Of two installations, the one that takes over
 * runs. If none takes over, the older one runs, so a mistaken second installation does not stop the first.
 */
export function rivalsOf(
  found: readonly Installation[],
  own: OwnInstallation,
  takeOver: boolean,
): Installation[] {
  if (takeOver) return [];
  const mine = found.find((it) => isOwn(it, own));
  if (mine?.takesOver) return [];
  return found.filter(
    (it) => it !== mine && isInTheWay(it, own) && (!mine || it.takesOver || it.created < mine.created),
  );
}

/** The extent of an installation, from its webhooks. Without an installation, or without known kinds: everything. */
export function extentOf(installation: Installation | undefined): Extent {
  const isJudged = (kind: Kind) => installation?.kinds.includes(definitionOf(kind));
  const parts = allParts.filter((part) => kindsOf([part]).some(isJudged));
  return parts.length > 0 ? { parts, namespaces: installation?.namespaces ?? [] } : everything;
}

/** Whether both judge some objects in common. An installation for sales may run beside one for workloads. */
export function isInTheWay(
  { kinds, namespaces: theirs }: Installation,
  { parts = everything.parts, namespaces: ours = [] }: Partial<Extent>,
): boolean {
  const haveSameKinds =
    kinds.length === 0 || kindsOf(parts).some((kind) => kinds.includes(definitionOf(kind)));
  const haveSameNamespaces =
    theirs.length === 0 || ours.length === 0 || theirs.some((name) => ours.includes(name));
  return haveSameKinds && haveSameNamespaces;
}

type Entry = NonNullable<WebhookConfiguration['webhooks']>[number];

/** The kinds of a webhook. Its rules may also name subresources, such as the status. */
const kindsIn = ({ rules = [] }: Entry): string[] =>
  rules.flatMap(({ apiGroups = [], resources = [] }) =>
    apiGroups.flatMap((group) =>
      resources.filter((name) => !name.includes('/')).map((plural) => definitionOf({ plural, group })),
    ),
  );

const namespacesIn = (entry: Entry | undefined): string[] =>
  entry?.namespaceSelector?.matchExpressions?.find(
    ({ key, operator }) => key === namespaceNameLabel && operator === 'In',
  )?.values ?? [];

const definitionOf = ({ plural, group }: { plural: string; group: string }): string => `${plural}.${group}`;

/**
 * The installation to which an object belongs by its name: the longest of these installation names that is the
 * beginning of the object's name. Undefined when none is.
 */
export function ownerNamed(installations: readonly string[], object: string): string | undefined {
  return installations
    .filter((name) => object === name || object.startsWith(`${name}-`))
    .sort((a, b) => b.length - a.length)[0];
}

/**
 * Whether an installation found in the cluster is this one. A configuration of our name with a URL is ours, too: it
 * points to a server outside the cluster, for development.
 */
export function isOwn({ configuration, service }: Installation, own: OwnInstallation): boolean {
  if (configuration !== own.configuration) return false;
  if (!service) return true;
  return own.url === undefined && service.namespace === own.namespace && service.name === own.service;
}

/** For example: "release shop in namespace shop-system (webhook configuration shop-spikegate)" */
export function describe({ release, service, configuration }: Installation): string {
  const where = release
    ? `release ${release.name} in namespace ${release.namespace}`
    : service
      ? `Service ${service.name} in namespace ${service.namespace}`
      : 'a server outside the cluster';
  return `${where} (webhook configuration ${configuration})`;
}

/** The command then ends with exit code 2 and has written nothing. */
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
