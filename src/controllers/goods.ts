// Goods: settlement of their counters, the phase of the sale, and their deletion.
import { withCondition } from '../api/conditions.ts';
import { holdsOf } from '../api/holds.ts';
import { moneyText } from '../api/money.ts';
import { parseTime, salePhase, timestamp } from '../api/sale.ts';
import type { Condition } from '../api/schema.ts';
import { SpikeGoods, type SpikeGoodsStatus } from '../api/spike-goods.ts';
import { withinBounds } from '../api/within-bounds.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Result } from '../runtime/controller.ts';
import { Coalesce } from './coalesce.ts';
import { releaseDeleted } from './deletion.ts';
import type { Leading } from './leading.ts';

/**
 * Minimum time between two settlements of one goods, however large the crowd. Goods that are being deleted do not
 * wait.
 */
const settleEveryMs = 100;

export function goodsReconciler(leading: Leading): (key: string) => Promise<Result> {
  const { caches, catalogue, clock, client, settler, recorder, complete } = leading;
  const pace = new Coalesce(clock, settleEveryMs);
  return async (key) => {
    const goods = caches.goods.get(key);
    if (!goods) {
      pace.forget(key);
      return {};
    }
    if (goods.metadata.deletionTimestamp) {
      // Settle before counting references: a settlement throws when this leader is fenced, and lists the orders before the
      // first count of a term. In a namespace that is being deleted, references do not count, so no settlement is needed.
      const isCleanup = catalogue.isTerminating(goods.metadata.namespace ?? '');
      const { goods: settled, nextMs } = isCleanup ? { goods, nextMs: undefined } : await settler.settle(key);
      if (!settled) return {};
      const released = await releaseDeleted(settled, {
        client,
        resource: SpikeGoods,
        clock,
        referrers: (it) => catalogue.liveOrdersOfGoods(it).count + holdsOf(it.status).length,
        isTerminating: (namespace) => catalogue.isTerminating(namespace),
      });
      return earliest(released.requeueAfter, nextMs);
    }
    // Goods that were created past admission: an empty patch makes admission fill in the missing fields.
    if (!goods.spec.goodsId || !goods.spec.endTime) await complete(SpikeGoods, goods);
    const wait = pace.wait(key);
    // `untried`: this run does nothing, so it must not reset the key's back-off.
    if (wait > 0) return { requeueAfter: wait, untried: true };
    const before = goods.status?.phase;
    const { goods: settled, nextMs } = await settler.settle(key);
    const phase = settled?.status?.phase;
    if (settled && phase && phase !== before) {
      const left = settled.status?.lastStockCount ?? 0;
      recorder.event(
        settled,
        'Normal',
        phase,
        `${describePhase[phase]}; ${left} of ${settled.spec.stockCount} left`,
      );
    }
    return earliest(nextMs);
  };
}

const describePhase = {
  Scheduled: 'the sale has not begun',
  OnSale: 'on sale',
  SoldOut: 'sold out',
  Ended: 'the sale has ended',
};

function earliest(...waits: (number | undefined)[]): Result {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length > 0 ? { requeueAfter: Math.max(1, Math.min(...known)) } : {};
}

/**
 * The display fields of a goods' status, from the draft that is about to be stored. `overruledTerm`: the ledgerEpoch
 * that somebody else wrote and this leader replaced; undefined when there is none.
 */
export function describeGoods(
  clock: Clock,
): (goods: SpikeGoods, available: number, overruledTerm?: number) => Partial<SpikeGoodsStatus> {
  return (goods, available, overruledTerm) => {
    const now = clock.now();
    const { spec, metadata } = goods;
    const phase = salePhase(spec, available, now);
    const overcommitted = available < 0;
    return withinBounds(SpikeGoods.statusSchema, {
      ...(spec.goodsId ? { goodsId: spec.goodsId } : {}),
      ...(parseTime(spec.startTime) ? { startTime: spec.startTime, start_time: spec.startTime } : {}),
      ...(parseTime(spec.endTime) ? { endTime: spec.endTime } : {}),
      phase,
      priceText: moneyText(spec.spikePrice, spec.currency),
      ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
      conditions: withCondition(
        overruled(goods, overruledTerm, timestamp(now)),
        overcommitted
          ? {
              type: 'Ready',
              status: 'False',
              reason: 'Overcommitted',
              message: `orders exceed stockCount by ${-available}; stockCount was lowered, or counters were written, past admission`,
            }
          : { type: 'Ready', status: 'True', reason: phase, message: describePhase[phase] },
        metadata.generation,
        timestamp(now),
      ),
    });
  };
}

/**
 * The type of a condition. The leader that overruled a foreign ledgerEpoch keeps the condition; the next leader
 * removes it.
 */
const overruledType = 'TermOverruled';

export const describeOverruled = (term: number): string =>
  `status.ledgerEpoch was ${term}, a term that the lease never gave; somebody else wrote it, and the leader took it back`;

function overruled(
  { status, metadata }: SpikeGoods,
  term: number | undefined,
  now: string,
): readonly Condition[] | undefined {
  const { conditions } = status ?? {};
  if (term === undefined) return conditions?.filter(({ type }) => type !== overruledType);
  const update = { type: overruledType, reason: 'UnknownTerm', message: describeOverruled(term) };
  return withCondition(conditions, { ...update, status: 'True' }, metadata.generation, now);
}
