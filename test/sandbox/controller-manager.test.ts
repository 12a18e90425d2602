// kube-controller-manager works against the sandbox: its informers list, watch and recover from a history that is
// gone, its clients write protobuf. Needs its binary, and a while: only where SPIKEGATE_LONG_TESTS is set.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { startSandbox } from '../../src/sandbox/index.ts';
import { findBinaries } from '../control-plane/index.ts';
import { connect, eventually, type Json, type Rig, types } from './harness.ts';

const binaries = await findBinaries();
const program = 'controllerManager' in binaries ? binaries.controllerManager : undefined;
const skip = !process.env.SPIKEGATE_LONG_TESTS
  ? 'SPIKEGATE_LONG_TESTS is not set'
  : program
    ? false
    : 'no kube-controller-manager on this machine';

const deployments = '/apis/apps/v1/namespaces/default/deployments';
const pods = '/api/v1/namespaces/default/pods';
const deployment = (name: string): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'nginx' }] },
    },
  },
});

const podsOf = async ({ call }: Rig, name: string): Promise<Json[]> =>
  (await call('GET', `${pods}?labelSelector=app%3D${name}`)).body.items;

const settled = (rig: Rig, name: string, count: number) =>
  eventually(async () => {
    assert.equal((await podsOf(rig, name)).length, count, name);
    const { body } = await rig.call('GET', `${deployments}/${name}`);
    assert.equal(body.status?.updatedReplicas, count, name);
    assert.equal(body.status?.observedGeneration, body.metadata.generation, name);
  }, 60_000);

test('kube-controller-manager keeps in step, through an outage and lost history', { skip }, async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'sandbox-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const start = (port: number) => startSandbox({ dir, port, controllers: false, workloads: false });
  let sandbox = await start(0);
  t.after(() => sandbox.stop());
  const flags = [
    ...[`--kubeconfig=${sandbox.kubeconfig}`, '--leader-elect=false', '--port=0', '--secure-port=0'],
    ...['--controllers=deployment,replicaset,garbagecollector', '--kube-api-qps=200', '--kube-api-burst=400'],
  ];
  const child = spawn(program as string, flags, { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  let rig = connect(sandbox, dir);
  const names = Array.from({ length: 10 }, (_, n) => `web-${n}`);
  for (const name of names) assert.equal((await rig.call('POST', deployments, deployment(name))).code, 201);
  for (const name of names) await settled(rig, name, 2);

  const scale = (name: string, replicas: number) =>
    rig.call('PATCH', `${deployments}/${name}`, { spec: { replicas } }, { 'content-type': types.merge });
  for (let round = 0; round < 3; round++) {
    const { port } = sandbox;
    await sandbox.stop();
    sandbox = await start(port);
    rig = connect(sandbox, dir);
    const count = round + 1;
    for (const name of names) assert.equal((await scale(name, count)).code, 200);
    // Its informers come back within a second or more of back-off: what they know is forgotten by then.
    sandbox.compact();
    for (const name of names) await settled(rig, name, count);
  }
  for (const name of names) await rig.call('DELETE', `${deployments}/${name}`);
  await eventually(async () => assert.equal((await rig.call('GET', pods)).body.items.length, 0), 60_000);
  assert.equal(child.exitCode, null, 'it runs on');
});
