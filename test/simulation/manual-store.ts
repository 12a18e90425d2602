// A goods store for unit tests: what is stored, what this process knows of it, and every call in the hands of the
// test, which lets it through, loses it or changes what is stored meanwhile.
import { formatHolds, type Hold, holdsOf } from '../../src/api/holds.ts';
import type { SpikeGoods, SpikeGoodsStatus } from '../../src/api/spike-goods.ts';
import { keyOf } from '../../src/kube/objects.ts';
import { type GoodsStore, GoodsWriteError } from '../../src/ledger/ports.ts';

export interface StoreCall {
  kind: 'read' | 'write';
  key: string;
  /** What is to be written. */
  goods?: SpikeGoods;
  /** Carries it out and answers. */
  go(): void;
  /** The answer is an error; `stored` says whether it was carried out all the same. */
  lose(stored: boolean): void;
}

/** Status fields with the holds as they are, not as they are stored. */
type Status = Omit<SpikeGoodsStatus, 'holds'> & { holds?: Hold[] };

export function goodsOf(name: string, stockCount: number, status?: Status): SpikeGoods {
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeGoods',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-of-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { price: 10, spikePrice: 8, stockCount, goodsId: `id-of-${name}` },
    ...(status ? { status: statusOf(status) } : {}),
  };
}

const statusOf = ({ holds, ...status }: Status): SpikeGoodsStatus =>
  holds ? { ...status, holds: formatHolds(holds) } : status;

export class ManualStore implements GoodsStore {
  readonly stored = new Map<string, SpikeGoods>();
  readonly #known = new Map<string, SpikeGoods>();
  readonly calls: StoreCall[] = [];
  /** Calls go through at once, in the order in which they are made. */
  automatic: boolean;
  readonly done = { reads: 0, writes: 0, conflicts: 0 };
  invalidWrites = 0;
  /** What the API server's validation says no to. */
  isInvalid: (goods: SpikeGoods) => boolean = () => false;
  #revision = 1;

  constructor(goods: readonly SpikeGoods[], options: { automatic?: boolean } = {}) {
    this.automatic = options.automatic ?? true;
    for (const item of goods) {
      this.stored.set(keyOf(item), item);
      this.#known.set(keyOf(item), item);
    }
  }

  known(key: string): SpikeGoods | undefined {
    return this.#known.get(key);
  }

  forget(key: string): void {
    this.#known.delete(key);
  }

  /** Somebody else writes: this process does not hear of it. */
  elsewhere(key: string, change: (goods: SpikeGoods) => SpikeGoods): void {
    this.#store(change(this.stored.get(key)!));
  }

  read(key: string): Promise<SpikeGoods | undefined> {
    return this.#call('read', key, undefined, () => {
      this.done.reads++;
      const goods = this.stored.get(key);
      if (goods) this.#known.set(key, goods);
      return goods;
    });
  }

  writeStatus(goods: SpikeGoods): Promise<SpikeGoods> {
    const key = keyOf(goods);
    return this.#call('write', key, goods, () => {
      const before = this.stored.get(key);
      if (!before) throw new GoodsWriteError('gone', `${key} not found`);
      if (before.metadata.resourceVersion !== goods.metadata.resourceVersion) {
        this.done.conflicts++;
        throw new GoodsWriteError('conflict', `${key} has been modified`);
      }
      if (this.isInvalid(goods)) {
        this.invalidWrites++;
        throw new GoodsWriteError('invalid', `${key} is invalid: status.holds[0]: Too long`);
      }
      this.done.writes++;
      return this.#store(goods);
    }).then((stored) => {
      this.#known.set(key, stored);
      return stored;
    });
  }

  #store(goods: SpikeGoods): SpikeGoods {
    const metadata = { ...goods.metadata, resourceVersion: String(++this.#revision) };
    const stored = { ...goods, metadata };
    this.stored.set(keyOf(goods), stored);
    return stored;
  }

  #call<T>(
    kind: StoreCall['kind'],
    key: string,
    goods: SpikeGoods | undefined,
    carryOut: () => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const call: StoreCall = {
        kind,
        key,
        ...(goods ? { goods } : {}),
        go() {
          try {
            resolve(carryOut());
          } catch (error) {
            reject(error);
          }
        },
        lose(stored) {
          if (stored) carryOut();
          reject(new GoodsWriteError('unknown', 'the connection broke'));
        },
      };
      if (this.automatic) queueMicrotask(() => call.go());
      else this.calls.push(call);
    });
  }

  /** The oldest call that waits; fails the test when there is none or it is another one. */
  next(kind: StoreCall['kind']): StoreCall {
    const call = this.calls.shift();
    if (call?.kind !== kind) throw new Error(`expected a ${kind}, found ${call?.kind ?? 'nothing'}`);
    return call;
  }

  holdsOf(key: string): string[] {
    return holdsOf(this.stored.get(key)?.status).map((hold) => hold.uid);
  }
}
