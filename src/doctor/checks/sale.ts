// Checks the sale. It finds holds that leak, orders that do not expire, and goods whose counters do not match their
// orders or their stock.
import { heldUnits, holdsOf, isLot, ownUnits } from '../../api/holds.ts';
import { deadlineOf, isPaid, parseTime, timestamp } from '../../api/sale.ts';
import type { SpikeGoods } from '../../api/spike-goods.ts';
import type { SpikeOrder } from '../../api/spike-order.ts';
import { keyOf } from '../../kube/objects.ts';
import { Books } from '../../ledger/books.ts';
import type { Check, Finding, Unchecked } from '../findings.ts';
import type { Observation, Seen } from '../observation.ts';
import { lookAtPods } from '../remedies.ts';

const unreadable = (what: string, seen: Seen<unknown>): Unchecked[] =>
  'unreadable' in seen ? [{ unchecked: `${what}: ${seen.unreadable}` }] : [];

const nameOf = (kind: string, object: { metadata: { name: string; namespace?: string } }): string =>
  `${kind}/${keyOf(object)}`;

export const holdsAreYoung: Check = {
  name: 'no stock is held longer than an admission can take',
  run(seen) {
    if (!('value' in seen.goods)) return unreadable('goods', seen.goods);
    const { holdLimit, grace } = seen.expected;
    const before = seen.now - holdLimit - grace;
    return seen.goods.value.flatMap((goods): Finding[] => {
      const old = holdsOf(goods.status).filter(({ time }) => (parseTime(time) ?? 0) < before);
      if (old.length === 0) return [];
      const units = old.reduce((sum, hold) => sum + ownUnits(hold), 0);
      const oldest = old.reduce((a, b) => (a.time < b.time ? a : b));
      return [
        {
          severity: 'error',
          reason: 'HoldsLeaked',
          where: `${nameOf('spikegoods', goods)} status.holds`,
          what:
            `${old.length} holds with ${units} units are older than the limit of ${holdLimit / 1000} s, the oldest ` +
            `of ${oldest.time} for ${isLot(oldest) ? 'the replica' : 'order'} ${oldest.order}: a leader would have given them back`,
          remedy: lookAtPods(seen),
        },
      ];
    });
  },
};

export const ordersExpire: Check = {
  name: 'no order is unpaid past its deadline',
  run(seen) {
    if (!('value' in seen.orders)) return unreadable('orders', seen.orders);
    const late = seen.orders.value.filter((order) => isOverdue(order, seen));
    if (late.length === 0) return [];
    const oldest = late.reduce((a, b) => (deadline(a, seen) < deadline(b, seen) ? a : b));
    return [
      {
        severity: 'error',
        reason: 'OrdersOverdue',
        where: nameOf('spikeorder', oldest),
        what:
          `${late.length} orders are past their deadline and still Unpaid, this one since ` +
          `${timestamp(deadline(oldest, seen))}: a leader would have let them expire`,
        remedy: lookAtPods(seen),
      },
    ];
  },
};

const deadline = (order: SpikeOrder, { expected }: Observation): number =>
  deadlineOf(order, expected.paymentWindow) ?? Number.POSITIVE_INFINITY;

function isOverdue(order: SpikeOrder, seen: Observation): boolean {
  const phase = order.status?.phase;
  const isOpen = phase === 'Unpaid' || phase === undefined;
  return isOpen && !isPaid(order) && deadline(order, seen) + seen.expected.grace < seen.now;
}

/** `num` and `reserved`: what the counters should be. */
export interface Miscount {
  goods: SpikeGoods;
  num: number;
  reserved: number;
}

/** Goods whose counters differ from the sum of these orders, as the ledger computes it. */
export function miscounts(goods: readonly SpikeGoods[], orders: readonly SpikeOrder[]): Miscount[] {
  const books = new Books();
  for (const order of orders) books.put(order);
  return goods.flatMap((item) => {
    const { namespace = '', name } = item.metadata;
    const { num, reserved } = books.totals(namespace, name, item.spec.goodsId);
    const isRight = (item.status?.num ?? 0) === num && (item.status?.reserved ?? 0) === reserved;
    return isRight ? [] : [{ goods: item, num, reserved }];
  });
}

export const countersAreRight: Check = {
  name: 'the counters of all goods are what their orders add up to',
  run(seen) {
    const { goods, orders } = seen;
    if (!('value' in goods) || !('value' in orders)) {
      return [...unreadable('goods', goods), ...unreadable('orders', orders)];
    }
    // During a sale the counters lag behind the orders. So report only goods that were wrong at two reads (`steady`).
    const wrong = miscounts(goods.value, orders.value).filter((it) => seen.steady.has(keyOf(it.goods)));
    return wrong.map(
      ({ goods: { status, ...goods }, num, reserved }): Finding => ({
        severity: 'error',
        reason: 'CountersWrong',
        where: `${nameOf('spikegoods', goods)} status`,
        what: `num is ${status?.num ?? 0} and reserved ${status?.reserved ?? 0}, its orders have ${num} and ${reserved}`,
        remedy: `${restart(seen)}   # a new leader derives the counters from the orders`,
      }),
    );
  },
};

export const nothingIsOversold: Check = {
  name: 'no goods have more units in orders than in stock',
  run({ goods, expected }) {
    if (!('value' in goods)) return unreadable('goods', goods);
    return goods.value.flatMap((item): Finding[] => {
      const { num = 0, reserved = 0 } = item.status ?? {};
      const held = heldUnits(item.status);
      const over = num + reserved + held - item.spec.stockCount;
      if (over <= 0) return [];
      const { namespace, name } = item.metadata;
      return [
        {
          severity: 'error',
          reason: 'StockOversold',
          where: `${nameOf('spikegoods', item)} status`,
          what: `${num} sold, ${reserved} reserved and ${held} held are ${over} more than spec.stockCount ${item.spec.stockCount}`,
          remedy:
            `kubectl -n ${namespace} patch spikegoods ${name} --type=merge -p '{"spec":{"stockCount":${num + reserved + held}}}'` +
            `   # if there are that many; and see who wrote its status in ${expected.namespace}'s audit log`,
        },
      ];
    });
  },
};

const restart = ({ expected: { namespace } }: Observation): string =>
  `kubectl -n ${namespace} rollout restart deployment -l app.kubernetes.io/part-of=spikegate`;
