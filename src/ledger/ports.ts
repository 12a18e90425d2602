// What the ledger needs from outside: a store with compare-and-swap, and metrics. kube-stores.ts implements the
// store for Kubernetes, the simulation with a model.
import type { SpikeGoods } from '../api/spike-goods.ts';

/**
 * How a write of goods can fail. `unknown`: the write may be stored. In all other cases it is not stored.
 * `invalid`: the same write would always fail.
 */
export type WriteFailure = 'conflict' | 'gone' | 'invalid' | 'unknown';

export class GoodsWriteError extends Error {
  readonly failure: WriteFailure;
  constructor(failure: WriteFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GoodsWriteError';
    this.failure = failure;
  }
}

export interface GoodsStore {
  /** The newest copy in the cache, including this process' own writes and reads. No I/O. */
  known(key: string): SpikeGoods | undefined;
  /** A consistent read. Puts the result into the cache. Undefined when the goods do not exist. */
  read(key: string): Promise<SpikeGoods | undefined>;
  /**
   * Stores `goods.status` if the stored goods are still at `goods.metadata.resourceVersion`, and puts the result
   * into the cache. Throws GoodsWriteError.
   */
  writeStatus(goods: SpikeGoods): Promise<SpikeGoods>;
}

export interface LedgerMetrics {
  wrote(changes: number, milliseconds: number): void;
  conflicted(): void;
  refused(reason: string): void;
  /**
   * Called when a settlement is stored. `now`: Unix time in ms. `lags`: for each hold that it dropped, how long its
   * order waited, in ms.
   */
  settled(now: number, lags: readonly number[]): void;
  droppedHold(): void;
}

export const noLedgerMetrics: LedgerMetrics = {
  wrote() {},
  conflicted() {},
  refused() {},
  settled() {},
  droppedHold() {},
};
