// Two replicas, of which one leads: only that one asks Prometheus and makes children, and nobody rewrites a spec.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ElasticWeb } from '../../src/api/elastic-web.ts';
import { parseReach, thisMachine } from '../../src/api/reach.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { Resource } from '../../src/kube/objects.ts';
import { freePort } from '../../src/local/start.ts';
import { deployment } from '../../src/manifests/generated.ts';
import { install } from '../../src/manifests/install.ts';
import { serve } from '../../src/process/serve.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { defaultServeSettings } from '../../src/settings/options.ts';
import { elasticWeb } from '../refusals/elastic-web.ts';
import { Lab, pause, soon } from './lab.ts';
import { deploymentsV1 } from './resources.ts';

const leases: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

test('only the leader asks Prometheus and makes children', { timeout: 60_000 }, async () => {
  let asked = 0;
  const answer = { status: 'success', data: { resultType: 'scalar', result: [0, '120'] } };
  const prometheus = createServer((_, response) => {
    asked++;
    response.end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  const dir = await mkdtemp(join(tmpdir(), 'spikegate-leader-'));
  const sandbox = await startSandbox({ dir, inMemory: true, workloads: { readyAfterMs: 30 } });
  const client = createClient(loadConfig({ file: sandbox.kubeconfig }));
  const port = await freePort();
  const target = { url: `https://127.0.0.1:${port}` };
  await install(client, { target, rbac: deployment, clock: systemClock, log: () => {} });
  const { namespace, lease: name } = deployment;
  // Somebody leads who does nothing, and will for an hour.
  const renewTime = new Date().toISOString().replace('Z', '000Z');
  const held = { holderIdentity: 'somebody', leaseDurationSeconds: 3600, acquireTime: renewTime, renewTime };
  await client.create(leases, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name },
    spec: { ...held, leaseTransitions: 1 },
  } as never);
  const replica = await serve(
    {
      ...defaultServeSettings(),
      kubeconfig: sandbox.kubeconfig,
      host: '127.0.0.1',
      port,
      metricsHost: '127.0.0.1',
      metricsPort: 0,
      drain: 0,
      retryPeriod: 100,
      prometheusAllow: parseReach(thisMachine),
    },
    silentLog,
    () => {},
  );
  const key = { namespace: 'default', name: 'web' };
  const deployed = () =>
    client.get(deploymentsV1, key).catch((error) => {
      if (!isNotFound(error)) throw error;
      return undefined;
    });
  try {
    const server = `http://127.0.0.1:${(prometheus.address() as AddressInfo).port}`;
    const metrics = { server, interval: '1s', stabilization: '1s' };
    const object = elasticWeb('web', { singlePodQPS: 50, totalQPS: 50, metrics });
    await client.create(ElasticWeb, { ...object, metadata: key } as never);
    await pause(1500);
    assert.equal(asked, 0, 'a follower asks');
    assert.equal(await deployed(), undefined, 'a follower makes children');
    await client.delete(leases, { namespace, name });
    await soon(async () => assert.equal((await deployed())?.spec.replicas, 3), 20_000);
    assert.ok(asked > 0);
    const { spec, metadata } = await client.get(ElasticWeb, key);
    assert.equal(spec.totalQPS, 50, 'what a person wrote is rewritten');
    assert.equal(metadata.generation, 1);
  } finally {
    await replica.stop();
    client.close();
    await sandbox.stop();
    prometheus.closeAllConnections();
    prometheus.close();
    await rm(dir, { recursive: true, force: true });
  }
});

test('a workload in a namespace that is being deleted gets neither children nor a status', async () => {
  const lab = await Lab.open();
  try {
    const [going, staying] = [await lab.namespace(), await lab.namespace()];
    for (const namespace of [going, staying]) {
      await lab.create(ElasticWeb, namespace, 'web', { spec: elasticWeb('web').spec });
    }
    await lab.lead({ isTerminating: (namespace) => namespace === going });
    await soon(async () => {
      assert.equal(
        (await lab.client.get(ElasticWeb, { namespace: staying, name: 'web' })).status?.phase,
        'Ready',
      );
    });
    assert.equal((await lab.client.get(ElasticWeb, { namespace: going, name: 'web' })).status, undefined);
    const { items } = await lab.client.list(deploymentsV1, { namespace: going });
    assert.deepEqual(items, []);
  } finally {
    await lab.close();
  }
});
