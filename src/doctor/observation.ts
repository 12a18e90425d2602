// What the doctor knows of a cluster. It is read once, before the checks run. Knows no client.
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { SpikeOrder } from '../api/spike-order.ts';
import type { CustomResourceDefinition } from '../kube/discovery.ts';
import type { Lease } from '../kube/lease-record.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Extent } from '../manifests/extent.ts';
import type { Installation } from '../manifests/installations.ts';

/** The result of a read: a value, nothing there, or why it failed. */
export type Seen<T> = { value: T } | { missing: true } | { unreadable: string };

export const isSeen = <T>(seen: Seen<T>): seen is { value: T } => 'value' in seen;
export const valueIn = <T>(seen: Seen<T>): T | undefined => (isSeen(seen) ? seen.value : undefined);

/** The names under which Spikegate is deployed, and the time limits of its settings. Times in ms. */
export interface Expectations extends Extent {
  namespace: string;
  /** Of both webhook configurations. */
  configuration: string;
  service: string;
  lease: string;
  certSecret: string;
  /** The namespace of the dry-run objects. */
  probeNamespace: string;
  holdLimit: number;
  paymentWindow: number;
  /** A delay up to this is normal: a leader changes, a queue is long. */
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
  /** null when there are none. An endpoint without `ready` counts as ready. */
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
  outcome: /** A webhook of ours refused what it had to refuse, or filled in what it had to. */
    | { is: 'answered' }
    /** It passed, although one of our webhooks should have refused it or filled something in. */
    | { is: 'unseen'; missing: string }
    /** `webhook`: its name as the API server gives it; `cause`: the API server's words. */
    | { is: 'failed'; webhook: string; cause: string }
    | { is: 'unclear'; why: string };
}

/**
 * The certificate of the webhooks: from the server's own port if it can be reached from here, otherwise from the
 * Secret.
 */
export interface ServedCertificate {
  /** PEM, leaf first. */
  chain: string[];
  from: string;
  /** The name by which the API server calls it. */
  host: string;
}

export interface Access {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
}

export interface StuckObject {
  plural: string;
  group: string;
  namespace: string;
  name: string;
  finalizers: string[];
}

export interface Observation {
  expected: Expectations;
  /** By the API server's clock, epoch ms. */
  now: number;
  /** `v1.37.2` */
  version: string;
  denied: readonly Access[];
  /** By name, `plural.group`. */
  definitions: ReadonlyMap<string, Seen<Definition>>;
  mutating: Seen<WebhookConfiguration>;
  validating: Seen<WebhookConfiguration>;
  /** From the webhook configurations of the whole cluster. */
  installations: Seen<Installation[]>;
  /** Of the Service that the webhooks name. Undefined when they name none. */
  service: { name: string; object: Seen<KubeObject>; endpoints: Seen<EndpointSlice[]> } | undefined;
  answers: readonly ProbeAnswer[];
  served: Seen<ServedCertificate>;
  lease: Seen<Lease>;
  /** The lease was renewed while we watched, whatever the times in it say. */
  leaseMoves: boolean;
  goods: Seen<SpikeGoods[]>;
  orders: Seen<SpikeOrder[]>;
  /** Goods (namespace/name) whose counters were wrong at two reads in a row and did not change in between. */
  steady: ReadonlySet<string>;
  namespaces: Seen<Namespace[]>;
  /** Objects with our finalizer in namespaces that are being deleted, and in no other namespaces. */
  stuck: Seen<StuckObject[]>;
  deployments: Seen<OwnDeployment[]>;
  pods: Seen<Pod[]>;
  /** The API servers that run as pods, as kubeadm makes them. Empty on a managed cluster. */
  apiServers: Seen<Pod[]>;
}
