// Our admission server in a process of its own: everything `serve` has on the way of a review (rules, ledger,
// catalogue, logs, metrics), with the caches filled and the goods' store in memory. No API server, no leader.

import { randomUUID } from 'node:crypto';
import type { ServingPair } from '../../certs/pair.ts';
import type { CertSource } from '../../certs/source.ts';
import { defaultNodePorts } from '../../src/api/node-ports.ts';
import { defaultReach } from '../../src/api/reach.ts';
import { createLogger } from '../../src/cli/logging.ts';
import { ServerTime } from '../../src/kube/server-time.ts';
import { Catalogue } from '../../src/ledger/catalogue.ts';
import { Gate } from '../../src/ledger/gate.ts';
import { GoodsWriter } from '../../src/ledger/goods-writer.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createApp } from '../../src/server/app.ts';
import { AdmissionServer } from '../../src/server/server.ts';
import { admissionMetrics, createRegistry, ledgerMetrics } from '../../src/server/telemetry.ts';
import { registry } from '../../webhooks/registry.ts';
import { answerParent } from '../worker.ts';
import { memoryGoodsStore, saleCaches } from './sale.ts';

export interface Pair {
  cert: string;
  key: string;
}

async function start(pair: Pair): Promise<number> {
  const clock = systemClock;
  const log = createLogger({ level: 'info', format: 'json' });
  const metrics = createRegistry();
  const caches = saleCaches();
  const catalogue = new Catalogue(caches);
  const writer = new GoodsWriter({
    store: memoryGoodsStore(caches.goods),
    clock,
    random: Math.random,
    metrics: ledgerMetrics(metrics),
  });
  // As after an answer of an API server.
  const time = new ServerTime({ clock });
  time.heard(new Date(clock.now()).toUTCString(), clock.monotonic(), clock.monotonic());
  const server = new AdmissionServer({
    host: '127.0.0.1',
    port: 0,
    certs: fixed(pair),
    clock,
    log,
    drainMs: 0,
  });
  server.use(
    createApp({
      registry,
      context: {
        catalogue,
        isInformed: () => true,
        clock: time,
        newId: randomUUID,
        gate: new Gate({ writer, clock: time, isStored: () => true }),
        live: {
          orderIsStored: async () => false,
          refresh: async () => false,
          markInUse: async () => undefined,
        },
        looks: { take: () => true, giveBack() {} },
        policy: { paymentWindowMs: 300_000, reach: defaultReach, nodePorts: defaultNodePorts },
      },
      log,
      metrics: admissionMetrics(metrics),
      readiness: async () => [],
      isRefusing: server.isRefusing,
    }),
  );
  await server.start(new AbortController().signal);
  return server.port;
}

function fixed(pair: Pair): CertSource {
  const current: ServingPair = { ...pair, notBefore: new Date(0), notAfter: new Date(8.64e15), serial: '01' };
  return {
    start: async () => {},
    current: () => current,
    caBundle: () => undefined,
    onChange: () => () => {},
    expiry: () => 0,
    authorityExpiry: () => 0,
    recheck() {},
  };
}

answerParent({ start });
