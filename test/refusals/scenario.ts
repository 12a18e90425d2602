// The vocabulary of the table of refusals: what is there before, what is tried, what is said to it. Data only,
// so that the contract tests (supertest) and the end-to-end tests (kubectl) run the same rows.
import type { RefusalReason } from '../../src/api/refusals.ts';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name?: string; generateName?: string; finalizers?: string[]; labels?: Record<string, string> };
  spec: object;
}

interface Target {
  kind: string;
  name: string;
}

/** One thing that is done, with kubectl or by a call of the API. Patches are JSON merge patches. */
export type Step =
  | { create: Manifest; meddled?: object }
  | { patch: Target & { with: object }; meddled?: object }
  /** Of the status subresource, by an administrator. */
  | { status: Target & { with: object } }
  /** Does not wait until a finalizer lets it go. */
  | { delete: Target }
  /** Stored while the webhooks are off. */
  | { bypass: Manifest }
  | { wait: 'payment window' };
// `meddled` is what another mutating webhook changes after ours: a merge patch.

export interface RefusalCase {
  /** Unique; what a person tried. */
  name: string;
  reason: RefusalReason;
  /** `details.causes[0].field`, where the message is about a field. */
  field?: string;
  /** Exact, but for `<now>` and `<deadline>`, which stand for RFC 3339 times. */
  message: string;
  setup: Step[];
  action: Step;
  /** Why kubectl alone does not get there; absent where it does. */
  contractOnly?: string;
}

const apiVersion = 'myapp.spike.com/v1';

/** Stands for the id that admission has given an object: `filledIn` puts it in. */
const allocated = (kind: string, name: string): string => `<id of ${kind} ${name}>`;

/** Ids that a test can name. */
export const idOf = {
  goods: allocated('SpikeGoods', 'goods1'),
  buyer: allocated('Buyer', 'buyer1'),
  seller: allocated('Seller', 'seller1'),
  other: 'f0000000-0000-4000-8000-000000000001',
};

const idFields: Record<string, string> = { SpikeGoods: 'goodsId', Buyer: 'buyerId', Seller: 'sellerId' };

/** A step, or a message, with the ids of stored objects in place of `idOf`. `find` gives a stored object. */
export async function filledIn<T>(
  value: T,
  find: (kind: string, name: string) => unknown | Promise<unknown>,
): Promise<T> {
  let text = JSON.stringify(value);
  for (const [placeholder, kind, name] of text.matchAll(/<id of (\w+) ([-\w]+)>/g)) {
    const found = (await find(kind!, name!)) as { spec: Record<string, string> };
    text = text.replaceAll(placeholder, found.spec[idFields[kind!]!]!);
  }
  return JSON.parse(text);
}

/** Price 10, in the sale 8, stock 5: the goods of the original's demonstration. */
export const goods = (name = 'goods1', spec: object = {}): Manifest => ({
  apiVersion,
  kind: 'SpikeGoods',
  metadata: { name },
  spec: { goodsName: 'iphone 13', price: 10, spikePrice: 8, stockCount: 5, ...spec },
});

/** Two pieces of goods1 for buyer1, unpaid. */
export const order = (name = 'order1', spec: object = {}): Manifest => ({
  apiVersion,
  kind: 'SpikeOrder',
  metadata: { name },
  spec: { buyerId: 'buyer1', goodsMap: { goods1: 2 }, ...spec },
});

export const buyer = (name = 'buyer1', spec: object = {}): Manifest => ({
  apiVersion,
  kind: 'Buyer',
  metadata: { name },
  spec: { buyerName: 'Ann', address: '1 Main Street', phone: '555-0100', ...spec },
});

export const seller = (name = 'seller1', spec: object = {}): Manifest => ({
  apiVersion,
  kind: 'Seller',
  metadata: { name },
  spec: { sellerPhone: '555-0199', ...spec },
});

/** A sale of ten years that began long ago: its times are known, and it is on. */
export const long = { startTime: '2020-01-01T00:00:00Z', day: 3650 };

/** The same object, kept by somebody else's finalizer when it is deleted. */
export const keptBack = (manifest: Manifest): Manifest => ({
  ...manifest,
  metadata: { ...manifest.metadata, finalizers: ['example.com/keep'] },
});

/** Steps that create the objects in turn. */
export const there = (...manifests: Manifest[]): Step[] => manifests.map((create) => ({ create }));

export const patched = (kind: string, name: string, spec: object): Step => ({
  patch: { kind, name, with: { spec } },
});

export const deleted = (kind: string, name: string): Step => ({ delete: { kind, name } });
