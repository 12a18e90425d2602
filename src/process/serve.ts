// Puts one Spikegate process together: the admission server on every replica, the reconcilers on the leader.
import { SpikeOrder } from '../api/spike-order.ts';
import { SaleNews } from '../board/news.ts';
import type { LeaderCaches } from '../controllers/leading.ts';
import { announceRestore } from '../controllers/restored.ts';
import type { Client, ClientOptions } from '../kube/client.ts';
import { loadConfig } from '../kube/config.ts';
import { EventRecorder } from '../kube/events.ts';
import type { History } from '../kube/history.ts';
import { createClient } from '../kube/json-client.ts';
import { ServerTime } from '../kube/server-time.ts';
import { systemClock } from '../runtime/clock.ts';
import { MovingAverage } from '../runtime/load-meter.ts';
import type { Log } from '../runtime/log.ts';
import { type Component, Manager } from '../runtime/manager.ts';
import { createMetrics } from '../server/metrics.ts';
import { type ServeSettings, stopsWithinMs } from '../settings/serve.ts';
import { createAdmission } from './admission.ts';
import { createBoard } from './board.ts';
import { createCaches, reflectorsOf, saleCachesOf } from './caches.ts';
import { createCertificates } from './certificates.ts';
import { createHistory } from './history.ts';
import { InstallationGuard } from './installation.ts';
import { createLeadership } from './leadership.ts';
import { createMetricsServer } from './metrics.ts';
import { Self } from './self.ts';
import { createStock } from './stock.ts';

export interface Running {
  readonly port: number;
  readonly metricsPort: number;
  readonly isLeader: boolean;
  /** The sale's objects as this process sees them. Read-only. */
  readonly caches: LeaderCaches;
  /** Number of browsers that show the board. */
  readonly viewers: number;
  /** The events of the sale, in words. */
  readonly news: SaleNews;
  ready(): { ok: boolean; why?: string };
  stop(): Promise<void>;
}

/**
 * The parts of a process, in the order in which they start; they stop in the reverse order. runtime/manager.ts says
 * what each step prevents. Stopping the part `draining` starts the drain, so it comes first: the server still answers,
 * with caches that are up to date.
 * `stock` stops after that: it assigns the last orders their holds and returns unused units of its lots.
 */
const startOrder = [
  'installation',
  'certificates',
  'servers',
  'caches',
  'leadership',
  'stock',
  'draining',
] as const;
type Parts = Record<(typeof startOrder)[number], Component[]>;

/**
 * Starts everything; resolves when this replica is ready. `onLost` is called when the process must exit at once.
 * `firstSteps`: the commands that the board shows while there are no goods.
 */
export async function serve(
  settings: ServeSettings,
  log: Log,
  onLost: (why: string) => void,
  { firstSteps }: { firstSteps?: string[] } = {},
): Promise<Running> {
  const machineClock = systemClock;
  const metrics = createMetrics();
  const writeLatency = new MovingAverage();
  // The API server's time: from the Date header of each answer. When the time has become unknown, this request
  // gets an answer.
  const time = new ServerTime({
    clock: machineClock,
    onDoubt: () => void client.request('GET', '/version', { timeoutMs: 5000 }).catch(() => undefined),
  });
  const client: Client = connect(settings, log, {
    onDate: (...said) => time.heard(...said),
    onRequest(info) {
      metrics.requests(info);
      if (info.method !== 'GET') writeLatency.add(info.seconds * 1000);
    },
  });
  // `clock` is the API server's time. A part that needs this machine's clock gets it after `...shared`.
  const shared = { settings, client, clock: time, log };
  // `onBroken`: a list or a watch has failed, so history may have gone back meanwhile.
  const caches = createCaches({ ...shared, clock: machineClock, onBroken: () => history.doubt() });
  const history: History = createHistory({ ...shared, caches });
  const saleCaches = saleCachesOf(caches);
  const manager = new Manager({
    log,
    stopTimeout: settings.drain + 5000,
    gracePeriod: stopsWithinMs(settings.drain),
  });
  const stock = createStock({ ...shared, caches, history, metrics: metrics.ledger });
  const recorder = new EventRecorder({ client, component: 'spikegate', clock: time });
  // A cache has found what a restore of etcd changed: report it to people.
  history.onFound((kind, rewind) => {
    if (kind === SpikeOrder.plural) announceRestore(rewind, { catalogue: stock.catalogue, recorder });
  });
  // etcd was restored: drop all work that rests on the old history.
  history.onWentBack(() => {
    stock.writer.dropPending();
    stock.lots.abandonAll();
    // The secret in the webhooks' URL path.
    certificates.path.recheck();
  });
  const certificates = createCertificates({ ...shared, clock: machineClock, metrics: metrics.certificates });
  const elector = createLeadership({
    ...shared,
    machineClock,
    caches,
    stock,
    history,
    recorder,
    writeLatency,
    metrics,
    onLost,
  });
  const news = new SaleNews({ clock: time, caches: saleCaches });
  const board = settings.board
    ? createBoard({
        ...shared,
        news,
        elector,
        caches: saleCaches,
        reflectors: reflectorsOf(caches),
        certificateExpires: () => certificates.serving.expiry(),
        ...(firstSteps ? { firstSteps } : {}),
      })
    : undefined;
  // Finds out which user this process is for the API server.
  const self = new Self({ ...shared, clock: machineClock });
  const server = createAdmission({
    ...shared,
    caches,
    stock,
    self,
    certificates,
    metrics: metrics.admission,
    onDecision(decision, message) {
      news.decided(decision, message);
      board?.decided(decision, message);
    },
    ready: () => manager.ready(),
  });
  const metricsServer = createMetricsServer({
    settings,
    client,
    clock: time,
    caches,
    certificates,
    elector,
    metrics,
    board,
  });
  const parts: Parts = {
    // Refuses to start beside another Spikegate, and exits when another takes over.
    installation: [new InstallationGuard({ ...shared, onLost })],
    certificates: certificates.components,
    servers: [self, server, metricsServer],
    caches: [...reflectorsOf(caches), history],
    leadership: [elector],
    stock: [stock.lots],
    draining: [{ name: 'draining', start: async () => {}, stop: () => server.drain() }],
  };
  for (const group of startOrder) manager.add(...parts[group]);
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

function connect(
  settings: ServeSettings,
  log: Log,
  callbacks: Pick<ClientOptions, 'onDate' | 'onRequest'>,
): Client {
  const config = loadConfig({
    ...(settings.kubeconfig ? { file: settings.kubeconfig } : {}),
    ...(settings.context ? { context: settings.context } : {}),
  });
  return createClient(config, {
    ...callbacks,
    userAgent: 'spikegate',
    onWarning: (text) => log.debug({ warning: text }, 'API server warns'),
  });
}
