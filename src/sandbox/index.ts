// The sandbox: a Kubernetes API server in one process, for laptops, demos and tests. Starts its parts in the order
// of their dependencies and stops them in reverse order. Knows nothing of Spikegate.

import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { Admission, type AuditRecord } from './admission/admission.ts';
import { WebhookClient } from './admission/client.ts';
import { Authenticator, Tokens } from './auth.ts';
import { bootstrap } from './controllers/bootstrap.ts';
import { CrdController } from './controllers/crds.ts';
import { ApiServer } from './http/server.ts';
import { WatchHub } from './http/watch.ts';
import { builtinResources } from './kinds.ts';
import { OpenApi } from './openapi/serve.ts';
import type { Core } from './operations/core.ts';
import { kubeconfig, loadPki, webhookCaller } from './pki.ts';
import { Authorizer } from './rbac.ts';
import { Registry } from './resources.ts';
import type { RowLog } from './store/log.ts';
import { type Compaction, defaultCompaction, type Recovered, Store } from './store/store.ts';
import { type Logger, silent } from './types.ts';

export interface SandboxOptions {
  /** The folder of state, certificates and kubeconfig. */
  dir: string;
  /** 0 or absent: any free port. */
  port?: number;
  /** Default: 127.0.0.1. */
  host?: string;
  clock?: Clock;
  log?: Logger;
  /** Runs the workload controllers and a simulated node. Pods become ready after `readyAfterMs`. `false`: neither. */
  workloads?: { readyAfterMs?: number } | false;
  compaction?: Partial<Compaction>;
  /** Runs the garbage collector, the namespace controller, event expiry and role aggregation. Default: true. */
  controllers?: boolean;
  /** Keeps no state on disk. For tests. */
  inMemory?: boolean;
  /** Replaces the SQLite file. For tests. */
  openLog?: (file: string | undefined) => RowLog;
  /** NORMAL (default) survives a SIGKILL. FULL waits for the disk at each commit, so it survives a power cut, too. */
  synchronous?: 'NORMAL' | 'FULL';
}

export interface Sandbox {
  server: string;
  /** Path of the admin's kubeconfig. */
  kubeconfig: string;
  port: number;
  /** PEM of the CA that signed the serving certificate. */
  ca: string;
  /** What the start found in the state on disk. */
  recovered: Recovered;
  /**
   * The client certificate of webhook calls. Only the sandbox can call a webhook that requires a certificate of
   * `caFile` with the common name `name`.
   */
  webhookClient: { caFile: string; name: string };
  /** The answers of admission webhooks, oldest first. Only the newest are kept. */
  audit(): readonly AuditRecord[];
  /** Drops history, as etcd's compaction does. Watches and paged lists that start at an older version get 410. */
  compact(): void;
  /** Number of open watches. */
  watchers(): number;
  stop(): Promise<void>;
}

/**
 * Makes the folder private, because it holds keys and every Secret of the cluster. A folder that existed before and
 * has no state of a sandbox keeps its mode.
 */
function keepPrivate(dir: string): void {
  const belongsToSandbox = !existsSync(dir) || existsSync(path.join(dir, 'pki.json'));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (belongsToSandbox) chmodSync(dir, 0o700);
}

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silent;
  const host = options.host ?? '127.0.0.1';
  const dir = path.resolve(options.dir);
  keepPrivate(dir);
  const pki = await loadPki(dir, host, clock.now());
  const compaction = { ...defaultCompaction, ...options.compaction };
  const store = new Store({
    file: options.inMemory ? undefined : path.join(dir, 'state.db'),
    clock,
    compaction,
    synchronous: options.synchronous ?? 'NORMAL',
    ...(options.openLog ? { openLog: options.openLog } : {}),
  });
  const registry = new Registry();
  for (const type of builtinResources()) registry.add(type);
  const webhookClient = new WebhookClient({ cert: pki.webhookCert, key: pki.webhookKey });
  const admission = new Admission(store, registry, () => clock.now(), webhookClient);
  const core: Core = { store, registry, admission, clock, log };
  const tokens = new Tokens(pki.tokenSecret);
  const authenticator = new Authenticator(tokens, store, () => clock.now());
  const authorizer = new Authorizer(store);
  const hub = new WatchHub(store, clock);
  const crds = new CrdController(core);
  let ready = false;
  const api = new ApiServer({
    core,
    hub,
    pki,
    authenticator,
    access: { authenticator, authorizer, tokens },
    openapi: new OpenApi(registry),
    whyNotReady() {
      if (!ready) return 'it is starting or stopping';
      return store.trouble && `nothing can be written: ${store.trouble}`;
    },
  });
  crds.start();
  const stopControllers = await bootstrap(core, {
    workloads: options.workloads ?? {},
    controllers: options.controllers !== false,
    ca: pki.ca,
  });
  /** Stops the parts in reverse order, so that nothing writes any more when the store closes. */
  const stop = async () => {
    ready = false;
    stopControllers();
    crds.close();
    hub.close();
    const closed = new Promise<void>((resolve) => api.server.close(() => resolve()));
    // server.close() waits for connections that are still in their TLS handshake, so destroy all sockets.
    for (const socket of api.connections) socket.destroy();
    await closed;
    admission.close();
    store.close();
  };
  const port = await listen(api, options.port ?? 0, host).catch(async (error: NodeJS.ErrnoException) => {
    await stop();
    throw error.code === 'EADDRINUSE' ? new PortTaken(options.port ?? 0, host) : error;
  });
  const server = `https://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
  const file = path.join(dir, 'kubeconfig');
  writeFileSync(file, kubeconfig(pki, server), { mode: 0o600 });
  const caFile = path.join(dir, 'ca.crt');
  writeFileSync(caFile, pki.ca, { mode: 0o600 });
  ready = true;
  log.info({ server, ...store.recovered }, 'sandbox is up');
  return {
    server,
    kubeconfig: file,
    port,
    ca: pki.ca,
    webhookClient: { caFile, name: webhookCaller },
    recovered: store.recovered,
    audit: () => admission.audit,
    compact: () => store.compact(store.version),
    watchers: () => hub.size,
    stop,
  };
}

/** The requested port is in use. The caller may try another one. */
class PortTaken extends Error {
  constructor(port: number, host: string) {
    super(`port ${port} of ${host} is taken by another program`);
  }
}

function listen(api: ApiServer, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    api.server.once('error', reject);
    api.server.listen(port, host, () => {
      api.server.off('error', reject);
      resolve((api.server.address() as AddressInfo).port);
    });
  });
}

export type { AuditRecord, Recovered };
