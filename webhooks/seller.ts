// Admission of Seller: an id of its own, and no deletion while its goods are there.
import type { Kind } from '../src/api/define-kind.ts';
import { Seller } from '../src/api/seller.ts';
import { counted } from '../src/ledger/catalogue.ts';
import {
  fillIn,
  fixed,
  goods,
  isBeingDeleted,
  keep,
  marked,
  notReferenced,
  ownIdentity,
} from './shared-rules.ts';
import { smallReviewBytes, type Webhooks } from './webhook.ts';

const identity = ownIdentity<Seller>('sellerId', (call, reference) =>
  call.context.catalogue.findSeller(call.namespace, reference),
);

export const sellerWebhooks: Webhooks<Seller> = {
  kind: Seller as Kind,
  defaulting: 'allocated',
  reviewBytes: smallReviewBytes,
  default(call) {
    const { object, old, context } = call;
    const kept = old ? fillIn(object, keep(old.spec, ['sellerId'])) : object;
    if (isBeingDeleted(call)) return kept;
    return fillIn(kept, { sellerId: context.newId() });
  },
  rules: {
    CREATE: [identity],
    UPDATE: [fixed('sellerId', 'allocated'), identity],
    DELETE: [
      notReferenced('seller', goods, ({ object, context }) =>
        counted(context.catalogue.goodsOfSeller(object)),
      ),
    ],
  },
  beforeDelete: (call) => marked(Seller as Kind, call),
};
