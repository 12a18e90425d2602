// Lots: units that this replica holds in its own name while a crowd orders, so that an order can be admitted
// without waiting for a write. A lot counts against the stock like any other hold. First the lot is stored, then
// orders are admitted on it, and a later write assigns them their own holds out of the lot. When the crowd is over, or
// little stock is left, the lot is given back. What a lot is at any moment: lot-state.ts. Here is when it is written.
//
// Only the owning replica may take from a lot that is still being refreshed. After a crash the leader gives unassigned
// orders their units from the abandoned lot (order-lifecycle.ts), and returns the rest when its time is up
// (settler.ts).
import { type Hold, lotPrefix, lotsOf, mostHolds } from '../api/holds.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { ServerClock } from '../kube/server-time.ts';
import type { GoodsWriter } from './goods-writer.ts';
import { holdTime } from './hold-time.ts';
import { LotPace } from './lot-pace.ts';
import { LotState } from './lot-state.ts';
import type { StockDraft } from './stock-draft.ts';

export interface LotSettings {
  /** Units that this replica must be asked for within half a second; fewer are no crowd. 0: no lots at all. */
  leastDemand: number;
  /** A lot is at most this part of what is available: with little stock left, every unit is held by name. */
  share: number;
  /**
   * With more demand than this during one write, the crowd is dense, and writes are further apart (lot-pace.ts).
   */
  dense: number;
}

export const defaultLots: LotSettings = { leastDemand: 8, share: 1 / 16, dense: 4 };

export interface LotsOptions {
  writer: GoodsWriter;
  clock: ServerClock;
  /** An id of this process. No other process, earlier or later, has the same. */
  replica: string;
  /** The name that people know: that of the pod. */
  instance: string;
  settings: LotSettings;
}

/** Maximum number of goods without recent demand that are remembered. */
const maxIdle = 10_000;

interface Lot {
  state: LotState;
  pace: LotPace;
  /** The write in flight. */
  syncing: Promise<void> | undefined;
  /** Cancels the next one. */
  cancel: (() => void) | undefined;
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
   * or not enough in it, and the order needs a hold of its own. `goods`: the uid of the goods with that key.
   */
  take(key: string, goods: string, hold: Hold): boolean {
    const { clock, settings } = this.#options;
    if (settings.leastDemand === 0 || this.#isClosing) return false;
    const now = clock.monotonic();
    const lot = this.#lot(key, goods);
    const { state, pace } = lot;
    if (state.goods !== goods) return false;
    if (state.isUnassigned(hold.uid)) return true;
    // Another request of this name is in the lot. The write lets the two share their units.
    if (state.hasName(hold.order)) return false;
    pace.asked(hold.quantity);
    const isGiven = state.mayGive(hold.quantity, now);
    if (isGiven) state.give(hold);
    // Goods without demand need no lot and no timer.
    if (isGiven || pace.demand >= settings.leastDemand) {
      // Write at once for the first lot, and when the lot is nearly used up. When there is none to be had, not
      // every order asks again.
      const isLate = now - state.evaluatedAt >= pace.longestPauseMs && !(isGiven && state.hasPlenty);
      this.#syncSoon(key, lot, isLate ? 0 : pauseOf(lot));
    }
    return isGiven;
  }

  /** Whether this replica's lot has so many units to give away now. */
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

  /** Leaves all lots to the leader, as after a crash: what they rest on never was. */
  abandonAll(): void {
    for (const { state } of this.#lots.values()) state.abandonHistory(this.#uidAfterAbandoned());
  }

  async start(): Promise<void> {}

  /** Assigns all orders and gives all lots back. */
  async stop(): Promise<void> {
    this.#isClosing = true;
    // The write in flight may still request a lot; the write after it gives that back. Ten rounds are more than any
    // busy goods needs.
    for (let round = 0; round < 10 && this.#lots.size > 0; round++) {
      await Promise.all([...this.#lots].map(([key, lot]) => lot.syncing ?? this.#sync(key, lot)));
    }
  }

  #lot(key: string, goods: string): Lot {
    let lot = this.#lots.get(key);
    // The order means goods of another uid: the goods were made anew, or our cache is old. While this lot still has
    // something, its next write finds out which.
    if (lot && lot.state.goods !== goods && !lot.syncing && !lot.cancel) lot = undefined;
    if (!lot) {
      if (this.#lots.size >= maxIdle) this.#forgetIdle();
      const { clock, settings } = this.#options;
      lot = {
        state: new LotState(goods, this.#nextUid()),
        pace: new LotPace(clock, settings.dense),
        syncing: undefined,
        cancel: undefined,
      };
      this.#lots.set(key, lot);
    }
    return lot;
  }

  #syncSoon(key: string, lot: Lot, ms: number): void {
    if (lot.syncing || (lot.cancel && ms > 0)) return;
    lot.cancel?.();
    lot.cancel = this.#options.clock.after(ms, () => {
      lot.cancel = undefined;
      void this.#sync(key, lot);
    });
  }

  #forgetIdle(): void {
    for (const [key, lot] of this.#lots) if (!lot.syncing && !lot.cancel) this.#lots.delete(key);
  }

  #sync(key: string, lot: Lot): Promise<void> {
    lot.cancel?.();
    lot.cancel = undefined;
    lot.syncing ??= this.#write(key, lot).finally(() => {
      lot.syncing = undefined;
      this.#next(key, lot);
    });
    return lot.syncing;
  }

  async #write(key: string, lot: Lot): Promise<void> {
    const { state, pace } = lot;
    const began = this.#options.clock.monotonic();
    state.beginWrite();
    try {
      const outcome = await this.#options.writer.submit(key, (draft) => this.#evaluate(lot, draft), {
        fromStale: true,
      });
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

  #next(key: string, lot: Lot): void {
    const hasDemand = !this.#isClosing && lot.pace.demand > 0;
    if (!lot.state.isEmpty || lot.state.isInDoubt || hasDemand) this.#syncSoon(key, lot, pauseOf(lot));
    else if (this.#lots.get(key) === lot) this.#lots.delete(key);
  }

  /** What a write does to the stored goods. Evaluated again from the start after every conflict. */
  #evaluate({ state, pace }: Lot, draft: StockDraft): undefined {
    if (draft.goods.metadata.uid !== state.goods) return undefined;
    const { clock, instance } = this.#options;
    const now = clock.monotonic();
    if (state.mustAbandon(now)) state.abandon(this.#uidAfterAbandoned());
    const rest = state.assign(draft);
    // While this process does not know the time, it has no lot: the leader counts from when it was written last.
    state.resize(draft, { now, time: holdTime(clock), instance, size: this.#size(pace, draft, rest) });
    return undefined;
  }

  /** `rest`: what is in the lot already. */
  #size({ demand, units }: LotPace, draft: StockDraft, rest: number): number {
    const { settings } = this.#options;
    const most = Math.floor((draft.available + rest) * settings.share);
    const isCrowd = demand >= settings.leastDemand && demand <= most;
    if (this.#isClosing || !isCrowd || draft.size > mostHolds * 0.9) return 0;
    return Math.min(most, units);
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
 * Milliseconds until the next write. Short after a write that may have failed, however dense the crowd. Long when
 * there is no lot to be had.
 */
const pauseOf = ({ state, pace }: Lot): number =>
  state.isInDoubt || state.isEmpty ? pace.longestPauseMs : pace.pauseMs;
