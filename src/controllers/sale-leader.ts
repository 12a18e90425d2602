// Runs the sale during one term of leadership: takes the ledger over, then runs a controller for each kind of the sale.
// wakes.ts says which changes enqueue which keys.
import { mostHolds } from '../api/holds.ts';
import { inUseFinalizer } from '../api/names.ts';
import { parseTime } from '../api/sale.ts';
import type { OrderPhase } from '../api/spike-order.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { Client } from '../kube/client.ts';
import type { History } from '../kube/history.ts';
import { aboutKey, aboutObject, joinKey, type KubeObject, splitKey } from '../kube/objects.ts';
import type { ServerClock } from '../kube/server-time.ts';
import { Books } from '../ledger/books.ts';
import type { Catalogue } from '../ledger/catalogue.ts';
import type { Gate } from '../ledger/gate.ts';
import type { GoodsWriter } from '../ledger/goods-writer.ts';
import { LotWatch } from '../ledger/lot-watch.ts';
import type { GoodsStore, LedgerMetrics } from '../ledger/ports.ts';
import { Settler } from '../ledger/settler.ts';
import { FencedError, Terms } from '../ledger/terms.ts';
import { exponential } from '../runtime/backoff.ts';
import { sleep } from '../runtime/clock.ts';
import { Controller, type ControllerMetrics, type Reconcile } from '../runtime/controller.ts';
import type { Log } from '../runtime/log.ts';
import type { QueueMetrics } from '../runtime/queue.ts';
import { Deferral } from './deferral.ts';
import { describeGoods, describeOverruled, goodsReconciler } from './goods.ts';
import type { LeaderCaches, Leading, Recorder } from './leading.ts';
import { OrderLifecycle, type OrderStore } from './order-lifecycle.ts';
import { buyerReconciler, sellerReconciler } from './people.ts';
import { wire } from './wakes.ts';

export interface SaleSettings {
  /** Time a buyer has to pay an order, in ms. */
  paymentWindowMs: number;
  /** Age at which a hold without a stored order may lapse, in ms. Longer than any request to the API server. */
  holdLimitMs: number;
  /** Number of orders reconciled at once. */
  orderWorkers: number;
  /** Maximum number of new orders in flight before deferral.ts delays them. */
  crowd: number;
  /** Maximum time by which deferral.ts delays an order, in ms. */
  acceptDelayMs: number;
}

export interface SaleLeaderOptions {
  client: Client;
  caches: LeaderCaches;
  catalogue: Catalogue;
  writer: GoodsWriter;
  gate: Gate;
  goods: GoodsStore;
  orders: OrderStore;
  /** Brings the cache of orders up to date by a consistent list. */
  resyncOrders(): Promise<void>;
  /** Brings the cache of goods up to date. */
  resyncGoods(): Promise<void>;
  /** All namespaces. `catalogue` uses the same cache. */
  namespaces: Pick<ObjectCache<KubeObject>, 'get' | 'onChange'>;
  /** Brings the cache of namespaces up to date. */
  resyncNamespaces(): Promise<void>;
  recorder: Recorder;
  /** Present duration of a write to the API server, in ms. */
  writeMs(): number;
  settings: SaleSettings;
  /** The API server's clock. */
  clock: ServerClock;
  log: Log;
  ledgerMetrics: LedgerMetrics;
  orderMetrics?: OrderMetrics;
  controllerMetrics?: ControllerMetrics;
  queueMetrics?: QueueMetrics;
  /** Reports that the API server's revisions went back because etcd was restored from a backup. */
  history: Pick<History, 'onWentBack' | 'isCertain'>;
  /** A live read of the lease: whether this process still leads, in the term that `start` was called with. */
  holdsLease(): Promise<boolean>;
  /** Called when another process leads. This process must exit. */
  onFenced(error: FencedError): void;
}

/** Metrics of orders. */
export interface OrderMetrics {
  /** An order entered a phase. `sinceAsked`: ms since admission set its createTime; only for its first phase. */
  entered(phase: OrderPhase, sinceAsked?: number): void;
}

/** Queues and the deferral treat namespaces fairly. */
const namespaceOf = (key: string): string => splitKey(key).namespace;

/** Pause before the next attempt while it is unknown whether the API server's revisions went back. */
const uncertainRetryMs = 200;

