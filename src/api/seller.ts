// Seller: the person whose goods are on sale.
import { maxListedIds } from './buyer.ts';
import { defineKind, type ObjectOf } from './define-kind.ts';
import {
  conditions,
  highestTotal,
  id,
  int,
  listOf,
  moneyForPeople,
  object,
  observedGeneration,
  optional,
  type Static,
  text,
} from './schema.ts';

const spec = object({
  sellerPhone: optional(text(64, { description: 'Telephone of the seller.' })),
  sellerId: optional(id({ description: 'Allocated at creation; goods may name the seller by it.' })),
});

const status = object({
  sellerId: optional(text(36, { description: 'spec.sellerId.' })),
  sellerGoodsList: optional(
    listOf(text(64, { description: 'A goods id.' }), maxListedIds, {
      description: `Ids of the seller's goods, oldest first; of more than ${maxListedIds} the newest.`,
    }),
  ),
  goodsCount: optional(int(0, highestTotal, { description: 'Goods of the seller.' })),
  salesMoney: optional(
    int(0, highestTotal, {
      description: "The seller's share of all paid orders, in one number whatever the currency.",
    }),
  ),
  salesText: optional(moneyForPeople('The same as people read it, by currency.')),
  observedGeneration,
  conditions,
});

export const Seller = defineKind({
  group: 'myapp.spike.com',
  version: 'v1',
  kind: 'Seller',
  plural: 'sellers',
  singular: 'seller',
  shortNames: [],
  description: 'A seller in flash sales.',
  spec,
  status,
  printerColumns: [
    { name: 'Phone', type: 'string', jsonPath: '.spec.sellerPhone' },
    { name: 'Goods', type: 'integer', jsonPath: '.status.goodsCount' },
    { name: 'Sales', type: 'string', jsonPath: '.status.salesText' },
    { name: 'Id', type: 'string', jsonPath: '.spec.sellerId', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
export type Seller = ObjectOf<typeof Seller>;
export type SellerStatus = Static<typeof status>;
