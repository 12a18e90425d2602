// Admission of Buyer: an id of its own, and no deletion while its orders live.
import { Buyer } from '../src/api/buyer.ts';
import type { Kind } from '../src/api/define-kind.ts';
import { fillIn, fixed, keep, notReferenced, orders, ownIdentity, withFinalizer } from './shared-rules.ts';
import type { Webhooks } from './webhook.ts';

export const buyerWebhooks: Webhooks<Buyer> = {
  kind: Buyer as Kind,
  default({ object, old, surroundings }) {
    const kept = old ? fillIn(object, keep(old.spec, ['buyerId'])) : object;
    return withFinalizer(fillIn(kept, { buyerId: surroundings.newId() }));
  },
  rules: {
    CREATE: [
      ownIdentity('buyerId', (call, reference) =>
        call.surroundings.catalogue.findBuyer(call.namespace, reference),
      ),
    ],
    UPDATE: [fixed('buyerId', 'allocated')],
    DELETE: [
      notReferenced('buyer', orders, ({ object, surroundings }) =>
        surroundings.catalogue.liveOrdersOfBuyer(object),
      ),
    ],
  },
};
