// Admission of SpikeOrder: an order is admitted only when its stock is held.

import type { Kind } from '../src/api/define-kind.ts';
import { type Refusal, refuse } from '../src/api/refusals.ts';
import type { OrderLine } from '../src/api/sale.ts';
import { isPaid, linesOf, parseTime, timestamp, whyNotOneCurrency, whyNotOnSale } from '../src/api/sale.ts';
import { longestName } from '../src/api/schema.ts';
import { SpikeOrder } from '../src/api/spike-order.ts';
import { holdLineOf, timeUnknown } from '../src/ledger/gate.ts';
import { StockDraft } from '../src/ledger/stock-draft.ts';
import { allocateId, isOwnId, withName } from './own-id.ts';
import {
  fillIn,
  fixed,
  hasAll,
  isBeingDeleted,
  isNamespaceCleanup,
  keep,
  overwrite,
} from './shared-rules.ts';
import { type Call, type Rule, smallReviewBytes, type Webhooks } from './webhook.ts';

type OrderCall = Call<SpikeOrder>;
type OrderRule = Rule<SpikeOrder>;

/**
 * The allocated fields: only admission sets them, as only the API server sets creationTimestamp. A client that could
 * set its own deadline could hold stock for ever.
 */
const allocated = ['orderId', 'createTime', 'expiredTime', 'payTime'] as const;

/** Clocks of replicas may differ by this much when one sets a deadline and another checks it. */
const clockSkewMs = 5000;

/** The longest payment window that another replica may have: a day. */
const longestWindowMs = 86_400_000;

/**
 * Other webhooks may take time between our mutating and our validating call. The API server gives a request 60 s.
 */
const longestRequestMs = 60_000;

export const spikeOrderWebhooks: Webhooks<SpikeOrder> = {
  kind: SpikeOrder as Kind,
  // Nothing may be stored without the fields that only Spikegate sets (webhook.ts).
  defaulting: 'allocated',
  // CEL. An update that keeps such a spec does not call the mutating webhook (webhook.ts).
  complete: `${hasAll('isPay', 'orderId', 'createTime')} && (object.spec.isPay == true ? ${hasAll('payTime')} : ${hasAll('expiredTime')})`,
  reviewBytes: smallReviewBytes,

  default(call) {
    const { object, old, now } = call;
    if (!old) {
      const named = withName(call);
      return isAllocated(named) ? named.object : allocate(named, unallocated(named.object), now);
    }
    const kept = fillIn(object, keep(old.spec, allocated));
    if (isBeingDeleted(call)) return kept;
    const paysNow = kept.spec.isPay === true && old.spec.isPay !== true;
    // An order that was created past admission (without our webhook, which was off) gets its missing fields at its next
    // update.
    const created = parseTime(old.metadata.creationTimestamp) ?? now;
    const whole = allocate(call, paysNow ? overwrite(kept, { payTime: timestamp(now) }) : kept, created);
    // Until the leader has judged it, the missing id says that admission did not let it in
    // (controllers/order-lifecycle.ts).
    if (!old.spec.orderId && !old.status?.phase) delete whole.spec.orderId;
    return whole;
  },

  rules: {
    CREATE: [
      referencesAreShort,
      buyerIsThere,
      goodsAreThere,
      saleIsOn,
      currencyIsOne,
      deadlineIsWithinWindow,
      payTimeIsSetBySpikegate,
    ],
    UPDATE: [
      fixed('goodsMap', 'once ordered'),
      fixed('buyerId', 'once ordered'),
      fixed('orderId', 'because Spikegate sets it'),
      fixed('createTime', 'because Spikegate sets it'),
      fixed('expiredTime', 'because Spikegate sets it'),
      paymentStands,
      absentDeadlineStays,
      paymentIsInTime,
      stockIsHeld,
      payTimeIsSetBySpikegate,
    ],
    DELETE: [paidOrderIsKept],
  },

  async refreshAndRetry(call, { reason }) {
    const { context, request } = call;
    if (request.operation !== 'CREATE' || !(reason === 'BuyerNotFound' || reason === 'GoodsNotFound'))
      return false;
    const user = userOf(call);
    // Each user has a budget of live reads. A read that lets an order in is given back.
    if (!context.looks.take(user)) return tooManyRefused(user);
    const found = await lookForMissing(call);
    if (found) context.looks.giveBack(user);
    return found;
  },

  async beforeCreate(call) {
    const { context, object, namespace, request } = call;
    const { uid, name } = object.metadata;
    const lines = orderLines(call);
    if (request.dryRun) return dryRun(lines);
    const taken = await nameIsTaken(call);
    if (taken) return { refusal: taken };
    const holds = lines.map(holdLineOf);
    // The buyer's place in line survives retries, so it cannot depend on a generated name.
    const who = object.metadata.generateName ? object.spec.buyerId : name;
    const { username: user = '' } = request.userInfo;
    const refusal = await context.gate.hold(
      { namespace, uid, order: name, who, user, lines: holds },
      call.deadline,
    );
    // While the request waited for stock, another request of this name may have been stored.
    if (refusal) return { refusal: (await nameIsTaken(call)) ?? refusal };
    return { audit: { hold: holds.map((hold) => `${hold.goods}=${hold.quantity}`).join(',') } };
  },
};

