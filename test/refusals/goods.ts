// Everything that is refused about goods.
import { formatHolds } from '../../src/api/holds.ts';
import {
  buyer,
  deleted,
  goods,
  idOf,
  keptBack,
  long,
  order,
  patched,
  type RefusalCase,
  seller,
  there,
} from './scenario.ts';

const sellerLeaves = [...there(keptBack(seller())), deleted('Seller', 'seller1')];
const onSale = there(goods('goods1', long));
const change = (spec: object) => patched('SpikeGoods', 'goods1', spec);

export const goodsCreation: RefusalCase[] = [
  {
    name: 'goods that cost more in the sale',
    reason: 'PriceAboveRegular',
    field: 'spec.spikePrice',
    message: 'spec.spikePrice must be at most spec.price (10), got 11',
    setup: [],
    action: { create: goods('goods1', { spikePrice: 11 }) },
  },
  {
    name: 'goods with an end of their own',
    reason: 'Immutable',
    field: 'spec.endTime',
    message:
      'spec.endTime must be startTime plus day days, 2029-12-29T00:00:00.000Z (Spikegate sets it), got 2030-01-01T00:00:00Z',
    setup: [],
    action: { create: goods('goods1', { ...long, endTime: '2030-01-01T00:00:00Z' }) },
  },
  {
    name: 'goods whose name is the id of other goods',
    reason: 'IdTaken',
    field: 'metadata.name',
    message: `metadata.name must not be an id: ${idOf.goods} is the id of goods1`,
    setup: onSale,
    action: { create: goods(idOf.goods) },
  },
  {
    name: 'goods of a seller that is being deleted',
    reason: 'SellerDeleting',
    field: 'spec.sellerId',
    message: 'spec.sellerId: seller seller1 is being deleted',
    setup: sellerLeaves,
    action: { create: goods('goods1', { sellerId: 'seller1' }) },
  },
];

