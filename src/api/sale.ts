// The rules of a sale as pure functions: times, money and the states of an order.
// Times are milliseconds since the epoch here and RFC 3339 in objects.
import type { Buyer } from './buyer.ts';
import { type Refusal, refuse } from './refusals.ts';
import type { SalePhase, SpikeGoods, SpikeGoodsSpec } from './spike-goods.ts';
import type { OrderPhase, SpikeOrder, SpikeOrderSpec, SpikeOrderStatus } from './spike-order.ts';

const dayMs = 86_400_000;

/** RFC 3339 has years of four digits; a time beyond them is one that no API server stores. */
const earliestMs = Date.parse('0000-01-01T00:00:00Z');
const latestMs = Date.parse('9999-12-31T23:59:59.999Z');

/** RFC 3339; a time out of its range becomes the first or the last that it can write. */
export const timestamp = (ms: number): string =>
  new Date(Math.min(Math.max(ms, earliestMs), latestMs)).toISOString();

/** Milliseconds since the epoch, or undefined for an absent or unreadable time. */
export function parseTime(time: string | undefined): number | undefined {
  const ms = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** A sale of `day` days of 24 hours from `startTime` (S0 row 8). */
export function endOfSale(startTime: string, day: number): string {
  return timestamp((parseTime(startTime) ?? 0) + day * dayMs);
}

export function salePhase(spec: SpikeGoodsSpec, left: number, now: number): SalePhase {
  const start = parseTime(spec.startTime);
  const end = parseTime(spec.endTime);
  if (start !== undefined && now < start) return 'Scheduled';
  if (end !== undefined && now >= end) return 'Ended';
  return left > 0 ? 'OnSale' : 'SoldOut';
}

/** Why goods cannot be ordered at `now`, or undefined. */
export function whyNotOnSale({ spec, metadata }: SpikeGoods, now: number): Refusal | undefined {
  const { startTime, endTime } = spec;
  const field = `spec.goodsMap.${metadata.name}`;
  const at = timestamp(now);
  if (now < (parseTime(startTime) ?? 0)) {
    return refuse('SaleNotStarted', `${field}: the sale starts at ${startTime}, it is ${at}`, field);
  }
  if (now >= (parseTime(endTime) ?? Number.POSITIVE_INFINITY)) {
    return refuse('SaleEnded', `${field}: the sale ended at ${endTime}, it is ${at}`, field);
  }
  return undefined;
}

/** One goods of an order, found and counted; an order that names it twice (by name and id) has one line. */
export interface OrderLine {
  goods: SpikeGoods;
  quantity: number;
}

/** `find` resolves a key of goodsMap, a name or an id. Lines come in name order, in which holds are taken. */
export function linesOf(
  spec: SpikeOrderSpec,
  find: (reference: string) => SpikeGoods | undefined,
): { lines: OrderLine[]; missing: string[] } {
  const byName = new Map<string, OrderLine>();
  const missing: string[] = [];
  for (const [reference, quantity] of Object.entries(spec.goodsMap)) {
    const goods = find(reference);
    if (!goods) {
      missing.push(reference);
      continue;
    }
    const line = byName.get(goods.metadata.name);
    if (line) line.quantity += quantity;
    else byName.set(goods.metadata.name, { goods, quantity });
  }
  const names = [...byName.keys()].sort();
  return { lines: names.map((name) => byName.get(name) as OrderLine), missing };
}

/** S0 row 9: money = Σ spikePrice·quantity, discount = Σ (price − spikePrice)·quantity, in minor units. */
export function priceOf(lines: readonly OrderLine[]): { money: number; discount: number } {
  let money = 0;
  let discount = 0;
  for (const { goods, quantity } of lines) {
    money += goods.spec.spikePrice * quantity;
    // Goods that got past admission may cost more in the sale; then nothing is saved, and less than nothing
    // is not stored.
    discount += Math.max(0, goods.spec.price - goods.spec.spikePrice) * quantity;
  }
  return { money, discount };
}

/** Money for people: `5999.00` of 599900 minor units. Amounts are whole and not negative. */
export function moneyText(minor: number): string {
  return `${Math.floor(minor / 100)}.${String(minor % 100).padStart(2, '0')}`;
}

const payStatus: Record<OrderPhase, SpikeOrderStatus['payStatus'] & string> = {
  Unpaid: '0',
  Paid: '1',
  Expired: '2',
  Rejected: '3',
};

/** Orders in these states hold stock, and hold back the deletion of what they refer to. */
export function isLive(order: SpikeOrder): boolean {
  const phase = order.status?.phase;
  return phase === undefined || phase === 'Unpaid' || phase === 'Paid';
}

export const isPaid = (order: SpikeOrder): boolean =>
  order.spec.isPay === true && order.status?.phase !== 'Expired' && order.status?.phase !== 'Rejected';

/**
 * When an order must be paid, in epoch ms; undefined for one that was paid at once. An order that got past
 * admission has no deadline of its own, and may not hold stock for ever all the same.
 */
export function deadlineOf(order: SpikeOrder, paymentWindowMs: number): number | undefined {
  const { expiredTime, isPay, payTime } = order.spec;
  const deadline = parseTime(expiredTime);
  if (deadline !== undefined || (isPay && payTime)) return deadline;
  return (parseTime(order.metadata.creationTimestamp) ?? 0) + paymentWindowMs;
}

/**
 * The state an order should be in now. Paid, Expired and Rejected are final. A payment counts when it
 * was made before the deadline; admission stamps payTime, and one that bypassed it counts as made now.
 */
export function nextPhase(order: SpikeOrder, now: number, paymentWindowMs: number): OrderPhase {
  const current = order.status?.phase;
  if (current && current !== 'Unpaid') return current;
  const deadline = deadlineOf(order, paymentWindowMs) ?? Number.POSITIVE_INFINITY;
  const decisive = order.spec.isPay ? (parseTime(order.spec.payTime) ?? now) : now;
  if (decisive >= deadline) return 'Expired';
  return order.spec.isPay ? 'Paid' : 'Unpaid';
}

/** The status fields that follow from the state; an order that is paid has no expiredTime (S0 row 13). */
export function phaseFields(
  order: SpikeOrder,
  phase: OrderPhase,
  now: number,
  paymentWindowMs: number,
): Partial<SpikeOrderStatus> {
  const deadline = deadlineOf(order, paymentWindowMs);
  return {
    phase,
    payStatus: payStatus[phase],
    ...(phase === 'Paid' || deadline === undefined
      ? {}
      : { expiredTime: order.spec.expiredTime ?? timestamp(deadline) }),
    ...(phase === 'Paid' ? { payTime: order.spec.payTime ?? timestamp(now) } : {}),
  };
}

/** The status of an order when it is accepted (S0 row 9); terms that never change afterwards. */
export function acceptedStatus(
  order: SpikeOrder,
  lines: readonly OrderLine[],
  buyer: Buyer | undefined,
): Partial<SpikeOrderStatus> {
  const { spec } = order;
  return {
    orderId: spec.orderId ?? order.metadata.uid,
    createTime: spec.createTime ?? order.metadata.creationTimestamp,
    ...priceOf(lines),
    // A field that the buyer left empty stays out of the status.
    ...(buyer?.spec.address ? { address: buyer.spec.address } : {}),
    ...(buyer?.spec.phone ? { phone: buyer.spec.phone } : {}),
    ...(buyer?.spec.buyerName ? { receiver: buyer.spec.buyerName } : {}),
  };
}

/**
 * Whether admission let the order in. Only admission allocates the id of an order before it has a state: one that
 * was created past it has none until the leader has judged it (webhooks/spike-order.ts).
 */
export const wasLetIn = (order: SpikeOrder): boolean => order.spec.orderId !== undefined;
