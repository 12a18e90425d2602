// A crowd: many clients that order at once. Each one waits for its answer before its next order.
import { SpikeOrder } from '../api/spike-order.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isAlreadyExists } from '../kube/errors.ts';

export interface Crowd {
  client: Client;
  namespace: string;
  clients: number;
  orders: number;
  /** Number of the first order; its name is `o` and the number. Default 0. */
  from?: number;
  buyer(index: number): string;
  /** The goodsMap of an order: units by name or id of the goods. */
  goods(index: number): Record<string, number>;
  /** Called after an order of the client was accepted. */
  afterwards?(name: string, index: number): Promise<void>;
  /** Whether webhooks may be unavailable for a while: the client then retries a failed call. */
  isPatient?: boolean;
  /** Milliseconds that a client waits before its next order. */
  pauseMs?: number;
  onAnswer?(result: CrowdResult): void;
  /** When it aborts, no client orders or retries. */
  signal?: AbortSignal;
}

export interface CrowdResult {
  accepted: string[];
  /** Refusals by their stable reason. */
  refused: Record<string, number>;
  /** Orders without a final answer: an outage and no patience, the last retry failed, or the signal aborted. */
  lost: number;
}

/** About 25 s: the pause before a retry is 62 ms on average. */
const maxTries = 400;

export async function crowd(options: Crowd): Promise<CrowdResult> {
  const result: CrowdResult = { accepted: [], refused: {}, lost: 0 };
  const { from = 0 } = options;
  let next = from;
  const runClient = async () => {
    while (next < from + options.orders && !options.signal?.aborted) {
      const index = next++;
      const name = `o${index}`;
      const answer = await order(options, name, index);
      if (answer === 'accepted') {
        result.accepted.push(name);
        await options.afterwards?.(name, index);
      } else if (answer === 'lost') {
        result.lost++;
      } else {
        result.refused[answer] = (result.refused[answer] ?? 0) + 1;
      }
      options.onAnswer?.(result);
      if (options.pauseMs) await new Promise((resolve) => setTimeout(resolve, options.pauseMs));
    }
  };
  await Promise.all(Array.from({ length: options.clients }, runClient));
  return result;
}

async function order(options: Crowd, name: string, index: number): Promise<string> {
  const { client, namespace } = options;
  for (let attempt = 0; attempt < maxTries && !options.signal?.aborted; attempt++) {
    try {
      await client.create(SpikeOrder, {
        apiVersion: SpikeOrder.apiVersion,
        kind: SpikeOrder.kind,
        metadata: { name, namespace },
        spec: { buyerId: options.buyer(index), goodsMap: options.goods(index) },
      });
      return 'accepted';
    } catch (error) {
      // Only this client uses the name. So an earlier attempt was stored, and its answer was lost.
      if (isAlreadyExists(error) && attempt > 0) return 'accepted';
      const isBusy = error instanceof ApiError && error.code === 429;
      const isOutage = !(error instanceof ApiError) || error.code >= 500;
      if (!isBusy && !isOutage) return (error as ApiError).reason;
      if (isOutage && !options.isPatient) return 'lost';
      await new Promise((resolve) => setTimeout(resolve, 25 + Math.random() * 75));
    }
  }
  return 'lost';
}
