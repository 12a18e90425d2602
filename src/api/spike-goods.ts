// SpikeGoods: goods on sale, with price, time of the sale and stock.
import { defineKind, type ObjectOf } from './define-kind.ts';
import { longestText, mostHolds } from './holds.ts';
import {
  choice,
  conditions,
  currency,
  highestPrice,
  highestTotal,
  id,
  int,
  listOf,
  maxStock,
  moneyForPeople,
  object,
  observedGeneration,
  optional,
  reference,
  type Static,
  text,
  time,
} from './schema.ts';

export const salePhases = ['Scheduled', 'OnSale', 'SoldOut', 'Ended'] as const;
export type SalePhase = (typeof salePhases)[number];

const spec = object({
  goodsName: optional(text(253, { description: 'Title of the goods.' })),
  sellerId: optional(
    reference({ description: 'The seller: name of a Seller of this namespace, or its id.' }),
  ),
  price: int(0, highestPrice, {
    description: 'Regular price, in minor units of currency where one is named. Fixed once created.',
  }),
  spikePrice: int(0, highestPrice, {
    description: 'Price in the sale, at most price. Fixed once created.',
  }),
  currency: optional(
    currency(
      'ISO 4217 code: 800 of CNY is ¥8.00. Absent: amounts are shown as they are. Fixed once created.',
    ),
  ),
  day: optional(int(1, 3650, { description: 'Length of the sale in days.', default: 1 })),
  stockCount: int(0, maxStock, {
    description: 'Units in the sale. May grow, or shrink no further than what is committed.',
  }),
  goodsId: optional(id({ description: 'Allocated at creation; orders may name the goods by it.' })),
  startTime: optional(
    time({ description: 'When the sale begins; creation time unless set. Fixed once it has begun.' }),
  ),
  endTime: optional(time({ description: 'startTime plus day days; allocated.' })),
});

const status = object({
  goodsId: optional(text(36, { description: 'spec.goodsId.' })),
  startTime: optional(time({ description: 'spec.startTime.' })),
  start_time: optional(time({ description: 'spec.startTime, under its name of the first version.' })),
  endTime: optional(time({ description: 'spec.endTime.' })),
  phase: optional(choice(salePhases, { description: 'Where the sale stands.' })),
  priceText: optional(moneyForPeople('spec.spikePrice as people read it.')),
  num: optional(int(0, maxStock, { description: 'Units paid.' })),
  reserved: optional(int(0, maxStock, { description: 'Units in accepted orders that are not paid yet.' })),
  lastStockCount: optional(
    int(0, maxStock, {
      description:
        'Units left: stockCount - num - reserved - all holds. Never below 0 at any stored revision.',
    }),
  ),
  lastCount: optional(
    int(0, maxStock, { description: 'lastStockCount, under its name of the first version.' }),
  ),
  holds: optional(
    listOf(
      text(longestText, { description: 'Since when, then uid:units:name of each order.' }, 1),
      mostHolds,
      {
        description: 'Units held by admission for orders that the leader has not accepted yet.',
      },
    ),
  ),
  ledgerEpoch: optional(
    int(0, highestTotal, {
      description:
        'Term of the leader that last settled, as the lease gave it. Any other number is overruled.',
    }),
  ),
  observedGeneration,
  conditions,
});

export const SpikeGoods = defineKind({
  group: 'myapp.spike.com',
  version: 'v1',
  kind: 'SpikeGoods',
  plural: 'spikegoods',
  singular: 'spikegoods',
  shortNames: ['sg'],
  description: 'Goods in a flash sale: price, stock and time of the sale.',
  spec,
  status,
  selectableFields: ['.spec.sellerId', '.status.phase'],
  printerColumns: [
    { name: 'Goods', type: 'string', jsonPath: '.spec.goodsName' },
    { name: 'Price', type: 'string', jsonPath: '.status.priceText' },
    { name: 'Stock', type: 'integer', jsonPath: '.spec.stockCount' },
    { name: 'Left', type: 'integer', jsonPath: '.status.lastStockCount' },
    { name: 'Reserved', type: 'integer', jsonPath: '.status.reserved' },
    { name: 'Sold', type: 'integer', jsonPath: '.status.num' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Ends', type: 'string', jsonPath: '.spec.endTime', priority: 1 },
    { name: 'Id', type: 'string', jsonPath: '.spec.goodsId', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
export type SpikeGoods = ObjectOf<typeof SpikeGoods>;
export type SpikeGoodsSpec = Static<typeof spec>;
export type SpikeGoodsStatus = Static<typeof status>;
