// Finds which version of a kind the API server serves. `discover` asks the API server. `servedBy` reads the
// CustomResourceDefinition of a custom kind, so a caller can watch the definition instead of asking. Knows no kind.
import type { Client } from './client.ts';
import { refusal } from './errors.ts';
import type { KubeObject, Resource } from './objects.ts';

export interface WantedKind {
  group: string;
  /** In the order of preference: the cluster may have an older or a newer version of another operator. */
  versions: readonly string[];
  kind: string;
  plural: string;
  namespaced?: boolean;
}

export const resourceIn = (wanted: WantedKind, version: string): Resource => ({
  group: wanted.group,
  version,
  kind: wanted.kind,
  plural: wanted.plural,
  namespaced: wanted.namespaced ?? true,
});

/** The first of the wanted versions in which the server has the kind. Throws ApiError and ConnectionError. */
export async function discover(
  client: Client,
  wanted: WantedKind,
  signal?: AbortSignal,
): Promise<Resource | undefined> {
  for (const version of wanted.versions) {
    const path = wanted.group ? `/apis/${wanted.group}/${version}` : `/api/${version}`;
    const { status, body } = await client.request('GET', path, signal ? { signal } : {});
    if (status === 404) continue;
    if (status !== 200) throw refusal(status, JSON.stringify(body), `GET ${path}`);
    const { resources = [] } = body as { resources?: { name: string }[] };
    if (resources.some(({ name }) => name === wanted.plural)) return resourceIn(wanted, version);
  }
  return undefined;
}

export interface CustomResourceDefinition extends KubeObject {
  spec: { versions: { name: string; served: boolean }[] };
  status?: { conditions?: { type: string; status: string }[] };
}

export const definitions: Resource<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

export const definitionName = ({ plural, group }: WantedKind): string => `${plural}.${group}`;

/**
 * The kind in the first wanted version that its definition serves. Undefined before the definition is established,
 * and while it is being deleted.
 */
export function servedBy(
  definition: CustomResourceDefinition | undefined,
  wanted: WantedKind,
): Resource | undefined {
  if (!definition || definition.metadata.deletionTimestamp) return undefined;
  const conditions = definition.status?.conditions ?? [];
  if (!conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return undefined;
  const served = definition.spec.versions.filter((it) => it.served).map((it) => it.name);
  const version = wanted.versions.find((name) => served.includes(name));
  return version === undefined ? undefined : resourceIn(wanted, version);
}