/**
 * The API server refuses a name that is taken, but only after our webhook, and the hold would stay. The cache may still
 * show an order that is deleted by now. So the cache raises the question, and a live read answers it. Without an order in
 * the cache there is no I/O.
 */
async function nameIsTaken(call: OrderCall): Promise<Refusal | undefined> {
  const { context, object, namespace } = call;
  const { uid, name } = object.metadata;
  const namesake = context.catalogue.findOrder(namespace, name);
  if (!namesake || namesake.metadata.uid === uid) return undefined;
  const user = userOf(call);
  if (!context.looks.take(user)) return tooManyRefused(user);
  if (await context.live.orderIsStored(namespace, name))
    return refuse('AlreadyExists', `spikeorders.myapp.spike.com "${name}" already exists`);
  context.looks.giveBack(user);
  return undefined;
}

const userOf = ({ request }: OrderCall): string => request.userInfo.username ?? '';

/**
 * The refusal of an order that needs a live read when its user has used up the budget for them. Orders that are
 * refused without a live read are not limited: one user name may stand for a whole shop, and once its goods are sold
 * out, most of its orders are refused.
 */
const tooManyRefused = (user: string): Refusal => ({
  ...refuse(
    'TooManyRequests',
    `too many orders of ${user || 'this user'} named a buyer or goods that do not exist, or a name that is taken; try again`,
  ),
  retryAfterSeconds: 1,
});

/** Reads the buyer and the goods of an order that the caches lack. Resolves to whether the rules must run once more. */
async function lookForMissing({ object, namespace, context }: OrderCall): Promise<boolean> {
  const { catalogue } = context;
  const { buyerId, goodsMap } = object.spec;
  const look = (kind: 'goods' | 'buyers', name: string) => context.live.refresh(kind, namespace, name);
  const isBuyerMissing = !catalogue.findBuyer(namespace, buyerId);
  if (isBuyerMissing && !(await look('buyers', buyerId))) return false;
  // Read the first missing goods alone. If they do not exist, the order is refused, and an order with 64 missing goods
  // costs no more reads than an order with one.
  const [first, ...others] = Object.keys(goodsMap).filter((name) => !catalogue.findGoods(namespace, name));
  if (first === undefined) return isBuyerMissing;
  if (!(await look('goods', first))) return isBuyerMissing;
  await Promise.all(others.map((name) => look('goods', name)));
  return true;
}

/** `order`: the object to store, with its name. */
function allocate(call: OrderCall, order: SpikeOrder, created: number): SpikeOrder {
  const { spec } = order;
  const { paymentWindowMs } = call.context.policy;
  const createTime = timestamp(created);
  return fillIn(order, {
    isPay: false,
    createTime,
    ...(spec.isPay ? { payTime: createTime } : { expiredTime: timestamp(created + paymentWindowMs) }),
    ...(spec.orderId
      ? {}
      : { orderId: allocateId({ ...call, object: order }, ...hashInputs(call, createTime)) }),
  });
}

/** What the hash in an order's id covers besides the name. So an order that uses a name again gets another id. */
const hashInputs = ({ request }: OrderCall, createTime: string | undefined): string[] => [
  request.userInfo.username ?? '',
  createTime ?? '',
];

/**
 * The object without the fields that only admission sets. A manifest that was copied from an order has all of them.
 */
function unallocated(order: SpikeOrder): SpikeOrder {
  const spec = { ...order.spec };
  for (const name of allocated) delete spec[name];
  return { ...order, spec };
}

