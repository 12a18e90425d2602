// The admission server of one process: HTTPS, the webhooks, and the context that they work with.
import { randomUUID } from 'node:crypto';
import type { AdmissionContext, LiveCluster } from '../../webhooks/context.ts';
import { registryOf } from '../../webhooks/registry.ts';
import { Buyer } from '../api/buyer.ts';
import { markDeleted } from '../controllers/deletion.ts';
import type { Client } from '../kube/client.ts';
import { TokenBuckets } from '../kube/event-limits.ts';
import { joinKey, type KubeObject } from '../kube/objects.ts';
import type { ServerTime } from '../kube/server-time.ts';
import { KubeStore } from '../ledger/kube-stores.ts';
import { SecondLook } from '../ledger/second-look.ts';
import type { Log } from '../runtime/log.ts';
import { type AppOptions, createApp } from '../server/app.ts';
import { certifiedCallers, everybody } from '../server/callers.ts';
import { webhookBehind } from '../server/secret-path.ts';
import { AdmissionServer } from '../server/server.ts';
import type { AdmissionMetrics } from '../server/telemetry.ts';
import type { ServeSettings } from '../settings/serve.ts';
import type { Caches } from './caches.ts';
import type { Certificates } from './certificates.ts';
import type { Self } from './self.ts';
import type { Stock } from './stock.ts';

export interface AdmissionOptions {
  settings: ServeSettings;
  client: Client;
  caches: Caches;
  stock: Stock;
  self: Self;
  certificates: Certificates;
  clock: ServerTime;
  log: Log;
  metrics: AdmissionMetrics;
  onDecision: NonNullable<AppOptions['onDecision']>;
  /** Whether the parts of this process have started. */
  ready(): { ok: boolean; why?: string };
}

export function createAdmission(options: AdmissionOptions): AdmissionServer {
  const { settings, certificates, clock, log } = options;
  const { clientAuthorities } = certificates;
  const server = new AdmissionServer({
    host: settings.host,
    port: settings.port,
    certs: certificates.serving,
    clock,
    log,
    drainMs: settings.drain,
    ...(clientAuthorities ? { clientAuthorities } : {}),
  });
  server.use(
    createApp({
      registry: registryOf(settings.parts),
      namespaces: settings.namespaces,
      context: contextOf(options),
      log,
      metrics: options.metrics,
      onDecision: options.onDecision,
      callers: clientAuthorities ? certifiedCallers(settings.clientNames) : everybody,
      webhookAt: webhookBehind(() => certificates.path.tokens()),
      onCaller: server.trust,
      isRefusing: server.isRefusing,
      async readiness() {
        const { ok, why } = options.ready();
        return [...(ok ? [] : [why ?? 'starting']), ...(await server.whyNotReady())];
      },
    }),
  );
  return server;
}

function contextOf({
  settings,
  client,
  caches,
  stock,
  self,
  clock,
  metrics,
}: AdmissionOptions): AdmissionContext {
  return {
    catalogue: stock.catalogue,
    isInformed: () => caches.followed.every(({ cache }) => cache.isSynced),
    gate: stock.gate,
    live: liveCluster(client, caches, stock, clock),
    looks: looksOf(settings.refusedPerSecond, clock, metrics),
    clock,
    self: () => self.user,
    newId: randomUUID,
    policy: {
      paymentWindowMs: settings.paymentWindow,
      reach: { prometheus: settings.prometheusAllow, thirdParty: settings.thirdPartyAllow },
      nodePorts: settings.nodePorts,
    },
  };
}

/** The bucket of a user holds the live reads of this many seconds, so that a user may spend them at once. */
const burstSeconds = 10;
/** Maximum number of users with a bucket. */
const maxUsers = 10_000;

/** Limits the live reads that a user's refused orders cost. With 0 per second there is no limit. */
function looksOf(perSecond: number, clock: ServerTime, metrics: AdmissionMetrics): AdmissionContext['looks'] {
  if (perSecond === 0) return { take: () => true, giveBack() {} };
  const buckets = new TokenBuckets(clock, maxUsers, perSecond * burstSeconds, 1000 / perSecond);
  return {
    take(user) {
      const isTaken = buckets.take(user);
      if (!isTaken) metrics.limited();
      return isTaken;
    },
    giveBack: (user) => buckets.giveBack(user),
  };
}

/**
 * Maximum number of objects to which one deletion of a collection adds the in-use finalizer. The API server refuses
 * that request. When the client repeats it, more objects get the finalizer.
 */
const maxMarked = 1000;

function liveCluster(client: Client, caches: Caches, stock: Stock, clock: ServerTime): LiveCluster {
  const buyers = new KubeStore(client, Buyer, caches.buyers.cache);
  // Live reads of objects that the caches do not have yet.
  const looks = {
    goods: new SecondLook(stock.goods.read, clock),
    buyers: new SecondLook((key) => buyers.readIntoCache(key), clock),
  };
  const cachesByKind = new Map<string, { list(): KubeObject[] }>([
    ['SpikeGoods', caches.goods.cache],
    ['Buyer', caches.buyers.cache],
    ['Seller', caches.sellers.cache],
  ]);
  return {
    orderIsStored: async (namespace, name) =>
      (await stock.orders.read(joinKey(namespace, name))) !== undefined,
    refresh: (kind, namespace, name) => looks[kind].find(namespace, name),
    markInUse(kind, object, alike) {
      const { namespace, uid } = object.metadata;
      const others = () =>
        (alike ? (cachesByKind.get(kind.kind)?.list() ?? []) : [])
          .filter(({ metadata }) => metadata.namespace === namespace && metadata.uid !== uid)
          .slice(0, maxMarked);
      return markDeleted<KubeObject>(client, kind, object, others);
    },
  };
}
