// Orders at a steady rate, whatever happens meanwhile: an open loop, so that a slow answer slows nobody down.
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { World } from './world.ts';

export interface Outcome {
  name: string;
  goods: string;
  error?: { reason?: string; message: string };
  /** Milliseconds since the epoch. */
  sentAt: number;
  answeredAt: number;
}

export class SteadyOrders {
  readonly outcomes: Outcome[] = [];
  readonly #world: Pick<World, 'client'>;
  readonly #namespace: string;
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #began = Date.now();
  #sent = 0;

  /** `goods` and `isPaid` by the number of the order; at once, until `stop`. */
  constructor(
    world: Pick<World, 'client'>,
    namespace: string,
    options: { perSecond: number; goods(index: number): string; isPaid?(index: number): boolean },
  ) {
    this.#world = world;
    this.#namespace = namespace;
    const { perSecond, goods, isPaid = () => false } = options;
    this.#timer = setInterval(() => {
      // By the clock and not by ticks: a busy machine drops ticks, and the rate should stay.
      const due = ((Date.now() - this.#began) / 1000) * perSecond;
      while (this.#sent < due) this.#send(goods(this.#sent), isPaid(this.#sent));
    }, 1000 / perSecond);
  }

  get seconds(): number {
    return (Date.now() - this.#began) / 1000;
  }

  #send(goods: string, isPay: boolean): void {
    const name = `o${this.#sent++}`;
    const sentAt = Date.now();
    const answer = (outcome: Pick<Outcome, 'error'>) =>
      this.outcomes.push({ name, goods, sentAt, answeredAt: Date.now(), ...outcome });
    const sending = this.#world.client
      .create(SpikeOrder, {
        apiVersion: SpikeOrder.apiVersion,
        kind: 'SpikeOrder',
        metadata: { name, namespace: this.#namespace },
        spec: { buyerId: 'buyer1', goodsMap: { [goods]: 1 }, ...(isPay ? { isPay } : {}) },
      })
      .then(
        () => void answer({}),
        (error) => void answer({ error }),
      )
      .finally(() => this.#pending.delete(sending));
    this.#pending.add(sending);
  }

  /** Resolves once every order that was sent has been answered. */
  async stop(): Promise<Outcome[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    return this.outcomes;
  }
}
