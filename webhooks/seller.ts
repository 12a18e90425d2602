// Admission of Seller: allocates its id, and refuses its deletion while it has goods.
import type { Kind } from '../src/api/define-kind.ts';
import { Seller } from '../src/api/seller.ts';
import { counted } from '../src/ledger/catalogue.ts';
import { withName } from './own-id.ts';
import {
  fillIn,
  fixed,
  goods,
  hasAll,
  isBeingDeleted,
  keep,
  nameIsNoId,
  notReferenced,
  withOwnId,
} from './shared-rules.ts';
import { smallReviewBytes, type Webhooks } from './webhook.ts';

const nameIsNotAnotherId = nameIsNoId<Seller>((call, reference) =>
  call.context.catalogue.findSeller(call.namespace, reference),
);

export const sellerWebhooks: Webhooks<Seller> = {
  kind: Seller as Kind,
  defaulting: 'allocated',
  complete: hasAll('sellerId'),
  reviewBytes: smallReviewBytes,
  default(call) {
    const named = withName(call);
    const { object, old } = named;
    const kept = old ? fillIn(object, keep(old.spec, ['sellerId'])) : object;
    if (isBeingDeleted(call)) return kept;
    return withOwnId({ ...named, object: kept }, 'sellerId');
  },
  rules: {
    CREATE: [nameIsNotAnotherId],
    UPDATE: [fixed('sellerId', 'because Spikegate sets it')],
    DELETE: [
      notReferenced('seller', goods, ({ object, context }) =>
        counted(context.catalogue.goodsOfSeller(object)),
      ),
    ],
  },
};
