// What a goods has, as numbers to look at. Pure; nothing decides by them.
import { holdsOf } from '../api/holds.ts';
import { parseTime } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';
import { availableOf } from './stock-draft.ts';

/** Units of one goods; available = stockCount − sold − reserved − held. */
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

/** When the oldest hold of a goods was taken, in epoch ms; undefined where there is none. */
export function oldestHoldOf({ status }: SpikeGoods): number | undefined {
  let oldest: string | undefined;
  // Times of one form (RFC 3339, UTC) are in order as texts.
  for (const { time } of holdsOf(status)) if (oldest === undefined || time < oldest) oldest = time;
  return parseTime(oldest);
}
