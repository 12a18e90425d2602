// One `serve` process: caches, the ledger's writer, admission, and, for a term, the reconcilers of the leader.
// All of it is the real code; only the API server, the clock and chance are models.

import type { Buyer } from '../../src/api/buyer.ts';
import { defaultNodePorts } from '../../src/api/node-ports.ts';
import { defaultReach } from '../../src/api/reach.ts';
import type { Seller } from '../../src/api/seller.ts';
import type { SpikeGoods } from '../../src/api/spike-goods.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import { SaleLeader, type SaleLeaderOptions } from '../../src/controllers/sale-leader.ts';
import type { AdmissionRequest, AdmissionResponse } from '../../src/kube/admission.ts';
import { ObjectCache } from '../../src/kube/cache.ts';
import type { Client } from '../../src/kube/client.ts';
import { History } from '../../src/kube/history.ts';
import { joinKey, type KubeObject, keyOf } from '../../src/kube/objects.ts';
import { type ServerClock, ServerTime } from '../../src/kube/server-time.ts';
import { Catalogue, type IndexedCache } from '../../src/ledger/catalogue.ts';
import { Gate } from '../../src/ledger/gate.ts';
import { GoodsWriter } from '../../src/ledger/goods-writer.ts';
import { goodsStore, orderStore } from '../../src/ledger/kube-stores.ts';
import { type LotSettings, Lots } from '../../src/ledger/lots.ts';
import { type GoodsStore, noLedgerMetrics } from '../../src/ledger/ports.ts';
import { UserHolds, type UserLimits } from '../../src/ledger/user-holds.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { validate } from '../../src/server/admission.ts';
import type { AdmissionContext } from '../../webhooks/context.ts';
import { spikeGoodsWebhooks } from '../../webhooks/spike-goods.ts';
import { spikeOrderWebhooks } from '../../webhooks/spike-order.ts';
import type { Webhooks } from '../../webhooks/webhook.ts';
import { call, modelClient, type Wire } from './client.ts';
import { Feed } from './feed.ts';
import type { Life } from './schedule.ts';

export interface Settings {
  paymentWindowMs: number;
  holdLimitMs: number;
  lots: LotSettings;
  /** New orders at once that are a crowd, and how long an order in one waits for its state. */
  crowd: number;
  acceptDelayMs: number;
  /** Bounds what one user holds in undecided requests. */
  users?: UserLimits;
  /** Looks for a history that went back. */
  looks: boolean;
  /** Caches freeze what they hold: finds whoever changes an object in place. Slower. */
  freeze: boolean;
}

/** Where a broken ledger is put in the place of the real one. */
export interface Variant {
  client?(client: Client, wire: Wire, life: Life): Client;
  store?(store: GoodsStore, replica: Replica): GoodsStore;
  gate?(gate: Gate, writer: GoodsWriter): Gate;
  time?(time: ServerTime, life: Life): ServerClock;
  leader?(options: SaleLeaderOptions, replica: Replica): SaleLeaderOptions;
}

const onlyBuyer = {
  metadata: { name: 'buyer', namespace: 'shop' },
  spec: { buyerId: 'b' },
} as unknown as Buyer;

function nobody<T extends KubeObject>(): IndexedCache<T> {
  return { get: () => undefined, addIndex() {}, byIndex: () => [] };
}

const webhooks = { spikegoods: spikeGoodsWebhooks, spikeorders: spikeOrderWebhooks } as unknown as Record<
  string,
  Webhooks<KubeObject>
>;

