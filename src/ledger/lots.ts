// Lots: units of a goods that this replica holds in its own name while a crowd orders, so that an order can be let
// in without waiting for a write. A lot is a hold like any other, in the same sum; what changes is only the order
// of things: first the units are held, then it becomes known for whom, and a later write names them.
//
//   none ──crowd──▶ asked for ──stored──▶ open ──order──▶ open, one more unnamed ──write──▶ open, all named
//                                          │
//                                          └──no crowd, or little stock──▶ given back, with what is left
//
// Nobody else takes from a lot while its replica refreshes it. After a crash the leader gives what is unnamed
// its stock out of the lot (order-lifecycle.ts), and returns the rest when its time is up (settler.ts).
import { type Hold, lotPrefix, lotsOf, mostHolds } from '../api/holds.ts';
import { timestamp } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import type { ServerClock } from '../kube/server-time.ts';
import type { GoodsWriter } from './goods-writer.ts';
import { LotPace } from './lot-pace.ts';
import type { StockDraft } from './stock-draft.ts';

export interface LotSettings {
  /** Units that this replica must be asked for within half a second; fewer are no crowd. 0: no lots at all. */
  leastDemand: number;
  /** A lot is at most this part of what is available: with little stock left, every unit is held by name. */
  share: number;
  /** When more units than this are asked for in the time of one write, names wait longer (lot-pace.ts). */
  dense: number;
}

export const defaultLots: LotSettings = { leastDemand: 8, share: 1 / 16, dense: 4 };

export interface LotsOptions {
  writer: GoodsWriter;
  clock: ServerClock;
  /** Of this process, and no other before or after it. */
  replica: string;
  /** How people know it: the name of its pod. */
  instance: string;
  settings: LotSettings;
}

/** Goods that nobody asked for lately and are remembered all the same. */
const mostIdle = 10_000;
/** A lot that was not refreshed for so long is used no more; others leave it alone longer (lot-watch.ts). */
export const usedForMs = 2000;
/**
 * After so long without a refresh what is unnamed is left to the leader, and the lot with it, as after a crash: it may
 * have given these orders their units by now, and have seen them through, and to name them then would be to hold them
 * twice. A second is the step of a lot's time, half a one the margin to `staleAfterMs`, which is counted from later: from
 * when the leader saw the refresh.
 */
const namedForMs = usedForMs + 1500;

interface Sought {
  /** Size of the lot. */
  units: number;
  /** When it was evaluated. */
  since: number;
  /** Units given away since. */
  given: number;
  /** Whether anything is to be written. */
  changes: boolean;
  /** Not every unnamed hold could have its name. */
  isShort: boolean;
  /** How often it was evaluated: more than once after a lost race, or a write whose outcome nobody knows. */
  attempts: number;
  /** The smallest lot that any of these attempts can have left, less what was given away since; Infinity before the first. */
  least: number;
}

const nothingSought: Sought = {
  ...{ units: 0, since: Number.NEGATIVE_INFINITY, given: 0, changes: false, isShort: false },
  ...{ attempts: 0, least: Number.POSITIVE_INFINITY },
};

/** This replica's part of one goods. Times are monotonic. */
interface Lot {
  /** uid of the goods. */
  goods: string;
  /** uid of the lot itself. */
  uid: string;
  /** Units that may be given to orders without asking anybody. */
  free: number;
  /** Holds that were given and are not stored yet, by order uid. */
  unnamed: Map<string, Hold>;
  /** What the write on its way names. */
  naming: Set<string>;
  /** What it makes of the lot, and what was given away since. */
  sought: Sought;
  /** The last write failed, or may have: what is stored, and so what is free, is not known. */
  isUnsure: boolean;
  refreshedAt: number;
  /** When the last write was evaluated that is known to be stored. */
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
  /** Lots that were abandoned: none of them is ever this replica's again, so the next has another uid. */
  #abandoned = 0;
  #isClosing = false;

  constructor(options: LotsOptions) {
    this.#options = options;
  }

