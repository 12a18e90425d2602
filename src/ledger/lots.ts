// Lots: units that this replica holds in its own name while a crowd orders, so that an order can be admitted
// without waiting for a write. A lot counts against the stock like any other hold. First the lot is stored, then
// orders are admitted on it, and a later write assigns them their own holds out of the lot. When the crowd is over, or
// little stock is left, the lot is given back. This file decides when a lot is written; lot-state.ts has its state.
//
// Only the owning replica may take from a lot that is still being refreshed. After a crash the leader gives unassigned
// orders their units from the abandoned lot (order-lifecycle.ts). It returns the rest of the lot when every order that
// was admitted on it is stored or never will be (settler.ts).
import { type Hold, lotPrefix, lotsOf, mostHolds } from '../api/holds.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { ServerClock } from '../kube/server-time.ts';
import type { GoodsWriter } from './goods-writer.ts';
import { holdTime } from './hold-time.ts';
import { LotPace } from './lot-pace.ts';
import { LotState } from './lot-state.ts';
import type { StockDraft } from './stock-draft.ts';

export interface LotSettings {
  /** Minimum demand for a lot: units that orders ask this replica for within half a second. 0: no lots at all. */
  leastDemand: number;
  /** A lot is at most this part of what is available. So with little stock left, every order has its own hold. */
  share: number;
  /**
   * When orders ask for more units than this in the time of one write, the crowd is dense, and the pauses between
   * writes are longer (lot-pace.ts).
   */
  dense: number;
}

export const defaultLots: LotSettings = { leastDemand: 8, share: 1 / 16, dense: 4 };

export interface LotsOptions {
  writer: GoodsWriter;
  clock: ServerClock;
  /** An id of this process. No other process, earlier or later, has the same. */
  replica: string;
  /** The name of the pod, for people who read the goods' status. */
  instance: string;
  settings: LotSettings;
}

/** Maximum number of goods without recent demand that are remembered. */
const maxIdle = 10_000;

interface Lot {
  state: LotState;
  pace: LotPace;
  /** The write in flight. */
  writing: Promise<void> | undefined;
  /** Cancels the timer of the next write. */
  cancelTimer: (() => void) | undefined;
}

/** A Component of runtime/manager.ts. */
export class Lots {
  readonly name = 'lots';
  readonly #options: LotsOptions;
  readonly #lots = new Map<string, Lot>();
  /** Number of abandoned lots. Such a lot never belongs to this replica again, so the next one has another uid. */
  #abandoned = 0;
  #isClosing = false;

  constructor(options: LotsOptions) {
    this.#options = options;
  }

