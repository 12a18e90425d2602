// Prometheus metrics of admission and of the ledger. A metric that controller-runtime also has gets the same name, so
// that dashboards for controller-runtime work. Other rooms know only the small interfaces that this file implements.
// Every series whose labels are known in advance starts at 0, because a rate needs a first value.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { refusalCodes } from '../api/refusals.ts';
import type { LedgerMetrics } from '../ledger/ports.ts';

export interface RouteMetrics {
  began(): void;
  ended(code: number, seconds: number): void;
}

/**
 * Called once for every answer of a validating webhook, except for dry runs. `reason` is undefined when it allows.
 */
export type CountDecision = (operation: string, reason: string | undefined) => void;

export interface AdmissionMetrics {
  route(path: string): RouteMetrics;
  /** Counts the decisions about objects of this kind; undefined for a kind whose decisions are not counted. */
  decisions(kind: string): CountDecision | undefined;
  panicked(): void;
  /** An order got 429 without a read, because refused orders of its user had cost too many. */
  limited(): void;
  /** A call of a webhook was refused because of who called. */
  refusedCaller(why: CallerRefusal): void;
}

/** `path`: the path had no accepted secret. `certificate`: the required client certificate was missing or wrong. */
export type CallerRefusal = 'path' | 'certificate';
const callerRefusals: readonly CallerRefusal[] = ['path', 'certificate'];

const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** The time of a hold is in whole seconds. A healthy leader settles within the first bucket. */
const settleBuckets = [1, 2, 5, 10, 30, 60, 120, 300, 600];

/** The HTTP codes of our answers: allowed, every refusal, every fault. */
const answerCodes = [...new Set([200, 400, 500, 503, ...Object.values(refusalCodes)])];
const operations = ['CREATE', 'UPDATE', 'DELETE'] as const;
/** Reasons of errors, which are not refusals: the review could not be judged. */
const faults = ['BadRequest', 'InternalError'];
const accepted = 'Accepted';

export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function admissionMetrics(registry: Registry): AdmissionMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'controller_runtime_webhook_requests_total',
    help: 'Total number of admission requests by status code: of the review, where it was judged, else of HTTP.',
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
  const refusedCallers = new Counter({
    name: 'spikegate_callers_refused_total',
    help: 'Calls of webhooks that were refused because of the caller: a wrong path, or no right client certificate.',
    labelNames: ['reason'],
    registers,
  });
  const limited = new Counter({
    name: 'spikegate_orders_limited_total',
    help: 'Orders answered 429 without a live read, because refused orders of their user had cost too many reads.',
    registers,
  });
  const byRefusal = new Map(callerRefusals.map((reason) => [reason, refusedCallers.labels({ reason })]));
  for (const child of byRefusal.values()) child.inc(0);
  const countOrder = orderDecisions(registry);
  return {
    route(webhook) {
      const byCode = new Map(answerCodes.map((code) => [code, requests.labels({ webhook, code })]));
      for (const child of byCode.values()) child.inc(0);
      latency.zero({ webhook });
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
    decisions: (kind) => (kind === 'SpikeOrder' ? countOrder : undefined),
    panicked: () => panics.inc(),
    limited: () => limited.inc(),
    refusedCaller: (reason) => byRefusal.get(reason)?.inc(),
  };
}

function orderDecisions(registry: Registry): CountDecision {
  const total = new Counter({
    name: 'spikegate_order_admissions_total',
    help: 'Decisions of admission about orders by operation, outcome and reason; dry runs are left out.',
    labelNames: ['operation', 'outcome', 'reason'],
    registers: [registry],
  });
  const child = (operation: string, reason: string) =>
    total.labels({ operation, outcome: reason === accepted ? 'accepted' : 'refused', reason });
  const reasons = [accepted, ...Object.keys(refusalCodes), ...faults];
  const children = new Map(
    operations.map((operation) => [
      operation as string,
      new Map(reasons.map((reason) => [reason, child(operation, reason)])),
    ]),
  );
  for (const byReason of children.values()) for (const it of byReason.values()) it.inc(0);
  return (operation, reason = accepted) => children.get(operation)?.get(reason)?.inc();
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
  const lastSettle = new Gauge({
    name: 'spikegate_ledger_last_settle_timestamp_seconds',
    help: 'When this replica last settled a goods, epoch seconds; 0 if it never has.',
    registers,
  });
  const settleLag = new Histogram({
    name: 'spikegate_ledger_settle_lag_seconds',
    help: 'From the hold of an order to the settlement that counts the order, in steps of a second.',
    buckets: settleBuckets,
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
    settled(now, lags) {
      settles.inc();
      lastSettle.set(now / 1000);
      for (const lag of lags) settleLag.observe(lag / 1000);
    },
    droppedHold: () => dropped.inc(),
  };
}
