// Runs the workload kinds during one term of leadership: caches owners and children, and runs a controller for each
// kind. A kind whose CRD is not installed delays no other kind. This file also decides which changes enqueue an owner.
import type { CustomObject } from '../api/define-kind.ts';
import { defaultPrometheus, type OutsideReach } from '../api/reach.ts';
import { type Change, ObjectCache } from '../kube/cache.ts';
import { changesSpec } from '../kube/change-feed.ts';
import type { Client } from '../kube/client.ts';
import { isForbidden, isInvalid } from '../kube/errors.ts';
import { Followed } from '../kube/followed.ts';
import { aboutKey, type KubeObject, keyOf, splitKey } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import { Controller, type ControllerMetrics } from '../runtime/controller.ts';
import type { Log } from '../runtime/log.ts';
import { own } from '../runtime/own-keys.ts';
import { lowPriority, normalPriority, type QueueMetrics } from '../runtime/queue.ts';
import { Children } from '../workloads/children.ts';
import { isTold } from '../workloads/outcome.ts';
import { enforceLabel, wantsRestricted } from '../workloads/pod-security.ts';
import { Sources } from '../workloads/sources.ts';
import { type StatusWrite, type WithStatus, writeFailure } from '../workloads/status.ts';
import type { Recorder, Workload } from '../workloads/workload.ts';
import { workloads as all } from './workload-kinds.ts';

export interface WorkloadLeaderOptions {
  client: Client;
  clock: Clock;
  log: Log;
  recorder: Recorder;
  reach: OutsideReach;
  /** URL of the Prometheus server for objects whose spec names no server. */
  prometheusServer?: string;
  /** Number of owners of each kind that are reconciled at once. */
  workers: number;
  /** The only namespaces that are followed. Empty or absent: all. */
  namespaces?: readonly string[];
  /** Whether a namespace is being deleted. Then its owners are not reconciled: nothing can be created there. */
  isTerminating?(namespace: string): boolean;
  /** The cache of namespaces. Their Pod Security labels decide on the pods' security contexts. */
  namespaceCache?: Pick<ObjectCache<KubeObject>, 'get' | 'onChange'>;
  workloads?: readonly Workload[];
  controllerMetrics?: ControllerMetrics;
  queueMetrics?: QueueMetrics;
}

/** Pause before a workload in a namespace that is being deleted is examined again, in ms. */
const lookAgainMs = 5000;

type Owner = CustomObject<unknown, unknown>;

export class WorkloadLeader {
  readonly #options: WorkloadLeaderOptions;
  readonly #workloads: readonly Workload[];
  readonly #sources: Sources;
  readonly #children: Children;
  readonly #stop = new AbortController();
  readonly #stops: (() => unknown)[] = [];
  #following: Promise<unknown> = Promise.resolve();
  #isStopping = false;

