// Admission of SpikeGoods: sets the id and the times of the sale, and refuses edits that would break a promise to buyers.
import type { Kind } from '../src/api/define-kind.ts';
import { holdsOf, isLot, lotsOf } from '../src/api/holds.ts';
import { refuse } from '../src/api/refusals.ts';
import { endOfSale, parseTime, timestamp } from '../src/api/sale.ts';
import { SpikeGoods } from '../src/api/spike-goods.ts';
import { same } from '../src/kube/same.ts';
import { availableOf, remainderOf } from '../src/ledger/stock-draft.ts';
import { withName } from './own-id.ts';
import {
  fillIn,
  fixed,
  hasAll,
  isBeingDeleted,
  isNamespaceCleanup,
  isQuiet,
  keep,
  marked,
  nameIsNoId,
  orders,
  overwrite,
  stillReferenced,
  withOwnId,
} from './shared-rules.ts';
import type { Call, Rule, Webhooks } from './webhook.ts';

type GoodsCall = Call<SpikeGoods>;
type GoodsRule = Rule<SpikeGoods>;

const nameIsNotAnotherId = nameIsNoId<SpikeGoods>((call, reference) =>
  call.context.catalogue.findGoods(call.namespace, reference),
);

export const spikeGoodsWebhooks: Webhooks<SpikeGoods> = {
  kind: SpikeGoods as Kind,
  defaulting: 'allocated',
  complete: hasAll('day', 'goodsId', 'startTime', 'endTime'),

  default(call) {
    const named = withName(call);
    const { object, old, now } = named;
    const kept = old ? fillIn(object, keep(old.spec, ['goodsId', 'startTime', 'endTime'])) : object;
    if (isBeingDeleted(call)) return kept;
    // Goods that were created while no webhook was called are completed by their next update.
    const start = timestamp(parseTime(old?.metadata.creationTimestamp) ?? now);
    const filled = fillIn(withOwnId({ ...named, object: kept }, 'goodsId'), { day: 1, startTime: start });
    const { startTime = start, day = 1, endTime } = filled.spec;
    const isMoved = old !== undefined && (startTime !== old.spec.startTime || day !== (old.spec.day ?? 1));
    // Keep an end that the client changed itself. The rules then refuse it.
    const mustSetEnd = endTime === undefined || (isMoved && endTime === old.spec.endTime);
    return mustSetEnd ? overwrite(filled, { endTime: endOfSale(startTime, day) }) : filled;
  },

  /** Computes the remainder from the counters, whichever client writes the status. */
  defaultStatus({ object }) {
    const lastStockCount = remainderOf(object.spec.stockCount, object.status);
    const remainder = { lastStockCount, lastCount: lastStockCount };
    const { status } = object;
    if (!status || (status.lastStockCount === lastStockCount && status.lastCount === lastStockCount))
      return object;
    return { ...object, status: { ...status, ...remainder } };
  },

  statusRules: [countersAreOurs],

  rules: {
    CREATE: [spikePriceIsAtMostPrice, endFollowsStart, nameIsNotAnotherId, sellerStays],
    UPDATE: [
      fixed('price', 'after creation'),
      fixed('spikePrice', 'after creation'),
      currencyStays,
      fixed('goodsId', 'because Spikegate sets it'),
      fixed('sellerId', 'because its sales are credited to this seller'),
      sellerStays,
      startIsFixedOnceBegun,
      endFollowsStart,
      endIsAhead,
      stockCoversCommitments,
    ],
    DELETE: [nothingIsCommitted],
  },
  beforeDelete: (call) => marked(SpikeGoods as Kind, call, isQuiet(call.object)),

  warnings: [
    ({ object, namespace, context }) => {
      const { sellerId } = object.spec;
      if (sellerId && context.catalogue.findSeller(namespace, sellerId)) return undefined;
      return sellerId
        ? `spec.sellerId: no seller ${sellerId} in this namespace yet`
        : 'spec.sellerId is empty: the sales of these goods are credited to nobody';
    },
    ({ object, now }) =>
      (parseTime(object.spec.endTime) ?? Number.POSITIVE_INFINITY) <= now
        ? `spec.endTime: the sale ended at ${object.spec.endTime}, no order will be accepted`
        : undefined,
  ],
};

/** The fields from which the ledger computes the stock. `defaultStatus` sets `lastStockCount` and `lastCount` by them. */
const counters = ['num', 'reserved', 'holds', 'ledgerEpoch'] as const;

/** If another client wrote these during a crowd, units would be sold twice. docs/ledger.md says how to repair them. */
function countersAreOurs({ object, old, request, context }: GoodsCall): ReturnType<GoodsRule> {
  const self = context.self?.();
  if (!old || self === undefined || request.userInfo.username === self) return undefined;
  const changed = counters.find((name) => !same(object.status?.[name] ?? null, old.status?.[name] ?? null));
  if (changed === undefined) return undefined;
  const field = `status.${changed}`;
  return refuse('Immutable', `${field} is written by Spikegate only (${self})`, field);
}

