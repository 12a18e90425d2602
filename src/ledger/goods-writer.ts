// The only way to a goods' status: compare-and-swap with group commit, one lane per goods.
//
//   idle ──change──▶ evaluate ──nothing to write──▶ answer ──▶ idle (or evaluate what gathered)
//                      ▲  │
//                      │  └─write─▶ stored ──▶ answer ──▶ …
//                      │             │
//                      └──live read──┘ conflict, or an outcome nobody knows
//
// While one write is in flight further changes gather, and the next write carries them all: the cost
// per order falls as the load rises. Changes are pure and idempotent (StockDraft), so evaluating them
// again on a newer copy is always right. Kubernetes' quota evaluator
// (apiserver pkg/admission/plugin/resourcequota/controller.go) is the model.
import { randomUUID } from 'node:crypto';
import { type Refusal, refuse } from '../api/refusals.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { aboutObject } from '../kube/objects.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { debugs, type Log, reasonOf, silentLog } from '../runtime/log.ts';
import { changedHolds } from './holds-seen.ts';
import { type GoodsStore, GoodsWriteError, type LedgerMetrics } from './ports.ts';
import { StockDraft } from './stock-draft.ts';
import { Turns } from './turns.ts';

/** Changes the draft, or says why not and leaves it as it was. Must be pure and idempotent. */
export type Change = (draft: StockDraft) => Refusal | undefined;

export interface ChangeOptions {
  /** On `clock.monotonic()`, in ms; then the change is refused with TooManyRequests. */
  deadline?: number;
  /** Applied if the change is stored after its deadline refused it: nobody uses what it took. */
  undo?: Change;
  /**
   * Whether "no" or "nothing to do" may be said from a copy that has not been confirmed lately.
   * Admission wants the truth; a settlement is repeated anyway.
   */
  fromStale?: boolean;
}

export type Outcome = { goods: SpikeGoods; refusal?: undefined } | { refusal: Refusal };

export interface GoodsWriterOptions {
  store: GoodsStore;
  clock: Clock;
  random: () => number;
  metrics: LedgerMetrics;
  /** Hears of every write, at debug: which orders it carried. */
  log?: Log;
  /** Ids of writes in the log. */
  newId?: () => string;
}

interface Entry extends ChangeOptions {
  change: Change;
  settled: boolean;
  /** A write that carried it ended in an error that does not say whether it was stored. */
  mayBeStored: boolean;
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
}

interface Lane {
  pending: Entry[];
  /** Parts of a batch that was refused as a whole, each to be tried alone before what is pending. */
  parts: Entry[][];
  running: boolean;
  /** When the known copy was last the stored one for certain, on the monotonic clock. */
  confirmedAt: number;
  turns: Turns;
}

/** A refusal is given without I/O when the copy it rests on was the stored one at most this long ago. */
const freshForMs = 1000;
/** A write whose outcome is an error other than a conflict is tried this often. */
const mostFailures = 3;
/** One change that makes a write invalid is tried on what is stored now, and then fails. */
const mostRefusals = 2;
/** Without a deadline of its own, a change gives up after this many lost races. */
const mostConflicts = 20;
/** Idle lanes kept for their confirmation time. */
const mostIdleLanes = 10_000;