export class Replica {
  readonly life: Life;
  /** The API server's time, as this process knows it. */
  readonly time: ServerClock;
  readonly goods: ObjectCache<SpikeGoods>;
  readonly orders: ObjectCache<SpikeOrder>;
  readonly namespaces: ObjectCache<KubeObject>;
  readonly feeds: readonly [Feed<SpikeGoods>, Feed<SpikeOrder>, Feed<KubeObject>];
  readonly context: AdmissionContext;
  readonly writer: GoodsWriter;
  readonly gate: Gate;
  /** The term it leads or believes to lead. */
  epoch = 0;
  #term: AbortController | undefined;
  readonly #wire: Wire;
  readonly #settings: Settings;
  readonly #variant: Variant;
  readonly #client: Client;
  readonly #goodsStore: GoodsStore;
  readonly history: History;

  constructor(life: Life, wire: Wire, settings: Settings, variant: Variant) {
    this.life = life;
    this.#wire = wire;
    this.#settings = settings;
    this.#variant = variant;
    const time = new ServerTime({
      clock: life.clock,
      onDoubt: () => void call(wire, life, 'time', () => undefined).catch(() => undefined),
    });
    life.onDate = (...said) => time.heard(...said);
    this.time = variant.time?.(time, life) ?? time;
    const onHandlerError = (error: unknown) => {
      throw error;
    };
    this.goods = new ObjectCache({ freeze: settings.freeze, onHandlerError });
    this.orders = new ObjectCache({ freeze: settings.freeze, onHandlerError });
    this.namespaces = new ObjectCache({ freeze: settings.freeze, onHandlerError });
    this.feeds = [
      new Feed(wire, life, wire.server.goods, this.goods),
      new Feed(wire, life, wire.server.orders, this.orders),
      new Feed<KubeObject>(wire, life, wire.server.namespaces, this.namespaces),
    ];
    const client = modelClient(wire, life);
    this.#client = variant.client?.(client, wire, life) ?? client;
    const store = goodsStore(this.#client, this.goods, () => this.history.isCertain);
    this.#goodsStore = variant.store?.(store, this) ?? store;
    const { time: clock } = this;
    this.writer = new GoodsWriter({
      store: this.#goodsStore,
      clock,
      random: wire.random.next,
      metrics: noLedgerMetrics,
    });
    const lots = new Lots({
      ...{ writer: this.writer, clock, replica: wire.server.newUid(), instance: life.name },
      settings: settings.lots,
    });
    const isStored = (uid: string) => this.orders.getByUid(uid) !== undefined;
    const gate = new Gate({
      writer: this.writer,
      clock,
      lots,
      isStored,
      random: wire.random.next,
      ...this.#users(),
    });
    this.gate = variant.gate?.(gate, this.writer) ?? gate;
    this.history = this.#follow(lots);
    this.context = this.#context();
  }

  /** As process/stock.ts does it. */
  #users(): { users?: UserHolds } {
    const { users: limits } = this.#settings;
    if (!limits) return {};
    const users = new UserHolds(this.time, limits);
    this.orders.onChange(({ type, object }) => {
      if (type === 'added') users.stored(object.metadata.uid, keyOf(object));
    });
    return { users };
  }

