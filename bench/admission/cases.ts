// What the admission bench asks: one review per case, with the fields and sizes that Kubernetes sends
// (test/contract/recorded has originals), each call with ids of its own.

import { Buyer } from '../../src/api/buyer.ts';
import type { Kind } from '../../src/api/define-kind.ts';
import { formatHolds } from '../../src/api/holds.ts';
import { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { mutatePath, validatePath } from '../../webhooks/registry.ts';
import { ampleGoods, at, goodsOf, namespace, soldOutGoods, uuid } from './sale.ts';

export interface Case {
  name: string;
  path: string;
  /** The answer is wrong unless it holds this. */
  expected: string;
  /** The review as JSON; `number` is another one in each call. */
  body(number: number): string;
}

/** Where the number of the call goes: in uids and names, always twelve digits, so that sizes stay. */
const mark = '000000c0ffee';

const gvk = ({ group, version, kind }: Kind) => ({ group, version, kind });
const gvr = ({ group, version, plural }: Kind) => ({ group, version, resource: plural });

const managedFields = (kind: Kind, fields: object) => [
  {
    apiVersion: kind.apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    manager: 'shop',
    operation: 'Update',
    time: '2026-01-01T00:00:00Z',
  },
];

/** An object as it stands in a review. */
type Sent = Record<string, unknown> & { metadata: { name: string } & Record<string, unknown> };

interface Asked {
  kind: Kind;
  operation: 'CREATE' | 'UPDATE';
  subResource?: string;
  object: Sent | SpikeGoods;
  oldObject?: object;
}

function review({ kind, operation, subResource, object, oldObject }: Asked): unknown {
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: `a0000000-0000-4000-8000-${mark}`,
      kind: gvk(kind),
      resource: gvr(kind),
      ...(subResource ? { subResource } : {}),
      requestKind: gvk(kind),
      requestResource: gvr(kind),
      ...(subResource ? { requestSubResource: subResource } : {}),
      name: object.metadata.name,
      namespace,
      operation,
      userInfo: {
        username: 'system:serviceaccount:shop:front',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
      },
      object,
      oldObject: oldObject ?? null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'shop' },
    },
  };
}

function order(goods: string, stage: 'mutate' | 'validate'): Sent {
  const { apiVersion, kind } = SpikeOrder;
  const asked = { buyerId: 'buyer-7', goodsMap: { [goods]: 1 } };
  const allocated = {
    createTime: at(0),
    expiredTime: at(60_000),
    isPay: false,
    orderId: uuid(7, 0xabcdef),
  };
  return {
    apiVersion,
    kind,
    metadata: {
      ...(stage === 'mutate'
        ? { creationTimestamp: null }
        : {
            creationTimestamp: '2026-01-01T00:00:00Z',
            generation: 1,
            uid: `b0000000-0000-4000-8000-${mark}`,
          }),
      managedFields: managedFields(SpikeOrder as Kind, {
        'f:spec': { '.': {}, 'f:buyerId': {}, 'f:goodsMap': {} },
      }),
      name: `order-${mark}`,
      namespace,
    },
    spec: stage === 'mutate' ? asked : { ...asked, ...allocated },
  };
}

function buyer(): Sent {
  const { apiVersion, kind } = Buyer;
  return {
    apiVersion,
    kind,
    metadata: {
      creationTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['spikegate.io/in-use'],
      generation: 1,
      managedFields: managedFields(Buyer as Kind, {
        'f:spec': { '.': {}, 'f:address': {}, 'f:buyerName': {}, 'f:phone': {} },
      }),
      name: `buyer-${mark}`,
      namespace,
      uid: `c0000000-0000-4000-8000-${mark}`,
    },
    spec: {
      address: '1 High Street',
      buyerName: 'A buyer',
      phone: '0123456789',
      buyerId: `d0000000-0000-4000-8000-${mark}`,
    },
  };
}

/** What the ledger's own writes bring to the mutating webhook: twenty holds wait for the leader. */
function goodsStatus(): Asked {
  const holds = Array.from({ length: 20 }, (_, number) => ({
    uid: uuid(6, number),
    order: `order-${String(number).padStart(12, '0')}`,
    quantity: 1,
    time: at(0),
  }));
  const goods = goodsOf(5, holds);
  const before = { ...goods, status: { ...goods.status, holds: formatHolds(holds.slice(1)) } };
  return {
    kind: SpikeGoods as Kind,
    operation: 'UPDATE',
    subResource: 'status',
    object: goods,
    oldObject: before,
  };
}

const allowed = '"allowed":true';
const orders = SpikeOrder as Kind;
const creates = (kind: Kind, object: Asked['object']): Asked => ({ kind, operation: 'CREATE', object });

export const cases: readonly Case[] = [
  make('mutate order', mutatePath(orders), '"patch"', creates(orders, order(ampleGoods, 'mutate'))),
  make('validate order, hold', validatePath(orders), allowed, creates(orders, order(ampleGoods, 'validate'))),
  make(
    'validate order, sold out',
    validatePath(orders),
    '"reason":"SoldOut"',
    creates(orders, order(soldOutGoods, 'validate')),
  ),
  make('validate buyer', validatePath(Buyer as Kind), allowed, creates(Buyer as Kind, buyer())),
  make('mutate goods/status', mutatePath(SpikeGoods as Kind), allowed, goodsStatus()),
];

function make(name: string, path: string, expected: string, asked: Asked): Case {
  const parts = JSON.stringify(review(asked)).split(mark);
  return {
    name,
    path: `${path}?timeout=10s`,
    expected,
    body: (number) => parts.join(String(number).padStart(mark.length, '0')),
  };
}
