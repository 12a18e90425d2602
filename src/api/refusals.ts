// Every refusal a user can meet: its stable reason, its HTTP code and what it tells them.
// The reason is what clients may match on; messages may get better.

/** A stable reason and what must hold, with the field and the number. */
export interface Refusal {
  reason: RefusalReason;
  message: string;
  field?: string;
  retryAfterSeconds?: number;
}

/**
 * HTTP code by reason. 403 is what Kubernetes answers when a policy says no (quota too), 422 when the
 * object itself is wrong, 429 when the same request may succeed a moment later (clients retry it).
 * 409 only for a name that is taken, which is what the API server itself would answer.
 */
export const refusalCodes = {
  AlreadyExists: 409,
  BuyerDeleting: 403,
  BuyerNotFound: 403,
  GoodsDeleting: 403,
  GoodsNotFound: 403,
  IdTaken: 422,
  Immutable: 422,
  Invalid: 422,
  OrderDeleting: 403,
  OrderExpired: 403,
  OrderPending: 429,
  OrderRejected: 403,
  PaidOrderKept: 403,
  PaymentNotRevocable: 422,
  PlaceNotAllowed: 403,
  PriceAboveRegular: 422,
  SaleEnded: 403,
  SaleNotStarted: 403,
  SellerDeleting: 403,
  SoldOut: 403,
  StillReferenced: 403,
  StockBelowCommitted: 403,
  TooManyRequests: 429,
} as const;
export type RefusalReason = keyof typeof refusalCodes;

export function refuse(reason: RefusalReason, message: string, field?: string): Refusal {
  return field ? { reason, message, field } : { reason, message };
}

/** Thrown where a refusal has to cross asynchronous code; carries it unchanged. */
export class RefusedError extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = 'RefusedError';
    this.refusal = refusal;
  }
}
