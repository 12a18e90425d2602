// Makes all metrics that a process exports, in one place. Tests compare docs/metrics.md, the dashboards and the
// alert rules with them.
import type { Registry } from 'prom-client';
import type { CertSource } from '../../certs/source.ts';
import { kinds } from '../api/kinds.ts';
import type { ServerTime } from '../kube/server-time.ts';
import type { Clock } from '../runtime/clock.ts';
import { certExpiry, certMetrics } from './certificate-metrics.ts';
import { controllerMetrics, gauge, queueMetrics, requestMetrics } from './runtime-metrics.ts';
import { cacheMetrics, type GoodsSource, orderMetrics, type Sized, stockMetrics } from './stock-metrics.ts';
import { admissionMetrics, createRegistry, ledgerMetrics } from './telemetry.ts';

/** Each kind has one controller, called by the kind's singular name. */
const controllerNames = kinds.map(({ singular }) => singular);

/** Creates all counters and histograms. The other rooms count through the interfaces that it returns. */
export function createMetrics() {
  const registry = createRegistry();
  return {
    registry,
    requests: requestMetrics(registry),
    admission: admissionMetrics(registry),
    ledger: ledgerMetrics(registry),
    orders: orderMetrics(registry),
    certificates: certMetrics(registry),
    controllers: controllerMetrics(registry, controllerNames),
    queues: queueMetrics(registry, controllerNames),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** The sources from which the gauges read. */
export interface Watched {
  goods: GoodsSource;
  /** The caches, by kind. */
  caches: Record<string, Sized>;
  clock: Clock;
  /** What this process knows about the API server's clock. */
  time: Pick<ServerTime, 'status'>;
  maxGoods: number;
  certs: Pick<CertSource, 'expiry' | 'authorityExpiry'>;
  isLeader(): boolean;
}

/** Registers the gauges that read their values at scrape time. */
export function watchMetrics(registry: Registry, watched: Watched): void {
  const { goods, caches, clock, time, maxGoods, certs, isLeader } = watched;
  stockMetrics(registry, { goods, clock, maxGoods });
  cacheMetrics(registry, caches);
  certExpiry(registry, certs);
  gauge(
    registry,
    'spikegate_clock_offset_seconds',
    "How far the API server's clock is ahead of this machine's; 0 while that is not known.",
    [],
    () => [['', (time.status()?.offsetMs ?? 0) / 1000]],
  );
  gauge(
    registry,
    'spikegate_clock_uncertainty_seconds',
    "How far this replica may be wrong about the API server's clock, either way; +Inf while it does not know it.",
    [],
    () => [['', (time.status()?.uncertaintyMs ?? Number.POSITIVE_INFINITY) / 1000]],
  );
  gauge(registry, 'leader_election_master_status', 'Whether this replica leads.', ['name'], () => [
    ['spikegate', isLeader() ? 1 : 0],
  ]);
}
