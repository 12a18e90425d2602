// Settlement: the leader writes the sums of the orders to the goods, and drops the holds that are done.
//
// A new leader must claim goods first. The old leader may still run. After the new leader has listed the orders,
// the old one could accept an order and drop its hold; the stock of that order would be in nobody's sum. So the
// first write to goods only *claims* them: it raises ledgerEpoch by compare-and-swap. From then on the old leader
// cannot drop a hold, and a list of the orders after the claim shows everything it ever accepted.
import { type Hold, holdsOf, isLot, lotsOf } from '../api/holds.ts';
import { isObjectName } from '../api/identity.ts';
import { RefusedError } from '../api/refusals.ts';
import { parseTime, salePhase } from '../api/sale.ts';
import type { SpikeGoods, SpikeGoodsStatus } from '../api/spike-goods.ts';
import { keyOf } from '../kube/objects.ts';
import { earliest, type ServerClock } from '../kube/server-time.ts';
import type { Books } from './books.ts';
import type { GoodsWriter, Outcome } from './goods-writer.ts';
import { usedForMs } from './lot-state.ts';
import { abandonedAfterMs, type LotWatch } from './lot-watch.ts';
import type { LedgerMetrics } from './ports.ts';
import type { StockDraft } from './stock-draft.ts';
import { FencedError, ForeignTermError, type Standing, type Terms } from './terms.ts';

export interface SettlerOptions {
  writer: GoodsWriter;
  books: Books;
  terms: Terms;
  /** Lists all orders again, by a consistent read, into the cache that feeds `books`. */
  resyncOrders(): Promise<void>;
  /** A live read: the uid of the order with that name. Undefined when there is none. */
  readOrderUid(namespace: string, name: string): Promise<string | undefined>;
  /** Age at which a hold without a stored order may lapse: no request takes longer to be stored (docs/ledger.md). */
  holdLimitMs: number;
  lots: LotWatch;
  clock: ServerClock;
  metrics: LedgerMetrics;
  /** Other status fields, computed from the draft that is about to be stored. Must be pure. */
  describe(
    goods: SpikeGoods,
    available: number,
    overruledTerm: number | undefined,
  ): Partial<SpikeGoodsStatus>;
}

export interface Settlement {
  /** As stored now. Undefined when the goods were deleted. */
  goods: SpikeGoods | undefined;
  /** Milliseconds until a hold lapses or the phase of the sale changes by time alone. */
  nextMs: number | undefined;
}

interface Evaluated {
  draft: StockDraft;
  standing: Standing;
}

interface Written {
  goods: SpikeGoods;
  standing: Standing;
}

/** When somebody writes foreign terms as fast as this leader examines them, the next settlement goes on. */
const maxLooks = 3;

/** Minimum time between two looks at a hold that is about to lapse. */
const soonestMs = 1000;

export class Settler {
  readonly #options: SettlerOptions;
  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /**
   * Claims many goods with a single read of the lease and a single list of the orders, which a leader does first.
   * Goods that cannot be claimed do not block others; they are claimed when they are settled. Throws FencedError,
   * or the last error when every claim failed.
   */
  async claimAll(goods: readonly SpikeGoods[]): Promise<void> {
    const { terms, resyncOrders } = this.#options;
    await terms.lookInto(goods);
    const claims = await Promise.allSettled(
      goods.map((item) => this.#submit(keyOf(item), ({ draft }) => draft.set({ ledgerEpoch: terms.epoch }))),
    );
    const failed = claims.filter((claim) => claim.status === 'rejected').map(({ reason }) => reason as Error);
    const fenced = failed.find((error) => error instanceof FencedError);
    if (fenced || (failed.length > 0 && failed.length === goods.length)) throw fenced ?? failed[0];
    const claimed = claims.flatMap((claim) =>
      claim.status === 'fulfilled' && claim.value ? [claim.value.goods] : [],
    );
    await terms.confirm(claimed);
    await resyncOrders();
    for (const item of claimed) terms.take(item);
  }

  /** Settles one goods: counters and holds. Throws FencedError. */
  async settle(key: string): Promise<Settlement> {
    const { terms, resyncOrders } = this.#options;
    let written = await this.#write(key);
    if (written?.standing === 'claims') {
      await terms.confirm([written.goods]);
      await resyncOrders();
      terms.take(written.goods);
      written = await this.#write(key);
    }
    let goods = written?.goods;
    if (!goods) return { goods: undefined, nextMs: undefined };
    const { lapsed, failure } = await this.#lapsedHolds(goods);
    const done = [...lapsed, ...(await this.#lapsedLots(goods))];
    if (done.length > 0) goods = (await this.#drop(key, done)) ?? goods;
    if (failure) throw failure.reason;
    return { goods, nextMs: this.#next(goods) };
  }

  /** One write of goods by a leader that may write them. Undefined when the goods are gone. */
  async #submit(key: string, change: (evaluated: Evaluated) => void): Promise<Written | undefined> {
    const { writer, terms } = this.#options;
    for (let looks = 0; ; looks++) {
      let standing: Standing = 'claims';
      try {
        const outcome = await writer.submit(
          key,
          (draft) => {
            standing = terms.standing(draft.goods);
            change({ draft, standing });
            return undefined;
          },
          { fromStale: true },
        );
        const goods = stored(outcome);
        if (goods && standing === 'claims') terms.claimed(goods);
        return goods && { goods, standing };
      } catch (error) {
        if (!(error instanceof ForeignTermError) || looks === maxLooks) throw error;
        await terms.lookInto([error.goods]);
      }
    }
  }

  async #write(key: string): Promise<Written | undefined> {
    const { books, terms, describe, metrics, clock } = this.#options;
    let since: number[] = [];
    const written = await this.#submit(key, ({ draft, standing }) => {
      since = [];
      if (standing === 'claims') return draft.set({ ledgerEpoch: terms.epoch });
      const { goods } = draft;
      const { namespace = '', name } = goods.metadata;
      since = settledTimes(draft, books);
      const { goodsId } = goods.spec;
      draft.settle(books.totals(namespace, name, goodsId), books.isAccounted, terms.epoch, (order) =>
        books.soldTo(order, namespace, name, goodsId),
      );
      draft.set(describe(goods, draft.available, terms.overruledIn(goods)));
    });
    if (written?.standing === 'settles') {
      terms.take(written.goods);
      const now = clock.now();
      metrics.settled(
        now,
        since.map((time) => Math.max(0, now - time)),
      );
    }
    return written;
  }

  /**
   * Holds past their limit for which a live read finds no order: it was never stored, and never will be. A read
   * that fails keeps its own hold, and no other.
   */
  async #lapsedHolds(goods: SpikeGoods): Promise<{ lapsed: Hold[]; failure?: PromiseRejectedResult }> {
    const { books, clock, holdLimitMs, readOrderUid } = this.#options;
    const { namespace = '' } = goods.metadata;
    // The taker dated the hold by the latest time that it could be. The leader judges by the earliest.
    const now = earliest(clock);
    const old = holdsOf(goods.status).filter(
      (hold) => !isLot(hold) && !books.has(hold.uid) && ageOf(hold, now) >= holdLimitMs,
    );
    const reads = await Promise.allSettled(
      // No object has such a name, and reading it could leave the path of the orders.
      old.map(async ({ order }) => (isObjectName(order) ? readOrderUid(namespace, order) : undefined)),
    );
    const lapsed = old.filter((hold, index) => {
      const read = reads[index];
      return read?.status === 'fulfilled' && read.value !== hold.uid;
    });
    const failure = reads.find((read) => read.status === 'rejected');
    return failure ? { lapsed, failure } : { lapsed };
  }