/**
 * Whether the object already has our own defaults of a moment ago: the API server calls again when a later webhook
 * changed the object (reinvocation). A copied order has the id of the original, whose hash does not match the
 * copy's name.
 */
function isAllocated(call: OrderCall): boolean {
  const { object, now } = call;
  const { orderId, createTime } = object.spec;
  const created = parseTime(createTime);
  if (created === undefined || Math.abs(now - created) > clockSkewMs) return false;
  if (!isOwnId(call, orderId, ...hashInputs(call, createTime))) return false;
  const again = allocate(call, unallocated(object), created);
  return allocated.every((name) => name === 'orderId' || object.spec[name] === again.spec[name]);
}

function orderLines(call: OrderCall): OrderLine[] {
  return linesOf(call.object.spec, (key) => call.context.catalogue.findGoods(call.namespace, key)).lines;
}

/** The answer that a real request would get, without a write. */
function dryRun(lines: readonly OrderLine[]): { refusal?: ReturnType<typeof refuse> } {
  for (const { goods, quantity } of lines) {
    const refusal = new StockDraft(goods).hold({ uid: 'dry-run', order: 'dry-run', quantity, time: '' });
    if (refusal) return { refusal };
  }
  return {};
}

/**
 * A CRD's schema cannot bound the keys of a map. No object has such a long name, and it would not fit into a
 * message.
 */
function referencesAreShort({ object }: OrderCall): ReturnType<OrderRule> {
  const long = Object.keys(object.spec.goodsMap).find((key) => key.length > longestName);
  if (long === undefined) return undefined;
  const message = `spec.goodsMap: a key must have at most ${longestName} characters, got ${long.length}`;
  return refuse('Invalid', message, 'spec.goodsMap');
}

function buyerIsThere({ object, namespace, context }: OrderCall): ReturnType<OrderRule> {
  const { buyerId } = object.spec;
  const buyer = context.catalogue.findBuyer(namespace, buyerId);
  if (!buyer)
    return refuse('BuyerNotFound', `spec.buyerId: no buyer ${buyerId} in this namespace`, 'spec.buyerId');
  if (!buyer.metadata.deletionTimestamp) return undefined;
  return refuse('BuyerDeleting', `spec.buyerId: buyer ${buyerId} is being deleted`, 'spec.buyerId');
}

function goodsAreThere({ object, namespace, context }: OrderCall): ReturnType<OrderRule> {
  for (const reference of Object.keys(object.spec.goodsMap)) {
    const field = `spec.goodsMap.${reference}`;
    const goods = context.catalogue.findGoods(namespace, reference);
    if (!goods) return refuse('GoodsNotFound', `${field}: no goods ${reference} in this namespace`, field);
    if (goods.metadata.deletionTimestamp) {
      return refuse('GoodsDeleting', `${field}: goods ${reference} is being deleted`, field);
    }
  }
  return undefined;
}

function saleIsOn(call: OrderCall): ReturnType<OrderRule> {
  for (const { goods } of orderLines(call)) {
    const refusal = whyNotOnSale(goods, call.now);
    if (refusal) return refusal;
  }
  return undefined;
}

function currencyIsOne(call: OrderCall): ReturnType<OrderRule> {
  return whyNotOneCurrency(orderLines(call));
}

/**
 * Checks the deadline on CREATE, after all mutating webhooks, because another webhook may have changed it. During a
 * rollout that changes the payment window, another replica may have set the deadline with a longer window.
 */
function deadlineIsWithinWindow({ object, now, context }: OrderCall): ReturnType<OrderRule> {
  const { isPay, expiredTime } = object.spec;
  if (isPay) return undefined;
  const latest = now + Math.max(context.policy.paymentWindowMs, longestWindowMs) + clockSkewMs;
  const deadline = parseTime(expiredTime);
  if (deadline !== undefined && deadline <= latest) return undefined;
  return refuse(
    'Invalid',
    `spec.expiredTime must be at most ${timestamp(latest)} (Spikegate sets it), got ${expiredTime ?? 'nothing'}`,
    'spec.expiredTime',
  );
}

/**
 * Checks the deadline on UPDATE when the stored order has none. Either it was paid at once and never gets one, or
 * it was created past admission and gets ours.
 */
