// The control plane as the other tests rely on it. Needs its programs; says so and skips where there are none.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { KubeConfig, VersionApi } from '@kubernetes/client-node';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import {
  type ControlPlane,
  callApi,
  explainNotFound,
  findBinaries,
  kubeconfigFor,
  openControlPlane,
  startControlPlane,
} from './index.ts';
import { startTimeOf } from './process.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : false;
const skipControllers =
  'missing' in found || found.controllerManager ? false : `${found.dir} has no kube-controller-manager`;
const run = promisify(execFile);

async function eventually(what: string, holds: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
  const deadline = systemClock.monotonic() + withinMs;
  while (!(await holds())) {
    assert.ok(systemClock.monotonic() < deadline, `${what}: not within ${withinMs} ms`);
    await sleep(systemClock, 100);
  }
}

describe('a real control plane', { skip, timeout: 180_000 }, () => {
  let cp: ControlPlane;
  before(async () => {
    cp = await startControlPlane();
  });
  after(() => cp?.stop());

  const configMaps = '/api/v1/namespaces/default/configmaps';
  const create = async (path: string, body: object) => {
    const answer = await callApi(cp, 'POST', path, { body });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const isGone = async (path: string) => (await callApi(cp, 'GET', path)).status === 404;

  test('is ready, and its kubeconfig leads to a server of the version of its programs', async () => {
    assert.equal((await callApi(cp, 'GET', '/readyz')).body, 'ok');
    const config = new KubeConfig();
    config.loadFromFile(cp.kubeconfig);
    const { gitVersion } = await config.makeApiClient(VersionApi).getCode();
    assert.equal(gitVersion, cp.version);
  });

  test('stores objects with labels', async () => {
    const metadata = { name: 'labelled', labels: { a: 'b' }, annotations: { c: 'd' } };
    await create(configMaps, { metadata, data: { e: 'f' } });
    const { body } = await callApi(cp, 'GET', `${configMaps}?labelSelector=a%3Db`);
    assert.deepEqual(
      body.items.map((item: { data: object }) => item.data),
      [{ e: 'f' }],
    );
  });

  test('collects what a deleted owner leaves', { skip: skipControllers }, async () => {
    const { metadata } = await create(configMaps, { metadata: { name: 'owner' } });
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid };
    await create(configMaps, { metadata: { name: 'owned', ownerReferences: [owner] } });
    await callApi(cp, 'DELETE', `${configMaps}/owner`);
    await eventually('the owned object is collected', () => isGone(`${configMaps}/owned`));
  });

  test('ends a namespace with what is in it', { skip: skipControllers }, async () => {
    await create('/api/v1/namespaces', { metadata: { name: 'short-lived' } });
    await create('/api/v1/namespaces/short-lived/configmaps', { metadata: { name: 'inside' } });
    await callApi(cp, 'DELETE', '/api/v1/namespaces/short-lived');
    await eventually('the namespace is gone', () => isGone('/api/v1/namespaces/short-lived'));
  });

  test('makes a Deployment into Pods, which stay Pending', { skip: skipControllers }, async () => {
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'none' }] } };
    const spec = { replicas: 2, selector: { matchLabels: labels }, template };
    await create('/apis/apps/v1/namespaces/default/deployments', { metadata: { name: 'web' }, spec });
    const phases = async (): Promise<string[]> => {
      const { body } = await callApi(cp, 'GET', '/api/v1/namespaces/default/pods?labelSelector=app%3Dweb');
      return body.items.map((pod: { status: { phase: string } }) => pod.status.phase);
    };
    await eventually('two Pods', async () => (await phases()).length === 2);
    assert.deepEqual(await phases(), ['Pending', 'Pending']);
  });

  test('counts a ResourceQuota', { skip: skipControllers }, async () => {
    const namespace = '/api/v1/namespaces/counted';
    await create('/api/v1/namespaces', { metadata: { name: 'counted' } });
    await create(`${namespace}/resourcequotas`, {
      metadata: { name: 'quota' },
      spec: { hard: { 'count/secrets': '3' } },
    });
    await eventually('the quota is counted', async () => {
      const { body } = await callApi(cp, 'GET', `${namespace}/resourcequotas/quota`);
      return body.status.used !== undefined;
    });
    const answers = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      answers.push(await callApi(cp, 'POST', `${namespace}/secrets`, { body: { metadata: { name } } }));
    }
    const last = answers.at(-1);
    assert.equal(last?.status, 403);
    assert.match(last?.body.message, /exceeded quota: quota/);
  });

  test('lets a test user in, and RBAC denies him', async () => {
    const token = cp.tokens.alice as string;
    const { status, body } = await callApi(cp, 'GET', configMaps, { token });
    assert.equal(status, 403);
    assert.match(body.message, /User "alice" cannot list resource "configmaps"/);
    assert.equal((await callApi(cp, 'GET', configMaps, { token: 'unknown' })).status, 401);
  });

  test('gives kubectl a kubeconfig for a test user', async (t) => {
    const { kubectl } = cp.binaries;
    if (!kubectl) return t.skip('no kubectl beside the other programs');
    const asAdmin = await run(kubectl, ['--kubeconfig', cp.kubeconfig, 'get', 'namespaces', '-o', 'name']);
    assert.match(asAdmin.stdout, /^namespace\/default$/m);
    const asAlice = run(kubectl, ['--kubeconfig', kubeconfigFor(cp, { user: 'alice' }), 'get', 'namespaces']);
    await assert.rejects(asAlice, /User "alice" cannot list resource "namespaces"/);
    assert.throws(() => kubeconfigFor(cp, { user: 'mallory' }), /one of alice, bob,.* got mallory/);
  });

  test('keeps everything through an outage of the API server', async () => {
    await create(configMaps, { metadata: { name: 'kept' } });
    const earlier = cp.pids.apiserver;
    await cp.stopApiServer();
    await assert.rejects(callApi(cp, 'GET', '/readyz'), /ECONNREFUSED/);
    await cp.startApiServer();
    assert.notEqual(cp.pids.apiserver, earlier);
    assert.equal((await callApi(cp, 'GET', `${configMaps}/kept`)).status, 200);
  });

  test('leaves no process and no file when it stops', async () => {
    const pids = Object.values(cp.pids).filter((pid) => pid !== undefined);
    assert.ok(pids.every((pid) => startTimeOf(pid) !== undefined));
    await cp.stop();
    assert.deepEqual(
      pids.filter((pid) => startTimeOf(pid) !== undefined),
      [],
    );
    assert.ok(!existsSync(cp.dir));
  });
});

