// Lots: units that this replica holds in its own name while a crowd orders, so that an order can be admitted
// without waiting for a write. A lot counts against the stock like any other hold. First the lot is stored, then
// orders are admitted on it, and a later write assigns them their own holds ("names" them) out of the lot.
//
//   none ──crowd──▶ requested ──stored──▶ open ──order──▶ open, one more unnamed ──write──▶ open, all named
//                                          │
//                                          └──no crowd, or little stock──▶ given back, with what is left
//
// Only the owning replica may take from a lot that is still being refreshed. After a crash the leader gives unnamed
// orders their units from the abandoned lot (order-lifecycle.ts), and returns the rest when its time is up
// (settler.ts).
import { type Hold, lotPrefix, lotsOf, mostHolds } from '../api/holds.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { ServerClock } from '../kube/server-time.ts';
import type { GoodsWriter } from './goods-writer.ts';
import { holdTime } from './hold-time.ts';
import { LotPace } from './lot-pace.ts';
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
const mostIdle = 10_000;
/**
 * A lot that was not refreshed for this long is not used any more. The leader waits longer before it takes a lot
 * (lot-watch.ts).
 */
export const usedForMs = 2000;
/**
 * After this time without a refresh, this replica must not assign orders any more: it abandons the lot with its
 * unnamed orders to the leader, as after a crash. The leader may have given these orders their units already, and
 * may have settled them, so another hold would reserve the units twice. The time is `usedForMs` plus 1 s (a lot's
 * time has whole seconds) plus 0.5 s. It ends before `abandonedAfterMs`, which the leader counts from later: from when
 * it saw the refresh.
 */
const namedForMs = usedForMs + 1500;

interface Sought {
  /** Size of the lot. */
  units: number;
  /** When the change was evaluated. */
  since: number;
  /** Units given to orders since then. */
  given: number;
  /** Whether there is anything to write. */
  changes: boolean;
  /** The lot had too few units for all unnamed orders. */
  isShort: boolean;
  /** How often it was evaluated. More than once after a conflict or an unknown outcome. */
  attempts: number;
  /** Lower bound of the lot over all these attempts, minus the units given since; Infinity before the first. */
  least: number;
}

const nothingSought: Sought = {
  units: 0,
  since: Number.NEGATIVE_INFINITY,
  given: 0,
  changes: false,
  isShort: false,
  attempts: 0,
  least: Number.POSITIVE_INFINITY,
};

