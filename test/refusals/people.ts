// Everything that is refused about buyers and sellers.
import {
  buyer,
  deleted,
  goods,
  idOf,
  type Manifest,
  order,
  patched,
  type RefusalCase,
  seller,
  there,
} from './scenario.ts';

type Make = (name?: string, spec?: object) => Manifest;

function identity(kind: string, make: Make, name: string, field: string, id: string): RefusalCase[] {
  const what = kind.toLowerCase();
  const known = there(make(name));
  return [
    {
      name: `a ${what} whose name is the id of another`,
      reason: 'IdTaken',
      field: 'metadata.name',
      message: `metadata.name must not be an id: ${id} is the id of ${name}`,
      setup: known,
      action: { create: make(id) },
    },
    {
      name: `a change of the id of a ${what}`,
      reason: 'Immutable',
      field: `spec.${field}`,
      message: `spec.${field} cannot change because Spikegate sets it: it is "${id}", got "${idOf.other}"`,
      setup: known,
      action: patched(kind, name, { [field]: idOf.other }),
    },
  ];
}

export const people: RefusalCase[] = [
  ...identity('Buyer', buyer, 'buyer1', 'buyerId', idOf.buyer),
  ...identity('Seller', seller, 'seller1', 'sellerId', idOf.seller),
  {
    name: 'deleting a buyer with an unpaid order',
    reason: 'StillReferenced',
    message: 'buyer buyer1 is referenced by 1 order, for example order1',
    setup: there(buyer(), goods(), order()),
    action: deleted('Buyer', 'buyer1'),
  },
  {
    name: 'deleting a buyer with a paid order that names it by id',
    reason: 'StillReferenced',
    message: 'buyer buyer1 is referenced by 1 order, for example order1',
    setup: there(buyer(), goods(), order('order1', { buyerId: idOf.buyer, isPay: true })),
    action: deleted('Buyer', 'buyer1'),
  },
  {
    name: 'deleting a seller with goods',
    reason: 'StillReferenced',
    message: 'seller seller1 is referenced by 1 goods, for example goods1',
    setup: there(seller(), goods('goods1', { sellerId: 'seller1' })),
    action: deleted('Seller', 'seller1'),
  },
  {
    name: 'deleting a seller with goods that name it by name and by id',
    reason: 'StillReferenced',
    message: 'seller seller1 is referenced by 2 goods, for example goods1',
    setup: there(
      seller(),
      goods('goods1', { sellerId: 'seller1' }),
      goods('goods2', { sellerId: idOf.seller }),
    ),
    action: deleted('Seller', 'seller1'),
  },
];
