// Admission of Buyer: an id of its own, and no deletion while its orders live.
import { Buyer } from '../src/api/buyer.ts';
import type { Kind } from '../src/api/define-kind.ts';
import {
  fillIn,
  fixed,
  isBeingDeleted,
  keep,
  marked,
  notReferenced,
  orders,
  ownIdentity,
} from './shared-rules.ts';
import { smallReviewBytes, type Webhooks } from './webhook.ts';

const identity = ownIdentity<Buyer>('buyerId', (call, reference) =>
  call.context.catalogue.findBuyer(call.namespace, reference),
);

export const buyerWebhooks: Webhooks<Buyer> = {
  kind: Buyer as Kind,
  defaulting: 'allocated',
  reviewBytes: smallReviewBytes,
  default(call) {
    const { object, old, context } = call;
    const kept = old ? fillIn(object, keep(old.spec, ['buyerId'])) : object;
    if (isBeingDeleted(call)) return kept;
    return fillIn(kept, { buyerId: context.newId() });
  },
  rules: {
    CREATE: [identity],
    UPDATE: [fixed('buyerId', 'allocated'), identity],
    DELETE: [
      notReferenced('buyer', orders, ({ object, context }) => context.catalogue.liveOrdersOfBuyer(object)),
    ],
  },
  beforeDelete: (call) => marked(Buyer as Kind, call),
};
