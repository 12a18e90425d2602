// Holds as those see them who only look: metrics and the log. Pure; the one place where they read them.
import { holdsOf } from '../api/holds.ts';
import { parseTime } from '../api/sale.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';

/** When the oldest hold of a goods was taken, in epoch ms; undefined where there is none. */
export function oldestHoldOf({ status }: SpikeGoods): number | undefined {
  let oldest: string | undefined;
  // Times of one form (RFC 3339, UTC) are in order as texts.
  for (const { time } of holdsOf(status)) if (oldest === undefined || time < oldest) oldest = time;
  return parseTime(oldest);
}

/**
 * Which orders one write of a goods status is about, by uid: `held` have a hold after the write that they did not have
 * before it; `ended` had one, which was given back, or was taken over by a settlement.
 */
export function changedHolds(before: SpikeGoods, after: SpikeGoods): { held: string[]; ended: string[] } {
  const [was, is] = [uidsOf(before), uidsOf(after)];
  return { held: [...is].filter((uid) => !was.has(uid)), ended: [...was].filter((uid) => !is.has(uid)) };
}

const uidsOf = ({ status }: SpikeGoods): Set<string> => new Set(holdsOf(status).map(({ uid }) => uid));
