// The rules of a sale as pure functions: times, money and the states of an order. Times are milliseconds since the
// epoch here, and RFC 3339 in objects.
import type { Buyer } from './buyer.ts';
import { moneyText } from './money.ts';
import { type Refusal, refuse } from './refusals.ts';
import type { SalePhase, SpikeGoods, SpikeGoodsSpec } from './spike-goods.ts';
import type { OrderPhase, SpikeOrder, SpikeOrderSpec, SpikeOrderStatus } from './spike-order.ts';

const dayMs = 86_400_000;

/** Years of RFC 3339 have four digits. No API server stores a time outside of them. */
const earliestMs = Date.parse('0000-01-01T00:00:00Z');
const latestMs = Date.parse('9999-12-31T23:59:59.999Z');

/** RFC 3339. A time out of range becomes the first or the last one in range. */
export const timestamp = (ms: number): string =>
  new Date(Math.min(Math.max(ms, earliestMs), latestMs)).toISOString();

/** Milliseconds since the epoch. Undefined for an absent or invalid time. */
export function parseTime(time: string | undefined): number | undefined {
  const ms = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** A sale lasts `day` days of 24 hours from `startTime`. */
export function endOfSale(startTime: string, day: number): string {
  return timestamp((parseTime(startTime) ?? 0) + day * dayMs);
}

export function salePhase(spec: SpikeGoodsSpec, left: number, now: number): SalePhase {
  return phaseBetween(parseTime(spec.startTime), parseTime(spec.endTime), left, now);
}

/** The same as salePhase, for times in epoch ms. */
export function phaseBetween(
  start: number | undefined,
  end: number | undefined,
  left: number,
  now: number,
): SalePhase {
  if (start !== undefined && now < start) return 'Scheduled';
  if (end !== undefined && now >= end) return 'Ended';
  return left > 0 ? 'OnSale' : 'SoldOut';
}

/**
 * More than the clocks of two replicas differ, and more than the API server needs to store goods after admission has
 * set their start time.
 */
const startsWithGoodsMs = 5000;

/**
 * Whether a sale starts when its goods are created. Admission does that for goods without a start time: it sets the
 * present time. Another replica's clock may be some milliseconds behind that time. That replica sees the goods, so
 * the sale has begun.
 */
function startsWithGoods(start: number, creationTimestamp: string | undefined): boolean {
  const created = parseTime(creationTimestamp);
  return created !== undefined && start - created < startsWithGoodsMs;
}

/** Why goods cannot be ordered at `now`, or undefined. */
export function whyNotOnSale({ spec, metadata }: SpikeGoods, now: number): Refusal | undefined {
  const { startTime, endTime } = spec;
  const field = `spec.goodsMap.${metadata.name}`;
  const at = timestamp(now);
  const start = parseTime(startTime) ?? 0;
  if (now < start && !startsWithGoods(start, metadata.creationTimestamp)) {
    return refuse('SaleNotStarted', `${field}: the sale starts at ${startTime}, it is ${at}`, field);
  }
  if (now >= (parseTime(endTime) ?? Number.POSITIVE_INFINITY)) {
    return refuse('SaleEnded', `${field}: the sale ended at ${endTime}, it is ${at}`, field);
  }
  return undefined;
}

/**
 * One goods of an order with its number of units. An order that names the same goods twice (by name and by id) has
 * one line.
 */
export interface OrderLine {
  goods: SpikeGoods;
  quantity: number;
}

/**
 * The lines of an order, and the keys of goodsMap (names or ids) that `find` does not resolve. Lines are sorted by
 * name, because holds are taken in this order.
 */
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

/** money = Σ spikePrice·quantity, discount = Σ (price − spikePrice)·quantity, in the unit of the prices. */
export function priceOf(lines: readonly OrderLine[]): { money: number; discount: number } {
  let money = 0;
  let discount = 0;
  for (const { goods, quantity } of lines) {
    money += goods.spec.spikePrice * quantity;
    // spikePrice may be above price in goods that bypassed admission. A discount is never negative.
    discount += Math.max(0, goods.spec.price - goods.spec.spikePrice) * quantity;
  }
  return { money, discount };
}

/** Why the prices of an order cannot be added, or undefined: they must all have one currency. */
export function whyNotOneCurrency(lines: readonly OrderLine[]): Refusal | undefined {
  const [first, ...others] = lines.map(({ goods }) => goods);
  const other = others.find(({ spec }) => spec.currency !== first?.spec.currency);
  if (!first || !other) return undefined;
  const currencyOf = ({ metadata, spec }: SpikeGoods) => `${metadata.name} has ${spec.currency ?? 'none'}`;
  return refuse(
    'CurrenciesDiffer',
    `spec.goodsMap: the goods of one order must have one currency: ${currencyOf(first)}, ${currencyOf(other)}`,
    'spec.goodsMap',
  );
}

/** The status fields about money: the amounts, their texts for people, and the currency. */
function moneyOf(lines: readonly OrderLine[]): Partial<SpikeOrderStatus> {
  const { money, discount } = priceOf(lines);
  const currency = lines[0]?.goods.spec.currency;
  const texts = { moneyText: moneyText(money, currency), discountText: moneyText(discount, currency) };
  return { money, discount, ...texts, ...(currency ? { currency } : {}) };
}

const payStatus: Record<OrderPhase, SpikeOrderStatus['payStatus'] & string> = {
  Unpaid: '0',
  Paid: '1',
  Expired: '2',
  Rejected: '3',
};

/** Whether an order takes units of the stock. Objects to which a live order refers cannot be deleted. */
export function isLive(order: SpikeOrder): boolean {
  const phase = order.status?.phase;
  return phase === undefined || phase === 'Unpaid' || phase === 'Paid';
}

export const isPaid = (order: SpikeOrder): boolean =>
  order.spec.isPay === true && order.status?.phase !== 'Expired' && order.status?.phase !== 'Rejected';

/**
 * When an order must be paid, in epoch ms. Undefined for an order that was paid at once. An order that bypassed
 * admission has no deadline of its own. It gets one here, because it must not keep its units for ever.
 */
export function deadlineOf(order: SpikeOrder, paymentWindowMs: number): number | undefined {
  const { expiredTime, isPay, payTime } = order.spec;
  const deadline = parseTime(expiredTime);
  if (deadline !== undefined || (isPay && payTime)) return deadline;
  return (parseTime(order.metadata.creationTimestamp) ?? 0) + paymentWindowMs;
}

/**
 * The state that an order should be in now. Paid, Expired and Rejected are final. A payment counts when it was made
 * before the deadline. Admission sets payTime; a payment without one counts as made now.
 */
export function nextPhase(order: SpikeOrder, now: number, paymentWindowMs: number): OrderPhase {
  const current = order.status?.phase;
  if (current && current !== 'Unpaid') return current;
  const deadline = deadlineOf(order, paymentWindowMs) ?? Number.POSITIVE_INFINITY;
  const judgedAt = order.spec.isPay ? (parseTime(order.spec.payTime) ?? now) : now;
  if (judgedAt >= deadline) return 'Expired';
  return order.spec.isPay ? 'Paid' : 'Unpaid';
}

/** The status fields that follow from the state. A paid order has no expiredTime. */
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

/** The status of an order when it is accepted. These fields never change afterwards. */
export function acceptedStatus(
  order: SpikeOrder,
  lines: readonly OrderLine[],
  buyer: Buyer | undefined,
): Partial<SpikeOrderStatus> {
  const { spec } = order;
  return {
    orderId: spec.orderId ?? order.metadata.uid,
    createTime: spec.createTime ?? order.metadata.creationTimestamp,
    ...moneyOf(lines),
    // A field that the buyer left empty does not appear in the status.
    ...(buyer?.spec.address ? { address: buyer.spec.address } : {}),
    ...(buyer?.spec.phone ? { phone: buyer.spec.phone } : {}),
    ...(buyer?.spec.buyerName ? { receiver: buyer.spec.buyerName } : {}),
  };
}

/**
 * Whether admission let the order in. Admission allocates the id before an order has a state. An order that bypassed
 * admission has no id until the leader has judged it (webhooks/spike-order.ts).
 */
export const wasLetIn = (order: SpikeOrder): boolean => order.spec.orderId !== undefined;