  /**
   * Gives an order units of this replica's lot. True: the units belong to the order at once. False: there is no lot
   * or not enough in it, and the order needs a hold of its own. `goodsUid`: the uid that the order's goods have.
   */
  take(key: string, goodsUid: string, hold: Hold): boolean {
    const { clock, settings } = this.#options;
    if (settings.leastDemand === 0 || this.#isClosing) return false;
    const now = clock.monotonic();
    const lot = this.#lot(key, goodsUid);
    const { state, pace } = lot;
    if (state.goods !== goodsUid) return false;
    // The API server may call the webhook more than once for one order.
    if (state.isUnassigned(hold.uid)) return true;
    // Another request for an order of this name has units of the lot. At most one of the two will be stored, so they
    // share their units. Sharing happens in the goods' status (stock-draft.ts), so this one needs a hold of its own.
    if (state.hasName(hold.order)) return false;
    pace.asked(hold.quantity);
    const isGiven = state.mayGive(hold.quantity, now);
    if (isGiven) state.give(hold);
    // Goods without demand need no lot and no timer.
    if (isGiven || pace.demand >= settings.leastDemand) {
      // Write at once for the first lot, and when the lot is nearly used up. But do so at most every `longestPauseMs`:
      // while no lot is available, each order would cause a write otherwise.
      const isUrgent = now - state.evaluatedAt >= pace.longestPauseMs && !(isGiven && state.hasPlenty);
      this.#writeSoon(key, lot, isUrgent ? 0 : pauseOf(lot));
    }
    return isGiven;
  }

  /** Whether an order could take this number of units from this replica's lot now. */
  has(key: string, units: number): boolean {
    return this.#lots.get(key)?.state.mayGive(units, this.#options.clock.monotonic()) ?? false;
  }

  /** Takes back units of an order that is refused after all. True when no write can have assigned them. */
  release(key: string, uid: string): boolean {
    return this.#lots.get(key)?.state.takeBack(uid) ?? false;
  }

  /** Whether an order was admitted on the lot of these goods and has no stored hold yet. */
  hasUnassigned(key: string, uid: string): boolean {
    return this.#lots.get(key)?.state.isUnassigned(uid) ?? false;
  }

  /** Leaves all lots to the leader, as after a crash. For a restore of etcd, which may have undone their writes. */
  abandonAll(): void {
    for (const { state } of this.#lots.values()) state.abandonHistory(this.#uidAfterAbandoned());
  }

  async start(): Promise<void> {}

  /** Assigns all orders and gives all lots back. */
  async stop(): Promise<void> {
    this.#isClosing = true;
    // The write in flight may still make a lot, and the next write gives it back. Ten rounds are more than any busy
    // goods needs.
    for (let round = 0; round < 10 && this.#lots.size > 0; round++) {
      await Promise.all([...this.#lots].map(([key, lot]) => lot.writing ?? this.#startWrite(key, lot)));
    }
  }

  #lot(key: string, goodsUid: string): Lot {
    let lot = this.#lots.get(key);
    // The order refers to goods of another uid. Either goods were created again under this name, or the cache was old.
    // Replace the lot only when no write of it is in flight or due: a write shows which goods are stored.
    if (lot && lot.state.goods !== goodsUid && !lot.writing && !lot.cancelTimer) lot = undefined;
    if (!lot) {
      if (this.#lots.size >= maxIdle) this.#forgetIdle();
      const { clock, settings } = this.#options;
      lot = {
        state: new LotState(goodsUid, this.#nextUid()),
        pace: new LotPace(clock, settings.dense),
        writing: undefined,
        cancelTimer: undefined,
      };
      this.#lots.set(key, lot);
    }
    return lot;
  }

  #writeSoon(key: string, lot: Lot, ms: number): void {
    if (lot.writing || (lot.cancelTimer && ms > 0)) return;
    lot.cancelTimer?.();
    lot.cancelTimer = this.#options.clock.after(ms, () => {
      lot.cancelTimer = undefined;
      void this.#startWrite(key, lot);
    });
  }

  #forgetIdle(): void {
    for (const [key, lot] of this.#lots) if (!lot.writing && !lot.cancelTimer) this.#lots.delete(key);
  }

  #startWrite(key: string, lot: Lot): Promise<void> {
    lot.cancelTimer?.();
    lot.cancelTimer = undefined;
    lot.writing ??= this.#write(key, lot).finally(() => {
      lot.writing = undefined;
      this.#afterWrite(key, lot);
    });
    return lot.writing;
  }

  async #write(key: string, lot: Lot): Promise<void> {
    const { state, pace } = lot;
    const began = this.#options.clock.monotonic();
    state.beginWrite();
    try {
      const outcome = await this.#options.writer.submit(key, (draft) => this.#evaluate(lot, draft), {
        // An old copy of the goods is good enough when nothing changes, because the write is repeated.
        fromStale: true,
      });
      // Too many conflicts: the goods are still there. The only other refusal says that they are gone.
      if (outcome.refusal?.reason === 'TooManyRequests') state.failed();
      else if (outcome.refusal || outcome.goods.metadata.uid !== state.goods) {
        state.gone();
        pace.forget();
      } else state.stored(unitsOf(outcome.goods, state.uid));
    } catch {
      // Nobody knows whether it was stored. The next write reads what is there.
      state.failed();
    }
    pace.wrote(this.#options.clock.monotonic() - began);
  }

  #afterWrite(key: string, lot: Lot): void {
    const hasDemand = !this.#isClosing && lot.pace.demand > 0;
    if (!lot.state.isEmpty || lot.state.isInDoubt || hasDemand) this.#writeSoon(key, lot, pauseOf(lot));
    else if (this.#lots.get(key) === lot) this.#lots.delete(key);
  }

  /** What a write does to the stored goods. Evaluated again from the start after every conflict. */
  #evaluate({ state, pace }: Lot, draft: StockDraft): undefined {
    if (draft.goods.metadata.uid !== state.goods) return undefined;
    const { clock, instance } = this.#options;
    const now = clock.monotonic();
    if (state.mustAbandon(now)) state.abandon(this.#uidAfterAbandoned());
    const rest = state.assign(draft);
    // While the API server's time is unknown, `time` is undefined and the lot keeps its old time. The leader counts
    // from that time and may let the lot lapse soon, so the lot has no free units then (`resize`).
    state.resize(draft, { now, time: holdTime(clock), instance, size: this.#size(pace, draft, rest) });
    return undefined;
  }

  /** Units that the lot should have. 0: no lot. `rest`: units that are in it already. */
  #size({ demand, units }: LotPace, draft: StockDraft, rest: number): number {
    const { settings } = this.#options;
    const largest = Math.floor((draft.available + rest) * settings.share);
    // With more demand than the largest lot has units, stock is short: every order gets a hold of its own.
    const isCrowd = demand >= settings.leastDemand && demand <= largest;
    const holds = draft.size;
    if (this.#isClosing || !isCrowd || holds > mostHolds * 0.9) return 0;
    return Math.min(largest, units);
  }

  #uidAfterAbandoned(): string {
    this.#abandoned++;
    return this.#nextUid();
  }

  #nextUid(): string {
    const uid = `${lotPrefix}${this.#options.replica}`;
    return this.#abandoned > 0 ? `${uid}-${this.#abandoned}` : uid;
  }
}

const unitsOf = ({ status }: SpikeGoods, uid: string): number =>
  lotsOf(status).find((lot) => lot.uid === uid)?.quantity ?? 0;

/**
 * Milliseconds until the next write. After a write that may have failed, and while there is no lot, it is always
 * `longestPauseMs`: a shorter pause than in a dense crowd, and the longest one in any other crowd.
 */
const pauseOf = ({ state, pace }: Lot): number =>
  state.isInDoubt || state.isEmpty ? pace.longestPauseMs : pace.pauseMs;
