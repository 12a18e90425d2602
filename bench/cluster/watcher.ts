// Watches orders in a process of its own and notes when each was first seen and when it was seen Unpaid: both by
// one clock and over one connection, so that what lies between them is the time from stored to accepted.
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import { percentile } from '../figures.ts';
import { answerParent } from '../worker.ts';

export interface WatchOrder {
  kubeconfig: string;
  namespace: string;
}

export interface Seen {
  stored: number;
  accepted: number;
  /** Milliseconds from stored to Unpaid. */
  p50: number;
  p99: number;
  max: number;
  /** Milliseconds between the first and the last order that became Unpaid. */
  acceptedWithinMs: number;
  /** When the first one did, by this machine's monotonic clock (`performance.timeOrigin` + now). */
  firstAt: number;
}

const before = new Set<string>();
const added = new Map<string, number>();
const unpaid = new Map<string, number>();

async function watch({ kubeconfig, namespace }: WatchOrder): Promise<void> {
  const client = createClient(loadConfig({ file: kubeconfig }), { userAgent: 'spikegate-bench' });
  const { items, metadata } = await client.list(SpikeOrder, { namespace });
  // What was there before is not counted.
  for (const { metadata } of items) before.add(metadata.uid);
  await new Promise<void>((resolve, reject) => {
    client
      .watch(SpikeOrder, {
        namespace,
        resourceVersion: metadata.resourceVersion,
        timeoutSeconds: 3600,
        onOpen: resolve,
        onEvent({ type, object }) {
          if (type === 'BOOKMARK') return;
          const now = performance.timeOrigin + performance.now();
          const { uid } = object.metadata;
          if (before.has(uid)) return;
          if (!added.has(uid)) added.set(uid, now);
          if (object.status?.phase === 'Unpaid' && !unpaid.has(uid)) unpaid.set(uid, now);
        },
      })
      .catch(reject);
  });
}

function seen(): Seen {
  const delays = [...unpaid].map(([uid, at]) => at - added.get(uid)!);
  const sorted = Float64Array.from(delays).sort();
  const times = Float64Array.from(unpaid.values()).sort();
  return {
    stored: added.size,
    accepted: unpaid.size,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    max: percentile(sorted, 1),
    acceptedWithinMs: percentile(times, 1) - percentile(times, 0),
    firstAt: percentile(times, 0),
  };
}

answerParent({ watch, seen });
