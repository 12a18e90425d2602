// Buyer: a person who orders, with the address of delivery.
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

/** Maximum number of ids in a list of a status, to bound the object's size. The count next to the list counts all. */
export const maxListedIds = 1000;

const spec = object({
  buyerName: optional(text(253, { description: 'Name of the buyer; the receiver of the orders.' })),
  address: optional(text(1024, { description: 'Where orders are sent.' })),
  phone: optional(text(64, { description: 'Telephone of the buyer.' })),
  buyerId: optional(id({ description: 'Allocated at creation; orders may name the buyer by it.' })),
});

const status = object({
  buyerId: optional(text(36, { description: 'spec.buyerId.' })),
  orderList: optional(
    listOf(text(64, { description: 'An order id.' }), maxListedIds, {
      description: `Ids of the buyer's orders, oldest first; of more than ${maxListedIds} the newest.`,
    }),
  ),
  orderCount: optional(int(0, highestTotal, { description: 'Orders of the buyer, in every state.' })),
  spendMoney: optional(
    int(0, highestTotal, { description: 'Sum of the paid orders, in one number whatever the currency.' }),
  ),
  spentText: optional(moneyForPeople('The same as people read it, by currency.')),
  observedGeneration,
  conditions,
});

export const Buyer = defineKind({
  group: 'myapp.spike.com',
  version: 'v1',
  kind: 'Buyer',
  plural: 'buyers',
  singular: 'buyer',
  shortNames: [],
  description: 'A buyer in flash sales.',
  spec,
  status,
  printerColumns: [
    { name: 'Name', type: 'string', jsonPath: '.spec.buyerName' },
    { name: 'Orders', type: 'integer', jsonPath: '.status.orderCount' },
    { name: 'Spent', type: 'string', jsonPath: '.status.spentText' },
    { name: 'Id', type: 'string', jsonPath: '.spec.buyerId', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
export type Buyer = ObjectOf<typeof Buyer>;
export type BuyerStatus = Static<typeof status>;
