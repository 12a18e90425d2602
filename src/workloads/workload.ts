// Describes a workload kind to the leader: its definition, the kinds of its children, and its reconciler. Knows no
// particular workload kind.
import type { CustomObject, Kind } from '../api/define-kind.ts';
import type { OutsideReach } from '../api/reach.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { Client } from '../kube/client.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Result } from '../runtime/controller.ts';
import type { Log } from '../runtime/log.ts';
import type { ChildKind } from './child-kinds.ts';
import type { Children } from './children.ts';
import type { Sources } from './sources.ts';

/** Records events for people. Never throws, never waits. */
export interface Recorder {
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** The parts that a reconciler uses, during one term of leadership. */
export interface Working<T extends KubeObject> {
  client: Client;
  clock: Clock;
  log: Log;
  recorder: Recorder;
  /** The addresses outside the cluster that an object may name. */
  reach: OutsideReach;
  /** URL of the Prometheus server for objects that do not name a server. */
  prometheusServer: string;
  sources: Sources;
  children: Children;
  /** All owners of this kind. */
  cache: ObjectCache<T>;
  /** Enqueues an owner. For changes that only the reconciler itself notices. */
  wake(key: string): void;
}

export interface WorkloadReconciler<T extends KubeObject> {
  /** Reconciles one owner that is not being deleted. */
  reconcile(object: T, signal: AbortSignal): Promise<Result>;
  /** The owner is gone or being deleted. Drops the data about it in memory. */
  forget?(key: string): void;
  stop?(): void | Promise<void>;
}

export interface Workload<Spec = unknown, Status = unknown> {
  kind: Kind<Spec, Status>;
  owns: readonly ChildKind[];
  reconciler(working: Working<CustomObject<Spec, Status>>): WorkloadReconciler<CustomObject<Spec, Status>>;
}

/** Widens the type for the table of all workloads. That is safe: each workload gets only objects of its own kind. */
export const asWorkload = <Spec, Status>(workload: Workload<Spec, Status>): Workload =>
  workload as unknown as Workload;
