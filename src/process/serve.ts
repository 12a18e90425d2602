// Puts one Spikegate process together: the admission server on every replica, the reconcilers on the leader.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { servingNames } from '../../certs/authority.ts';
import { FileSource } from '../../certs/file-source.ts';
import { kubeBundlePublisher, kubeSecretStore } from '../../certs/kube-secret.ts';
import { SecretSource } from '../../certs/secret-source.ts';
import type { CertMetrics, CertSource } from '../../certs/source.ts';
import { TrustFile } from '../../certs/trust-file.ts';
import { registry as webhooks } from '../../webhooks/registry.ts';
import type { Surroundings } from '../../webhooks/webhook.ts';
import { Buyer } from '../api/buyer.ts';
import { Seller } from '../api/seller.ts';
import { SpikeGoods } from '../api/spike-goods.ts';
import { SpikeOrder } from '../api/spike-order.ts';
import { SaleNews } from '../board/news.ts';
import { markInUse } from '../controllers/deletion.ts';
import type { LeaderCaches } from '../controllers/leading.ts';
import { SaleLeader } from '../controllers/sale-leader.ts';
import { WorkloadLeader } from '../controllers/workload-leader.ts';
import { ObjectCache } from '../kube/cache.ts';
import { type Client, createClient } from '../kube/client.ts';
import { loadConfig } from '../kube/config.ts';
import { EventRecorder } from '../kube/events.ts';
import { joinKey, type KubeObject, type Resource } from '../kube/objects.ts';
import { Reflector } from '../kube/reflector.ts';
import { WriteLatency } from '../kube/write-latency.ts';
import { Catalogue } from '../ledger/catalogue.ts';
import { Gate } from '../ledger/gate.ts';
import { GoodsWriter } from '../ledger/goods-writer.ts';
import { goodsStore, KubeStore, orderStore } from '../ledger/kube-stores.ts';
import { defaultLots, Lots } from '../ledger/lots.ts';
import { SecondLook } from '../ledger/second-look.ts';
import { configurationName } from '../manifests/webhook-configurations.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { type Component, Manager } from '../runtime/manager.ts';
import { createApp } from '../server/app.ts';
import { certifiedCallers, everybody } from '../server/callers.ts';
import { createMetrics, watchMetrics } from '../server/metrics.ts';
import { MetricsServer } from '../server/metrics-server.ts';
import { AdmissionServer } from '../server/server.ts';
import { type ServeSettings, stopsWithinMs } from '../settings/serve.ts';
import { createBoard } from './board.ts';
import { createElector } from './election.ts';

export interface Running {
  readonly port: number;
  readonly metricsPort: number;
  readonly isLeader: boolean;
  /** What this process knows of the sale, to look at. */
  readonly caches: LeaderCaches;
  /** How many people look at the board. */
  readonly viewers: number;
  /** What happens in the sale, in words. */
  readonly news: SaleNews;
  ready(): { ok: boolean; why?: string };
  stop(): Promise<void>;
}

const clock = systemClock;
const namespaces: Resource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

/**
 * Starts everything; resolves when this replica is ready. `onLost` is called when it must exit at once.
 * `firstSteps`: what the board tells people to paste who have no goods yet.
 */
