// One term of leadership: takes the ledger over, then runs a controller for each kind of the sale. wakes.ts says
// what wakes which controller.
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
  /** With more new orders in flight than this, there is a crowd; see deferral.ts. */
  crowd: number;
  /** Longest time an order in a crowd waits for its state, in ms. */
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
  /** Lists all orders again, consistently, into the cache. */
  resyncOrders(): Promise<void>;
  /** The same for goods. */
  resyncGoods(): Promise<void>;
  /** All namespaces. `catalogue` uses the same cache. */
  namespaces: Pick<ObjectCache<KubeObject>, 'get' | 'onChange'>;
  /** The same for namespaces. */
  resyncNamespaces(): Promise<void>;
  recorder: Recorder;
  /** The time of a write to the API server at present, in ms. */
  writeMs(): number;
  settings: SaleSettings;
  /** The API server's clock. */
  clock: ServerClock;
  log: Log;
  ledgerMetrics: LedgerMetrics;
  orderMetrics?: OrderMetrics;
  controllerMetrics?: ControllerMetrics;
  queueMetrics?: QueueMetrics;
  /** Reports that the API server's history went back, and what that changed. */
  history: Pick<History, 'onWentBack' | 'isCertain'>;
  /** A live look: whether the lease says that this process leads, by the term that was started. */
  holdsLease(): Promise<boolean>;
  /** Another process leads: this one must not go on. */
  onFenced(error: FencedError): void;
}

/** Counters of the life of orders. */
export interface OrderMetrics {
  /** An order entered a state. `sinceAsked`: ms since admission allocated its createTime, for its first state. */
  entered(phase: OrderPhase, sinceAsked?: number): void;
}

/** Queues and the crowd's delay are fair between namespaces. */
const namespaceOf = (key: string): string => splitKey(key).namespace;

/**
 * Pause before the next attempt while the API server's history is in doubt. The doubt ends shortly after the API
 * server answers.
 */
const certainAgainMs = 200;

const otherWorkers = 4;
/** Maximum number of deferred orders: the holds of one goods need room for those that come in meanwhile. */
const maxDeferred = Math.floor(mostHolds * 0.75);
/** Orders go before sums of people. */
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
      // After a restore, claim all goods again and list their orders after that, whether they changed or not.
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
   * The first writes of a term call our own webhook on spikegoods/status. When this is the only replica, the
   * cluster may need some seconds to learn that it answers. So it retries until it succeeds.
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

  /** Lists and subscribes in one step, so that no change is lost in between. */
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
      isGoing: (namespace) => this.#isGoing(namespace),
      paymentWindowMs: settings.paymentWindowMs,
      entered(order, { from, to: phase, why }, { log }) {
        const good = phase === 'Unpaid' || phase === 'Paid';
        const asked = from === undefined ? parseTime(order.spec.createTime) : undefined;
        orderMetrics?.entered(phase, asked === undefined ? undefined : clock.now() - asked);
        log.info(
          {
            // The cache may have lost the order since, and the line its uid.
            ...aboutObject(order),
            reason: reasons[phase],
            from,
            ...(asked === undefined ? {} : { ms: clock.now() - asked }),
          },
          why,
        );
        recorder.event(order, good ? 'Normal' : 'Warning', reasons[phase], why);
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
        if (!this.#options.history.isCertain) return { requeueAfter: certainAgainMs };
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

  /** In a namespace that is being deleted, nobody needs a status. Only our finalizer must go. */
  #goesWithItsNamespace(object: KubeObject | undefined): boolean {
    if (!object || !this.#options.catalogue.isTerminating(object.metadata.namespace ?? '')) return false;
    const { deletionTimestamp, finalizers } = object.metadata;
    return !(deletionTimestamp && finalizers?.includes(inUseFinalizer));
  }

  /**
   * Whether a namespace is gone or being deleted, by a live read. The deletion of a namespace begins before the
   * first of its objects goes. So if the answer is no, no deletion took what is missing now.
   */
  async #isGoing(namespace: string): Promise<boolean> {
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
