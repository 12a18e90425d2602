// Ledgers with one fault each, to prove that the simulation sees it: faults that somebody could really write.
// They are put in from outside, by wrapping what is injected or by replacing a method while a test runs.
import { holdsOf, isLot } from '../../src/api/holds.ts';
import { ObjectCache } from '../../src/kube/cache.ts';
import type { Client } from '../../src/kube/client.ts';
import { isConflict } from '../../src/kube/errors.ts';
import { History } from '../../src/kube/history.ts';
import { isNewer, type KubeObject, keyOf, type Resource } from '../../src/kube/objects.ts';
import { Books } from '../../src/ledger/books.ts';
import { Gate } from '../../src/ledger/gate.ts';
import { GoodsWriter } from '../../src/ledger/goods-writer.ts';
import { LotWatch } from '../../src/ledger/lot-watch.ts';
import type { GoodsStore } from '../../src/ledger/ports.ts';
import { StockDraft, type Totals } from '../../src/ledger/stock-draft.ts';
import { Terms } from '../../src/ledger/terms.ts';
import type { ApiServer } from './api-server.ts';
import type { Variant } from './replica.ts';

export interface Mutant {
  fault: string;
  variant?: Variant;
  /** It shows only in histories with a restore of etcd. */
  needsRestore?: true;
  /** Replaces methods; returns what puts the real ones back. */
  install?(): () => void;
}

