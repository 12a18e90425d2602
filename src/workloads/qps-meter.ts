// Follows the load of each owner. A timer per owner asks for the requests per second that the owner serves. The rules of
// src/api/scaling.ts turn them into a number of pods. A failure does not change the number of pods, it is only reported.
// Knows neither Prometheus nor Kubernetes.
import { clamp, decide, type Limits, type Recommendation, replicasFor, type Steps } from '../api/scaling.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { MetricsError, type MetricsReason } from './prometheus.ts';

export interface MeterSettings extends Steps, Limits {
  /** Where to ask; only `ask` reads it. When these settings change, the meter asks at once. */
  server: string;
  query: string;
  timeoutMs: number;
  intervalMs: number;
  singlePodQPS: number;
}

export interface Reading {
  /** Whole requests per second, rounded up. Undefined before the first good answer. */
  qps: number | undefined;
  /** Epoch ms of the last good answer. */
  seenAt: number | undefined;
  /** How many pods the owner should have. */
  replicas: number;
  failure?: { reason: MetricsReason; message: string } | undefined;
}

/** The reading that the status has. A new leader continues from it. */
export type Known = Pick<Reading, 'qps' | 'seenAt' | 'replicas'>;

export interface MeterOptions {
  clock: Clock;
  ask(settings: MeterSettings, signal: AbortSignal): Promise<number>;
  /** Called when the reading of this owner has changed. */
  wake(key: string): void;
  /** Returns a number in [0, 1). It spreads the first measurements of owners that were created together. */
  random?: () => number;
}

/** Pauses before the retries of a failed measurement. After the last retry the failure is reported. */
const retriesMs = [1000, 2000];

interface Meter {
  settings: MeterSettings;
  reading: Reading;
  history: Recommendation[];
  failures: number;
  abort: AbortController;
  cancel: Cancel;
}

export class QpsMeters {
  readonly #options: MeterOptions;
  readonly #random: () => number;
  readonly #meters = new Map<string, Meter>();

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** Starts to follow the owner, or continues. Returns its latest reading within the present limits. */
  follow(key: string, settings: MeterSettings, known: Known): Reading {
    const meter = this.#meters.get(key) ?? this.#begin(key, settings, known);
    if (JSON.stringify(meter.settings) !== JSON.stringify(settings)) {
      meter.settings = settings;
      this.#restart(key, meter);
    }
    return { ...meter.reading, replicas: clamp(meter.reading.replicas, settings) };
  }

  forget(key: string): void {
    const meter = this.#meters.get(key);
    if (!meter) return;
    this.#meters.delete(key);
    meter.cancel();
    meter.abort.abort();
  }

  stop(): void {
    for (const key of [...this.#meters.keys()]) this.forget(key);
  }

  get size(): number {
    return this.#meters.size;
  }

  #begin(key: string, settings: MeterSettings, known: Known): Meter {
    const now = this.#options.clock.monotonic();
    const meter: Meter = {
      settings,
      reading: { ...known },
      // The present pods count as recommended now: a restart must not be a reason to remove them.
      history: [{ at: now, replicas: known.replicas }],
      failures: 0,
      abort: new AbortController(),
      cancel: () => {},
    };
    this.#meters.set(key, meter);
    this.#arm(key, meter, Math.min(1000, settings.intervalMs) * this.#random());
    return meter;
  }

  /** The settings changed, so the pending answer belongs to another question. */
  #restart(key: string, meter: Meter): void {
    meter.abort.abort();
    meter.abort = new AbortController();
    meter.failures = 0;
    this.#arm(key, meter, 0);
  }

  #arm(key: string, meter: Meter, ms: number): void {
    meter.cancel();
    meter.cancel = this.#options.clock.after(ms, () => void this.#measure(key, meter));
  }

  async #measure(key: string, meter: Meter): Promise<void> {
    const { settings, abort } = meter;
    let failure: Reading['failure'];
    let qps = 0;
    try {
      qps = await this.#options.ask(settings, abort.signal);
    } catch (error) {
      const reason = error instanceof MetricsError ? error.reason : 'Unreachable';
      failure = { reason, message: (error as Error).message };
    }
    if (abort.signal.aborted || this.#meters.get(key) !== meter) return;
    const before = meter.reading;
    if (failure) this.#fail(key, meter, failure);
    else this.#succeed(key, meter, qps);
    if (differs(before, meter.reading)) this.#options.wake(key);
  }

  #succeed(key: string, meter: Meter, qps: number): void {
    const { clock } = this.#options;
    const { settings, reading } = meter;
    meter.failures = 0;
    const recommended = clamp(replicasFor(qps, settings.singlePodQPS), settings);
    const next = decide(
      reading.replicas,
      { at: clock.monotonic(), replicas: recommended },
      meter.history,
      settings,
      settings,
    );
    meter.history = next.history;
    meter.reading = { qps: Math.ceil(qps), seenAt: clock.now(), replicas: next.replicas };
    this.#arm(key, meter, settings.intervalMs);
  }

  #fail(key: string, meter: Meter, failure: NonNullable<Reading['failure']>): void {
    const retry = retriesMs[meter.failures++];
    if (retry === undefined || retry >= meter.settings.intervalMs) {
      meter.reading = { ...meter.reading, failure };
      this.#arm(key, meter, meter.settings.intervalMs);
    } else {
      this.#arm(key, meter, retry);
    }
  }
}

function differs(a: Reading, b: Reading): boolean {
  return (
    a.qps !== b.qps ||
    a.replicas !== b.replicas ||
    a.failure?.reason !== b.failure?.reason ||
    a.failure?.message !== b.failure?.message
  );
}
