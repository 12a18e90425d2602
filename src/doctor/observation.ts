// The types of the doctor's data about a cluster. observe.ts reads all of it before the checks run. Knows no client.
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { SpikeOrder } from '../api/spike-order.ts';
import type { CustomResourceDefinition } from '../kube/discovery.ts';
import type { Lease } from '../kube/lease-record.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Extent } from '../manifests/extent.ts';
import type { Installation } from '../manifests/installations.ts';

/** The result of a read: a value, `missing` when the object does not exist, or the reason why the read failed. */
export type Seen<T> = { value: T } | { missing: true } | { unreadable: string };

export const isSeen = <T>(seen: Seen<T>): seen is { value: T } => 'value' in seen;
export const valueIn = <T>(seen: Seen<T>): T | undefined => (isSeen(seen) ? seen.value : undefined);

/** The names under which Spikegate is deployed, and the time limits of its settings. Times in ms. */
export interface Expectations extends Extent {
  namespace: string;
  /** Name of both webhook configurations. */
  configuration: string;
  service: string;
  lease: string;
  certSecret: string;
  /** The namespace of the dry-run objects. */
  probeNamespace: string;
  holdLimit: number;
  paymentWindow: number;
  /** A delay up to this is no finding: it happens when the leader changes or a queue is long. */
  grace: number;
}

export interface WebhookEntry {
  name: string;
  clientConfig: {
    url?: string;
    service?: { namespace: string; name: string; path?: string; port?: number };
    caBundle?: string;
  };
  failurePolicy?: string;
  [field: string]: unknown;
}

export interface WebhookConfiguration extends KubeObject {
  webhooks?: WebhookEntry[];
}

export interface Definition extends CustomResourceDefinition {
  spec: CustomResourceDefinition['spec'] & { [field: string]: unknown };
  status?: {
    conditions?: { type: string; status: string; message?: string }[];
    storedVersions?: string[];
  };
}

export interface EndpointSlice extends KubeObject {
  /** The API server may send null instead of an empty list. An endpoint without `ready` counts as ready. */
  endpoints?: { conditions?: { ready?: boolean } }[] | null;
}

export interface Namespace extends KubeObject {
  status?: { phase?: string };
}

/** A Deployment of Spikegate, as far as the checks read it. */
export interface OwnDeployment extends KubeObject {
  spec: {
    replicas?: number;
    selector?: { matchLabels?: Record<string, string> };
    template?: {
      spec?: {
        volumes?: { secret?: { secretName?: string } }[];
        containers?: { name: string; args?: string[] }[];
      };
    };
  };
  status?: { readyReplicas?: number };
}

export interface Pod extends KubeObject {
  spec: { containers: { name: string; image: string; command?: string[]; args?: string[] }[] };
  status?: { phase?: string };
}

/** The API server's answer to one dry run. */
export interface ProbeAnswer {
  kind: string;
  outcome: /** Our webhook refused the object, or filled in a field, as the probe expects. */
    | { is: 'answered' }
    /** The API server accepted the object, but our webhook did not refuse it or fill in the field (`missing`). */
    | { is: 'unseen'; missing: string }
    /** The call of our webhook failed. `webhook` (its name) and `cause` are the API server's words. */
    | { is: 'failed'; webhook: string; cause: string }
    /** The answer says nothing about our webhooks. */
    | { is: 'unclear'; why: string };
}

/**
 * The certificate of the webhook server. It comes from the server's port if the doctor can reach that, otherwise from
 * the Secret.
 */
export interface ServedCertificate {
  /** PEM, leaf first. */
  chain: string[];
  /** Where the doctor got it: `host:port` or `secret/name`. */
  from: string;
  /** The host name that the API server uses for the webhook server. */
  host: string;
}

/** A request that RBAC allows or denies. */
export interface Access {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
}

/** An object that our finalizer keeps in a namespace that is being deleted. */
export interface StuckObject {
  plural: string;
  group: string;
  namespace: string;
  name: string;
  finalizers: string[];
}

export interface Observation {
  expected: Expectations;
  /** Time of the API server's clock, in epoch ms. */
  now: number;
  /** Version of the API server, such as `v1.37.2`. */
  version: string;
  /** Accesses that the doctor needs and does not have. */
  denied: readonly Access[];
  /** The CRDs by name: `plural.group`. */
  definitions: ReadonlyMap<string, Seen<Definition>>;
  mutating: Seen<WebhookConfiguration>;
  validating: Seen<WebhookConfiguration>;
  /** All Spikegates in the cluster, found by their webhook configurations. */
  installations: Seen<Installation[]>;
  /** The Service that the webhooks name, and its endpoints. Undefined when they name none. */
  service: { name: string; object: Seen<KubeObject>; endpoints: Seen<EndpointSlice[]> } | undefined;
  /** One answer for each kind. */
  answers: readonly ProbeAnswer[];
  served: Seen<ServedCertificate>;
  lease: Seen<Lease>;
  /** The lease changed between two reads. So a leader is alive, even if the times in the lease look expired. */
  leaseMoves: boolean;
  goods: Seen<SpikeGoods[]>;
  orders: Seen<SpikeOrder[]>;
  /** Goods (namespace/name) whose counters were wrong at two reads in a row and did not change in between. */
  steady: ReadonlySet<string>;
  namespaces: Seen<Namespace[]>;
  /** Objects with our finalizer in namespaces that are being deleted. */
  stuck: Seen<StuckObject[]>;
  deployments: Seen<OwnDeployment[]>;
  pods: Seen<Pod[]>;
  /** The pods of the API servers, as kubeadm creates them. Empty on a managed cluster. */
  apiServers: Seen<Pod[]>;
}