export class GoodsWriter {
  readonly #store: GoodsStore;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #metrics: LedgerMetrics;
  readonly #log: Log;
  readonly #newId: () => string;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: GoodsWriterOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#metrics = options.metrics;
    this.#log = options.log ?? silentLog;
    this.#newId = options.newId ?? randomUUID;
  }

  /**
   * Applies a change to the goods `key` (namespace/name). Resolves once it is stored, or was found to
   * need no write, or is refused. Rejects when the store keeps failing or the change throws.
   */
  submit(key: string, change: Change, options: ChangeOptions = {}): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const lane = this.#lane(key);
      const entry: Entry = { ...options, change, settled: false, mayBeStored: false, resolve, reject };
      lane.pending.push(entry);
      if (options.deadline !== undefined) this.#expireAt(entry, options.deadline);
      if (!lane.running) void this.#drain(key, lane);
    });
  }

  /** The newest copy that this process has seen. No I/O. */
  known(key: string): SpikeGoods | undefined {
    return this.#store.known(key);
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (!lane) {
      if (this.#lanes.size >= mostIdleLanes) this.#forgetIdle();
      lane = {
        pending: [],
        parts: [],
        running: false,
        confirmedAt: Number.NEGATIVE_INFINITY,
        turns: new Turns(this.#clock),
      };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #forgetIdle(): void {
    for (const [key, lane] of this.#lanes) if (!lane.running) this.#lanes.delete(key);
  }

  #expireAt(entry: Entry, deadline: number): void {
    const cancel = this.#clock.after(deadline - this.#clock.monotonic(), () =>
      settle(entry, { refusal: busy }),
    );
    const { resolve, reject } = entry;
    entry.resolve = (outcome) => {
      cancel();
      resolve(outcome);
    };
    entry.reject = (error) => {
      cancel();
      reject(error);
    };
  }

  async #drain(key: string, lane: Lane): Promise<void> {
    lane.running = true;
    const losses = { conflicts: 0, failures: 0 };
    while (lane.pending.length > 0 || lane.parts.length > 0) {
      const isPart = lane.parts.length > 0;
      const pending = lane.parts.shift() ?? lane.pending;
      if (!isPart) lane.pending = [];
      const batch = pending.filter((entry) => !entry.settled);
      for (const entry of pending) if (entry.settled && entry.mayBeStored) this.#undo(key, entry, false);
      if (batch.length === 0) continue;
      try {
        if (await this.#attempt(key, lane, batch)) {
          losses.conflicts = 0;
          losses.failures = 0;
          await lane.turns.give(() => this.#store.known(key)?.metadata.resourceVersion);
        } else {
          retry(lane, batch, isPart);
        }
      } catch (error) {
        if (isRefused(error) && batch.length > 1) {
          // One entry may have made it so; the others must not fail with it.
          const half = Math.ceil(batch.length / 2);
          lane.parts.unshift(batch.slice(0, half), batch.slice(half));
          continue;
        }
        await this.#lost(key, lane, { entries: batch, isPart }, error, losses);
      }
    }
    lane.running = false;
  }

  /** A write did not succeed, or may not have: look at what is stored, and evaluate again unless it is hopeless. */
  async #lost(
    key: string,
    lane: Lane,
    { entries: batch, isPart }: { entries: Entry[]; isPart: boolean },
    error: unknown,
    losses: { conflicts: number; failures: number },
  ): Promise<void> {
    const conflict = error instanceof GoodsWriteError && error.failure === 'conflict';
    // The known copy is not the stored one, or may not be.
    lane.confirmedAt = Number.NEGATIVE_INFINITY;
    if (!conflict && !isRefused(error)) for (const entry of batch) entry.mayBeStored = true;
    if (conflict) {
      this.#metrics.conflicted();
      lane.turns.lost();
      if (++losses.conflicts > mostConflicts) {
        for (const entry of batch) settle(entry, { refusal: busy });
        return;
      }
    } else if (++losses.failures >= (isRefused(error) ? mostRefusals : mostFailures)) {
      for (const entry of batch) {
        if (entry.settled) this.#undo(key, entry, false);
        else fail(entry, error);
      }
      return;
    }
    // Losers of one race must not meet again in step.
    const rounds = losses.conflicts - 1 + losses.failures;
    if (rounds > 0) await sleep(this.#clock, this.#random() * 5 * 2 ** Math.min(rounds, 6));
    const goods = await this.#refresh(key, lane).catch(() => null);
    if (goods === undefined) for (const entry of batch) settle(entry, { refusal: noSuchGoods(key) });
    else retry(lane, batch, isPart);
  }

  /** One round for a batch. True when all of it is answered, false when it must be evaluated again. */
  async #attempt(key: string, lane: Lane, batch: Entry[]): Promise<boolean> {
    const base = this.#store.known(key) ?? (await this.#refresh(key, lane));
    if (!base) {
      for (const entry of batch) settle(entry, { refusal: noSuchGoods(key) });
      return true;
    }
    const draft = new StockDraft(base);
    const refusals = batch.map((entry) => attempt(entry, draft));
    // A write that succeeds proves that its base was the stored copy; without one the base may be old.
    const mayBeOld = this.#clock.monotonic() - lane.confirmedAt > freshForMs;
    if (!draft.changed && mayBeOld && batch.some((entry) => !entry.fromStale)) {
      if (await this.#refresh(key, lane)) return false;
      for (const entry of batch) settle(entry, { refusal: noSuchGoods(key) });
      return true;
    }
    const goods = draft.changed ? await this.#write(lane, draft, batch.length) : base;
    for (const [index, entry] of batch.entries()) this.#answer(key, entry, goods, refusals[index]);
    return true;
  }

  async #write(lane: Lane, draft: StockDraft, changes: number): Promise<SpikeGoods> {
    const started = this.#clock.monotonic();
    const wanted = draft.result();
    const line = debugs(this.#log)
      ? { writeID: this.#newId(), changes, ...writeLine(draft.goods, wanted) }
      : undefined;
    try {
      const goods = await this.#store.writeStatus(wanted);
      lane.confirmedAt = this.#clock.monotonic();
      const ms = lane.confirmedAt - started;
      lane.turns.wrote(goods.metadata.resourceVersion, ms, changes);
      this.#metrics.wrote(changes, ms);
      if (line)
        this.#log.debug({ ...line, resourceVersion: goods.metadata.resourceVersion, ms }, 'ledger write');
      return goods;
    } catch (error) {
      const reason = error instanceof GoodsWriteError ? error.failure : reasonOf(error);
      if (line)
        this.#log.debug({ ...line, reason, ms: this.#clock.monotonic() - started }, 'ledger write failed');
      throw error;
    }
  }

  #answer(key: string, entry: Entry, goods: SpikeGoods, refusal: Refusal | undefined): void {
    if (refusal) {
      this.#metrics.refused(refusal.reason);
      settle(entry, { refusal });
    } else if (entry.settled) {
      // Refused by its deadline while the write that carried it was on its way.
      this.#undo(key, entry, true);
    } else {
      settle(entry, { goods });
    }
  }

  /** `fromStale`: the known copy is sure to show what is to be undone. */
  #undo(key: string, { undo }: Entry, fromStale: boolean): void {
    if (undo) void this.submit(key, undo, { fromStale }).catch(() => undefined);
  }

  async #refresh(key: string, lane: Lane): Promise<SpikeGoods | undefined> {
    const goods = await this.#store.read(key);
    lane.confirmedAt = this.#clock.monotonic();
    return goods;
  }
}