export const goodsChanges: RefusalCase[] = [
  {
    name: 'a change of the regular price',
    reason: 'Immutable',
    field: 'spec.price',
    message: 'spec.price cannot change after creation: it is 10, got 12',
    setup: onSale,
    action: change({ price: 12 }),
  },
  {
    name: 'a first currency for goods that have none',
    reason: 'Immutable',
    field: 'spec.currency',
    message: 'spec.currency cannot change after creation: it is nothing, got CNY',
    setup: onSale,
    action: change({ currency: 'CNY' }),
  },
  {
    name: 'a change of the price in the sale',
    reason: 'Immutable',
    field: 'spec.spikePrice',
    message: 'spec.spikePrice cannot change after creation: it is 8, got 7',
    setup: onSale,
    action: change({ spikePrice: 7 }),
  },
  {
    name: 'a change of the id of goods',
    reason: 'Immutable',
    field: 'spec.goodsId',
    message: `spec.goodsId cannot change because Spikegate sets it: it is "${idOf.goods}", got "${idOf.other}"`,
    setup: onSale,
    action: change({ goodsId: idOf.other }),
  },
  {
    name: 'a change of the seller of goods',
    reason: 'Immutable',
    field: 'spec.sellerId',
    message:
      'spec.sellerId cannot change because its sales are credited to this seller: it is "seller1", got "seller2"',
    setup: there(goods('goods1', { sellerId: 'seller1' })),
    action: change({ sellerId: 'seller2' }),
  },
  {
    name: 'taking the seller away from goods',
    reason: 'Immutable',
    field: 'spec.sellerId',
    message:
      'spec.sellerId cannot change because its sales are credited to this seller: it is "seller1", got nothing',
    setup: there(goods('goods1', { sellerId: 'seller1' })),
    action: change({ sellerId: null }),
  },
  {
    name: 'giving goods to a seller that is being deleted',
    reason: 'SellerDeleting',
    field: 'spec.sellerId',
    message: 'spec.sellerId: seller seller1 is being deleted',
    setup: [...onSale, ...sellerLeaves],
    action: change({ sellerId: 'seller1' }),
  },
  {
    name: 'a change of the start of a sale that has begun',
    reason: 'Immutable',
    field: 'spec.startTime',
    message:
      'spec.startTime cannot change once the sale has begun: it is 2020-01-01T00:00:00Z, got 2021-01-01T00:00:00Z',
    setup: onSale,
    action: change({ startTime: '2021-01-01T00:00:00Z' }),
  },
  {
    name: 'a change of the end of a sale by hand',
    reason: 'Immutable',
    field: 'spec.endTime',
    message:
      'spec.endTime must be startTime plus day days, 2029-12-29T00:00:00.000Z (Spikegate sets it), got 2030-01-01T00:00:00Z',
    setup: onSale,
    action: change({ endTime: '2030-01-01T00:00:00Z' }),
  },
  {
    name: 'so short a sale that it would be over',
    reason: 'Immutable',
    field: 'spec.day',
    message:
      'spec.day: the sale cannot end in the past: 1 day from 2020-01-01T00:00:00Z end it at 2020-01-02T00:00:00.000Z, it is <now>',
    setup: onSale,
    action: change({ day: 1 }),
  },
  {
    name: 'so early a start that the sale would be over',
    reason: 'Immutable',
    field: 'spec.startTime',
    message:
      'spec.startTime: the sale cannot end in the past: 2 days from 2020-01-01T00:00:00Z end it at 2020-01-03T00:00:00.000Z, it is <now>',
    setup: there(goods('goods1', { startTime: '2099-01-01T00:00:00Z', day: 2 })),
    action: change({ startTime: '2020-01-01T00:00:00Z' }),
  },
  {
    name: 'less stock than is sold and reserved',
    reason: 'StockBelowCommitted',
    field: 'spec.stockCount',
    message: 'spec.stockCount must be at least what is sold and reserved (2), got 1',
    setup: there(buyer(), goods(), order()),
    action: change({ stockCount: 1 }),
  },
  {
    name: 'stock below zero',
    reason: 'Invalid',
    field: 'spec.stockCount',
    message: 'spec.stockCount must be at least 0, got -1',
    setup: there(goods()),
    action: change({ stockCount: -1 }),
    contractOnly: 'the API server refuses it by the schema of the CRD',
  },
  {
    name: 'deleting goods with an order',
    reason: 'StillReferenced',
    message: 'goods goods1 is referenced by 1 order, for example order1',
    setup: there(buyer(), goods(), order()),
    action: deleted('SpikeGoods', 'goods1'),
  },
  {
    name: 'deleting goods with orders that name them by name and by id',
    reason: 'StillReferenced',
    message: 'goods goods1 is referenced by 2 orders, for example order1',
    setup: there(
      buyer(),
      goods(),
      order('order1', { isPay: true }),
      order('order2', { goodsMap: { [idOf.goods]: 1 } }),
    ),
    action: deleted('SpikeGoods', 'goods1'),
  },
  {
    name: 'deleting goods with a hold whose order nobody has seen yet',
    reason: 'StillReferenced',
    message: 'goods goods1 is referenced by 1 order, for example order9',
    setup: [
      ...there(goods()),
      {
        status: {
          kind: 'SpikeGoods',
          name: 'goods1',
          with: {
            holds: formatHolds([{ uid: 'u9', order: 'order9', quantity: 1, time: '2020-01-01T00:00:00Z' }]),
          },
        },
      },
    ],
    action: deleted('SpikeGoods', 'goods1'),
    contractOnly: 'a leader drops holds that have no order',
  },
  {
    name: 'the deletion of goods that a crowd is ordering, before anybody knows who',
    reason: 'TooManyRequests',
    message: 'orders for goods goods1 are in progress; try again',
    setup: [
      ...there(goods()),
      {
        status: {
          kind: 'SpikeGoods',
          name: 'goods1',
          with: {
            holds: formatHolds([
              { uid: 'lot-r1', order: 'pod-1', quantity: 2, time: '2020-01-01T00:00:00.000Z' },
            ]),
          },
        },
      },
    ],
    action: deleted('SpikeGoods', 'goods1'),
    contractOnly: 'a lot lasts as long as a crowd',
  },
];
