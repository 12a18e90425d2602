// A crowd: many clients that order at once, and an observer who counts live orders at every instant.
import { isLive } from '../../src/api/sale.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { Client } from '../../src/kube/client.ts';
import { ApiError, isAlreadyExists } from '../../src/kube/errors.ts';

export interface CrowdResult {
  accepted: string[];
  /** Refusals by their stable reason. */
  refused: Record<string, number>;
  /** Orders that never got an answer, in spite of all retries. */
  lost: number;
}

export interface Crowd {
  client: Client;
  namespace: string;
  clients: number;
  orders: number;
  goods(index: number): Record<string, number>;
  /** What a client does after its order was accepted. */
  afterwards?(name: string, index: number): Promise<void>;
  /** Whether webhooks may be away for a while: then a failed call is made again. */
  patient?: boolean;
}

const mostTries = 400;

/** `orders` orders from `clients` concurrent clients, each waiting for its answer before its next order. */
export async function crowd(options: Crowd): Promise<CrowdResult> {
  const result: CrowdResult = { accepted: [], refused: {}, lost: 0 };
  let next = 0;
  const client = async () => {
    while (next < options.orders) {
      const index = next++;
      const name = `o${index}`;
      const answer = await order(options, name, index);
      if (answer === 'accepted') {
        result.accepted.push(name);
        await options.afterwards?.(name, index);
      } else if (answer === 'lost') result.lost++;
      else result.refused[answer] = (result.refused[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: options.clients }, client));
  return result;
}

async function order(options: Crowd, name: string, index: number): Promise<string> {
  const { client, namespace, goods, patient } = options;
  for (let attempt = 0; attempt < mostTries; attempt++) {
    try {
      await client.create(SpikeOrder, {
        apiVersion: SpikeOrder.apiVersion,
        kind: 'SpikeOrder',
        metadata: { name, namespace },
        spec: { buyerId: 'buyer1', goodsMap: goods(index) },
      });
      return 'accepted';
    } catch (error) {
      // The name is this client's own: a try whose answer got lost has been stored.
      if (isAlreadyExists(error) && attempt > 0) return 'accepted';
      const again = !(error instanceof ApiError) || error.code === 429 || error.code >= 500;
      if (!again) return error.reason;
      if (!patient && !(error instanceof ApiError && error.code === 429)) return 'lost';
      await new Promise((resolve) => setTimeout(resolve, 25 + Math.random() * 75));
    }
  }
  return 'lost';
}

/** Follows every order of a namespace and remembers the most units that live orders ever had, by goods. */
export class Observer {
  readonly most = new Map<string, number>();
  readonly #live = new Map<string, SpikeOrder>();
  readonly #abort = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #ended: unknown;

  static async start(client: Client, namespace: string): Promise<Observer> {
    const observer = new Observer();
    const { items, metadata } = await client.list(SpikeOrder, { namespace });
    for (const item of items) observer.#see('ADDED', item);
    observer.#watching = client
      .watch(SpikeOrder, {
        namespace,
        resourceVersion: metadata.resourceVersion,
        timeoutSeconds: 600,
        signal: observer.#abort.signal,
        onEvent(event) {
          if (event.type !== 'BOOKMARK') observer.#see(event.type, event.object);
        },
      })
      .catch((error) => {
        observer.#ended = error;
      });
    return observer;
  }

  #see(type: string, order: SpikeOrder): void {
    const { uid } = order.metadata;
    if (type === 'DELETED' || !isLive(order)) this.#live.delete(uid);
    else this.#live.set(uid, order);
    const units = new Map<string, number>();
    for (const live of this.#live.values()) {
      for (const [goods, quantity] of Object.entries(live.spec.goodsMap)) {
        units.set(goods, (units.get(goods) ?? 0) + quantity);
      }
    }
    for (const [goods, count] of units) this.most.set(goods, Math.max(count, this.most.get(goods) ?? 0));
  }

  /** Ends the watch; throws when it had ended before, since then something was not seen. */
  async stop(): Promise<Map<string, number>> {
    if (this.#ended) throw this.#ended;
    this.#abort.abort();
    await this.#watching;
    return this.most;
  }
}
