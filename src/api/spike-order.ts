// SpikeOrder: one buyer's order of some goods of the sale.
import { defineKind, type ObjectOf } from './define-kind.ts';
import {
  choice,
  conditions,
  counts,
  currency,
  flag,
  highestTotal,
  id,
  int,
  maxGoodsPerOrder,
  maxPieces,
  moneyForPeople,
  object,
  observedGeneration,
  optional,
  reference,
  type Static,
  text,
  time,
} from './schema.ts';

export const orderPhases = ['Unpaid', 'Paid', 'Expired', 'Rejected'] as const;
export type OrderPhase = (typeof orderPhases)[number];

const spec = object({
  buyerId: reference({ description: 'The buyer: name of a Buyer of this namespace, or its id.' }),
  goodsMap: counts(
    { minimum: 1, maximum: maxPieces, maxProperties: maxGoodsPerOrder },
    { description: 'Goods (name of a SpikeGoods of this namespace, or its id) to units ordered.' },
  ),
  isPay: optional(
    flag({
      description: 'Whether it is paid. May change from false to true before expiredTime.',
      default: false,
    }),
  ),
  orderId: optional(id({ description: 'Allocated at creation.' })),
  createTime: optional(time({ description: 'Allocated at creation.' })),
  expiredTime: optional(
    time({ description: 'Deadline of the payment; allocated at creation unless the order is paid at once.' }),
  ),
  payTime: optional(time({ description: 'When isPay became true; allocated then.' })),
});

const status = object({
  orderId: optional(text(36, { description: 'spec.orderId.' })),
  createTime: optional(time({ description: 'spec.createTime.' })),
  expiredTime: optional(time({ description: 'Deadline of the payment; absent once the order is paid.' })),
  phase: optional(choice(orderPhases, { description: 'State of the order; all but Unpaid are final.' })),
  payStatus: optional(
    choice(['0', '1', '2', '3'], { description: '0 unpaid, 1 paid, 2 expired, 3 rejected.' }),
  ),
  payTime: optional(time({ description: 'When it was paid.' })),
  money: optional(int(0, highestTotal, { description: 'To pay: sum of spikePrice times units.' })),
  discount: optional(
    int(0, highestTotal, { description: 'Saved: sum of (price - spikePrice) times units.' }),
  ),
  currency: optional(currency('Currency of the goods; absent where they have none.')),
  moneyText: optional(moneyForPeople('money as people read it.')),
  discountText: optional(moneyForPeople('discount as people read it.')),
  address: optional(text(1024, { description: "The buyer's address when the order was accepted." })),
  phone: optional(text(64, { description: "The buyer's telephone when the order was accepted." })),
  receiver: optional(text(253, { description: "The buyer's name when the order was accepted." })),
  observedGeneration,
  conditions,
});

export const SpikeOrder = defineKind({
  group: 'myapp.spike.com',
  version: 'v1',
  kind: 'SpikeOrder',
  plural: 'spikeorders',
  singular: 'spikeorder',
  shortNames: ['so'],
  description: 'An order in a flash sale. Kubernetes accepts it only when its stock is held for it.',
  spec,
  status,
  selectableFields: ['.spec.buyerId', '.status.phase'],
  printerColumns: [
    { name: 'Buyer', type: 'string', jsonPath: '.spec.buyerId' },
    { name: 'Money', type: 'string', jsonPath: '.status.moneyText' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Expires', type: 'string', jsonPath: '.status.expiredTime' },
    { name: 'Discount', type: 'string', jsonPath: '.status.discountText', priority: 1 },
    { name: 'Paid', type: 'string', jsonPath: '.status.payTime', priority: 1 },
    { name: 'Id', type: 'string', jsonPath: '.spec.orderId', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
export type SpikeOrder = ObjectOf<typeof SpikeOrder>;
export type SpikeOrderSpec = Static<typeof spec>;
export type SpikeOrderStatus = Static<typeof status>;
