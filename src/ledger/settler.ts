// Settlement: the leader writes what the orders add up to, and drops the holds that are done with.
//
// Why a new leader may not simply start: a leader it does not know to be dead may have accepted an order
// and dropped its hold after the new one listed the orders, and then the stock of that order would be in
// nobody's sum. So the first write to a goods only *claims* it (raises ledgerEpoch, by compare-and-swap);
// from then on the old leader cannot drop a hold. Orders listed after the claim show all it ever accepted.
import { type Hold, holdsOf, isLot } from '../api/holds.ts';
import { isObjectName } from '../api/identity.ts';
import { RefusedError } from '../api/refusals.ts';
import { parseTime, salePhase } from '../api/sale.ts';
import type { SpikeGoods, SpikeGoodsStatus } from '../api/spike-goods.ts';
import { keyOf } from '../kube/objects.ts';
import { earliest, type ServerClock } from '../kube/server-time.ts';
import type { Books } from './books.ts';
import type { GoodsWriter, Outcome } from './goods-writer.ts';
import type { LotWatch } from './lot-watch.ts';
import type { LedgerMetrics } from './ports.ts';
import type { StockDraft } from './stock-draft.ts';

/** Another leader, of a later term, has written: this one must stop. */
export class FencedError extends Error {
  constructor(key: string, mine: number, theirs: number) {
    super(`${key} was settled by leader term ${theirs}, this is term ${mine}`);
    this.name = 'FencedError';
  }
}

export interface SettlerOptions {
  writer: GoodsWriter;
  books: Books;
  /** Term of this leader: higher than every earlier one. */
  epoch: number;
  /** Lists all orders anew, with a consistent read, into the cache that feeds `books`. */
  resyncOrders(): Promise<void>;
  /** Live read: the uid of the order of that name, undefined when there is none. */
  readOrderUid(namespace: string, name: string): Promise<string | undefined>;
  /** How long a hold may wait for its order to be stored: longer than a request to the API server can take. */
  holdLimitMs: number;
  lots: LotWatch;
  clock: ServerClock;
  metrics: LedgerMetrics;
  /** Further status fields for this revision, from what is about to be stored; must be pure. */
  describe(goods: SpikeGoods, available: number): Partial<SpikeGoodsStatus>;
}

export interface Settlement {
  /** As stored now; undefined when the goods is gone. */
  goods: SpikeGoods | undefined;
  /** Milliseconds until a hold or the sale itself changes by the clock alone. */
  nextMs: number | undefined;
}

