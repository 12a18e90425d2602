// Admission of Seller: an id of its own, and no deletion while its goods are there.
import type { Kind } from '../src/api/define-kind.ts';
import { Seller } from '../src/api/seller.ts';
import { counted } from '../src/ledger/catalogue.ts';
import { fillIn, fixed, goods, keep, notReferenced, ownIdentity, withFinalizer } from './shared-rules.ts';
import type { Webhooks } from './webhook.ts';

export const sellerWebhooks: Webhooks<Seller> = {
  kind: Seller as Kind,
  default({ object, old, surroundings }) {
    const kept = old ? fillIn(object, keep(old.spec, ['sellerId'])) : object;
    return withFinalizer(fillIn(kept, { sellerId: surroundings.newId() }));
  },
  rules: {
    CREATE: [
      ownIdentity('sellerId', (call, reference) =>
        call.surroundings.catalogue.findSeller(call.namespace, reference),
      ),
    ],
    UPDATE: [fixed('sellerId', 'allocated')],
    DELETE: [
      notReferenced('seller', goods, ({ object, surroundings }) =>
        counted(surroundings.catalogue.goodsOfSeller(object)),
      ),
    ],
  },
};