/** Even a first currency is refused, because it would change the meaning of the amounts in existing orders. */
function currencyStays({ object, old }: GoodsCall): ReturnType<GoodsRule> {
  const [before, after] = [old?.spec.currency, object.spec.currency];
  if (before === after) return undefined;
  return refuse(
    'Immutable',
    `spec.currency cannot change after creation: it is ${before ?? 'nothing'}, got ${after ?? 'nothing'}`,
    'spec.currency',
  );
}

function spikePriceIsAtMostPrice({ object }: GoodsCall): ReturnType<GoodsRule> {
  const { price, spikePrice } = object.spec;
  if (spikePrice <= price) return undefined;
  return refuse(
    'PriceAboveRegular',
    `spec.spikePrice must be at most spec.price (${price}), got ${spikePrice}`,
    'spec.spikePrice',
  );
}

function endFollowsStart({ object, old }: GoodsCall): ReturnType<GoodsRule> {
  const { startTime, endTime, day = 1 } = object.spec;
  if (!startTime) return undefined;
  const before = old?.spec;
  const isAsBefore =
    before?.startTime === startTime && before.endTime === endTime && (before.day ?? 1) === day;
  if (isAsBefore) return undefined;
  const end = endOfSale(startTime, day);
  if (parseTime(endTime) === parseTime(end)) return undefined;
  return refuse(
    'Immutable',
    `spec.endTime must be startTime plus day days, ${end} (Spikegate sets it), got ${endTime ?? 'nothing'}`,
    'spec.endTime',
  );
}

function sellerStays({ object, old, namespace, context }: GoodsCall): ReturnType<GoodsRule> {
  const { sellerId } = object.spec;
  if (sellerId === old?.spec.sellerId) return undefined;
  const seller = sellerId ? context.catalogue.findSeller(namespace, sellerId) : undefined;
  if (!seller?.metadata.deletionTimestamp) return undefined;
  return refuse('SellerDeleting', `spec.sellerId: seller ${sellerId} is being deleted`, 'spec.sellerId');
}

function startIsFixedOnceBegun({ object, old, now }: GoodsCall): ReturnType<GoodsRule> {
  const before = old?.spec.startTime;
  if (object.spec.startTime === before || now < (parseTime(before) ?? Number.POSITIVE_INFINITY))
    return undefined;
  return refuse(
    'Immutable',
    `spec.startTime cannot change once the sale has begun: it is ${before}, got ${object.spec.startTime}`,
    'spec.startTime',
  );
}

function endIsAhead({ object, old, now }: GoodsCall): ReturnType<GoodsRule> {
  const { startTime, endTime, day = 1 } = object.spec;
  const before = old?.spec;
  // An absent end means that no webhook was called when the goods were created. Our defaults have set it, not the client.
  if (!before?.endTime || endTime === before.endTime || now < (parseTime(endTime) ?? 0)) return undefined;
  const field = startTime === before.startTime ? 'spec.day' : 'spec.startTime';
  const length = `${day} ${day === 1 ? 'day' : 'days'}`;
  return refuse(
    'Immutable',
    `${field}: the sale cannot end in the past: ${length} from ${startTime} end it at ${endTime}, it is ${timestamp(now)}`,
    field,
  );
}

function stockCoversCommitments({ object, old }: GoodsCall): ReturnType<GoodsRule> {
  const { stockCount } = object.spec;
  if (!old || stockCount >= old.spec.stockCount) return undefined;
  const taken = old.spec.stockCount - availableOf(old.spec.stockCount, old.status);
  if (stockCount >= taken) return undefined;
  // The units of a lot are not assigned to orders yet, and the replica gives the rest back when the crowd is over.
  const committed = taken - lotsOf(old.status).reduce((sum, { quantity }) => sum + quantity, 0);
  if (stockCount >= committed) return beingOrdered(old);
  return refuse(
    'StockBelowCommitted',
    `spec.stockCount must be at least what is sold and reserved (${committed}), got ${stockCount}`,
    'spec.stockCount',
  );
}

function nothingIsCommitted(call: GoodsCall): ReturnType<GoodsRule> {
  if (isNamespaceCleanup(call)) return undefined;
  const { object } = call;
  const referrers = call.context.catalogue.liveOrdersOfGoods(object);
  if (referrers.count > 0) return stillReferenced('goods', object.metadata.name, orders, referrers);
  // Orders that the cache does not show yet have their holds in the goods.
  const holds = holdsOf(object.status).filter((hold) => !isLot(hold));
  if (holds.length === 0) return lotsOf(object.status).length > 0 ? beingOrdered(object) : undefined;
  const example = holds[0]?.order ?? '';
  return stillReferenced('goods', object.metadata.name, orders, { count: holds.length, example });
}

/** The refusal while a replica has a lot: it has neither assigned the lot's orders yet, nor given the lot back. */
const beingOrdered = ({ metadata }: SpikeGoods): ReturnType<GoodsRule> => ({
  ...refuse('TooManyRequests', `orders for goods ${metadata.name} are in progress; try again`),
  retryAfterSeconds: 1,
});
