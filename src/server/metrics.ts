// All metrics that a Spikegate process exports, made in one place: docs/metrics.md, the dashboards and the alert
// rules are checked against what this makes.
import type { Registry } from 'prom-client';
import type { CertSource } from '../../certs/source.ts';
import { kinds } from '../api/kinds.ts';
import type { Clock } from '../runtime/clock.ts';
import { certExpiry, certMetrics } from './certificate-metrics.ts';
import { controllerMetrics, gauge, queueMetrics, requestMetrics } from './runtime-metrics.ts';
import { cacheMetrics, type GoodsSource, orderMetrics, type Sized, stockMetrics } from './stock-metrics.ts';
import { admissionMetrics, createRegistry, ledgerMetrics } from './telemetry.ts';

/** Each kind has one controller, of its singular name. */
const controllerNames = kinds.map(({ singular }) => singular);

/** What the rooms below count with. */
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

export interface Watched {
  goods: GoodsSource;
  /** By kind; the goods as well. */
  caches: Record<string, Sized>;
  clock: Clock;
  mostGoods: number;
  certs: Pick<CertSource, 'expiry' | 'authorityExpiry'>;
  isLeader(): boolean;
}

/** What is looked at when metrics are scraped. */
export function watchMetrics(registry: Registry, watched: Watched): void {
  const { goods, caches, clock, mostGoods, certs, isLeader } = watched;
  stockMetrics(registry, { goods, clock, mostGoods });
  cacheMetrics(registry, caches);
  certExpiry(registry, certs);
  gauge(registry, 'leader_election_master_status', 'Whether this replica leads.', ['name'], () => [
    ['spikegate', isLeader() ? 1 : 0],
  ]);
}
