// Prometheus metrics, under controller-runtime's names where it has one, so that its dashboards work.
// The rooms below know only the small interfaces that this file implements.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { refusalCodes } from '../api/refusals.ts';
import type { LedgerMetrics } from '../ledger/ports.ts';

export interface RouteMetrics {
  began(): void;
  ended(code: number, seconds: number): void;
}

export interface AdmissionMetrics {
  route(path: string): RouteMetrics;
  panicked(): void;
}

const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];

export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function admissionMetrics(registry: Registry): AdmissionMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'controller_runtime_webhook_requests_total',
    help: 'Total number of admission requests by HTTP status code.',
    labelNames: ['webhook', 'code'],
    registers,
  });
  const latency = new Histogram({
    name: 'controller_runtime_webhook_latency_seconds',
    help: 'Histogram of the latency of processing admission requests.',
    labelNames: ['webhook'],
    buckets: latencyBuckets,
    registers,
  });
  const inFlight = new Gauge({
    name: 'controller_runtime_webhook_requests_in_flight',
    help: 'Current number of admission requests being served.',
    labelNames: ['webhook'],
    registers,
  });
  const panics = new Counter({
    name: 'controller_runtime_webhook_panics_total',
    help: 'Total number of webhook panics.',
    registers,
  });
  return {
    route(webhook) {
      const byCode = new Map([200, 500].map((code) => [code, requests.labels({ webhook, code })]));
      for (const child of byCode.values()) child.inc(0);
      const seconds = latency.labels({ webhook });
      const current = inFlight.labels({ webhook });
      current.set(0);
      return {
        began: () => current.inc(),
        ended(code, duration) {
          current.dec();
          let child = byCode.get(code);
          if (!child) {
            child = requests.labels({ webhook, code });
            byCode.set(code, child);
          }
          child.inc();
          seconds.observe(duration);
        },
      };
    },
    panicked: () => panics.inc(),
  };
}

export function ledgerMetrics(registry: Registry): LedgerMetrics {
  const registers = [registry];
  const batch = new Histogram({
    name: 'spikegate_ledger_write_changes',
    help: 'Changes carried by one write of a goods status.',
    buckets: batchBuckets,
    registers,
  });
  const latency = new Histogram({
    name: 'spikegate_ledger_write_seconds',
    help: 'Time of one write of a goods status.',
    buckets: latencyBuckets,
    registers,
  });
  const conflicts = new Counter({
    name: 'spikegate_ledger_conflicts_total',
    help: 'Writes of a goods status that met a newer revision.',
    registers,
  });
  const refusals = new Counter({
    name: 'spikegate_ledger_refusals_total',
    help: 'Holds refused, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const byReason = new Map(Object.keys(refusalCodes).map((reason) => [reason, refusals.labels({ reason })]));
  for (const child of byReason.values()) child.inc(0);
  const settles = new Counter({
    name: 'spikegate_ledger_settles_total',
    help: 'Settlements of a goods by this leader.',
    registers,
  });
  const dropped = new Counter({
    name: 'spikegate_ledger_lapsed_holds_total',
    help: 'Holds given back because their order was never stored.',
    registers,
  });
  return {
    wrote(changes, milliseconds) {
      batch.observe(changes);
      latency.observe(milliseconds / 1000);
    },
    conflicted: () => conflicts.inc(),
    refused: (reason) => byReason.get(reason)?.inc(),
    settled: () => settles.inc(),
    droppedHold: () => dropped.inc(),
  };
}
