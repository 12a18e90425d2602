// What people do to a sale, and what befalls the machines: one random action at a time.
import type { SpikeOrder } from '../../src/api/spike-order.ts';
import type { SimulatedClock } from '../simulated-clock.ts';
import type { Backup } from './api-server.ts';
import type { Checks } from './checks.ts';
import type { Wire } from './client.ts';
import type { Cluster } from './cluster.ts';
import type { FrontDoor } from './front-door.ts';

export interface Temper {
  order: number;
  bypass: number;
  sameName: number;
  pay: number;
  cancel: number;
  touch: number;
  stock: number;
  replaceGoods: number;
  crash: number;
  crashLeader: number;
  pause: number;
  elect: number;
  stepDown: number;
  start: number;
  relist: number;
  rewind: number;
  setClock: number;
  foreignTerm: number;
  restore: number;
}

export class Crowd {
  readonly #wire: Wire;
  readonly #door: FrontDoor;
  readonly #cluster: Cluster;
  readonly #goods: readonly string[];
  readonly #replicas: number;
  readonly #checks: Checks;
  readonly #clock: SimulatedClock;
  #backup: { etcd: Backup; epoch: number } | undefined;
  #orders = 0;

  constructor(
    wire: Wire,
    world: { door: FrontDoor; cluster: Cluster; checks: Checks; clock: SimulatedClock },
    goods: readonly string[],
    replicas: number,
  ) {
    const { door, cluster, checks, clock } = world;
    this.#wire = wire;
    this.#clock = clock;
    this.#checks = checks;
    this.#door = door;
    this.#cluster = cluster;
    this.#goods = goods;
    this.#replicas = replicas;
  }

  act(temper: Temper): void {
    const action = this.#wire.random.weighted(temper);
    this[action]();
  }

  order(): void {
    void this.#door.createOrder(`o${++this.#orders}`, this.#spec());
  }

  bypass(): void {
    void this.#door.createOrder(`o${++this.#orders}`, this.#spec(), true);
  }

