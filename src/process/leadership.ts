// Leadership of one process: the election, and the reconcilers that run for as long as this replica leads.
import { SaleLeader } from '../controllers/sale-leader.ts';
import { WorkloadLeader } from '../controllers/workload-leader.ts';
import type { Client } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { History } from '../kube/history.ts';
import type { ServerTime } from '../kube/server-time.ts';
import type { Clock } from '../runtime/clock.ts';
import type { MovingAverage } from '../runtime/load-meter.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../server/metrics.ts';
import type { ServeSettings } from '../settings/serve.ts';
import { type Caches, saleCachesOf } from './caches.ts';
import { createElector, type Elector } from './election.ts';
import type { Stock } from './stock.ts';

export interface LeadershipOptions {
  settings: ServeSettings;
  client: Client;
  caches: Caches;
  stock: Stock;
  history: History;
  recorder: EventRecorder;
  /** Average duration of a write to the API server. */
  writeLatency: MovingAverage;
  clock: ServerTime;
  /** This machine's clock, for the lease: only its holder compares the times in it. */
  machineClock: Clock;
  log: Log;
  metrics: Metrics;
  /** This process must exit at once: another one may lead. */
  onLost(why: string): void;
}

export function createLeadership(options: LeadershipOptions): Elector {
  const { settings, client, clock, machineClock, log, onLost } = options;
  const elector: Elector = createElector(
    { settings, client, clock: machineClock, time: clock, log, onLost },
    (epoch, signal) => lead(options, elector, epoch, signal),
  );
  return elector;
}

/** Leads until the signal aborts, then stops the controllers. The elector releases the lease after that. */
async function lead(
  options: LeadershipOptions,
  elector: Elector,
  epoch: number,
  signal: AbortSignal,
): Promise<void> {
  const { settings, log, onLost } = options;
  const { parts } = settings;
  const sale = parts.includes('sale') ? saleLeader(options, elector) : undefined;
  const workloads = parts.includes('workloads') ? workloadLeader(options) : undefined;
  log.info({ epoch }, 'leading');
  try {
    await workloads?.start(signal);
    await sale?.start(epoch, signal);
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    }
  } catch (error) {
    if (!signal.aborted) {
      log.error({ err: error }, 'could not take over');
      onLost(`could not take over: ${(error as Error).message}`);
    }
  } finally {
    await Promise.all([sale?.stop(), workloads?.stop()]);
  }
}

function saleLeader(options: LeadershipOptions, elector: Elector): SaleLeader {
  const { settings, client, caches, stock, recorder, writeLatency, clock, log, metrics, onLost } = options;
  return new SaleLeader({
    client,
    caches: saleCachesOf(caches),
    catalogue: stock.catalogue,
    writer: stock.writer,
    gate: stock.gate,
    goods: stock.goods,
    orders: stock.orders,
    resyncOrders: () => caches.orders.reflector.resync(),
    resyncGoods: () => caches.goods.reflector.resync(),
    namespaces: caches.namespaces.cache,
    resyncNamespaces: () => caches.namespaces.reflector.resync(),
    recorder,
    writeMs: () => writeLatency.ms,
    settings: {
      paymentWindowMs: settings.paymentWindow,
      holdLimitMs: settings.holdLimit,
      orderWorkers: settings.workers,
      crowd: settings.crowd,
      acceptDelayMs: settings.acceptDelay,
    },
    clock,
    log,
    ledgerMetrics: metrics.ledger,
    orderMetrics: metrics.orders,
    controllerMetrics: metrics.controllers,
    queueMetrics: metrics.queues,
    history: options.history,
    holdsLease: () => elector.holdsLease(),
    onFenced: (error) => onLost(error.message),
  });
}

function workloadLeader(options: LeadershipOptions): WorkloadLeader {
  const { settings, client, recorder, clock, log, metrics, stock } = options;
  return new WorkloadLeader({
    client,
    recorder,
    clock,
    log,
    reach: { prometheus: settings.prometheusAllow, thirdParty: settings.thirdPartyAllow },
    prometheusServer: settings.prometheusServer,
    workers: settings.workloadWorkers,
    namespaces: settings.namespaces,
    isTerminating: (namespace) => stock.catalogue.isTerminating(namespace),
    namespaceCache: options.caches.namespaces.cache,
    controllerMetrics: metrics.controllers,
    queueMetrics: metrics.queues,
  });
}
