// Writes the generated manifests, or applies them to a cluster in an order that works.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { registryOf } from '../../webhooks/registry.ts';
import { allParts, kindsOf, type Part } from '../api/kinds.ts';
import type { Client } from '../kube/client.ts';
import { isAlreadyExists } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { crdOf } from './crd.ts';
import { type Extent, everything } from './extent.ts';
import { componentFiles, generatedFiles } from './generated.ts';
import { installedConfigurations } from './installations.ts';
import type { Manifest } from './manifest.ts';
import { certificateRbac, type RbacOptions, rbac } from './rbac.ts';
import { type WebhookTarget, webhookConfigurations } from './webhook-configurations.ts';

/** Writes the generated manifests. Returns the names of the changed files. */
export const writeManifests = (directory: string): Promise<string[]> => write(directory, generatedFiles());

/** Writes a kustomize component that limits an overlay to an extent. Returns the names of the changed files. */
export const writeComponent = (directory: string, extent: Extent): Promise<string[]> =>
  write(directory, componentFiles(extent));

async function write(directory: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const written: string[] = [];
  for (const [name, content] of files) {
    const file = join(directory, name);
    const before = await readFile(file, 'utf8').catch(() => undefined);
    if (before === content) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    written.push(name);
  }
  return written;
}

/** The plurals of the kinds that we install. */
const plurals: Record<string, { plural: string; namespaced: boolean }> = {
  CustomResourceDefinition: { plural: 'customresourcedefinitions', namespaced: false },
  MutatingWebhookConfiguration: { plural: 'mutatingwebhookconfigurations', namespaced: false },
  ValidatingWebhookConfiguration: { plural: 'validatingwebhookconfigurations', namespaced: false },
  ClusterRole: { plural: 'clusterroles', namespaced: false },
  ClusterRoleBinding: { plural: 'clusterrolebindings', namespaced: false },
  Role: { plural: 'roles', namespaced: true },
  RoleBinding: { plural: 'rolebindings', namespaced: true },
  ServiceAccount: { plural: 'serviceaccounts', namespaced: true },
};

export function resourceOf(manifest: Manifest): Resource {
  const known = plurals[manifest.kind];
  if (!known) throw new Error(`no plural known for ${manifest.kind}`);
  const [group, version] = manifest.apiVersion.includes('/')
    ? manifest.apiVersion.split('/')
    : ['', manifest.apiVersion];
  return { group: group!, version: version!, kind: manifest.kind, ...known };
}

export interface InstallOptions {
  target: WebhookTarget;
  rbac: RbacOptions;
  /** Default: everything. */
  extent?: Extent;
  clock: Clock;
  log(line: string): void;
}

/**
 * The field manager of installs and upgrades. It applies with `force`, so an upgrade owns every field that it
 * applies. It never applies the caBundle, which `serve` or cert-manager writes.
 */
const installManager = 'spikegate-install';
const establishedWithinMs = 30_000;

/** Applies CRDs, permissions and webhook configurations, in this order, by server-side apply. Throws ApiError. */
export async function install(client: Client, options: InstallOptions): Promise<void> {
  const { extent = everything } = options;
  await installDefinitions(client, { ...options, parts: extent.parts });
  await ensureNamespace(client, options.rbac.namespace);
  const { target, rbac: permissions } = options;
  const { namespace } = permissions;
  const name = permissions.configuration;
  const { parts, namespaces } = extent;
  const urls = 'url' in target ? await presentUrls(client, name, target.url) : new Map<string, string>();
  const configurations = webhookConfigurations(registryOf(parts), {
    target,
    namespace,
    name,
    namespaces,
    urls,
  });
  for (const manifest of [...rbac(permissions, extent), ...certificateRbac(permissions), ...configurations]) {
    await apply(client, manifest, options.log);
  }
}

/**
 * The present URLs of the webhooks, by webhook, with `address` as their host and port. Their paths contain the
 * secret that `serve` has written.
 */
async function presentUrls(client: Client, name: string, address: string): Promise<Map<string, string>> {
  const found = (await installedConfigurations(client)).filter(({ metadata }) => metadata.name === name);
  return new Map(
    found
      .flatMap(({ webhooks = [] }) => webhooks)
      .flatMap(({ name, clientConfig }) => {
        const { url } = clientConfig ?? {};
        return name && url && URL.canParse(url) ? [[name, address + new URL(url).pathname]] : [];
      }),
  );
}

/** Applies the CRDs by server-side apply. Resolves when the API server serves their kinds. @throws ApiError, Error */
export async function installDefinitions(
  client: Client,
  { clock, log, parts = allParts }: Pick<InstallOptions, 'clock' | 'log'> & { parts?: readonly Part[] },
): Promise<void> {
  const kinds = kindsOf(parts);
  for (const kind of kinds) await apply(client, crdOf(kind), log);
  for (const kind of kinds) await waitUntilEstablished(client, `${kind.plural}.${kind.group}`, clock);
}

async function apply(client: Client, manifest: Manifest, log: InstallOptions['log']): Promise<void> {
  await client.apply(resourceOf(manifest), manifest, { fieldManager: installManager, force: true });
  log(`${manifest.kind.toLowerCase()}/${manifest.metadata.name} applied`);
}

interface Crd extends KubeObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

async function waitUntilEstablished(client: Client, name: string, clock: Clock): Promise<void> {
  const crds: Resource<Crd> = {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    ...plurals.CustomResourceDefinition!,
  };
  const end = clock.monotonic() + establishedWithinMs;
  for (;;) {
    const { status } = await client.get(crds, { name });
    const condition = (type: string) => status?.conditions?.find((it) => it.type === type);
    if (condition('Established')?.status === 'True') return;
    const problem = condition('NonStructuralSchema') ?? condition('NamesAccepted');
    if (clock.monotonic() > end) {
      throw new Error(`CRD ${name} is not established: ${problem?.message ?? 'no reason given'}`);
    }
    await sleep(clock, 100);
  }
}

async function ensureNamespace(client: Client, name: string): Promise<void> {
  const namespaces: Resource = {
    group: '',
    version: 'v1',
    kind: 'Namespace',
    plural: 'namespaces',
    namespaced: false,
  };
  try {
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
