// Holds: what admission takes for an order before Kubernetes may store it, on any replica.
import { isHeld } from '../api/holds.ts';
import { type Refusal, refuse } from '../api/refusals.ts';
import { type OrderLine, timestamp } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { joinKey, keyOf } from '../kube/objects.ts';
import type { ServerClock } from '../kube/server-time.ts';
import type { Change, GoodsWriter } from './goods-writer.ts';
import type { Lots } from './lots.ts';
import type { StockDraft } from './stock-draft.ts';

export interface HoldRequest {
  namespace: string;
  /** metadata.uid of the order: the key of the hold. */
  uid: string;
  order: string;
  /** In name order. */
  lines: readonly HoldLine[];
  /**
   * The order is stored already; it came past admission. Then nothing is given back here: another leader may
   * have accepted it on the strength of these holds. They go after the order's state, or the order, is gone.
   */
  isStored?: boolean;
  /** With isStored: lots of these goods that its replica, which is gone, may have let it in on. */
  lotsOf?(goods: SpikeGoods): readonly string[];
}

export interface HoldLine {
  /** Name of the goods. */
  goods: string;
  /**
   * uid of the goods that the order was found to mean. An order may name them by id, and the name may be
   * another goods' by now: a hold there would never be seen in the totals.
   */
  uid?: string;
  /** Units. */
  quantity: number;
}

/** The hold that a line of an order needs. */
export const holdLineOf = ({ goods, quantity }: OrderLine): HoldLine => ({
  goods: goods.metadata.name,
  uid: goods.metadata.uid,
  quantity,
});

export class Gate {
  readonly #writer: GoodsWriter;
  readonly #clock: ServerClock;
  readonly #lots: Lots | undefined;

  /** Without `lots` every order waits for the write that holds its stock. */
  constructor(options: { writer: GoodsWriter; clock: ServerClock; lots?: Lots }) {
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#lots = options.lots;
  }

  /**
   * Holds the stock of a whole order, goods by goods in name order, and gives all of it back when one
   * goods refuses (see isStored). Idempotent by uid. `deadline` is on `clock.monotonic()` in ms.
   */
  async hold(request: HoldRequest, deadline?: number): Promise<Refusal | undefined> {
    const time = holdTime(this.#clock);
    if (time === undefined) return timeUnknown;
    for (const [index, line] of request.lines.entries()) {
      const refusal = await this.#take(request, line, time, deadline).catch((error: unknown) => {
        // Nobody knows whether this line was stored: what is stored now must be looked at.
        this.#giveUp({ ...request, lines: request.lines.slice(0, index + 1) }, false);
        throw error;
      });
      if (!refusal) continue;
      this.#giveUp({ ...request, lines: request.lines.slice(0, index) }, true);
      return refusal;
    }
    return undefined;
  }

  async #take(
    request: HoldRequest,
    line: HoldLine,
    time: string,
    deadline: number | undefined,
  ): Promise<Refusal | undefined> {
    const { uid, order, namespace, isStored } = request;
    const hold = { uid, order, quantity: line.quantity, time };
    const key = joinKey(namespace, line.goods);
    if (!isStored && line.uid && this.#lots?.take(key, line.uid, hold)) return undefined;
    const held = (draft: StockDraft) =>
      isStored && draft.assign(hold, request.lotsOf?.(draft.goods) ?? []) ? undefined : draft.hold(hold);
    const { refusal } = await this.#writer.submit(
      key,
      (draft) => (isMeant(line, draft.goods) ? held(draft) : replaced(line)),
      { ...(isStored ? {} : { undo: giveBack(uid) }), ...(deadline === undefined ? {} : { deadline }) },
    );
    return refusal;
  }

  /** Whether units of these goods are held for an order, as far as this process knows. No I/O. */
  hasHold(goods: SpikeGoods, uid: string): boolean {
    return isHeld(goods.status, uid) || (this.#lots?.hasUnnamed(keyOf(goods), uid) ?? false);
  }

  /** The answer need not wait for this; a crash before it is stored leaves holds to their time limit. */
  #giveUp(request: HoldRequest, fromStale: boolean): void {
    if (!request.isStored) void this.release(request, fromStale).catch(() => undefined);
  }

  /** Gives holds back that no stored order will ever use. */
  async release(request: HoldRequest, fromStale = true): Promise<void> {
    const keys = request.lines.map((line) => joinKey(request.namespace, line.goods));
    const stored = keys.filter((key) => !this.#lots?.release(key, request.uid));
    await Promise.all(stored.map((key) => this.#writer.submit(key, giveBack(request.uid), { fromStale })));
  }
}

/**
 * When a hold is taken now: not before it is, by the API server's clock, so that no leader finds it older than it is.
 * Whole seconds: holds of one second share a text (api/holds.ts), and their time limit is many seconds. Undefined
 * while this process does not know the time.
 */
function holdTime(clock: ServerClock): string | undefined {
  const bounds = clock.bounds();
  return bounds && timestamp(Math.ceil(bounds.latest / 1000) * 1000);
}

/** What is told whose order needs the time, when this process does not know it. It has asked the API server. */
export const timeUnknown: Refusal = {
  ...refuse('TooManyRequests', "this replica does not know the API server's time just now; try again"),
  retryAfterSeconds: 1,
};

const isMeant = (line: HoldLine, { metadata }: SpikeGoods): boolean =>
  line.uid === undefined || line.uid === metadata.uid;

/** Whoever tries again a moment later finds the new goods, or none. */
const replaced = ({ goods }: HoldLine): Refusal => ({
  ...refuse('TooManyRequests', `goods ${goods} were replaced by new ones; try again`),
  retryAfterSeconds: 1,
});

const giveBack =
  (uid: string): Change =>
  (draft) => {
    draft.drop(uid);
    return undefined;
  };