export async function serve(
  settings: ServeSettings,
  log: Log,
  onLost: (why: string) => void,
  { firstSteps }: { firstSteps?: string[] } = {},
): Promise<Running> {
  const config = loadConfig({
    ...(settings.kubeconfig ? { file: settings.kubeconfig } : {}),
    ...(settings.context ? { context: settings.context } : {}),
  });
  const metrics = createMetrics();
  const writeLatency = new WriteLatency();
  const client = createClient(config, {
    userAgent: 'spikegate',
    onRequest(info) {
      metrics.requests(info);
      writeLatency.note(info);
    },
    onWarning: (text) => log.debug({ warning: text }, 'API server warns'),
  });
  const caches = createCaches(client, log);
  const { goods, orders, buyers, sellers } = caches.of;
  const saleCaches: LeaderCaches = { goods, orders, buyers, sellers };
  const catalogue = new Catalogue(caches.of);
  const stores = { goods: goodsStore(client, goods), orders: orderStore(client, orders) };
  const looks = {
    goods: new SecondLook(stores.goods.read, clock),
    buyers: new SecondLook((key) => new KubeStore(client, Buyer, buyers).readIntoCache(key), clock),
  };
  const writer = new GoodsWriter({
    store: stores.goods,
    clock,
    random: Math.random,
    metrics: metrics.ledger,
    log,
  });
  const lots = new Lots({
    writer,
    clock,
    replica: randomUUID(),
    instance: hostname(),
    settings: { ...defaultLots, leastDemand: settings.lots },
  });
  const gate = new Gate({ writer, clock, lots });
  const certs = createCerts(settings, client, log, metrics.certificates);
  const clientAuthorities = settings.clientCaFile
    ? new TrustFile({ file: settings.clientCaFile, clock, logger: log })
    : undefined;

  const server = new AdmissionServer({
    host: settings.host,
    port: settings.port,
    certs,
    clock,
    log,
    drainMs: settings.drain,
    ...(clientAuthorities ? { clientAuthorities } : {}),
  });
  const recorder = new EventRecorder({ client, component: 'spikegate', clock });
  const runtimeMetrics = {
    controllerMetrics: metrics.controllers,
    queueMetrics: metrics.queues,
  };
  const reach = { prometheus: settings.prometheusAllow, thirdParty: settings.thirdPartyAllow };
  const elector = createElector({ settings, client, clock, log, onLost }, (epoch, signal) => {
    const sale = new SaleLeader({
      ...{ client, catalogue, writer, gate, recorder, clock, log },
      caches: saleCaches,
      ...stores,
      resyncOrders: () => caches.reflectors.orders.resync(),
      resyncGoods: () => caches.reflectors.goods.resync(),
      settings: {
        paymentWindowMs: settings.paymentWindow,
        holdLimitMs: settings.holdLimit,
        orderWorkers: settings.workers,
        crowd: settings.crowd,
        acceptDelayMs: settings.acceptDelay,
      },
      writeMs: () => writeLatency.ms,
      ledgerMetrics: metrics.ledger,
      orderMetrics: metrics.orders,
      ...runtimeMetrics,
      onFenced: (error) => onLost(error.message),
    });
    const workloads = new WorkloadLeader({
      ...{ client, recorder, clock, log, ...runtimeMetrics },
      reach,
      workers: settings.workloadWorkers,
    });
    return lead(sale, workloads, epoch, signal, log, onLost);
  });
  watchMetrics(metrics.registry, {
    goods,
    caches: { SpikeGoods: goods, SpikeOrder: orders, Buyer: buyers, Seller: sellers },
    clock,
    mostGoods: settings.metricsGoods,
    certs,
    isLeader: () => elector.isLeader,
  });
  const news = new SaleNews({ clock, caches: saleCaches });
  const board = settings.board
    ? createBoard({
        ...{ settings, news, clock, elector, client },
        caches: saleCaches,
        reflectors: Object.values(caches.reflectors),
        certificateExpires: () => certs.expiry(),
        ...(firstSteps ? { firstSteps } : {}),
      })
    : undefined;
  const metricsServer = new MetricsServer({
    host: settings.metricsHost,
    port: settings.metricsPort,
    registry: metrics.registry,
    ...(board ? { pages: (request, response) => board.handle(request, response) } : {}),
  });

  const manager = new Manager({
    log,
    stopTimeout: settings.drain + 5000,
    gracePeriod: stopsWithinMs(settings.drain),
  });
  server.use(
    createApp({
      registry: webhooks,
      surroundings: {
        ...{ catalogue, gate, clock },
        newId: randomUUID,
        orderIsStored: async (namespace, name) =>
          (await stores.orders.read(joinKey(namespace, name))) !== undefined,
        fetch: (kind, namespace, name) => looks[kind].find(namespace, name),
        mark: marker(client, caches.of),
        paymentWindowMs: settings.paymentWindow,
        reach,
      },
      log,
      metrics: metrics.admission,
      onDecision(decision, message) {
        news.decided(decision, message);
        board?.decided(decision, message);
      },
      callers: clientAuthorities ? certifiedCallers(settings.clientNames) : everybody,
      isRefusing: server.isRefusing,
      async readiness() {
        const { ok, why } = manager.ready();
        return [...(ok ? [] : [why ?? 'starting']), ...(await server.whyNotReady())];
      },
    }),
  );
  manager
    .add(asComponent('certificates', certs), ...(clientAuthorities ? [clientAuthorities] : []))
    .add(server, metricsServer)
    .add(...Object.values(caches.reflectors))
    .add(elector)
    // Stopped after the server has drained: then it names the last orders and gives back what is left.
    .add(lots)
    // Stopped first: while the server drains it answers, with caches that still follow.
    .add({ name: 'draining', start: async () => {}, stop: () => server.drain() });
  await manager.start();
  log.info({ port: server.port, metricsPort: metricsServer.port }, 'ready');
  return {
    get port() {
      return server.port;
    },
    get metricsPort() {
      return metricsServer.port;
    },
    get viewers() {
      return board?.viewers ?? 0;
    },
    get isLeader() {
      return elector.isLeader;
    },
    caches: saleCaches,
    news,
    ready: () => manager.ready(),
    async stop() {
      board?.stop();
      await manager.stop();
      client.close();
    },
  };
}

