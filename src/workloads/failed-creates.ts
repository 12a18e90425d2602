// Finds out why a StatefulSet or a DaemonSet makes no pods (a quota, an admission webhook, a name that is too
// long). Unlike a Deployment's, their status does not say so; only their events do. It lists events while pods are
// missing, at growing intervals. Knows no owner's kind.
import type { Client } from '../kube/client.ts';
import { eventResource } from '../kube/events.ts';
import { exponential } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DaemonSet, StatefulSet } from './child-kinds.ts';

type Maker = StatefulSet | DaemonSet;
type Trouble = { reason: string; message: string };

/** Milliseconds between two lists for one object. */
const lookAgain = { base: 1000, max: 60_000 };

interface Looked {
  times: number;
  nextAt: number;
  found: Trouble | undefined;
}

export interface FailedCreatesOptions {
  client: Client;
  clock: Clock;
}

export class FailedCreates {
  readonly #client: Client;
  readonly #clock: Clock;
  /** By uid of the StatefulSet or DaemonSet. */
  readonly #looked = new Map<string, Looked>();

  constructor({ client, clock }: FailedCreatesOptions) {
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * `newestPod`: when the newest of its pods was made, in epoch ms; earlier failures are over. `inMs`: when to look
   * again, since an event wakes no reconciler; undefined when no pod is missing. Does not reject.
   */
  async of(
    maker: Maker,
    newestPod: number,
    signal: AbortSignal,
  ): Promise<{ trouble?: Trouble; inMs?: number }> {
    const { uid } = maker.metadata;
    if (!lacksPods(maker)) {
      this.#looked.delete(uid);
      return {};
    }
    const now = this.#clock.monotonic();
    let looked = this.#looked.get(uid);
    if (!looked || looked.nextAt <= now) {
      const times = (looked?.times ?? 0) + 1;
      const found = await this.#list(maker, newestPod, signal).catch(() => looked?.found);
      looked = { times, nextAt: now + exponential(times - 1, lookAgain.base, lookAgain.max), found };
      this.#looked.set(uid, looked);
    }
    return {
      ...(looked.found ? { trouble: looked.found } : {}),
      inMs: Math.max(1, looked.nextAt - now),
    };
  }

  async #list({ metadata }: Maker, newestPod: number, signal: AbortSignal): Promise<Trouble | undefined> {
    const { namespace = '', uid } = metadata;
    const fieldSelector = `involvedObject.uid=${uid},reason=FailedCreate`;
    const { items } = await this.#client.list(eventResource, { namespace, fieldSelector, signal });
    const latest = items
      .map((it) => ({ message: it.message, at: timeOf(it) }))
      .filter(({ at }) => at >= newestPod)
      .sort((a, b) => b.at - a.at);
    return latest[0] && { reason: 'FailedCreate', message: latest[0].message };
  }
}

/** Whether it has fewer pods than it wants. True as well when its controller has not seen it yet. */
function lacksPods({ kind, spec, status = {} }: Maker): boolean {
  if (kind === 'DaemonSet') {
    const { currentNumberScheduled = 0, desiredNumberScheduled = 0 } = status as NonNullable<
      DaemonSet['status']
    >;
    return currentNumberScheduled < desiredNumberScheduled;
  }
  const { replicas = 0 } = status as NonNullable<StatefulSet['status']>;
  return replicas < ((spec as StatefulSet['spec']).replicas ?? 1);
}

interface Timed {
  lastTimestamp?: string;
  eventTime?: string;
  series?: { lastObservedTime?: string };
  metadata: { creationTimestamp: string };
}

const timeOf = ({ series, lastTimestamp, eventTime, metadata }: Timed): number =>
  Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp);
