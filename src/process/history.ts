// What a process does when etcd was restored from a backup while it ran: it re-reads its caches and drops the work
// in progress.
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
    ...looksAt(caches, settings),
    onFound: (kind, rewind) => log.warn({ kind, reason: 'RestoredFromBackup' }, describeRewind(kind, rewind)),
  });
  for (const { cache, reflector } of caches.followed) {
    history.follow(reflector.resource.plural, { cache, reflector });
  }
  return history;
}

/** A list that this process may ask for, and that costs little. */
function looksAt({ orders, namespaces }: Caches, { parts, namespaces: names }: Extent) {
  const [only] = names;
  if (parts.includes('sale')) {
    return { resource: orders.reflector.resource as Resource, ...(only ? { namespace: only } : {}) };
  }
  const { resource } = namespaces.reflector;
  return { resource, ...(only ? { fieldSelector: `metadata.name=${only}` } : {}) };
}
