// An observer of a crowd, who counts live orders at every instant.
import { isLive } from '../../src/api/sale.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { Client } from '../../src/kube/client.ts';

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