test('a start that fails shows the log of the program that failed and leaves nothing', { skip }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'spikegate-fails-'));
  const start = startControlPlane({ dir, extraArgs: { apiserver: ['--no-such-flag'] } });
  await assert.rejects(
    start,
    /kube-apiserver ended while it was starting(.*\n)*.*unknown flag: --no-such-flag/,
  );
  const ours = (await run('ps', ['-eo', 'args'])).stdout.split('\n').filter((line) => line.includes(dir));
  assert.deepEqual(ours, []);
  rmSync(dir, { recursive: true });
});

test('the command starts one that outlives it, takes up its data again, and stops it', {
  skip,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'spikegate-command-'));
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const command = async (...args: string[]) =>
    (await run(process.execPath, [main, ...args, '--dir', dir])).stdout;
  t.after(async () => {
    await command('down', '--wipe');
    assert.ok(!existsSync(dir));
  });

  assert.match(await command('up'), /export KUBECONFIG=/);
  assert.match(await command('status'), /^ready: v1\./m);
  const first = openControlPlane(dir);
  assert.ok(first);
  const body = { metadata: { name: 'kept' } };
  assert.equal((await callApi(first, 'POST', '/api/v1/namespaces', { body })).status, 201);

  assert.match(await command('down'), /stopped kube-apiserver/);
  assert.equal(openControlPlane(dir), undefined);
  await assert.rejects(command('status'), { code: 1, stdout: /kube-apiserver: not running/ });

  await command('up');
  assert.equal(
    (await callApi(first, 'GET', '/api/v1/namespaces/kept')).status,
    200,
    'same port, CA and data',
  );
});
