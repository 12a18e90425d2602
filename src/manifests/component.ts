// A kustomize component: patches that limit an overlay to some parts of Spikegate, or to a list of namespaces.
import { registryOf } from '../../webhooks/registry.ts';
import { allParts, kindsOf } from '../api/kinds.ts';
import { crdOf } from './crd.ts';
import { extentVariables, workload } from './deploy.ts';
import { type Extent, everything } from './extent.ts';
import { type Manifest, toYaml } from './manifest.ts';
import { deployment } from './names.ts';
import { rbac } from './rbac.ts';
import { webhookConfigurations } from './webhook-configurations.ts';

/** The files of a component's folder, as objects. */
export function component(extent: Extent): Record<string, readonly unknown[]> {
  const [full, limited] = [rbac(deployment), rbac(deployment, extent)];
  const isIn = (list: readonly Manifest[], it: Manifest) => list.some((other) => idOf(other) === idOf(it));
  const removed = [
    ...kindsOf(allParts.filter((part) => !extent.parts.includes(part))).map(crdOf),
    ...full.filter((it) => !isIn(limited, it)),
  ];
  const added = limited.filter((it) => !isIn(full, it));
  const changed = limited.filter((it) => full.some((old) => idOf(old) === idOf(it) && !isSame(old, it)));
  const files = Object.entries<readonly unknown[]>({
    'permissions.yaml': changed.map((it) => ({ ...bare(it), rules: it.rules })),
    'webhooks.yaml': webhookPatches(extent),
    'deployment.yaml': [deploymentPatch(extent)],
  }).filter(([, objects]) => objects.length > 0);
  const resources = added.length > 0 ? { 'roles.yaml': added } : {};
  return {
    'kustomization.yaml': [
      {
        apiVersion: 'kustomize.config.k8s.io/v1alpha1',
        kind: 'Component',
        ...(added.length > 0 ? { resources: Object.keys(resources) } : {}),
        patches: [...files.map(([path]) => ({ path })), ...removals(removed)],
      },
    ],
    ...resources,
    ...Object.fromEntries(files),
  };
}

/** One patch for each kind, because kustomize full 5.6 panics when one file of patches deletes several objects. */
function removals(objects: readonly Manifest[]): unknown[] {
  return [...Map.groupBy(objects, ({ kind }) => kind)].map(([kind, ofKind]) => ({
    // kustomize reads the name of a target as a regular expression.
    target: { kind, name: ofKind.map(({ metadata }) => metadata.name.replaceAll('.', '\\.')).join('|') },
    patch: toYaml([{ ...bare(ofKind[0]!), $patch: 'delete' }]),
  }));
}

const idOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
const isSame = (a: Manifest, b: Manifest): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A patch's reference to its object. */
const bare = ({ apiVersion, kind, metadata: { name, namespace } }: Manifest): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace ? { namespace } : {}) },
});

interface Entry {
  name: string;
  namespaceSelector: unknown;
}

/** kustomize merges lists of webhooks by their names, and replaces lists of expressions. */
function webhookPatches({ parts, namespaces }: Extent): unknown[] {
  const { namespace, service: name } = deployment;
  const options = { target: { service: { namespace, name } }, namespace, namespaces };
  const wanted = webhookConfigurations(registryOf(parts), options);
  return webhookConfigurations(registryOf(everything.parts), options).map((configuration, index) => {
    const isKept = ({ name }: Entry) =>
      (wanted[index]!.webhooks as Entry[]).some((entry) => entry.name === name);
    const webhooks = (configuration.webhooks as Entry[]).flatMap((entry): unknown[] => {
      const { name, namespaceSelector } = entry;
      if (!isKept(entry)) return [{ name, $patch: 'delete' }];
      return namespaces.length > 0 ? [{ name, namespaceSelector }] : [];
    });
    return { ...bare(configuration), webhooks };
  });
}

const deploymentPatch = (extent: Extent): unknown => ({
  ...bare(workload),
  spec: {
    template: {
      spec: { containers: [{ name: workload.metadata.name, env: extentVariables(extent) }] },
    },
  },
});
