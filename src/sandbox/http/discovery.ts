// Discovery: groups, versions and resources, in the old format and in the aggregated one.

import { apiVersionOf, type Registry, type ResourceType } from '../resources.ts';
import type { Obj } from '../types.ts';

/** kubectl resolves short names in this order of groups. Custom groups follow by name. */
const groupOrder = [
  '',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
];

const rank = (group: string) => {
  const at = groupOrder.indexOf(group);
  return at < 0 ? groupOrder.length : at;
};

function groupsInOrder(registry: Registry): string[] {
  return registry.groups().sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function typesOf(registry: Registry, group: string, version: string): ResourceType[] {
  return registry
    .all()
    .filter((type) => type.group === group && type.version === version)
    .sort((a, b) => a.order - b.order || (a.plural < b.plural ? -1 : 1));
}

interface Subresource {
  name: string;
  kind: string;
  group?: string;
  version?: string;
  verbs: string[];
}

/** The subresources of a kind, for both formats. */
function subresourcesOf(type: ResourceType): Subresource[] {
  const parts: Subresource[] = Object.entries(type.subresources).map(([name, part]) => ({ name, ...part }));
  if (type.scale)
    parts.push({
      name: 'scale',
      kind: 'Scale',
      group: 'autoscaling',
      version: 'v1',
      verbs: ['get', 'patch', 'update'],
    });
  if (type.status) parts.push({ name: 'status', kind: type.kind, verbs: ['get', 'patch', 'update'] });
  return parts.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function resourceEntries(type: ResourceType): Obj[] {
  const self: Obj = {
    name: type.plural,
    singularName: type.singular,
    namespaced: type.namespaced,
    kind: type.kind,
    verbs: type.verbs,
    ...(type.shortNames.length > 0 ? { shortNames: type.shortNames } : {}),
    ...(type.categories.length > 0 ? { categories: type.categories } : {}),
  };
  const parts = subresourcesOf(type).map(({ name, kind, group, version, verbs }) => ({
    name: `${type.plural}/${name}`,
    singularName: '',
    namespaced: type.namespaced,
    ...(group ? { group, version } : {}),
    kind,
    verbs,
  }));
  return [self, ...parts];
}

function resourceList(registry: Registry, group: string, version: string): Obj | undefined {
  const types = typesOf(registry, group, version);
  if (types.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group, version }),
    resources: types.flatMap(resourceEntries),
  };
}

function groupObject(registry: Registry, group: string): Obj {
  const versions = registry
    .versions(group)
    .map((version) => ({ groupVersion: apiVersionOf({ group, version }), version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function aggregated(registry: Registry, groups: readonly string[], discoveryVersion: string): Obj {
  const scope = (type: ResourceType) => (type.namespaced ? 'Namespaced' : 'Cluster');
  const items = groups.map((group) => ({
    metadata: group ? { name: group, creationTimestamp: null } : { creationTimestamp: null },
    versions: registry.versions(group).map((version) => ({
      version,
      freshness: 'Current',
      resources: typesOf(registry, group, version).map((type) => ({
        resource: type.plural,
        responseKind: { group, version, kind: type.kind },
        scope: scope(type),
        singularResource: type.singular,
        verbs: type.verbs,
        ...(type.shortNames.length > 0 ? { shortNames: type.shortNames } : {}),
        ...(type.categories.length > 0 ? { categories: type.categories } : {}),
        ...(subresourcesOf(type).length > 0
          ? {
              subresources: subresourcesOf(type).map((part) => ({
                subresource: part.name,
                responseKind: {
                  group: part.group ?? group,
                  version: part.version ?? version,
                  kind: part.kind,
                },
                verbs: part.verbs,
              })),
            }
          : {}),
      })),
    })),
  }));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${discoveryVersion}`,
    metadata: {},
    items,
  };
}

/** The discovery document at `path`, or undefined. `version` asks for the aggregated format. */
export function discover(registry: Registry, path: string, version: string, host: string): Obj | undefined {
  const parts = path.split('/').filter(Boolean);
  const [root, first, second] = parts;
  if (root === 'api') {
    if (first) return parts.length === 2 ? resourceList(registry, '', first) : undefined;
    if (version) return aggregated(registry, [''], version);
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: host }],
    };
  }
  if (root !== 'apis') return undefined;
  const groups = groupsInOrder(registry).filter(Boolean);
  if (!first) {
    if (version) return aggregated(registry, groups, version);
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groups.map((group) => groupObject(registry, group)),
    };
  }
  if (!groups.includes(first)) return undefined;
  if (!second) return { kind: 'APIGroup', apiVersion: 'v1', ...groupObject(registry, first) };
  return parts.length === 3 ? resourceList(registry, first, second) : undefined;
}
