// What a process does when etcd was restored from a backup while it ran: it re-reads its caches and drops the work
// in progress.
import { describeRewind } from '../controllers/restored.ts';
import type { Client } from '../kube/client.ts';
import { History } from '../kube/history.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Caches } from './caches.ts';

export interface HistoryParts {
  client: Client;
  clock: Clock;
  log: Log;
  caches: Caches;
}

export function createHistory({ client, clock, log, caches }: HistoryParts): History {
  const history = new History({
    client,
    clock,
    resource: caches.orders.reflector.resource,
    onFound: (kind, rewind) => log.warn({ kind, reason: 'RestoredFromBackup' }, describeRewind(kind, rewind)),
  });
  for (const { cache, reflector } of Object.values(caches)) {
    history.follow(reflector.resource.plural, { cache, reflector });
  }
  return history;
}