export const mutants: Mutant[] = [
  {
    fault: 'a new leader settles on what its cache shows, without a fresh list after its claim',
    variant: { leader: (options) => ({ ...options, resyncOrders: async () => {} }) },
  },
  {
    fault: 'no terms: a deposed leader goes on settling',
    install: () => method(Terms.prototype, 'standing', () => () => 'settles'),
  },
  {
    fault: 'a number that somebody wrote as the term of goods ends every leader',
    variant: {
      leader: (options) => ({ ...options, holdsLease: async () => false }),
    },
  },
  {
    fault: 'a leader overrules the term of a later one, without a look at the lease',
    variant: {
      leader: (options) => ({ ...options, holdsLease: async () => true }),
    },
  },
  {
    fault: 'the hold is dropped before the state of its order is stored',
    variant: {
      leader: (options) => ({
        ...options,
        orders: {
          known: (key) => options.orders.known(key),
          read: (key) => options.orders.read(key),
          async writeStatus(order) {
            const { namespace = '', uid } = order.metadata;
            for (const reference of Object.keys(order.spec.goodsMap)) {
              const goods = options.catalogue.findGoods(namespace, reference);
              if (goods) await options.writer.submit(keyOf(goods), (draft) => void draft.drop(uid));
            }
            return options.orders.writeStatus(order);
          },
        },
      }),
    },
  },
  {
    fault: 'counters are incremented by what the leader sees change, not derived',
    install: countByIncrements,
  },
  {
    fault: 'goods are written without compare-and-swap: the last one wins',
    variant: { client: (client, { server }) => lastOneWins(client, server, 'spikegoods') },
  },
  {
    fault: 'states of orders are written without compare-and-swap: an expiry overwrites a payment',
    variant: { client: (client, { server }) => lastOneWins(client, server, 'spikeorders') },
  },
  {
    fault: 'books keep orders that were deleted',
    install: () => method(Books.prototype, 'remove', () => () => {}),
  },
  {
    fault: 'books without tombstones: the hold of a deleted order waits for its time limit',
    ...withoutTombstones(),
  },
  {
    fault: 'books never take an order back that was deleted, though etcd was restored from a backup',
    install: () =>
      method(
        Books.prototype,
        'put',
        (real) =>
          function (this: Books, order) {
            const { uid } = order.metadata;
            if (this.has(uid) || !this.isAccounted(uid)) real.call(this, order);
          },
      ),
  },
  {
    fault: 'a leader goes on settling after etcd was restored, without a fresh list of the orders',
    needsRestore: true,
    install: () => method(Terms.prototype, 'forgetAll', () => () => {}),
  },
  {
    fault: 'goods are written upon a version of the history that a restore of etcd has ended',
    needsRestore: true,
    install: () => replace(History.prototype, 'isCertain', { get: () => true, configurable: true }),
  },
  {
    fault:
      'a doubt ends with a look at the newest revision, though others have written more than the backup lacks',
    install: () => replace(ObjectCache.prototype, 'lastChange', { get: () => undefined, configurable: true }),
  },
  {
    fault: 'a list does not replace what is newer than it, though etcd was restored from a backup',
    install: () =>
      method(
        ObjectCache.prototype,
        'replaceAll',
        (real) =>
          function (this: ObjectCache<KubeObject>, items, version) {
            const newer = items.map((item) => {
              const known = this.getByUid(item.metadata.uid);
              return known && isNewer(known, item) ? known : item;
            });
            real.call(this, newer, version);
          },
      ),
  },
  {
    fault: 'books know goods by name only',
    install: () =>
      method(
        Books.prototype,
        'totals',
        (real) =>
          function (this: Books, namespace, name) {
            return real.call(this, namespace, name, undefined);
          },
      ),
  },
  {
    fault: 'a hold stored after its deadline refused it is not undone',
    install: () =>
      method(
        GoodsWriter.prototype,
        'submit',
        (real) =>
          function (this: GoodsWriter, key, change, { undo: _, ...options } = {}) {
            return real.call(this, key, change, options);
          },
      ),
  },
  {
    fault: 'an order of several goods keeps the first when the second is sold out',
    install: () => method(Gate.prototype, 'release', () => async () => {}),
  },
  {
    fault: 'an order created past admission is paid before the leader has judged it',
    install: () => method(Gate.prototype, 'hasHold', () => () => true),
  },
  {
    fault: 'units that a name gives back are free, though another request of the name is open',
    install: neverRaised,
  },
  {
    fault: 'a request that is refused takes the hold of its name with it',
    install: () =>
      method(
        StockDraft.prototype,
        'drop',
        (real) =>
          function (this: StockDraft, uid) {
            const dropped = [...this.holds()].find((hold) => hold.uid === uid);
            for (const hold of [...this.holds()])
              if (hold.order === dropped?.order) real.call(this, hold.uid);
          },
      ),
  },
  {
    fault: 'holds are not checked against what is available',
    install: () =>
      method(
        StockDraft.prototype,
        'hold',
        (real) =>
          function (this: StockDraft, hold) {
            return real.call(this, hold.quantity > this.available ? { ...hold, quantity: 0 } : hold);
          },
      ),
  },
  {
    fault: 'an old hold is dropped without looking whether its order is stored',
    variant: {
      leader: (options, { orders }) => ({
        ...options,
        orders: {
          known: (key) => options.orders.known(key),
          read: async (key) => (orders.get(key) ? options.orders.read(key) : undefined),
          writeStatus: (order) => options.orders.writeStatus(order),
        },
      }),
    },
  },
  {
    fault: 'holds lapse sooner than a request to the API server can take',
    variant: {
      leader: (options) => ({ ...options, settings: { ...options.settings, holdLimitMs: 2_000 } }),
    },
  },
  {
    fault: 'holds lapse when the API server gives up, though etcd may store the order after it',
    variant: {
      leader: (options) => ({ ...options, settings: { ...options.settings, holdLimitMs: 34_000 } }),
    },
  },
  {
    fault: 'holds are dated, and found old, by the clock of each machine',
    variant: {
      time(_, { clock }) {
        const bounds = () => ({ earliest: clock.now(), latest: clock.now() });
        return { ...clock, bounds };
      },
    },
  },
  {
    fault: 'orders are accepted without a hold',
    variant: { leader: (options) => ({ ...options, goods: alwaysHeld(options.goods) }) },
  },
  {
    fault: 'a lot is taken from its replica, or given back, while that still uses it',
    install: () => method(LotWatch.prototype, 'ageOf', () => () => Number.POSITIVE_INFINITY),
  },
  {
    fault: 'orders that were let in on a lot are forgotten, not named',
    install: () =>
      method(
        StockDraft.prototype,
        'assign',
        (real) =>
          function (this: StockDraft, hold, from) {
            return from.length === 1 || real.call(this, hold, from);
          },
      ),
  },
  {
    fault: 'orders past admission take what a lot holds for others',
    install: () =>
      method(
        StockDraft.prototype,
        'assign',
        (real) =>
          function (this: StockDraft, hold) {
            const lots = [...this.holds()].filter(isLot);
            return real.call(
              this,
              hold,
              lots.map(({ uid }) => uid),
            );
          },
      ),
  },
  {
    fault: 'what a lot loses while its write is on its way is given away all the same',
    install: () =>
      method(
        StockDraft.prototype,
        'unitsOf',
        (real) =>
          function (this: StockDraft, uid) {
            return real.call(this, uid) * 2;
          },
      ),
  },
];

