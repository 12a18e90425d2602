// `npm start -- --kubeconfig FILE`: what it leaves on the cluster when it stops. Webhook configurations that lead to a
// port where nobody listens would refuse every order.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Client } from '../../src/kube/client.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { startSale } from '../../src/local/start.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';

interface Configuration extends KubeObject {
  webhooks: { clientConfig: { url?: string } }[];
}

const configurations = ['Mutating', 'Validating'].map(
  (which): Resource<Configuration> => ({
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: `${which}WebhookConfiguration`,
    plural: `${which.toLowerCase()}webhookconfigurations`,
    namespaced: false,
  }),
);

describe('a sale on a cluster of somebody else', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'spikegate-local-'));
  const kubeconfig = join(dir, 'kubeconfig');
  let sandbox: Sandbox;
  let client: Client;

  before(async () => {
    sandbox = await startSandbox({ dir, port: 0, workloads: false });
    client = createClient(loadConfig({ file: kubeconfig }));
  });
  after(async () => {
    client.close();
    await sandbox.stop();
    rmSync(dir, { recursive: true });
  });

  const start = (settings: { port?: number; metricsPort?: number } = {}) =>
    startSale({ kubeconfig, log: silentLog, settings, onLost: () => {} });
  const urls = async () => {
    const found = await Promise.all(
      configurations.map((resource) =>
        client.get(resource, { name: 'spikegate' }).catch((error: unknown) => {
          if (isNotFound(error)) return undefined;
          throw error;
        }),
      ),
    );
    return found.map(
      (it) => it?.webhooks[0]?.clientConfig.url && new URL(it.webhooks[0].clientConfig.url).port,
    );
  };

  it('takes its webhook configurations away when it stops', async () => {
    const running = await start();
    assert.deepEqual(await urls(), [String(running.port), String(running.port)]);
    assert.equal(running.isLeader, true, 'what it says of itself is of now');
    await running.stop();
    assert.deepEqual(await urls(), [undefined, undefined]);
  });

  it('takes them away when it cannot start', async () => {
    const other = await start();
    await other.stop();
    const { createServer } = await import('node:net');
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    const { port } = taken.address() as { port: number };
    await assert.rejects(start({ port }), /EADDRINUSE/);
    await new Promise((done) => taken.close(done));
    assert.deepEqual(await urls(), [undefined, undefined]);
  });

  it('leaves those of an installation that has taken its place', async () => {
    const running = await start();
    for (const resource of configurations) {
      const { webhooks } = await client.get(resource, { name: 'spikegate' });
      const moved = webhooks.map((it) => ({ ...it, clientConfig: { url: 'https://127.0.0.1:9/other' } }));
      await client.patch(resource, { name: 'spikegate' }, { webhooks: moved }, { type: 'merge' });
    }
    await running.stop();
    assert.deepEqual(await urls(), ['9', '9']);
  });
});