  /** As process/history.ts and process/serve.ts do it. */
  #follow(lots: Lots): History {
    const history = new History({ client: this.#client, resource: SpikeOrder, clock: this.time });
    const [goods, orders, namespaces] = this.feeds;
    history.follow('spikegoods', { cache: this.goods, reflector: goods });
    history.follow('spikeorders', { cache: this.orders, reflector: orders });
    history.follow('namespaces', { cache: this.namespaces, reflector: namespaces });
    history.onWentBack(() => {
      this.#wire.note(this.life.name, 'sees that history went back');
      this.writer.dropPending();
      lots.abandonAll();
    });
    if (this.#settings.looks) void history.start(new AbortController().signal);
    return history;
  }

  get ready(): boolean {
    return this.life.alive && !this.life.isPaused && this.feeds.every((feed) => feed.isSynced);
  }

  #context(): AdmissionContext {
    const orders = orderStore(this.#client, this.orders);
    return {
      catalogue: new Catalogue({
        goods: this.goods,
        orders: this.orders,
        buyers: { ...nobody<Buyer>(), get: () => onlyBuyer },
        sellers: nobody<Seller>(),
        namespaces: this.namespaces,
      }),
      isInformed: () => this.feeds.every((feed) => feed.isSynced),
      gate: this.gate,
      clock: this.time,
      newId: () => this.#wire.server.newUid(),
      live: {
        orderIsStored: async (namespace, name) => (await orders.read(joinKey(namespace, name))) !== undefined,
        refresh: async () => false,
        // The model creates goods with the finalizer, so there is nothing to mark.
        markInUse: async () => undefined,
      },
      looks: { take: () => true, giveBack() {} },
      policy: {
        paymentWindowMs: this.#settings.paymentWindowMs,
        reach: defaultReach,
        nodePorts: defaultNodePorts,
      },
    };
  }

  /** The mutating webhook. */
  complete<T extends KubeObject>(request: AdmissionRequest<T>): T {
    const object = request.object as T;
    const call = {
      ...{ request, object, context: this.context, namespace: 'shop', deadline: 0 },
      old: request.oldObject ?? undefined,
      now: this.time.now(),
    };
    return webhooks[request.resource.resource]!.default(call) as T;
  }

  /** The validating webhook. */
  judge(request: AdmissionRequest, limitMs: number): Promise<AdmissionResponse> {
    const deadline = this.life.clock.monotonic() + limitMs;
    return validate(webhooks[request.resource.resource]!, request, this.context, deadline);
  }

  /** Takes the lead; `lost` is called when the process must end because of it. */
  lead(epoch: number, lost: (why: unknown) => void, newestTerm: () => number = () => epoch): void {
    this.epoch = epoch;
    const { time: clock } = this;
    const options: SaleLeaderOptions = {
      client: this.#client,
      caches: {
        goods: this.goods,
        orders: this.orders,
        buyers: new ObjectCache<Buyer>(),
        sellers: new ObjectCache<Seller>(),
      },
      catalogue: this.context.catalogue,
      writer: this.writer,
      gate: this.gate,
      goods: this.#goodsStore,
      orders: orderStore(this.#client, this.orders),
      resyncGoods: () => this.feeds[0].resync(),
      resyncOrders: () => this.feeds[1].resync(),
      namespaces: this.namespaces,
      resyncNamespaces: () => this.feeds[2].resync(),
      recorder: {
        event: (object, _, reason) => this.#wire.note(this.life.name, reason, object.metadata.name),
      },
      settings: {
        paymentWindowMs: this.#settings.paymentWindowMs,
        holdLimitMs: this.#settings.holdLimitMs,
        orderWorkers: this.#wire.random.int(1, 8),
        crowd: this.#settings.crowd,
        acceptDelayMs: this.#settings.acceptDelayMs,
      },
      clock,
      log: {
        ...silentLog,
        warn: (fields) => this.#wire.note(this.life.name, (fields as { err?: unknown }).err),
        error: (fields) => lost((fields as { err?: unknown }).err),
      },
      writeMs: () => 100,
      ledgerMetrics: noLedgerMetrics,
      history: this.history,
      holdsLease: () => call(this.#wire, this.life, 'get lease', () => newestTerm() === epoch),
      onFenced: lost,
    };
    this.#term = new AbortController();
    const leader = new SaleLeader(this.#variant.leader?.(options, this) ?? options);
    void this.#serve(leader, epoch, this.#term.signal).catch(lost);
  }

  /** As serve.ts does it: the lease is given back after everything of the term has ended. */
  async #serve(leader: SaleLeader, epoch: number, signal: AbortSignal): Promise<void> {
    try {
      await leader.start(epoch, signal);
      if (!signal.aborted) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      }
    } finally {
      await leader.stop();
    }
    this.epoch = 0;
  }

  /** Gives the lead up in good order, and goes on as a plain replica. */
  stepDown(): void {
    this.#wire.note(this.life.name, 'steps down from', this.epoch);
    this.#term?.abort();
  }
}
