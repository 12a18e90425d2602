// Upstream's informers against the sandbox: in step through many changes and histories that are gone. The long way
// (10,000 changes, and kube-controller-manager's own informers) is taken where SPIKEGATE_LONG_TESTS is set.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node';
import { change, sorted, stored } from './changes.ts';
import { openGate } from './gate.ts';
import { configmaps, eventually, open } from './harness.ts';

const long = Boolean(process.env.SPIKEGATE_LONG_TESTS);

test('makeInformer of @kubernetes/client-node ends equal to a list', async (t) => {
  const rounds = long ? 20 : 2;
  const rig = await open(t, { controllers: false });
  const gate = await openGate(rig.sandbox.port);
  t.after(() => gate.close());
  const config = new KubeConfig();
  config.loadFromFile(rig.sandbox.kubeconfig);
  config.clusters = config.clusters.map((c) => ({ ...c, server: `https://127.0.0.1:${gate.port}` }));
  const api = config.makeApiClient(CoreV1Api);
  const seen = new Map<string, string>();
  let lists = 0;
  // Watches that end every second; the informer goes on from the version it knows.
  const informer = makeInformer(config, `${configmaps}?timeoutSeconds=1`, () => {
    lists++;
    return api.listNamespacedConfigMap({ namespace: 'default' });
  });
  const note = (object: V1ConfigMap) => seen.set(object.metadata?.name ?? '', object.data?.n ?? '');
  informer.on('add', note);
  informer.on('update', note);
  informer.on('delete', (object) => seen.delete(object.metadata?.name ?? ''));
  let failure: unknown;
  informer.on('error', (error) => {
    failure = error;
  });
  await informer.start();
  const each = 500;
  for (let round = 0; round < rounds; round++) {
    // It waits longer each time it hears nothing; an event makes it quick again.
    await eventually(() => assert.ok(rig.sandbox.watchers() > 0), 20_000);
    await change(rig, round * each, round * each + each - 50);
    gate.hold();
    // A watch that was asked for just before is there by now; it ends within its second.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await eventually(() => assert.equal(rig.sandbox.watchers(), 0), 10_000);
    await change(rig, round * each + each - 50, (round + 1) * each);
    rig.sandbox.compact();
    gate.release();
    await eventually(() => assert.equal(lists, round + 2, `no 410 in round ${round}`), 20_000);
  }
  // Every name has been deleted by now.
  await change(rig, rounds * each, rounds * each + 120);
  const wanted = sorted(await stored(rig));
  assert.equal(wanted.length, 120);
  await eventually(() => assert.deepEqual(sorted(seen), wanted), 20_000);
  assert.equal(failure, undefined);
  await informer.stop();
});

const noKubectl = spawnSync('kubectl', ['version', '--client']).error && 'kubectl is not on the PATH';

test('kubectl get --watch tells every change once', { skip: noKubectl || false }, async (t) => {
  const rig = await open(t, { controllers: false });
  const format = 'jsonpath={.type} {.object.metadata.name} {.object.data.n}{"\\n"}';
  const args = ['get', 'configmaps', '--watch', '--output-watch-events', '-o', format];
  const env = { ...process.env, KUBECONFIG: rig.sandbox.kubeconfig, HOME: rig.dir };
  const child = spawn('kubectl', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await eventually(() => assert.ok(rig.sandbox.watchers() > 0), 20_000);
  for (let n = 0; n < 2000; n += 500) {
    await change(rig, n, n + 500);
    rig.sandbox.compact();
  }
  await eventually(() => assert.ok(text.split('\n').length > 2000), 20_000);
  const seen = new Map<string, string>();
  const lines = text.trim().split('\n');
  for (const line of lines) {
    const [type, name = '', n = ''] = line.split(' ');
    assert.equal(type === 'ADDED', !seen.has(name), line);
    if (type === 'DELETED') seen.delete(name);
    else seen.set(name, n);
  }
  assert.equal(lines.length, 2000);
  assert.deepEqual(sorted(seen), sorted(await stored(rig)));
});