function createCaches(client: Client, log: Log) {
  const make = <T extends KubeObject>(resource: Resource<T>) => {
    const cache = new ObjectCache<T>({
      onHandlerError: (error) => log.error({ err: error }, 'cache handler failed'),
    });
    const reflector = new Reflector<T>({
      client,
      resource,
      cache,
      clock,
      onError: (error, info) =>
        log.warn(
          { err: (error as Error).message, kind: resource.plural, ...info },
          'following failed; trying again',
        ),
    });
    return { cache, reflector };
  };
  const made = {
    goods: make(SpikeGoods),
    orders: make(SpikeOrder),
    buyers: make(Buyer),
    sellers: make(Seller),
    namespaces: make(namespaces),
  };
  return {
    of: {
      goods: made.goods.cache,
      orders: made.orders.cache,
      buyers: made.buyers.cache,
      sellers: made.sellers.cache,
      namespaces: made.namespaces.cache,
    },
    reflectors: {
      goods: made.goods.reflector,
      orders: made.orders.reflector,
      buyers: made.buyers.reflector,
      sellers: made.sellers.reflector,
      namespaces: made.namespaces.reflector,
    },
  };
}

/** A collection that is being deleted is marked in one go; of a larger one the rest when the request comes again. */
const mostMarked = 1000;

function marker(client: Client, { goods, buyers, sellers }: LeaderCaches): Surroundings['mark'] {
  const referredTo = { SpikeGoods: goods, Buyer: buyers, Seller: sellers } as Record<
    string,
    { list(): KubeObject[] }
  >;
  return (kind, object, alike) => {
    const { namespace, uid } = object.metadata;
    const all = alike ? (referredTo[kind.kind]?.list() ?? []) : [];
    const others = all.filter(({ metadata }) => metadata.namespace === namespace && metadata.uid !== uid);
    return markInUse<KubeObject>(client, kind, [object, ...others.slice(0, mostMarked)]);
  };
}

function createCerts(settings: ServeSettings, client: Client, log: Log, metrics: CertMetrics): CertSource {
  if (settings.certs === 'files') {
    if (!settings.certDir) throw new Error('--certs files needs --cert-dir');
    return new FileSource({ directory: settings.certDir, clock, logger: log, metrics });
  }
  const cluster = { client, clock, logger: log };
  return new SecretSource({
    store: kubeSecretStore(cluster, settings.namespace, settings.certSecret),
    publisher: kubeBundlePublisher(cluster, configurationName),
    names: servingNames(settings.service, settings.namespace, settings.certNames),
    clock,
    logger: log,
    metrics,
    leafLifetime: settings.certLifetime,
    authorityLifetime: settings.caLifetime,
    overlap: settings.caOverlap,
    checkEvery: settings.certCheck,
  });
}

/** Leads until the signal aborts, then stops the controllers: the lease is given back only after that. */
async function lead(
  sale: SaleLeader,
  workloads: WorkloadLeader,
  epoch: number,
  signal: AbortSignal,
  log: Log,
  onLost: (why: string) => void,
): Promise<void> {
  log.info({ epoch }, 'leading');
  try {
    await workloads.start(signal);
    await sale.start(epoch, signal);
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    }
  } catch (error) {
    if (!signal.aborted) {
      log.error({ err: error }, 'could not take over');
      onLost(`could not take over: ${(error as Error).message}`);
    }
  } finally {
    await Promise.all([sale.stop(), workloads.stop()]);
  }
}

function asComponent(name: string, certs: CertSource): Component {
  return {
    name,
    start: (signal) => certs.start(signal),
    ready: () => (certs.current() ? { ok: true } : { ok: false, why: 'no serving certificate' }),
  };
}
