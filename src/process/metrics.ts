// The metrics port of one process: /metrics with the values of the other parts, and the board when it is on.
import type { Board } from '../board/board.ts';
import type { ServerTime } from '../kube/server-time.ts';
import { type Metrics, watchMetrics } from '../server/metrics.ts';
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
    ...(board ? { pages: (request, response) => board.handle(request, response) } : {}),
  });
}
