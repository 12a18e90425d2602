// Facts about holds for metrics and the log. Pure; no decision uses them.
import { holdsOf } from '../api/holds.ts';
import { parseTime } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';

/** When the oldest hold of goods was taken, in epoch ms. Undefined without holds. */
export function oldestHoldOf({ status }: SpikeGoods): number | undefined {
  let oldest: string | undefined;
  // Times in one format (RFC 3339, UTC) sort like texts.
  for (const { time } of holdsOf(status)) if (oldest === undefined || time < oldest) oldest = time;
  return parseTime(oldest);
}

/**
 * The orders that one write of a goods' status concerns, by uid. `held`: their hold is new. `ended`: their hold was
 * given back, or a settlement dropped it.
 */
export function changedHolds(before: SpikeGoods, after: SpikeGoods): { held: string[]; ended: string[] } {
  const [old, now] = [uidsOf(before), uidsOf(after)];
  return { held: [...now].filter((uid) => !old.has(uid)), ended: [...old].filter((uid) => !now.has(uid)) };
}

const uidsOf = ({ status }: SpikeGoods): Set<string> => new Set(holdsOf(status).map(({ uid }) => uid));