const otherWorkers = 4;
/** Maximum number of deferred orders. Each has a hold, and goods need room for the holds of further orders. */
const maxDeferred = Math.floor(mostHolds * 0.75);
/** Only one worker each for buyers and sellers: orders are more urgent. */
const peopleWorkers = 1;

export class SaleLeader {
  readonly #options: SaleLeaderOptions;
  readonly #controllers: Controller[] = [];
  readonly #unsubscribe: (() => void)[] = [];

  constructor(options: SaleLeaderOptions) {
    this.#options = options;
  }

  /** Resolves when the ledger is taken over and the controllers run. `epoch` is the term's number. */
  async start(epoch: number, signal: AbortSignal): Promise<void> {
    const { caches } = this.#options;
    const books = this.#openBooks();
    const lots = new LotWatch(this.#options.clock);
    const terms = this.#terms(epoch);
    const settler = this.#settler(terms, books, lots);
    const { history } = this.#options;
    this.#unsubscribe.push(history.onWentBack(() => terms.forgetAll()));
    await this.#takeOver(settler, signal);
    if (signal.aborted) return;
    const leading = this.#leading(settler);
    const lifecycle = this.#lifecycle(lots);
    const orders = this.#controller(
      'SpikeOrder',
      caches.orders,
      (key, context) => lifecycle.reconcile(key, context),
      this.#options.settings.orderWorkers,
    );
    const goods = this.#controller('SpikeGoods', caches.goods, goodsReconciler(leading), otherWorkers);
    const buyers = this.#controller('Buyer', caches.buyers, buyerReconciler(leading), peopleWorkers);
    const sellers = this.#controller('Seller', caches.sellers, sellerReconciler(leading), peopleWorkers);
    const deferral = this.#deferral(orders);
    const { namespaces, catalogue, settings, clock } = this.#options;
    this.#unsubscribe.push(
      ...wire({
        caches,
        namespaces,
        catalogue,
        settings,
        clock,
        deferral,
        books,
        lots,
        lifecycle,
        controllers: { orders, goods, buyers, sellers },
      }),
    );
    this.#unsubscribe.push(
      // After a restore the leader must claim all goods again and list their orders after that. So enqueue all goods.
      history.onWentBack(() => {
        for (const key of caches.goods.keys()) goods.enqueue(key);
      }),
    );
    await Promise.all(this.#controllers.map((controller) => controller.start(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#controllers.splice(0).map((controller) => controller.stop()));
    // Unsubscribe after the controllers: a running settlement must not write from books that receive no changes.
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  /**
   * Claims all goods. Retries after every error but FencedError. The claims are writes of spikegoods/status, which call
   * our own webhook. When this is the only replica, its Service may need some seconds to route to it.
   */
  async #takeOver(settler: Settler, signal: AbortSignal): Promise<void> {
    const { caches, clock, log } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await settler.claimAll(caches.goods.list());
      } catch (error) {
        if (error instanceof FencedError) throw error;
        const wait = exponential(attempt, 100, 5000);
        log.warn(
          { err: (error as Error).message, retryInMs: wait },
          'taking the ledger over failed; trying again',
        );
        await sleep(clock, wait, signal);
      }
    }
  }

  /** Fills the books and subscribes to changes without an await in between, so that no change is lost. */
  #openBooks(): Books {
    const { orders } = this.#options.caches;
    const books = new Books();
    for (const order of orders.list()) books.put(order);
    this.#unsubscribe.push(
      orders.onChange((change) => {
        if (change.type === 'deleted') books.remove(change.object);
        else books.put(change.object);
      }),
    );
    return books;
  }

  #settler(terms: Terms, books: Books, lots: LotWatch): Settler {
    const { writer, resyncOrders, orders, settings, clock, ledgerMetrics } = this.#options;
    return new Settler({
      writer,
      books,
      terms,
      resyncOrders,
      readOrderUid: async (namespace, name) => (await orders.read(joinKey(namespace, name)))?.metadata.uid,
      holdLimitMs: settings.holdLimitMs,
      lots,
      clock,
      metrics: ledgerMetrics,
      describe: describeGoods(clock),
    });
  }

  #terms(epoch: number): Terms {
    const { holdsLease, history, recorder, log } = this.#options;
    return new Terms({
      epoch,
      isCertain: () => history.isCertain,
      holdsLease,
      onOverruled(goods, term) {
        const why = describeOverruled(term);
        log.warn({ ...aboutObject(goods), reason: 'TermOverruled', epoch }, why);
        recorder.event(goods, 'Warning', 'TermOverruled', why);
      },
    });
  }

  #leading(settler: Settler): Leading {
    const { client, catalogue, clock, caches, recorder } = this.#options;
    return {
      client,
      catalogue,
      clock,
      caches,
      settler,
      recorder,
      async complete(resource, object) {
        await client.patch(resource, object.metadata, {}, { type: 'merge' });
      },
    };
  }

  #lifecycle(lots: LotWatch): OrderLifecycle {
    const { catalogue, gate, goods, orders, resyncGoods, clock, settings, recorder, orderMetrics } =
      this.#options;
    const reasons: Record<OrderPhase, string> = {
      Unpaid: 'Reserved',
      Paid: 'Paid',
      Expired: 'Expired',
      Rejected: 'Rejected',
    };
    return new OrderLifecycle({
      catalogue,
      gate,
      goods,
      orders,
      resyncGoods,
      lots,
      clock,
      isGoing: (namespace) => this.#isNamespaceGoing(namespace),
      paymentWindowMs: settings.paymentWindowMs,
      entered(order, { from, to: phase, why }, { log }) {
        const isAsHoped = phase === 'Unpaid' || phase === 'Paid';
        const createdAt = from === undefined ? parseTime(order.spec.createTime) : undefined;
        orderMetrics?.entered(phase, createdAt === undefined ? undefined : clock.now() - createdAt);
        log.info(
          {
            // Log the object itself, with its uid: the cache may not have the order any more.
            ...aboutObject(order),
            reason: reasons[phase],
            from,
            ...(createdAt === undefined ? {} : { ms: clock.now() - createdAt }),
          },
          why,
        );
        recorder.event(order, isAsHoped ? 'Normal' : 'Warning', reasons[phase], why);
      },
    });
  }

  #controller(
    kind: string,
    cache: { get(key: string): KubeObject | undefined },
    reconcile: Reconcile,
    workers: number,
  ): Controller {
    const { clock, log, controllerMetrics, queueMetrics, onFenced } = this.#options;
    const controller = new Controller({
      name: kind.toLowerCase(),
      workers,
      clock,
      log,
      groupOf: namespaceOf,
      about: (key) => aboutKey(kind, key, cache.get(key)),
      ...(controllerMetrics ? { metrics: controllerMetrics } : {}),
      ...(queueMetrics ? { queueMetrics } : {}),
      reconcile: async (key, context) => {
        if (!this.#options.history.isCertain) return { requeueAfter: uncertainRetryMs };
        try {
          if (this.#goesWithItsNamespace(cache.get(key))) return {};
          return await reconcile(key, context);
        } catch (error) {
          if (error instanceof FencedError) onFenced(error);
          throw error;
        }
      },
    });
    this.#controllers.push(controller);
    return controller;
  }

  /** In a namespace that is being deleted, nobody needs a status. Reconcile only to remove our finalizer. */
  #goesWithItsNamespace(object: KubeObject | undefined): boolean {
    if (!object || !this.#options.catalogue.isTerminating(object.metadata.namespace ?? '')) return false;
    const { deletionTimestamp, finalizers } = object.metadata;
    return !(deletionTimestamp && finalizers?.includes(inUseFinalizer));
  }

  /**
   * Whether a namespace is gone or being deleted, by a live read. Kubernetes marks the namespace before it deletes the
   * first object in it. So if this returns false, missing objects were not deleted with the namespace.
   */
  async #isNamespaceGoing(namespace: string): Promise<boolean> {
    const { resyncNamespaces, namespaces, catalogue } = this.#options;
    await resyncNamespaces();
    return namespaces.get(namespace) === undefined || catalogue.isTerminating(namespace);
  }

  #deferral(orders: Controller): Deferral {
    const { clock, settings } = this.#options;
    const deferral = new Deferral({
      clock,
      crowd: settings.crowd,
      writeMs: this.#options.writeMs,
      delayMs: settings.acceptDelayMs,
      most: maxDeferred,
      groupOf: namespaceOf,
      release: (key) => orders.enqueue(key),
    });
    this.#unsubscribe.push(() => deferral.stop());
    return deferral;
  }
}
