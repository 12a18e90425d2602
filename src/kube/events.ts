// Events for people (`kubectl describe`). It groups them, so that neither a loop nor a crowd floods the API server.
// Knows no kind. An event that cannot be stored is dropped; no caller waits.

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { Backoff } from '../runtime/backoff.ts';
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import type { Client } from './client.ts';
import { ApiError, isNotFound } from './errors.ts';
import { RecentMap, TokenBuckets } from './event-limits.ts';
import type { Draft, KubeObject, Resource } from './objects.ts';

export interface KubeEvent extends KubeObject {
  involvedObject: object;
  reason: string;
  message: string;
  type: EventType;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  source: object;
  reportingComponent: string;
  reportingInstance: string;
}

export type EventType = 'Normal' | 'Warning';

export const eventResource: Resource<KubeEvent> = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

export interface EventRecorderOptions {
  client: Client;
  /** The reporter, as `kubectl get events` shows it. */
  component: string;
  /** Default: the host's name. */
  instance?: string;
  clock?: Clock;
  random?: () => number;
  /** Maximum number of events that wait to be stored. More are dropped. Default 4096. */
  queueSize?: number;
  onDrop?(why: 'queue full' | 'rate' | 'refused' | 'unreachable', error?: unknown): void;
}

interface Pending {
  about: KubeObject;
  type: EventType;
  reason: string;
  message: string;
  /** How often it happened since it was last stored. */
  times: number;
  /** Wall clock, ms. */
  first: number;
  last: number;
  /** See `event`. */
  once: string | undefined;
}

/** A stored event. A repetition raises its count instead of storing another event. */
interface Series {
  name: string;
  count: number;
}

// Window, sizes and the rate for each object, as in client-go's tools/record/events_cache.go. Times in ms.
const seriesWindow = 10 * 60_000;
const seriesSize = 4096;
const burst = 25;
const refill = 5 * 60_000;

// A crowd causes the same event for thousands of objects. Nobody reads them all, and each one costs the API server
// as much as an order. So for each kind of object and reason, the recorder stores a hundred events at once and then
// ten per second.
const reasonsSize = 256;
const reasonBurst = 100;
const reasonRefill = 100;

const maxMessage = 1024;
const maxName = 253;
const maxAttempts = 3;

export class EventRecorder {
  readonly name = 'events';
  readonly #client: Client;
  readonly #component: string;
  readonly #instance: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #queueSize: number;
  readonly #onDrop: EventRecorderOptions['onDrop'];
  readonly #queue = new Map<string, Pending>();
  readonly #series: RecentMap<Series>;
  readonly #buckets: TokenBuckets;
  readonly #reasonBuckets: TokenBuckets;
  readonly #abort = new AbortController();
  /** The run that stores the queue. Undefined while the queue is empty. */
  #pump: Promise<void> | undefined;
  #serial = 0;

  constructor(opts: EventRecorderOptions) {
    this.#client = opts.client;
    this.#component = opts.component;
    this.#instance = opts.instance ?? hostname();
    this.#clock = opts.clock ?? systemClock;
    this.#random = opts.random ?? Math.random;
    this.#queueSize = opts.queueSize ?? 4096;
    this.#onDrop = opts.onDrop;
    this.#series = new RecentMap(this.#clock, seriesSize, seriesWindow);
    this.#buckets = new TokenBuckets(this.#clock, seriesSize, burst, refill);
    this.#reasonBuckets = new TokenBuckets(this.#clock, reasonsSize, reasonBurst, reasonRefill);
  }

