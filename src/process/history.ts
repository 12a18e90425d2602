// Gives kube/history.ts the caches of one process. When somebody restores etcd from a backup while the process runs,
// the process must read its caches again and drop the work in progress.
import { describeRewind } from '../controllers/restored.ts';
import type { Client } from '../kube/client.ts';
import { History } from '../kube/history.ts';
import type { Resource } from '../kube/objects.ts';
import type { Extent } from '../manifests/extent.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Caches } from './caches.ts';

export interface HistoryParts {
  settings: Extent;
  client: Client;
  clock: Clock;
  log: Log;
  caches: Caches;
}

export function createHistory({ settings, client, clock, log, caches }: HistoryParts): History {
  const history = new History({
    client,
    clock,
    ...probeOf(caches, settings),
    onFound: (kind, rewind) => log.warn({ kind, reason: 'RestoredFromBackup' }, describeRewind(kind, rewind)),
  });
  for (const { cache, reflector } of caches.followed) {
    history.follow(reflector.resource.plural, { cache, reflector });
  }
  return history;
}

/** The list from which History reads the server's resourceVersion. This process may request it, and it costs little. */
function probeOf({ orders, namespaces }: Caches, { parts, namespaces: names }: Extent) {
  const [onlyNamespace] = names;
  if (parts.includes('sale')) {
    return {
      resource: orders.reflector.resource as Resource,
      ...(onlyNamespace ? { namespace: onlyNamespace } : {}),
    };
  }
  const { resource } = namespaces.reflector;
  return { resource, ...(onlyNamespace ? { fieldSelector: `metadata.name=${onlyNamespace}` } : {}) };
}
