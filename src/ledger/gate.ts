// Holds: what admission takes for an order before Kubernetes may store it, on any replica.
import type { Refusal } from '../api/refusals.ts';
import { timestamp } from '../api/sale.ts';
import { joinKey } from '../kube/objects.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Change, GoodsWriter } from './goods-writer.ts';

export interface HoldRequest {
  namespace: string;
  /** metadata.uid of the order: the key of the hold. */
  uid: string;
  order: string;
  /** Goods names and units, in name order. */
  lines: readonly { goods: string; quantity: number }[];
}

export class Gate {
  readonly #writer: GoodsWriter;
  readonly #clock: Clock;

  constructor(options: { writer: GoodsWriter; clock: Clock }) {
    this.#writer = options.writer;
    this.#clock = options.clock;
  }

  /**
   * Holds the stock of a whole order, goods by goods in name order, and gives all of it back when one
   * goods refuses. Idempotent by uid. `deadline` is on `clock.monotonic()` in ms.
   */
  async hold(request: HoldRequest, deadline?: number): Promise<Refusal | undefined> {
    const time = timestamp(this.#clock.now());
    for (const [index, line] of request.lines.entries()) {
      const hold = { uid: request.uid, order: request.order, quantity: line.quantity, time };
      const outcome = await this.#writer.submit(
        joinKey(request.namespace, line.goods),
        (draft) => draft.hold(hold),
        { undo: giveBack(request.uid), ...(deadline === undefined ? {} : { deadline }) },
      );
      if (outcome.refusal) {
        // The answer need not wait for this; a crash before it is stored leaves holds to their time limit.
        void this.release({ ...request, lines: request.lines.slice(0, index) }).catch(() => undefined);
        return outcome.refusal;
      }
    }
    return undefined;
  }

  /** Gives holds back that no stored order will ever use. */
  async release(request: HoldRequest): Promise<void> {
    const keys = request.lines.map((line) => joinKey(request.namespace, line.goods));
    await Promise.all(
      keys.map((key) => this.#writer.submit(key, giveBack(request.uid), { fromStale: true })),
    );
  }
}

const giveBack =
  (uid: string): Change =>
  (draft) => {
    draft.drop(uid);
    return undefined;
  };