  /**
   * Records an event about `about`. Returns at once and never throws. `reason` is a CamelCase word that stays the
   * same, `message` a sentence. The same event again within ten minutes raises the count. `once` is for an event that
   * several processes record, perhaps with different messages: it becomes part of the event's name, so the API server
   * stores only the first event with this `once`.
   */
  event(about: KubeObject, type: EventType, reason: string, message: string, once?: string): void {
    const text = message.length > maxMessage ? `${message.slice(0, maxMessage - 1)}…` : message;
    const key = [about.metadata.uid, type, reason, text].join('\n');
    const now = this.#clock.now();
    const waiting = this.#queue.get(key);
    if (waiting) {
      waiting.times++;
      waiting.last = now;
      return;
    }
    if (this.#abort.signal.aborted) return;
    if (this.#queue.size >= this.#queueSize) {
      this.#onDrop?.('queue full');
      return;
    }
    if (!this.#buckets.take(about.metadata.uid) || !this.#reasonBuckets.take(`${about.kind} ${reason}`)) {
      this.#onDrop?.('rate');
      return;
    }
    this.#queue.set(key, { about, type, reason, message: text, times: 1, first: now, last: now, once });
    this.#pump ??= this.#run();
  }

  /** Resolves when everything recorded so far is stored or dropped. */
  async flush(): Promise<void> {
    await this.#pump;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#abort.abort(), { once: true });
  }

  async stop(): Promise<void> {
    await this.flush();
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    // Wait one step: a caller that records several events at once can then raise the count of one that still waits.
    await Promise.resolve();
    for (let next = this.#queue.entries().next(); !next.done; next = this.#queue.entries().next()) {
      const [key, pending] = next.value;
      this.#queue.delete(key);
      await this.#store(key, pending);
    }
    this.#pump = undefined;
  }

  async #store(key: string, pending: Pending): Promise<void> {
    const backoff = new Backoff({ base: 1_000, max: 10_000, jitter: 1, random: this.#random });
    for (let attempt = 1; !this.#abort.signal.aborted; attempt++) {
      try {
        return await this.#write(key, pending);
      } catch (error) {
        // Refused for good: the namespace is being deleted, or we may not store events.
        if (error instanceof ApiError && error.code < 500 && error.code !== 429) {
          return this.#onDrop?.('refused', error);
        }
        if (attempt === maxAttempts) return this.#onDrop?.('unreachable', error);
        await sleep(this.#clock, backoff.next(), this.#abort.signal);
      }
    }
  }

  async #write(key: string, pending: Pending): Promise<void> {
    const namespace = pending.about.metadata.namespace || 'default';
    const { signal } = this.#abort;
    const series = this.#series.get(key);
    if (series) {
      const count = series.count + pending.times;
      const patch = { count, lastTimestamp: time(pending.last) };
      try {
        await this.#client.patch(eventResource, { namespace, name: series.name }, patch, {
          type: 'merge',
          signal,
        });
        this.#series.set(key, { name: series.name, count });
        return;
      } catch (error) {
        // The API server forgets events after an hour.
        if (!isNotFound(error)) throw error;
      }
    }
    const draft = this.#draft(namespace, pending);
    await this.#client.create(eventResource, draft, { signal });
    this.#series.set(key, { name: draft.metadata.name!, count: pending.times });
  }

  #draft(
    namespace: string,
    { about, type, reason, message, times, first, last, once }: Pending,
  ): Draft<KubeEvent> {
    const { name, uid, resourceVersion } = about.metadata;
    // Without `once`, the name is unique in the namespace and sorts by time, as in client-go. With `once`, every
    // process makes the same name.
    const suffix =
      once === undefined
        ? (BigInt(first) * 1_000_000n + BigInt(this.#serial++ % 1_000_000)).toString(16)
        : createHash('sha256').update([uid, reason, once].join('\n')).digest('hex').slice(0, 16);
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, name: `${name.slice(0, maxName - suffix.length - 1)}.${suffix}` },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        ...(about.metadata.namespace && { namespace: about.metadata.namespace }),
        name,
        uid,
        resourceVersion,
      },
      type,
      reason,
      message,
      count: times,
      firstTimestamp: time(first),
      lastTimestamp: time(last),
      source: { component: this.#component, host: this.#instance },
      reportingComponent: this.#component,
      reportingInstance: this.#instance,
    };
  }
}

/** meta/v1 Time: whole seconds. */
function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
