// Admission of Buyer: allocates its id, and refuses its deletion while it has live orders.
import { Buyer } from '../src/api/buyer.ts';
import type { Kind } from '../src/api/define-kind.ts';
import { withName } from './own-id.ts';
import {
  fillIn,
  fixed,
  hasAll,
  hasNoneUnderWay,
  isBeingDeleted,
  keep,
  marked,
  nameIsNoId,
  notReferenced,
  orders,
  withOwnId,
} from './shared-rules.ts';
import { smallReviewBytes, type Webhooks } from './webhook.ts';

const nameIsNotAnotherId = nameIsNoId<Buyer>((call, reference) =>
  call.context.catalogue.findBuyer(call.namespace, reference),
);

export const buyerWebhooks: Webhooks<Buyer> = {
  kind: Buyer as Kind,
  defaulting: 'allocated',
  complete: hasAll('buyerId'),
  reviewBytes: smallReviewBytes,
  default(call) {
    const named = withName(call);
    const { object, old } = named;
    const kept = old ? fillIn(object, keep(old.spec, ['buyerId'])) : object;
    if (isBeingDeleted(call)) return kept;
    return withOwnId({ ...named, object: kept }, 'buyerId');
  },
  rules: {
    CREATE: [nameIsNotAnotherId],
    UPDATE: [fixed('buyerId', 'because Spikegate sets it')],
    DELETE: [
      notReferenced('buyer', orders, ({ object, context }) => context.catalogue.liveOrdersOfBuyer(object)),
    ],
  },
  // Every order that is on its way has a hold in goods of the namespace, or its units are in a lot there. Without holds
  // and lots, no order of the buyer can be on its way.
  beforeDelete: (call) =>
    marked(Buyer as Kind, call, call.context.catalogue.goodsIn(call.namespace).every(hasNoneUnderWay)),
};