  sameName(): void {
    if (this.#orders > 0) void this.#door.createOrder(this.#name(), this.#spec());
  }

  pay(): void {
    if (this.#orders === 0) return;
    const edit = (order: SpikeOrder) => ({ ...order, spec: { ...order.spec, isPay: true } });
    void this.#door.editOrder(this.#name(), edit);
  }

  cancel(): void {
    if (this.#orders > 0) void this.#door.deleteOrder(this.#name());
  }

  /** Somebody labels an order: a new revision under the feet of the leader. */
  touch(): void {
    if (this.#orders === 0) return;
    const labels = { touched: String(this.#wire.random.int(0, 999)) };
    const edit = (order: SpikeOrder) => ({ ...order, metadata: { ...order.metadata, labels } });
    void this.#door.editOrder(this.#name(), edit);
  }

  stock(): void {
    const change = this.#wire.random.int(-4, 4);
    void this.#door.editGoods(this.#wire.random.pick(this.#goods), (goods) => ({
      ...goods,
      spec: { ...goods.spec, stockCount: Math.max(0, goods.spec.stockCount + change) },
    }));
  }

  replaceGoods(): void {
    const name = this.#wire.random.pick(this.#goods);
    const stored = this.#wire.server.goods.objects.has(`shop/${name}`);
    if (stored) void this.#door.deleteGoods(name);
    else void this.#door.createGoods(name, this.#wire.random.int(1, 5));
  }

  crash(): void {
    const { replicas } = this.#cluster;
    if (replicas.length > 0) this.#cluster.crash(this.#wire.random.pick(replicas), 'by chance');
  }

  crashLeader(): void {
    const { leader } = this.#cluster;
    if (leader) this.#cluster.crash(leader, 'as the leader');
  }

  /** For a moment, for longer than a lot is used, or for longer than a hold may wait. */
  pause(): void {
    const { random } = this.#wire;
    const { replicas } = this.#cluster;
    const ms = random.int(100, random.pick([2_000, 12_000, 150_000]));
    if (replicas.length > 0) this.#cluster.pause(random.pick(replicas), ms);
  }

  /** Somebody who may write the status of goods writes a term into it. */
  foreignTerm(): void {
    const { random, server, note } = this.#wire;
    const goods = server.goods.objects.get(`shop/${random.pick(this.#goods)}`);
    if (!goods?.status) return;
    const ledgerEpoch = random.pick([2 ** 40, this.#cluster.epoch + 1, 1, 0]);
    note('somebody writes term', ledgerEpoch, 'into', goods.metadata.name);
    this.#checks.meddle(() => {
      server.replace(server.goods, { ...goods, status: { ...goods.status, ledgerEpoch } }, 'status');
    });
  }

  /** etcd is backed up, and later put back to that moment while the replicas go on. */
  restore(): void {
    const { random, server, note, schedule } = this.#wire;
    if (server.isDown) return;
    if (!this.#backup) {
      note('backup at', server.revision);
      this.#backup = { etcd: server.backUp(), epoch: this.#cluster.epoch };
      return;
    }
    const { etcd, epoch } = this.#backup;
    this.#backup = undefined;
    server.isDown = true;
    server.starts++;
    this.#cluster.watchesBreak();
    note('the API server stops');
    // Longer than a lot is used without a write.
    this.#clock.after(random.int(3_000, 15_000), () =>
      schedule.add(() => {
        const isRaised = random.chance(0.5);
        const others = isRaised ? 0 : random.pick([0, 0, 20, 500]);
        server.restore(etcd, isRaised, others);
        const later = this.#cluster.epoch - epoch;
        this.#checks.restored(
          server,
          Array.from({ length: Math.max(0, later) }, (_, i) => epoch + 1 + i),
        );
        note('restored to', server.revision);
        this.#cluster.restored(epoch, isRaised);
      }),
    );
  }

  setClock(): void {
    const { replicas } = this.#cluster;
    if (replicas.length > 0) this.#cluster.setClock(this.#wire.random.pick(replicas));
  }

  elect(): void {
    this.#cluster.elect();
  }

  stepDown(): void {
    const leading = this.#cluster.replicas.filter((replica) => replica.epoch > 0);
    if (leading.length > 0) this.#wire.random.pick(leading).stepDown();
  }

  start(): void {
    if (this.#cluster.replicas.length < this.#replicas) this.#cluster.start();
  }

  relist(): void {
    this.#anyFeed()?.relist();
  }

  rewind(): void {
    this.#anyFeed()?.rewind(this.#wire.random.int(1, 8));
  }

  #anyFeed() {
    const { random } = this.#wire;
    const { replicas } = this.#cluster;
    return replicas.length > 0
      ? random.pick<{ relist(): void; rewind(n: number): void }>(random.pick(replicas).feeds)
      : undefined;
  }

  /** Mostly of late: those are the ones that things happen to. */
  #name(): string {
    const { random } = this.#wire;
    const back = random.chance(0.7) ? Math.min(this.#orders - 1, 6) : this.#orders - 1;
    return `o${this.#orders - random.int(0, Math.max(0, back))}`;
  }

  #spec(): SpikeOrder['spec'] {
    const { random, server } = this.#wire;
    const goodsMap: Record<string, number> = {};
    for (const name of this.#goods) {
      if (Object.keys(goodsMap).length > 0 && !random.chance(0.35)) continue;
      const id = server.goods.objects.get(`shop/${name}`)?.spec.goodsId ?? name;
      const reference = random.chance(0.3) ? id : name;
      goodsMap[reference] = random.int(1, 2);
      // The same goods by both its names.
      if (random.chance(0.1)) goodsMap[reference === id ? name : id] = 1;
    }
    const entries = Object.entries(goodsMap).slice(random.chance(0.4) && this.#goods.length > 1 ? 1 : 0);
    return {
      buyerId: 'buyer',
      goodsMap: entries.length > 0 ? Object.fromEntries(entries) : goodsMap,
      ...(random.chance(0.15) ? { isPay: true } : {}),
    };
  }
}
