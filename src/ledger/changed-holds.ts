// Which orders one write of a goods status is about: for the log. Pure.
import { holdsOf } from '../api/holds.ts';
import type { SpikeGoods } from '../api/spike-goods.ts';

/**
 * uids of orders: `held` have a hold after the write that they did not have before it; `ended` had one, which was
 * given back, or was taken over by a settlement.
 */
export function changedHolds(before: SpikeGoods, after: SpikeGoods): { held: string[]; ended: string[] } {
  const [was, is] = [uidsOf(before), uidsOf(after)];
  return { held: [...is].filter((uid) => !was.has(uid)), ended: [...was].filter((uid) => !is.has(uid)) };
}

const uidsOf = ({ status }: SpikeGoods): Set<string> => new Set(holdsOf(status).map(({ uid }) => uid));