/** Replaces a property of a prototype. */
function replace(target: object, name: string, by: PropertyDescriptor): () => void {
  const real = Object.getOwnPropertyDescriptor(target, name)!;
  Object.defineProperty(target, name, by);
  return () => Object.defineProperty(target, name, real);
}

function method<T extends object, K extends keyof T & string>(
  target: T,
  name: K,
  by: (real: T[K]) => NoInfer<T[K]>,
): () => void {
  return replace(target, name, { value: by(target[name]), configurable: true, writable: true });
}

function neverRaised(): () => void {
  const sold = new Map<string, number>();
  return method(
    StockDraft.prototype,
    'settle',
    (real) =>
      function (this: StockDraft, totals, isAccounted, epoch, soldTo) {
        const { uid } = this.goods.metadata;
        real.call(this, totals, isAccounted, epoch, (order) => {
          const most = Math.max(sold.get(uid + order) ?? 0, soldTo(order));
          sold.set(uid + order, most);
          return most;
        });
      },
  );
}

function countByIncrements(): () => void {
  // One per leader: its books are told by their `isAccounted`.
  const seen = new WeakMap<object, Map<string, Totals>>();
  return method(
    StockDraft.prototype,
    'settle',
    (real) =>
      function (this: StockDraft, totals, isAccounted, epoch, soldTo) {
        const { num = 0, reserved = 0 } = this.goods.status ?? {};
        const last = seen.get(isAccounted) ?? new Map<string, Totals>();
        seen.set(isAccounted, last);
        const { uid } = this.goods.metadata;
        const before =
          last.get(uid) ?? ((this.goods.status?.ledgerEpoch ?? 0) === 0 ? { num: 0, reserved: 0 } : totals);
        last.set(uid, totals);
        const next = {
          num: num + totals.num - before.num,
          reserved: reserved + totals.reserved - before.reserved,
        };
        real.call(this, next, isAccounted, epoch, soldTo);
      },
  );
}

function lastOneWins(client: Client, server: ApiServer, plural: string): Client {
  const replaceStatus = async <T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    opts?: { subresource?: string },
  ): Promise<T> => {
    for (;;) {
      try {
        return await client.replace(resource, object, opts);
      } catch (error) {
        const stored = server.collection(resource).objects.get(keyOf(object));
        if (
          !isConflict(error) ||
          resource.plural !== plural ||
          stored?.metadata.uid !== object.metadata.uid
        ) {
          throw error;
        }
        const { resourceVersion } = stored.metadata;
        object = { ...object, metadata: { ...object.metadata, resourceVersion } };
      }
    }
  };
  return new Proxy(client, {
    get: (target, verb) => (verb === 'replace' ? replaceStatus : Reflect.get(target, verb)),
  });
}

function withoutTombstones(): Pick<Mutant, 'variant' | 'install'> {
  let server: ApiServer | undefined;
  const isStored = (uid: string) =>
    [...(server?.orders.objects.values() ?? [])].some((order) => order.metadata.uid === uid);
  return {
    variant: {
      client(client, wire) {
        server = wire.server;
        return client;
      },
    },
    install: () =>
      method(
        StockDraft.prototype,
        'settle',
        (real) =>
          function (this: StockDraft, totals, isAccounted, epoch, soldTo) {
            real.call(this, totals, (uid) => isStored(uid) && isAccounted(uid), epoch, soldTo);
          },
      ),
  };
}

function alwaysHeld(store: GoodsStore): GoodsStore {
  return {
    known(key) {
      const goods = store.known(key);
      if (!goods) return undefined;
      const holds = [...(goods.status?.holds ?? [])];
      Object.assign(holdsOf({ holds }), { some: () => true });
      return { ...goods, status: { ...goods.status, holds } };
    },
    read: (key) => store.read(key),
    writeStatus: (goods) => store.writeStatus(goods),
  };
}