  constructor(options: WorkloadLeaderOptions) {
    this.#options = options;
    this.#workloads = options.workloads ?? all;
    const { client, clock, log, namespaces = [] } = options;
    const kinds = this.#workloads.flatMap(({ owns }) => owns);
    this.#sources = new Sources({ client, clock, log, kinds, namespaces });
    this.#children = new Children({
      client,
      sources: this.#sources,
      log,
      isRestricted: (owner) => {
        const { spec, metadata } = owner as Owner;
        const namespace = options.namespaceCache?.get(metadata.namespace ?? '');
        return wantsRestricted(spec, namespace?.metadata.labels);
      },
    });
  }

  /** Returns at once. Each kind starts when its owners and their children are in the caches. */
  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    if (signal.aborted) this.#stop.abort();
    const children = this.#sources.start(this.#stop.signal);
    this.#following = Promise.all(this.#workloads.map((workload) => this.#run(workload, children))).catch(
      (error) => this.#options.log.error({ err: error }, 'workloads failed to start'),
    );
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    // Let the running reconciles end first: they read the caches that stop below.
    await Promise.all(this.#stops.splice(0).map((stop) => stop()));
    this.#stop.abort();
    await this.#following;
    await this.#sources.stop();
  }

  async #run(workload: Workload, children: Promise<void>): Promise<void> {
    const { client, clock, log, namespaces = [] } = this.#options;
    const cache = new ObjectCache<Owner>({
      namespaces,
      onHandlerError: (error) => log.error({ err: error }, 'cache handler failed'),
    });
    const reflector = new Followed<Owner>({
      ...{ client, clock, cache, namespaces, resource: workload.kind },
      onError: (error, info) =>
        log.debug(
          { err: (error as Error).message, kind: workload.kind.kind, ...info },
          'list or watch failed',
        ),
    });
    this.#stops.push(() => reflector.stop());
    await Promise.all([reflector.start(this.#stop.signal), children]);
    if (this.#isStopping || this.#stop.signal.aborted) return;
    await this.#control(workload, cache);
  }

  /** Reports the error of a reconcile that failed before it wrote the status: as an event and in the status. */
  async #report(workload: Workload, cache: ObjectCache<Owner>, object: Owner, error: Error): Promise<void> {
    const { client, clock, log, recorder } = this.#options;
    const trouble = { reason: 'ReconcileFailed', message: error.message };
    recorder.event(object, 'Warning', trouble.reason, trouble.message);
    const write = { client, clock, resource: workload.kind, cache, object };
    await writeFailure(write as unknown as StatusWrite<WithStatus>, trouble).catch((failed: Error) =>
      log.warn({ err: failed.message }, 'the status could not be written'),
    );
  }

  async #control(workload: Workload, cache: ObjectCache<Owner>): Promise<void> {
    const { client, clock, log, recorder, reach, workers, isTerminating } = this.#options;
    const { prometheusServer = defaultPrometheus } = this.#options;
    const { controllerMetrics, queueMetrics } = this.#options;
    const { kind, owns } = workload;
    const reconciler = workload.reconciler({
      client,
      clock,
      log,
      recorder,
      reach,
      prometheusServer,
      cache,
      sources: this.#sources,
      children: this.#children,
      wake: (key) => controller.enqueue(key),
    });
    const controller = new Controller({
      name: kind.singular,
      workers,
      clock,
      log,
      about: (key) => aboutKey(kind.kind, key, cache.get(key)),
      groupOf: (key) => splitKey(key).namespace,
      ...(controllerMetrics ? { metrics: controllerMetrics } : {}),
      ...(queueMetrics ? { queueMetrics } : {}),
      reconcile: async (key, { signal, failures }) => {
        const object = cache.get(key);
        // Retry later: a new namespace of this name may exist already, before this process sees that the old one is
        // gone.
        if (object && isTerminating?.(splitKey(key).namespace)) return { requeueAfter: lookAgainMs };
        if (!object || object.metadata.deletionTimestamp) {
          reconciler.forget?.(key);
          return {};
        }
        try {
          return await reconciler.reconcile(object, signal);
        } catch (error) {
          if (!signal.aborted && !isTold(error) && !isPassing(error, failures)) {
            await this.#report(workload, cache, object, error as Error);
          }
          throw error;
        }
      },
    });
    const wake = (change: Change<KubeObject>) =>
      controller.enqueue(keyOf(change.object), change.source === 'list' ? lowPriority : normalPriority);
    const unsubscribers = [
      cache.onChange((change) => {
        if (change.type === 'deleted' || changesSpec(change)) wake(change);
      }),
      this.#sources.onOwned(kind, (key, change) => {
        // 'observe' is the answer to our own write. The reconcile that wrote has handled it.
        if (change.source !== 'observe') controller.enqueue(key);
      }),
      this.#sources.onServed((served) => {
        if (owns.includes(served)) for (const key of cache.keys()) controller.enqueue(key, lowPriority);
      }),
    ];
    const stopNamespaces = this.#options.namespaceCache?.onChange(({ type, object, old }) => {
      const enforced = (of: KubeObject | undefined) => own(of?.metadata.labels, enforceLabel);
      if (type === 'deleted' || enforced(object) === enforced(old)) return;
      for (const key of cache.keys()) {
        if (splitKey(key).namespace === object.metadata.name) controller.enqueue(key, lowPriority);
      }
    });
    if (stopNamespaces) unsubscribers.push(stopNamespaces);
    for (const key of cache.keys()) controller.enqueue(key, lowPriority);
    this.#stops.push(async () => {
      for (const unsubscribe of unsubscribers) unsubscribe();
      await controller.stop();
      await reconciler.stop?.();
    });
    await controller.start(this.#stop.signal);
  }
}

/**
 * Whether to leave an error unreported, because the next attempt may succeed. `failures`: earlier failures in a row.
 */
const isPassing = (error: unknown, failures: number): boolean =>
  failures === 0 && !isForbidden(error) && !isInvalid(error);
