// What the ledger needs from outside: a store with compare-and-swap, and somewhere to count.
// The simulation implements these with a model, main.ts with Kubernetes.
import type { SpikeGoods } from '../api/spike-goods.ts';

/** How a write of goods can end, other than with success. */
export type WriteFailure = 'conflict' | 'gone' | 'invalid' | 'unknown';

export class GoodsWriteError extends Error {
  readonly failure: WriteFailure;
  /** `unknown`: it may or may not be stored; the others: it is not. `invalid`: nor will it ever be as it is. */
  constructor(failure: WriteFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GoodsWriteError';
    this.failure = failure;
  }
}

export interface GoodsStore {
  /** The newest copy this process has seen, its own writes and reads included. No I/O. */
  known(key: string): SpikeGoods | undefined;
  /** A consistent read; undefined when there is no such goods. What it sees becomes `known`. */
  read(key: string): Promise<SpikeGoods | undefined>;
  /**
   * Stores `goods.status` if the goods is still at `goods.metadata.resourceVersion`; what was stored
   * becomes `known`. Throws GoodsWriteError.
   */
  writeStatus(goods: SpikeGoods): Promise<SpikeGoods>;
}

export interface LedgerMetrics {
  wrote(changes: number, milliseconds: number): void;
  conflicted(): void;
  refused(reason: string): void;
  /**
   * A settlement is stored. `now`: epoch ms; `lags`: how long the orders whose holds it took over had waited
   * for it, in ms.
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
