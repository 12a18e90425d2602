// The two servers of the differential test, each with a webhook of its own: a real kube-apiserver and the sandbox.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { startSandbox } from '../../src/sandbox/index.ts';
import { loadPki, type Pki } from '../../src/sandbox/pki.ts';
import { type Binaries, startControlPlane } from '../control-plane/index.ts';
import { Client, type Credentials } from './client.ts';
import type { Json } from './types.ts';
import { Webhook } from './webhook.ts';

export interface Server {
  client: Client;
  webhook: Webhook;
  /** base64 of the PEM that a webhook configuration's caBundle holds. */
  webhookCa: string;
  stop(): Promise<void>;
}

/** No controller but these, so that objects stay as their clients left them. */
const controllers = [
  'namespace',
  'garbagecollector',
  'serviceaccount',
  'serviceaccount-token',
  'root-ca-cert-publisher',
];

async function server(credentials: Credentials, pki: Pki, stop: () => Promise<void>): Promise<Server> {
  const client = new Client(credentials);
  const webhook = await Webhook.start(pki);
  return {
    client,
    webhook,
    webhookCa: Buffer.from(pki.ca).toString('base64'),
    async stop() {
      client.close();
      await stop();
      webhook.stop();
    },
  };
}

export async function startReal(binaries: Binaries, pki: Pki): Promise<Server> {
  const controlPlane = await startControlPlane({
    binaries,
    fsync: false,
    extraArgs: {
      controllerManager: [
        '--kube-api-qps=200',
        '--kube-api-burst=400',
        `--controllers=${controllers.join()}`,
      ],
    },
  });
  const { server: address, ca, admin } = controlPlane;
  return server({ server: address, ca, ...admin }, pki, () => controlPlane.stop());
}

export async function startOurs(pki: Pki): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'differential-'));
  const sandbox = await startSandbox({ dir, inMemory: true, workloads: false });
  const config = parse(readFileSync(sandbox.kubeconfig, 'utf8')) as Json;
  const pem = (text: string) => Buffer.from(text, 'base64').toString();
  const user = config.users[0].user;
  const credentials = {
    server: sandbox.server,
    ca: sandbox.ca,
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  };
  return server(credentials, pki, async () => {
    await sandbox.stop();
    rmSync(dir, { recursive: true, force: true });
  });
}

export const webhookPki = () => loadPki(undefined, '127.0.0.1', Date.now());