  /**
   * Gives units out of this replica's lot to an order: true, and they are its own at once. False: there is no
   * lot, or not enough in it, and the order needs a hold of its own. `goods` is the uid of the goods of that key.
   */
  take(key: string, goods: string, hold: Hold): boolean {
    const { clock, settings } = this.#options;
    if (settings.leastDemand === 0 || this.#isClosing) return false;
    const now = clock.monotonic();
    const lot = this.#lot(key, goods);
    if (lot.goods !== goods) return false;
    if (lot.unnamed.has(hold.uid)) return true;
    lot.pace.asked(hold.quantity);
    const isGiven = lot.free >= hold.quantity && now - lot.refreshedAt < usedForMs;
    if (isGiven) {
      lot.free -= hold.quantity;
      lot.sought.given += hold.quantity;
      lot.unnamed.set(hold.uid, hold);
    }
    // An idle goods needs no lot and no timer.
    if (isGiven || lot.pace.demand >= settings.leastDemand) {
      // The first lot cannot wait, nor one that is used up early; where there is none to be had, not every order asks again.
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

  /** Takes back what was given to an order that is refused after all. True when no write can have named it. */
  release(key: string, uid: string): boolean {
    const lot = this.#lots.get(key);
    const hold = lot?.unnamed.get(uid);
    if (!lot || !hold) return false;
    lot.unnamed.delete(uid);
    // A write that failed may be stored all the same, with its name; and a lot that is short has no such units.
    if (lot.naming.has(uid) || lot.isUnsure || lot.sought.isShort) return false;
    lot.free += hold.quantity;
    lot.sought.given -= hold.quantity;
    return true;
  }

  /** Whether an order was let in on the lot of these goods and is not named yet. */
  hasUnnamed(key: string, uid: string): boolean {
    return this.#lots.get(key)?.unnamed.has(uid) ?? false;
  }

  async start(): Promise<void> {}

  /** Names what is unnamed and gives all lots back. */
  async stop(): Promise<void> {
    this.#isClosing = true;
    // What was on its way may still have asked for a lot; the write after it gives that back.
    // So many tries are more than a busy goods takes.
    for (let round = 0; round < 10 && this.#lots.size > 0; round++) {
      await Promise.all([...this.#lots].map(([key, lot]) => lot.syncing ?? this.#sync(key, lot)));
    }
  }

  #lot(key: string, goods: string): Lot {
    let lot = this.#lots.get(key);
    // Goods of another uid are meant. Which are there now is for a write to find out as long as this lot has something.
    if (lot && lot.goods !== goods && !lot.syncing && !lot.cancel) lot = undefined;
    if (!lot) {
      if (this.#lots.size >= mostIdle) this.#forgetIdle();
      lot = {
        ...{
          goods,
          uid: this.#nextUid(),
          free: 0,
          unnamed: new Map(),
          naming: new Set(),
          sought: { ...nothingSought },
        },
        ...{ isUnsure: false, refreshedAt: Number.NEGATIVE_INFINITY, storedAt: Number.NEGATIVE_INFINITY },
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
      // Whether it was stored nobody knows: the next write looks at what is there.
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

  /** What a write makes of the stored goods. Evaluated again, from the start, whenever a race is lost. */
  #seek(lot: Lot, draft: StockDraft): undefined {
    if (draft.goods.metadata.uid !== lot.goods) return undefined;
    const { clock } = this.#options;
    if (lot.unnamed.size > 0 && clock.monotonic() - lot.storedAt > namedForMs) this.#abandon(lot);
    // Only that it changes counts (lot-watch.ts).
    const time = timestamp(Math.floor(clock.now() / 1000) * 1000);
    const { attempts, least, given } = lot.sought;
    lot.naming = new Set();
    let owed = 0;
    for (const hold of lot.unnamed.values()) {
      if (draft.assign(hold, [lot.uid])) lot.naming.add(hold.uid);
      else owed += hold.quantity;
    }
    const rest = draft.unitsOf(lot.uid);
    // What an order was let in on is never given back.
    const units = Math.max(this.#size(lot, draft, rest), Math.min(rest, owed));
    const resized = draft.resize({ uid: lot.uid, order: this.#options.instance, quantity: units, time });
    const isShort = owed > 0;
    const changes = resized || lot.naming.size > 0;
    // Until it is stored, only what is there before and after it may be given away; also after an earlier attempt,
    // which may be carried out late.
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

  /** `units`: of the lot as it is stored. */
  #sought(lot: Lot, units: number): void {
    const { given, since, changes, isShort, attempts } = lot.sought;
    for (const uid of lot.naming) lot.unnamed.delete(uid);
    lot.free = isShort ? 0 : Math.max(0, units - given);
    lot.isUnsure = false;
    // Only a write that carried something of ours shows that the lot was there. Without one, an earlier attempt that
    // was given up may still be carried out.
    if (changes) {
      lot.refreshedAt = since;
      lot.storedAt = since;
    } else if (attempts > 1) lot.refreshedAt = Number.NEGATIVE_INFINITY;
  }

  /** Left as it is, for the leader to see to; this replica begins another one. */
  #abandon(lot: Lot): void {
    this.#abandoned++;
    lot.uid = this.#nextUid();
    lot.free = 0;
    lot.unnamed.clear();
    lot.sought = { ...lot.sought, given: 0, least: 0 };
  }

  #nextUid(): string {
    const uid = `${lotPrefix}${this.#options.replica}`;
    return this.#abandoned > 0 ? `${uid}-${this.#abandoned}` : uid;
  }

  /** The goods are gone, or others have come by their name. */
  #lost(lot: Lot): void {
    lot.free = 0;
    lot.unnamed.clear();
    lot.sought = { ...nothingSought };
    lot.isUnsure = false;
    lot.pace.forget();
  }
}

/** Nothing is given away until a write has succeeded. */
function unsure(lot: Lot): void {
  lot.free = 0;
  lot.isUnsure = true;
  lot.refreshedAt = Number.NEGATIVE_INFINITY;
}

const unitsOf = ({ status }: SpikeGoods, uid: string): number =>
  lotsOf(status).find((lot) => lot.uid === uid)?.quantity ?? 0;

/**
 * Milliseconds until the next write. After one that may have failed it is soon, however dense the crowd; where there is
 * no lot to be had, nothing hurries.
 */
function pauseOf({ isUnsure, sought, unnamed, pace }: Lot): number {
  const hasNothing = sought.units === 0 && unnamed.size === 0;
  return isUnsure || hasNothing ? pace.longestPauseMs : pace.pauseMs;
}
