// What the webhooks use besides the object of the call. One context serves every call of a process.
// `src/process/admission.ts` makes it for a cluster; tests make it from memory.
import type { Kind } from '../src/api/define-kind.ts';
import type { NodePorts } from '../src/api/node-ports.ts';
import type { OutsideReach } from '../src/api/reach.ts';
import type { KubeObject } from '../src/kube/objects.ts';
import type { ServerClock } from '../src/kube/server-time.ts';
import type { Catalogue } from '../src/ledger/catalogue.ts';
import type { Gate } from '../src/ledger/gate.ts';

export interface AdmissionContext {
  /** Look-ups in the caches. */
  catalogue: Catalogue;
  /** Whether the caches are filled. Before that, a look-up that finds nothing proves nothing. */
  isInformed(): boolean;
  /** Holds stock for orders. */
  gate: Gate;
  live: LiveCluster;
  /** Bounds the live reads that a user's refused orders cost. */
  looks: Looks;
  /** The API server's time, because other replicas compare the times that are written here. */
  clock: ServerClock;
  /** The user name under which this process calls the API server. Undefined while it is not known. */
  self?(): string | undefined;
  /** A new unique id for an object. */
  newId(): string;
  policy: AdmissionPolicy;
}

/**
 * A token bucket of live reads for each user. A read that leads to an admitted order is given back, so only refused
 * orders use the bucket up.
 */
export interface Looks {
  /** Takes one read from the user's bucket. Returns false when the bucket is empty; then the order gets no live read. */
  take(user: string): boolean;
  giveBack(user: string): void;
}

/** Calls of the API server, for the few questions that a cache cannot answer. Each one costs a round trip. */
export interface LiveCluster {
  /** Whether an order of that name is stored. */
  orderIsStored(namespace: string, name: string): Promise<boolean>;
  /** Reads an object that the cache does not have, and puts it into the cache. Resolves to whether it exists. */
  refresh(kind: 'buyers' | 'goods', namespace: string, name: string): Promise<boolean>;
  /**
   * Adds the in-use finalizer to a stored object. With `alike`, also to other objects of its kind and namespace, as
   * many as one request has time for. Resolves when the API server has stored the finalizers.
   */
  markInUse(kind: Kind, object: KubeObject, alike: boolean): Promise<void>;
}

/** What the operator of this installation has set. */
export interface AdmissionPolicy {
  /** Time a buyer has to pay an order, in ms. */
  paymentWindowMs: number;
  /** The addresses outside the cluster that an object may name. */
  reach: OutsideReach;
  /** The ports that the cluster opens on its nodes. */
  nodePorts: NodePorts;
}