  /**
   * Lots that were abandoned so long ago that every order admitted on them is stored, or never will be. A stored
   * order without a state takes its units out of the lot first.
   */
  async #lapsedLots(goods: SpikeGoods): Promise<Hold[]> {
    const { books, resyncOrders } = this.#options;
    const old = lotsOf(goods.status).filter((lot) => this.#untilOver(goods, lot) <= 0);
    if (old.length === 0) return [];
    await resyncOrders();
    const { namespace = '', name } = goods.metadata;
    return books.isAwaited(namespace, name, goods.spec.goodsId) ? [] : old;
  }

  /**
   * Milliseconds until whatever was admitted on a lot is stored or never will be, if its replica is gone. The replica dated
   * the lot when it wrote it last, and admits on it for `usedForMs` after that.
   */
  #untilOver(goods: SpikeGoods, lot: Hold): number {
    const { clock, holdLimitMs, lots } = this.#options;
    return Math.max(
      abandonedAfterMs - lots.ageOf(goods, lot.uid),
      holdLimitMs + usedForMs - ageOf(lot, earliest(clock)),
    );
  }

  async #drop(key: string, holds: readonly Hold[]): Promise<SpikeGoods | undefined> {
    const { metrics } = this.#options;
    let dropped = 0;
    const written = await this.#submit(key, ({ draft, standing }) => {
      // The change runs again after each conflict. Only the last run is stored.
      dropped = 0;
      if (standing === 'claims') return draft.set({ ledgerEpoch: this.#options.terms.epoch });
      for (const hold of holds) {
        // The copy may have been old: a lot that its replica has refreshed since is in use.
        const lot = isLot(hold) && lotsOf(draft.goods.status).find(({ uid }) => uid === hold.uid);
        if (lot && this.#untilOver(draft.goods, lot) > 0) continue;
        if (draft.has(hold.uid)) dropped++;
        draft.drop(hold.uid);
      }
    });
    for (let i = 0; i < dropped; i++) metrics.droppedHold();
    return written?.goods;
  }

  #next(goods: SpikeGoods): number | undefined {
    const { clock, holdLimitMs } = this.#options;
    const now = clock.now();
    const first = earliest(clock);
    const waits = holdsOf(goods.status).map((hold) => {
      // The time is unknown now, and will be known shortly.
      if (first === Number.NEGATIVE_INFINITY) return soonestMs;
      const wait = isLot(hold) ? this.#untilOver(goods, hold) : holdLimitMs - ageOf(hold, first);
      return Math.min(Math.max(wait, soonestMs), holdLimitMs);
    });
    const phase = salePhase(goods.spec, 1, now);
    const turn = parseTime(phase === 'Scheduled' ? goods.spec.startTime : goods.spec.endTime);
    if (phase !== 'Ended' && turn !== undefined) waits.push(turn - now);
    return waits.length > 0 ? Math.min(...waits) : undefined;
  }
}

/** When the holds that this settlement drops were taken, in epoch ms. */
function settledTimes(draft: StockDraft, books: Books): number[] {
  const times: number[] = [];
  for (const { uid, time } of draft.holds()) {
    if (books.isAccounted(uid)) times.push(parseTime(time) ?? 0);
  }
  return times;
}

const ageOf = (hold: Hold, now: number): number => now - (parseTime(hold.time) ?? 0);

/**
 * The stored goods, or undefined when they are gone. Throws after too many conflicts, so that the controller
 * retries.
 */
function stored(outcome: Outcome): SpikeGoods | undefined {
  if (!outcome.refusal) return outcome.goods;
  if (outcome.refusal.reason === 'GoodsNotFound') return undefined;
  throw new RefusedError(outcome.refusal);
}
