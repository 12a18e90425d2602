// The stock of goods as numbers for people. Pure; no decision uses them.
import type { SpikeGoods } from '../api/spike-goods.ts';
import { availableOf } from './stock-draft.ts';

/** Units of one goods. available = stockCount − sold − reserved − held. */
export interface StockLevels {
  /** Negative only if somebody bypassed admission. */
  available: number;
  reserved: number;
  sold: number;
  held: number;
}

export function stockLevelsOf({ spec, status }: SpikeGoods): StockLevels {
  const { reserved = 0, num: sold = 0 } = status ?? {};
  const available = availableOf(spec.stockCount, status);
  return { available, reserved, sold, held: spec.stockCount - sold - reserved - available };
}
