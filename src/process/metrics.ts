// The metrics port of one process: /metrics with the values of the other parts, and the board when it is on.
import { hostname } from 'node:os';
import type { Board } from '../board/board.ts';
import type { Client } from '../kube/client.ts';
import type { ServerTime } from '../kube/server-time.ts';
import { hostCheck, serviceNames } from '../server/hosts.ts';
import { type Metrics, watchMetrics } from '../server/metrics.ts';
import { clusterAccess } from '../server/metrics-access.ts';
import { MetricsServer } from '../server/metrics-server.ts';
import type { ServeSettings } from '../settings/serve.ts';
import { type Caches, saleCachesOf } from './caches.ts';
import type { Certificates } from './certificates.ts';
import type { Elector } from './election.ts';

export interface MetricsServerParts {
  settings: ServeSettings;
  clock: ServerTime;
  caches: Caches;
  certificates: Certificates;
  elector: Elector;
  metrics: Metrics;
  client: Client;
  board: Board | undefined;
}

export function createMetricsServer(parts: MetricsServerParts): MetricsServer {
  const { settings, clock, metrics, certificates, elector, board } = parts;
  const { goods, orders, buyers, sellers } = saleCachesOf(parts.caches);
  watchMetrics(metrics.registry, {
    goods,
    caches: { SpikeGoods: goods, SpikeOrder: orders, Buyer: buyers, Seller: sellers },
    clock,
    time: clock,
    maxGoods: settings.metricsGoods,
    certs: certificates.serving,
    isLeader: () => elector.isLeader,
  });
  return new MetricsServer({
    host: settings.metricsHost,
    port: settings.metricsPort,
    registry: metrics.registry,
    isOwnHost: hostCheck(settings.metricsHost, [
      hostname(),
      ...serviceNames(settings.metricsService, settings.namespace),
      ...settings.metricsNames,
    ]),
    access: settings.metricsAuth ? clusterAccess(parts.client, clock) : undefined,
    ...(board ? { pages: (request, response, user) => board.handle(request, response, user) } : {}),
  });
}