/** What the log says of one write: the goods, and the orders whose holds it takes, gives back or hands on. */
const writeLine = (before: SpikeGoods, after: SpikeGoods): object => ({
  ...aboutObject(before),
  ...changedHolds(before, after),
});

const busy: Refusal = {
  ...refuse('TooManyRequests', 'the stock is being changed by too many others; try again'),
  retryAfterSeconds: 1,
};

const noSuchGoods = (key: string): Refusal =>
  refuse('GoodsNotFound', `spec.goodsMap: no goods ${key.slice(key.indexOf('/') + 1)} in this namespace`);

/** The API server has said that what was to be written is wrong: the same write fails again. */
const isRefused = (error: unknown): boolean =>
  error instanceof GoodsWriteError && error.failure === 'invalid';

/** A part stays apart from what is pending: it may hold the entry that fails every batch it is in. */
function retry(lane: Lane, batch: Entry[], isPart: boolean): void {
  if (isPart) lane.parts.unshift(batch);
  else lane.pending.unshift(...batch);
}

/** A change that throws (a programming error, or a term that has ended) fails alone, not its batch. */
function attempt(entry: Entry, draft: StockDraft): Refusal | undefined {
  if (entry.settled) return undefined;
  try {
    return entry.change(draft);
  } catch (error) {
    fail(entry, error);
    return undefined;
  }
}

function settle(entry: Entry, outcome: Outcome): void {
  if (entry.settled) return;
  entry.settled = true;
  entry.resolve(outcome);
}

function fail(entry: Entry, error: unknown): void {
  if (entry.settled) return;
  entry.settled = true;
  entry.reject(error);
}