export class Settler {
  readonly #options: SettlerOptions;
  /** uids of goods claimed in this term, with the orders listed since. */
  readonly #mine = new Set<string>();

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Claims many goods with a single list of the orders: what a leader does first. */
  async claimAll(goods: readonly SpikeGoods[]): Promise<void> {
    const claimed = await Promise.all(goods.map((item) => this.#claim(keyOf(item))));
    await this.#options.resyncOrders();
    for (const item of claimed) if (item) this.#mine.add(item.metadata.uid);
  }

  /** Brings counters and holds of one goods in line with the orders. Throws FencedError. */
  async settle(key: string): Promise<Settlement> {
    let goods = await this.#write(key);
    if (goods && !this.#mine.has(goods.metadata.uid)) {
      // The write was a claim only.
      await this.#options.resyncOrders();
      this.#mine.add(goods.metadata.uid);
      goods = await this.#write(key);
    }
    if (!goods) return { goods: undefined, nextMs: undefined };
    const { lapsed, failure } = await this.#lapsedHolds(goods);
    const done = [...lapsed, ...(await this.#lapsedLots(goods))];
    if (done.length > 0) goods = (await this.#drop(key, done)) ?? goods;
    if (failure) throw failure.reason;
    return { goods, nextMs: this.#next(goods) };
  }

  async #claim(key: string): Promise<SpikeGoods | undefined> {
    const { writer, epoch } = this.#options;
    const outcome = await writer.submit(
      key,
      (draft) => {
        checkTerm(key, draft, epoch);
        draft.set({ ledgerEpoch: epoch });
        return undefined;
      },
      { fromStale: true },
    );
    return stored(outcome);
  }

  async #write(key: string): Promise<SpikeGoods | undefined> {
    const { writer, books, epoch, describe, metrics, clock } = this.#options;
    let settles = false;
    let since: number[] = [];
    const outcome = await writer.submit(
      key,
      (draft) => {
        checkTerm(key, draft, epoch);
        const { uid, namespace = '', name } = draft.goods.metadata;
        // Nobody ever dropped a hold of goods without a term, so there is nothing to miss.
        settles = draft.epoch === 0 || this.#mine.has(uid);
        if (!settles) {
          draft.set({ ledgerEpoch: epoch });
          return undefined;
        }
        since = settledTimes(draft, books);
        draft.settle(books.totals(namespace, name, draft.goods.spec.goodsId), books.isAccounted, epoch);
        draft.set(describe(draft.goods, draft.available));
        return undefined;
      },
      { fromStale: true },
    );
    const goods = stored(outcome);
    if (goods && settles) {
      this.#mine.add(goods.metadata.uid);
      const now = clock.now();
      metrics.settled(
        now,
        since.map((time) => Math.max(0, now - time)),
      );
    }
    return goods;
  }

  /**
   * Holds past their limit whose order a live read does not find: it was never stored, and never will be. A read that
   * fails keeps its own hold, and no other.
   */
  async #lapsedHolds(goods: SpikeGoods): Promise<{ lapsed: Hold[]; failure?: PromiseRejectedResult }> {
    const { books, clock, holdLimitMs, readOrderUid } = this.#options;
    const { namespace = '' } = goods.metadata;
    // Who took it dated it by the latest time that it could be; who drops it goes by the earliest.
    const now = earliest(clock);
    const old = holdsOf(goods.status).filter(
      (hold) => !isLot(hold) && !books.has(hold.uid) && ageOf(hold, now) >= holdLimitMs,
    );
    const reads = await Promise.allSettled(
      // No object can have another name, and a read of one could leave the path of the orders.
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
   * Lots whose replica is gone, and so long that every order it let in is stored, or never will be. One that is
   * stored and has no state yet takes its units out of the lot first.
   */
  async #lapsedLots(goods: SpikeGoods): Promise<Hold[]> {
    const { books, holdLimitMs, lots, resyncOrders } = this.#options;
    const old = holdsOf(goods.status).filter(
      (hold) => isLot(hold) && lots.ageOf(goods, hold.uid) >= holdLimitMs,
    );
    if (old.length === 0) return [];
    await resyncOrders();
    const { namespace = '', name } = goods.metadata;
    return books.isAwaited(namespace, name, goods.spec.goodsId) ? [] : old;
  }

  async #drop(key: string, holds: readonly Hold[]): Promise<SpikeGoods | undefined> {
    const { writer, epoch, metrics, lots, holdLimitMs } = this.#options;
    const outcome = await writer.submit(
      key,
      (draft) => {
        checkTerm(key, draft, epoch);
        for (const hold of holds) {
          // What was looked at may have been an old copy: a lot that its replica has refreshed since is in use.
          if (isLot(hold) && lots.ageOf(draft.goods, hold.uid) < holdLimitMs) continue;
          draft.drop(hold.uid);
        }
        return undefined;
      },
      { fromStale: true },
    );
    for (const _ of holds) metrics.droppedHold();
    return stored(outcome);
  }

  #next(goods: SpikeGoods): number | undefined {
    const { clock, holdLimitMs } = this.#options;
    const now = clock.now();
    const [first, longest] = [earliest(clock), holdLimitMs];
    const waits = holdsOf(goods.status).map((hold) => {
      const age = isLot(hold) ? this.#options.lots.ageOf(goods, hold.uid) : ageOf(hold, first);
      return Math.min(Math.max(holdLimitMs - age, 1000), longest);
    });
    const phase = salePhase(goods.spec, 1, now);
    const turn = parseTime(phase === 'Scheduled' ? goods.spec.startTime : goods.spec.endTime);
    if (phase !== 'Ended' && turn !== undefined) waits.push(turn - now);
    return waits.length > 0 ? Math.min(...waits) : undefined;
  }
}

/** When the holds were taken that a settlement takes over, in epoch ms. */
function settledTimes(draft: StockDraft, books: Books): number[] {
  const times: number[] = [];
  for (const { uid, time } of draft.holds()) {
    if (books.isAccounted(uid)) times.push(parseTime(time) ?? 0);
  }
  return times;
}

const ageOf = (hold: Hold, now: number): number => now - (parseTime(hold.time) ?? 0);

/** The stored goods, undefined when it is gone; a change that lost too many races is thrown, to be retried. */
function stored(outcome: Outcome): SpikeGoods | undefined {
  if (!outcome.refusal) return outcome.goods;
  if (outcome.refusal.reason === 'GoodsNotFound') return undefined;
  throw new RefusedError(outcome.refusal);
}

function checkTerm(key: string, draft: StockDraft, mine: number): void {
  if (draft.epoch > mine) throw new FencedError(key, mine, draft.epoch);
}