/** This replica's part of one goods. Times are monotonic. */
interface Lot {
  /** uid of the goods. */
  goods: string;
  /** uid of the lot itself. */
  uid: string;
  /** Units that may be given to orders without I/O. */
  free: number;
  /** By order uid, holds that were given and are not stored yet. */
  unnamed: Map<string, Hold>;
  /** The names of these orders. */
  names: Set<string>;
  /** uids of the orders that the write in flight assigns. */
  naming: Set<string>;
  /** The result at which the write in flight aims, and what was given to orders since. */
  sought: Sought;
  /** The last write failed, or its outcome is unknown. So what is stored, and what is free, is unknown. */
  isUnsure: boolean;
  refreshedAt: number;
  /** When the last write that is known to be stored was evaluated. */
  storedAt: number;
  pace: LotPace;
  syncing: Promise<void> | undefined;
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
    if (lot.goods !== goods) return false;
    if (lot.unnamed.has(hold.uid)) return true;
    // Another request of this name is in the lot. The write lets the two share their units.
    if (lot.names.has(hold.order)) return false;
    lot.pace.asked(hold.quantity);
    const isGiven = lot.free >= hold.quantity && now - lot.refreshedAt < usedForMs;
    if (isGiven) {
      lot.free -= hold.quantity;
      lot.sought.given += hold.quantity;
      lot.unnamed.set(hold.uid, hold);
      lot.names.add(hold.order);
    }
    // Goods without demand need no lot and no timer.
    if (isGiven || lot.pace.demand >= settings.leastDemand) {
      // Write at once for the first lot, and when the lot is nearly used up. When there is none to be had, not
      // every order asks again.
      const isLate =
        now - lot.sought.since >= lot.pace.longestPauseMs && !(isGiven && lot.free > lot.sought.units / 4);
      this.#syncSoon(key, lot, isLate ? 0 : pauseOf(lot));
    }
    return isGiven;
  }

  /** Whether this replica's lot has so many units to give away now. */
  has(key: string, units: number): boolean {
    const lot = this.#lots.get(key);
    return (
      lot !== undefined && lot.free >= units && this.#options.clock.monotonic() - lot.refreshedAt < usedForMs
    );
  }

  /** Takes back units of an order that is refused after all. True when no write can have assigned them. */
  release(key: string, uid: string): boolean {
    const lot = this.#lots.get(key);
    const hold = lot?.unnamed.get(uid);
    if (!lot || !hold) return false;
    lot.unnamed.delete(uid);
    lot.names.delete(hold.order);
    // A failed write may be stored all the same, with this order. And a lot that is short does not have these
    // units.
    if (lot.naming.has(uid) || lot.isUnsure || lot.sought.isShort) return false;
    lot.free += hold.quantity;
    lot.sought.given -= hold.quantity;
    return true;
  }

  /** Whether an order was admitted on the lot of these goods and has no stored hold yet. */
  hasUnnamed(key: string, uid: string): boolean {
    return this.#lots.get(key)?.unnamed.has(uid) ?? false;
  }

  /** Leaves all lots to the leader, as after a crash: what they rest on never was. */
  abandonAll(): void {
    for (const lot of this.#lots.values()) {
      this.#abandon(lot);
      lot.sought = { ...nothingSought };
      lot.isUnsure = false;
      lot.refreshedAt = Number.NEGATIVE_INFINITY;
    }
  }

  async start(): Promise<void> {}

  /** Assigns all unnamed orders and gives all lots back. */
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
    if (lot && lot.goods !== goods && !lot.syncing && !lot.cancel) lot = undefined;
    if (!lot) {
      if (this.#lots.size >= mostIdle) this.#forgetIdle();
      lot = {
        ...{
          goods,
          uid: this.#nextUid(),
          free: 0,
          unnamed: new Map(),
          names: new Set(),
          naming: new Set(),
          sought: { ...nothingSought },
        },
        isUnsure: false,
        refreshedAt: Number.NEGATIVE_INFINITY,
        storedAt: Number.NEGATIVE_INFINITY,
        ...{
          pace: new LotPace(this.#options.clock, this.#options.settings.dense),
          syncing: undefined,
          cancel: undefined,
        },
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
    lot.sought = { ...lot.sought, given: 0, attempts: 0, least: Number.POSITIVE_INFINITY };
    const began = this.#options.clock.monotonic();
    try {
      const outcome = await this.#options.writer.submit(key, (draft) => this.#seek(lot, draft), {
        fromStale: true,
      });
      if (outcome.refusal?.reason === 'TooManyRequests') unsure(lot);
      else if (outcome.refusal || outcome.goods.metadata.uid !== lot.goods) this.#lost(lot);
      else this.#sought(lot, unitsOf(outcome.goods, lot.uid));
    } catch {
      // Nobody knows whether it was stored. The next write reads what is there.
      unsure(lot);
    }
    lot.naming.clear();
    lot.pace.wrote(this.#options.clock.monotonic() - began);
  }

  #next(key: string, lot: Lot): void {
    const hasDemand = !this.#isClosing && lot.pace.demand > 0;
    const hasSomething = lot.sought.units > 0 || lot.unnamed.size > 0 || lot.isUnsure;
    if (hasSomething || hasDemand) this.#syncSoon(key, lot, pauseOf(lot));
    else if (this.#lots.get(key) === lot) this.#lots.delete(key);
  }

  /** What a write does to the stored goods. Evaluated again from the start after every conflict. */
  #seek(lot: Lot, draft: StockDraft): undefined {
    if (draft.goods.metadata.uid !== lot.goods) return undefined;
    const { clock } = this.#options;
    if (lot.unnamed.size > 0 && clock.monotonic() - lot.storedAt > namedForMs) this.#abandon(lot);
    // While this process does not know the time, it has no lot: the leader counts from when it was written last.
    const time = holdTime(clock);
    const { attempts, least, given } = lot.sought;
    lot.naming = new Set();
    let owed = 0;
    for (const hold of lot.unnamed.values()) {
      if (draft.assign(hold, [lot.uid])) lot.naming.add(hold.uid);
      else owed += hold.quantity;
    }
    const rest = draft.unitsOf(lot.uid);
    // Units of orders that were admitted on the lot are never given back.
    const size = time === undefined ? 0 : this.#size(lot, draft, rest);
    const units = Math.max(size, Math.min(rest, owed));
    const uid = lot.uid;
    const before = lotsOf(draft.goods.status).find((stored) => stored.uid === uid)?.time ?? '';
    const resized = draft.resize({
      uid,
      order: this.#options.instance,
      quantity: units,
      time: time ?? before,
    });
    const isShort = owed > 0;
    const changes = resized || lot.naming.size > 0;
    // Until this write is confirmed, only the units that exist before and after it may be given away. The same
    // holds for earlier attempts, which may still be stored late.
    const sure = Math.max(0, Math.min(rest, units, least - given));
    lot.sought = {
      units,
      since: clock.monotonic(),
      given: 0,
      changes,
      isShort,
      attempts: attempts + 1,
      least: sure,
    };
    lot.free = isShort || lot.isUnsure ? 0 : sure;
    return undefined;
  }

  #size(lot: Lot, draft: StockDraft, rest: number): number {
    const { settings } = this.#options;
    const { demand, units } = lot.pace;
    const most = Math.floor((draft.available + rest) * settings.share);
    const isCrowd = demand >= settings.leastDemand && demand <= most;
    if (this.#isClosing || !isCrowd || draft.size > mostHolds * 0.9) return 0;
    return Math.min(most, units);
  }

  /** `units`: size of the stored lot. */
  #sought(lot: Lot, units: number): void {
    const { given, since, changes, isShort, attempts } = lot.sought;
    for (const uid of lot.naming) {
      lot.names.delete(lot.unnamed.get(uid)?.order ?? '');
      lot.unnamed.delete(uid);
    }
    lot.free = isShort ? 0 : Math.max(0, units - given);
    lot.isUnsure = false;
    // Only a write that changed something of ours shows that the lot was there. A write without changes proves
    // nothing: an earlier attempt that timed out may still be stored.
    if (changes) {
      lot.refreshedAt = since;
      lot.storedAt = since;
    } else if (attempts > 1) lot.refreshedAt = Number.NEGATIVE_INFINITY;
  }

  /** Leaves the lot unchanged for the leader. This replica starts another one. */
  #abandon(lot: Lot): void {
    this.#abandoned++;
    lot.uid = this.#nextUid();
    lot.free = 0;
    lot.unnamed.clear();
    lot.names.clear();
    lot.sought = { ...lot.sought, given: 0, least: 0 };
  }

  #nextUid(): string {
    const uid = `${lotPrefix}${this.#options.replica}`;
    return this.#abandoned > 0 ? `${uid}-${this.#abandoned}` : uid;
  }

  /** The goods are gone, or other goods have their name. */
  #lost(lot: Lot): void {
    lot.free = 0;
    lot.unnamed.clear();
    lot.names.clear();
    lot.sought = { ...nothingSought };
    lot.isUnsure = false;
    lot.pace.forget();
  }
}

/** Gives nothing away until a write has succeeded. */
function unsure(lot: Lot): void {
  lot.free = 0;
  lot.isUnsure = true;
  lot.refreshedAt = Number.NEGATIVE_INFINITY;
}

const unitsOf = ({ status }: SpikeGoods, uid: string): number =>
  lotsOf(status).find((lot) => lot.uid === uid)?.quantity ?? 0;

/**
 * Milliseconds until the next write. Short after a write that may have failed, however dense the crowd. Long when
 * there is no lot to be had.
 */
function pauseOf({ isUnsure, sought, unnamed, pace }: Lot): number {
  const hasNothing = sought.units === 0 && unnamed.size === 0;
  return isUnsure || hasNothing ? pace.longestPauseMs : pace.pauseMs;
}