function absentDeadlineStays({ object, old, context }: OrderCall): ReturnType<OrderRule> {
  const { expiredTime } = object.spec;
  if (!old || old.spec.expiredTime || !expiredTime) return undefined;
  const created = parseTime(old.metadata.creationTimestamp) ?? 0;
  const ours = old.spec.isPay ? undefined : timestamp(created + context.policy.paymentWindowMs);
  if (expiredTime === ours) return undefined;
  const mustHold = ours === undefined ? 'must stay absent' : `must be ${ours}`;
  const message = `spec.expiredTime ${mustHold} (Spikegate sets it), got ${JSON.stringify(expiredTime)}`;
  return refuse('Immutable', message, 'spec.expiredTime');
}

/**
 * The leader judges a payment by payTime, long after admission. So an admitted payment must have a payTime close to
 * now. An order that was created past admission may be paid and have no payTime; then an update may add one.
 */
function payTimeIsSetBySpikegate({ object, old, now }: OrderCall): ReturnType<OrderRule> {
  const { isPay = false, payTime } = object.spec;
  const { isPay: wasPaid = false, payTime: before } = old?.spec ?? {};
  if (isPay === wasPaid && (payTime === before || (isPay && before === undefined))) return undefined;
  const paidAt = parseTime(payTime);
  const since = now - (paidAt ?? Number.NaN);
  if (isPay && !wasPaid && since >= -clockSkewMs && since <= longestRequestMs + clockSkewMs) return undefined;
  return refuse(
    'Immutable',
    `spec.payTime cannot change, because Spikegate sets it when spec.isPay becomes true: it is ${before ?? 'not set'}, got ${payTime ?? 'nothing'}`,
    'spec.payTime',
  );
}

function paymentStands({ object, old }: OrderCall): ReturnType<OrderRule> {
  if (!old?.spec.isPay || object.spec.isPay) return undefined;
  return refuse('PaymentNotRevocable', 'spec.isPay may change from false to true only', 'spec.isPay');
}

function paymentIsInTime({ object, old, now, context }: OrderCall): ReturnType<OrderRule> {
  if (!object.spec.isPay || old?.spec.isPay) return undefined;
  if (!context.clock.bounds()) return timeUnknown;
  const { expiredTime, payTime } = object.spec;
  if (old?.status?.phase === 'Rejected') {
    return refuse('OrderRejected', 'spec.isPay: the order was rejected and cannot be paid', 'spec.isPay');
  }
  // A finalizer may keep the order for a while. When it is removed, a paid order would be gone, and its stock
  // returned.
  if (old?.metadata.deletionTimestamp) {
    return refuse('OrderDeleting', 'spec.isPay: the order is being deleted and cannot be paid', 'spec.isPay');
  }
  const deadline = parseTime(expiredTime) ?? Number.POSITIVE_INFINITY;
  // Another replica set payTime by its clock. The leader accepts the payment only if that time is before the
  // deadline too.
  const paidAt = Math.max(now, parseTime(payTime) ?? now);
  if (old?.status?.phase !== 'Expired' && paidAt < deadline) return undefined;
  return refuse(
    'OrderExpired',
    `spec.isPay: the order expired at ${expiredTime} and cannot be paid, it is ${timestamp(now)}`,
    'spec.isPay',
  );
}

/**
 * An order without a state that was created past admission may still be rejected, and nobody should pay for stock
 * that may not exist. An order that admission let in has a hold on each of its goods, under its uid, until its
 * state is stored.
 */
function stockIsHeld(call: OrderCall): ReturnType<OrderRule> {
  const { object, old, namespace, context } = call;
  if (!old || old.status?.phase || !object.spec.isPay || old.spec.isPay) return undefined;
  const { lines, missing } = linesOf(old.spec, (key) => context.catalogue.findGoods(namespace, key));
  const isCovered = (line: OrderLine) => context.gate.hasHold(line.goods, old.metadata.uid);
  if (missing.length === 0 && lines.every(isCovered)) return undefined;
  return {
    ...refuse(
      'OrderPending',
      'spec.isPay: the order has no status yet and no stock is held for it, so it cannot be paid; try again',
      'spec.isPay',
    ),
    retryAfterSeconds: 1,
  };
}

function paidOrderIsKept(call: OrderCall): ReturnType<OrderRule> {
  if (!isPaid(call.object) || isNamespaceCleanup(call)) return undefined;
  return refuse(
    'PaidOrderKept',
    `order ${call.object.metadata.name} is paid and is kept as a financial record`,
  );
}
