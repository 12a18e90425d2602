// The only way to write a goods' status: compare-and-swap with group commit, one lane per goods.
//
//   idle ──change──▶ evaluate ──nothing to write──▶ answer ──▶ idle (or evaluate waiting changes)
//                     ▲  │ │
//                     │  │ └─write─▶ stored ──▶ answer ──▶ …
//                     │  │             │
//                     └──live read──┘ conflict, or an unknown outcome
//
// While one write is in flight, further changes gather, and the next write carries them all. So the cost per order
// falls as the load rises. Changes are pure and idempotent (StockDraft), so evaluating them again on a newer copy
// is always right. The model is Kubernetes' quota evaluator (apiserver
// pkg/admission/plugin/resourcequota/controller.go).
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

/** Changes the draft, or returns a refusal and leaves the draft unchanged. Must be pure and idempotent. */
export type Change = (draft: StockDraft) => Refusal | undefined;

export interface ChangeOptions {
  /** On `clock.monotonic()`, in ms. After it the change is refused with TooManyRequests. */
  deadline?: number;
  /**
   * Applied when the change is stored after its deadline has refused it: then no order uses the units that it took.
   */
  undo?: Change;
  /**
   * Whether an old copy of the goods is good enough to refuse the change, or to find that there is nothing to write.
   * Admission must not refuse an order because of an old copy. A settlement may use one, because it runs again anyway.
   */
  fromStale?: boolean;
}

export type Outcome = { goods: SpikeGoods; refusal?: undefined } | { refusal: Refusal };

export interface GoodsWriterOptions {
  store: GoodsStore;
  clock: Clock;
  random: () => number;
  metrics: LedgerMetrics;
  /** Logs every write at debug, with the orders that it carried. */
  log?: Log;
  /** Makes the ids of writes in the log. */
  newId?: () => string;
}

interface Entry extends ChangeOptions {
  change: Change;
  /** `resolve` or `reject` was called. */
  isAnswered: boolean;
  /** A write that carried this change ended with an unknown outcome: it may be stored. */
  mayBeStored: boolean;
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
}

interface Lane {
  pending: Entry[];
  /** The batch that is being evaluated or written. */
  inFlight: readonly Entry[];
  /** Parts of a batch that was refused as a whole. Each part is tried alone, before pending changes. */
  parts: Entry[][];
  running: boolean;
  /** Monotonic time at which the known copy was last certain to be the stored one. */
  confirmedAt: number;
  /** Lets other replicas write in between (turns.ts). */
  turns: Turns;
}

