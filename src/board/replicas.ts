// The number of Spikegate replicas, from the Deployment that runs them. Asks the API server only while somebody
// reads it.
import type { Client } from '../kube/client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';

export interface ReplicaCount {
  ready: number;
  wanted: number;
}

interface DeploymentCounts extends KubeObject {
  spec?: { replicas?: number };
  status?: { readyReplicas?: number };
}

const deployments: Resource<DeploymentCounts> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};

const askEveryMs = 10_000;
/** The labels that manifests/deploy and the chart set. */
const labelSelector = 'app.kubernetes.io/part-of=spikegate,app.kubernetes.io/name=spikegate';

export class Replicas {
  readonly #client: Pick<Client, 'list'>;
  readonly #namespace: string;
  readonly #clock: Clock;
  #known: ReplicaCount | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(options: { client: Pick<Client, 'list'>; namespace: string; clock: Clock }) {
    this.#client = options.client;
    this.#namespace = options.namespace;
    this.#clock = options.clock;
  }

  /**
   * The last known count. A call refreshes it in the background, at most every ten seconds. Undefined without a
   * Deployment: on a laptop, or in a single pod.
   */
  count(): ReplicaCount | undefined {
    const now = this.#clock.monotonic();
    if (now - this.#askedAt >= askEveryMs) {
      this.#askedAt = now;
      this.#ask().then(
        (count) => {
          this.#known = count;
        },
        () => {
          this.#known = undefined;
        },
      );
    }
    return this.#known;
  }

  async #ask(): Promise<ReplicaCount | undefined> {
    const { items } = await this.#client.list(deployments, {
      namespace: this.#namespace,
      labelSelector,
      timeoutMs: askEveryMs / 2,
    });
    if (items.length === 0) return undefined;
    const sum = (of: (deployment: (typeof items)[number]) => number | undefined) =>
      items.reduce((all, deployment) => all + (of(deployment) ?? 0), 0);
    return { ready: sum((it) => it.status?.readyReplicas), wanted: sum((it) => it.spec?.replicas) };
  }
}
