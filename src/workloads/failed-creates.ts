// Finds out why a StatefulSet or a DaemonSet makes no pods (a quota, an admission webhook, a name that is too
// long). A Deployment says so in its status, but for these kinds only events say it. While pods are missing, this file
// lists the events, at growing intervals. Knows no owner's kind.
import type { Client } from '../kube/client.ts';
import { eventResource } from '../kube/events.ts';
import { exponential } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DaemonSet, StatefulSet } from './child-kinds.ts';

type PodMaker = StatefulSet | DaemonSet;
type Trouble = { reason: string; message: string };

/** Milliseconds between two lists of events for one object. */
const listInterval = { base: 1000, max: 60_000 };

/** The lists of events for one object so far. */
interface Search {
  lists: number;
  /** On clock.monotonic(). */
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
  readonly #searches = new Map<string, Search>();

  constructor({ client, clock }: FailedCreatesOptions) {
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * `newestPod`: when the newest of its pods was made, in epoch ms. Failures before that no longer matter. `inMs`: time
   * until the caller must ask again, because an event does not wake the reconciler; undefined when no pod is missing.
   * Does not reject.
   */
  async of(
    maker: PodMaker,
    newestPod: number,
    signal: AbortSignal,
  ): Promise<{ trouble?: Trouble; inMs?: number }> {
    const { uid } = maker.metadata;
    if (!lacksPods(maker)) {
      this.#searches.delete(uid);
      return {};
    }
    const now = this.#clock.monotonic();
    let search = this.#searches.get(uid);
    if (!search || search.nextAt <= now) {
      const lists = (search?.lists ?? 0) + 1;
      const found = await this.#list(maker, newestPod, signal).catch(() => search?.found);
      search = { lists, nextAt: now + exponential(lists - 1, listInterval.base, listInterval.max), found };
      this.#searches.set(uid, search);
    }
    return {
      ...(search.found ? { trouble: search.found } : {}),
      inMs: Math.max(1, search.nextAt - now),
    };
  }

  async #list({ metadata }: PodMaker, newestPod: number, signal: AbortSignal): Promise<Trouble | undefined> {
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

/** Whether pods are missing. Also true for a StatefulSet that its controller has not seen yet. */
function lacksPods({ kind, spec, status = {} }: PodMaker): boolean {
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