/** A refusal without I/O needs a copy that was confirmed within this time. */
const freshForMs = 1000;
/** Number of attempts after errors other than conflicts. */
const maxFailures = 3;
/** A change fails after this many writes that the API server refused as invalid. */
const maxInvalid = 2;
/** A change without a deadline gives up after this many conflicts. */
const maxConflicts = 20;
/** Number of lanes above which idle ones are dropped. An idle lane only keeps its `confirmedAt`. */
const maxIdleLanes = 10_000;

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
   * Applies a change to the goods `key` (namespace/name). Resolves when it is stored, needs no write, or is
   * refused. Rejects when the store keeps failing or the change throws.
   */
  submit(key: string, change: Change, options: ChangeOptions = {}): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const lane = this.#lane(key);
      const entry: Entry = { ...options, change, isAnswered: false, mayBeStored: false, resolve, reject };
      lane.pending.push(entry);
      if (options.deadline !== undefined) this.#expireAt(entry, options.deadline);
      if (!lane.running) void this.#drain(key, lane);
    });
  }

  /** The newest copy that this process has seen. No I/O. */
  known(key: string): SpikeGoods | undefined {
    return this.#store.known(key);
  }

  /** Refuses all waiting changes with "try again". Call it after etcd was restored: they rest on the lost history. */
  dropPending(): void {
    for (const lane of this.#lanes.values()) {
      for (const entry of [...lane.pending, ...lane.parts.flat(), ...lane.inFlight])
        answer(entry, { refusal: outOfTime });
      lane.confirmedAt = Number.NEGATIVE_INFINITY;
    }
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (!lane) {
      if (this.#lanes.size >= maxIdleLanes) this.#forgetIdle();
      lane = {
        pending: [],
        inFlight: [],
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
      answer(entry, { refusal: outOfTime }),
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
      const batch = pending.filter((entry) => !entry.isAnswered);
      for (const entry of pending) if (entry.isAnswered && entry.mayBeStored) this.#undo(key, entry, false);
      if (batch.length === 0) continue;
      lane.inFlight = batch;
      try {
        if (await this.#attempt(key, lane, batch)) {
          losses.conflicts = 0;
          losses.failures = 0;
          await lane.turns.give(() => this.#store.known(key)?.metadata.resourceVersion);
        } else {
          retry(lane, batch, isPart);
        }
      } catch (error) {
        if (isInvalidWrite(error) && batch.length > 1) {
          // One entry may make the write invalid. The others must not fail with it.
          const half = Math.ceil(batch.length / 2);
          lane.parts.unshift(batch.slice(0, half), batch.slice(half));
          continue;
        }
        await this.#recover(key, lane, { entries: batch, isPart }, error, losses);
      }
    }
    lane.inFlight = [];
    lane.running = false;
  }

  /**
   * Call it when a write failed or its outcome is unknown. Reads the stored goods, so that the batch is evaluated
   * again. Refuses or fails the batch after too many tries.
   */
  async #recover(
    key: string,
    lane: Lane,
    { entries: batch, isPart }: { entries: Entry[]; isPart: boolean },
    error: unknown,
    losses: { conflicts: number; failures: number },
  ): Promise<void> {
    const conflict = error instanceof GoodsWriteError && error.failure === 'conflict';
    // The known copy may differ from the stored one.
    lane.confirmedAt = Number.NEGATIVE_INFINITY;
    if (!conflict && !isInvalidWrite(error)) for (const entry of batch) entry.mayBeStored = true;
    if (conflict) {
      this.#metrics.conflicted();
      lane.turns.lost();
      if (++losses.conflicts > maxConflicts) {
        for (const entry of batch) answer(entry, { refusal: busy });
        return;
      }
    } else if (++losses.failures >= (isInvalidWrite(error) ? maxInvalid : maxFailures)) {
      for (const entry of batch) {
        if (entry.isAnswered) this.#undo(key, entry, false);
        else fail(entry, error);
      }
      return;
    }
    // A random pause, so that the replicas of a conflict do not write at the same moment again.
    const rounds = losses.conflicts - 1 + losses.failures;
    if (rounds > 0) await sleep(this.#clock, this.#random() * 5 * 2 ** Math.min(rounds, 6));
    const goods = await this.#refresh(key, lane).catch(() => null);
    if (goods === undefined) for (const entry of batch) answer(entry, { refusal: noSuchGoods(key) });
    else retry(lane, batch, isPart);
  }

  /**
   * Evaluates and writes a batch once. Returns true when every entry is answered, and false when the batch must be
   * evaluated again.
   */
  async #attempt(key: string, lane: Lane, batch: Entry[]): Promise<boolean> {
    const base = this.#store.known(key) ?? (await this.#refresh(key, lane));
    if (!base) {
      for (const entry of batch) answer(entry, { refusal: noSuchGoods(key) });
      return true;
    }
    const draft = new StockDraft(base);
    const refusals = batch.map((entry) => evaluate(entry, draft));
    // A successful write proves that its base was the stored copy. Without a write, the base may be old.
    const mayBeOld = this.#clock.monotonic() - lane.confirmedAt > freshForMs;
    if (!draft.changed && mayBeOld && batch.some((entry) => !entry.fromStale)) {
      if (await this.#refresh(key, lane)) return false;
      for (const entry of batch) answer(entry, { refusal: noSuchGoods(key) });
      return true;
    }
    const goods = draft.changed ? await this.#write(lane, draft, batch.length) : base;
    for (const [index, entry] of batch.entries()) this.#finish(key, entry, goods, refusals[index]);
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

  #finish(key: string, entry: Entry, goods: SpikeGoods, refusal: Refusal | undefined): void {
    if (refusal) {
      this.#metrics.refused(refusal.reason);
      answer(entry, { refusal });
    } else if (entry.isAnswered) {
      // The deadline refused this change while its write was in flight.
      this.#undo(key, entry, true);
    } else {
      answer(entry, { goods });
    }
  }

  /** `fromStale`: the known copy certainly includes the change, so no read is needed. */
  #undo(key: string, { undo }: Entry, fromStale: boolean): void {
    if (undo) void this.submit(key, undo, { fromStale }).catch(() => undefined);
  }

  async #refresh(key: string, lane: Lane): Promise<SpikeGoods | undefined> {
    const goods = await this.#store.read(key);
    lane.confirmedAt = this.#clock.monotonic();
    return goods;
  }
}

/** The log line of one write: the goods, and the orders whose holds are new or have ended. */
const writeLine = (before: SpikeGoods, after: SpikeGoods): object => ({
  ...aboutObject(before),
  ...changedHolds(before, after),
});

const busy: Refusal = {
  ...refuse('TooManyRequests', 'the stock is being changed by too many others; try again'),
  retryAfterSeconds: 1,
};

/**
 * The refusal of a change that is given up while its write may be under way. If that write is stored, the change is undone
 * after it. So nobody may try the same change again in the same request: the undo would take the second one back too.
 */
export const outOfTime: Refusal = { ...busy };

const noSuchGoods = (key: string): Refusal =>
  refuse('GoodsNotFound', `spec.goodsMap: no goods ${key.slice(key.indexOf('/') + 1)} in this namespace`);

/** Whether the API server refused the write as invalid. The same write would fail again. */
const isInvalidWrite = (error: unknown): boolean =>
  error instanceof GoodsWriteError && error.failure === 'invalid';

/** Keeps a part separate from pending changes: it may contain the entry that makes every batch fail. */
function retry(lane: Lane, batch: Entry[], isPart: boolean): void {
  if (isPart) lane.parts.unshift(batch);
  else lane.pending.unshift(...batch);
}

/** A change that throws (a bug, or a term that has ended) fails alone, without its batch. */
function evaluate(entry: Entry, draft: StockDraft): Refusal | undefined {
  if (entry.isAnswered) return undefined;
  try {
    return entry.change(draft);
  } catch (error) {
    fail(entry, error);
    return undefined;
  }
}

function answer(entry: Entry, outcome: Outcome): void {
  if (entry.isAnswered) return;
  entry.isAnswered = true;
  entry.resolve(outcome);
}

function fail(entry: Entry, error: unknown): void {
  if (entry.isAnswered) return;
  entry.isAnswered = true;
  entry.reject(error);
}
