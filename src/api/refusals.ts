// Every refusal that a user can meet: its stable reason, its HTTP code, its meaning. Clients may match on the
// reason; messages may change.

/** A stable reason, and a message that says what must hold, with the field and the number. */
export interface Refusal {
  reason: RefusalReason;
  message: string;
  field?: string;
  retryAfterSeconds?: number;
}

/**
 * Every reason with its HTTP code and its meaning (docs/api.md shows the table). 403: a policy says no, as for a quota.
 * 422: the object itself is wrong. 429: the same request may succeed a moment later, and clients retry it. 409: only
 * for a name that is taken, because the API server itself answers that with 409.
 */
export const refusals = {
  AlreadyExists: { code: 409, when: 'An object of that kind and name is stored already.' },
  BuyerDeleting: { code: 403, when: 'The buyer of a new order is being deleted.' },
  BuyerNotFound: { code: 403, when: 'No buyer of that name or id is in the namespace.' },
  CurrenciesDiffer: { code: 403, when: 'The goods of one order have different currencies.' },
  GoodsDeleting: { code: 403, when: 'Goods of a new order are being deleted.' },
  GoodsNotFound: { code: 403, when: 'No goods of that name or id are in the namespace.' },
  IdTaken: { code: 422, when: 'A name equals the id of another object of its kind, or an id equals a name.' },
  Immutable: { code: 422, when: 'The field cannot change, or only Spikegate may set it.' },
  InsufficientStock: {
    code: 403,
    when: 'Some units of the goods are available, but fewer than the order asks for.',
  },
  Invalid: { code: 422, when: 'The object breaks its schema or a rule between its fields.' },
  OrderDeleting: { code: 403, when: 'The order is being deleted and cannot be paid.' },
  OrderExpired: { code: 403, when: 'The order was not paid before its deadline and cannot be paid.' },
  OrderPending: {
    code: 429,
    when: 'The leader has not judged the order yet, so it cannot be paid. Try again.',
  },
  OrderRejected: { code: 403, when: 'The order was rejected and cannot be paid.' },
  PaidOrderKept: { code: 403, when: 'A paid order is a financial record and cannot be deleted.' },
  PaymentNotRevocable: { code: 422, when: '`spec.isPay` cannot go back from true to false.' },
  PlaceNotAllowed: {
    code: 403,
    when: 'The object names an address that the allow list of this installation does not have.',
  },
  PriceAboveRegular: { code: 422, when: '`spec.spikePrice` is higher than `spec.price`.' },
  SaleEnded: { code: 403, when: 'The sale of the goods is over.' },
  SaleNotStarted: { code: 403, when: 'The sale of the goods has not begun.' },
  SellerDeleting: { code: 403, when: 'The seller of the goods is being deleted.' },
  SoldOut: { code: 403, when: 'No unit of the goods is available.' },
  StillReferenced: { code: 403, when: 'Other objects refer to the object, so it cannot be deleted.' },
  StockBelowCommitted: {
    code: 403,
    when: '`spec.stockCount` would be less than the units that are sold, reserved and held.',
  },
  TooManyRequests: {
    code: 429,
    when: 'The request cannot be judged at this moment. Try again after `retryAfterSeconds`.',
  },
} as const;
export type RefusalReason = keyof typeof refusals;

/** HTTP code by reason. */
export const refusalCodes = Object.fromEntries(
  Object.entries(refusals).map(([reason, { code }]) => [reason, code]),
) as { [reason in RefusalReason]: (typeof refusals)[reason]['code'] };

export function refuse(reason: RefusalReason, message: string, field?: string): Refusal {
  return field ? { reason, message, field } : { reason, message };
}

/** Carries a refusal through asynchronous code. */
export class RefusedError extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = 'RefusedError';
    this.refusal = refusal;
  }
}
