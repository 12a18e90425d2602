// Settlement: the leader writes the sums of the orders to the goods, and drops the holds that these sums include.
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
  /**
   * Other status fields, computed from the draft that is about to be stored. Must be pure. `overruledTerm`: a higher
   * term that stood in the goods and that the lease never gave (terms.ts).
   */
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
  /** Whether this leader may settle the goods, or must claim them first (terms.ts). */
  standing: Standing;
}

interface Written {
  goods: SpikeGoods;
  standing: Standing;
}

/**
 * Maximum number of times that one write reads the lease because of a foreign term. Somebody may write such terms
 * again and again. Then this settlement fails, and the controller retries it.
 */
const maxLooks = 3;

/** Minimum time between two looks at a hold that is about to lapse. */
const soonestMs = 1000;

export class Settler {
  readonly #options: SettlerOptions;
  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /**
   * Claims many goods together: one list of the orders serves them all. A leader calls it when its term begins. Goods
   * that cannot be claimed do not block others; they are claimed when they are settled. Throws FencedError, or
   * the first error when every claim failed.
   */
  async claimAll(goods: readonly SpikeGoods[]): Promise<void> {
    const { terms, resyncOrders } = this.#options;
    // Examine foreign terms, store the claims, and read the lease once more: another leader may have claimed in
    // between. `take` lets these goods be settled, so list the orders before it.
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
    const allLapsed = [...lapsed, ...(await this.#lapsedLots(goods))];
    if (allLapsed.length > 0) goods = (await this.#drop(key, allLapsed)) ?? goods;
    if (failure) throw failure.reason;
    return { goods, nextMs: this.#msUntilNext(goods) };
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
          // An old copy is good enough when nothing changes, because a settlement is repeated.
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
    let takenAt: number[] = [];
    const written = await this.#submit(key, ({ draft, standing }) => {
      takenAt = [];
      if (standing === 'claims') return draft.set({ ledgerEpoch: terms.epoch });
      const { goods } = draft;
      const { namespace = '', name } = goods.metadata;
      takenAt = timesOfAccounted(draft, books);
      const { goodsId } = goods.spec;
      const totals = books.totals(namespace, name, goodsId);
      const soldTo = (order: string) => books.soldTo(order, namespace, name, goodsId);
      draft.settle(totals, books.isAccounted, terms.epoch, soldTo);
      draft.set(describe(goods, draft.available, terms.overruledIn(goods)));
    });
    if (written?.standing === 'settles') {
      terms.take(written.goods);
      const now = clock.now();
      metrics.settled(
        now,
        takenAt.map((time) => Math.max(0, now - time)),
      );
    }
    return written;
  }

  /**
   * Holds past their limit for which a live read finds no order: it was never stored, and never will be. When a read
   * fails, that hold stays, and the other holds may lapse.
   */
  async #lapsedHolds(goods: SpikeGoods): Promise<{ lapsed: Hold[]; failure?: PromiseRejectedResult }> {
    const { books, clock, holdLimitMs, readOrderUid } = this.#options;
    const { namespace = '' } = goods.metadata;
    // The API server's time is known between two bounds. The replica that took the hold wrote the upper bound, and the
    // leader uses the lower bound. So no hold looks older than it is.
    const now = earliest(clock);
    const old = holdsOf(goods.status).filter(
      (hold) => !isLot(hold) && !books.has(hold.uid) && ageOf(hold, now) >= holdLimitMs,
    );
    const reads = await Promise.allSettled(
      // Do not read an invalid name: there is no such object, and a `/` in it would change the URL.
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
   * Lots that were abandoned so long ago that every order admitted on them is stored, or never will be. None of them
   * lapses while a stored order has no state, because that order may still need its units from the lot.
   */
  async #lapsedLots(goods: SpikeGoods): Promise<Hold[]> {
    const { books, resyncOrders } = this.#options;
    const old = lotsOf(goods.status).filter((lot) => this.#msUntilLotLapses(goods, lot) <= 0);
    if (old.length === 0) return [];
    await resyncOrders();
    const { namespace = '', name } = goods.metadata;
    const hasOrderWithoutState = books.isAwaited(namespace, name, goods.spec.goodsId);
    return hasOrderWithoutState ? [] : old;
  }

  /**
   * Milliseconds until a lot may lapse, unless its replica refreshes it again. By then the lot is abandoned, and every
   * order that was admitted on it is stored or never will be: the replica admits orders for `usedForMs` after the time
   * in the lot, and each is stored within the hold limit.
   */
  #msUntilLotLapses(goods: SpikeGoods, lot: Hold): number {
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
        // The replica may have refreshed the lot since it was judged. Then the lot is in use.
        const lot = isLot(hold) && lotsOf(draft.goods.status).find(({ uid }) => uid === hold.uid);
        if (lot && this.#msUntilLotLapses(draft.goods, lot) > 0) continue;
        if (draft.has(hold.uid)) dropped++;
        draft.drop(hold.uid);
      }
    });
    for (let i = 0; i < dropped; i++) metrics.droppedHold();
    return written?.goods;
  }

  #msUntilNext(goods: SpikeGoods): number | undefined {
    const { clock, holdLimitMs } = this.#options;
    const now = clock.now();
    const first = earliest(clock);
    const waits = holdsOf(goods.status).map((hold) => {
      // The API server's time is unknown now. Its next answer makes it known.
      if (first === Number.NEGATIVE_INFINITY) return soonestMs;
      const wait = isLot(hold) ? this.#msUntilLotLapses(goods, hold) : holdLimitMs - ageOf(hold, first);
      return Math.min(Math.max(wait, soonestMs), holdLimitMs);
    });
    // The time of the next change does not depend on the stock, so assume that one unit is left.
    const unitsLeft = 1;
    const phase = salePhase(goods.spec, unitsLeft, now);
    const phaseEnds = parseTime(phase === 'Scheduled' ? goods.spec.startTime : goods.spec.endTime);
    if (phase !== 'Ended' && phaseEnds !== undefined) waits.push(phaseEnds - now);
    return waits.length > 0 ? Math.min(...waits) : undefined;
  }
}

/** When the holds that this settlement drops were taken, in Unix ms. */
function timesOfAccounted(draft: StockDraft, books: Books): number[] {
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
