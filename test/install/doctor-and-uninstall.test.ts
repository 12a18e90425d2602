// The doctor looks at an installation by the manifests, and uninstall removes it: on a real API server, as kubectl has
// stored it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { examine, exitCodes, runDoctor } from '../../src/doctor/doctor.ts';
import type { ObserveOptions } from '../../src/doctor/observe.ts';
import { dialTls } from '../../src/doctor/serving.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import type { Manifest } from '../../src/manifests/manifest.ts';
import { deployment } from '../../src/manifests/names.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { runUninstall, type UninstallFlags } from '../../src/uninstall/command.ts';
import { makePlan } from '../../src/uninstall/plan.ts';
import { explainNotFound, findBinaries, kubeconfigFor } from '../control-plane/index.ts';
import { eventually, namespaces } from '../e2e/world.ts';
import { Cluster, certManagerKinds } from './cluster.ts';
import { playSale } from './sale.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : !found.controllerManager && 'no controllers';

/** What uninstall leaves: the kinds, with what people have of them, and the namespace, which may hold other things. */
const stays = ['CustomResourceDefinition', 'Namespace'];

describe('an installation by the manifests', { skip }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start();
  });
  after(() => cluster?.stop());

  const options = (kubeconfig: string): ObserveOptions => ({
    client: createClient(loadConfig({ file: kubeconfig })),
    expected: {
      ...deployment,
      probeNamespace: 'default',
      holdLimit: 120_000,
      paymentWindow: 300_000,
      grace: 30_000,
    },
    clock: systemClock,
    dial: dialTls,
    lookAgainMs: 3000,
  });

  test('has nothing wrong but that no node runs its pods; then it is gone', {
    timeout: 120_000,
  }, async () => {
    const objects = await apply('self-signed');
    await cluster.aimWebhooks();
    await cluster.serve();
    const shop = await cluster.namespace();
    await eventually(() => playSale(cluster, shop));
    await assertOnlyPodsAreMissing();
    await assertTellsWhatItMayNot();
    await cluster.stopServing();
    assert.equal(await uninstall({}), 0);
    await assertGone(objects.filter(({ kind }) => !stays.includes(kind)));
    for (const object of objects.filter(({ kind }) => stays.includes(kind))) {
      assert.ok(await cluster.stored(object), `${object.kind} ${object.metadata.name} stays`);
    }
    const { stages, data } = await makePlan(cluster.admin, deployment);
    assert.deepEqual(stages, []);
    assert.equal(data.find(({ resource }) => resource.kind === 'SpikeOrder')?.count, 2);
    await cluster.admin.delete(namespaces, { name: shop });
    await eventually(async () => assert.ok(await cluster.isGone(namespaces, { name: shop })));
  });

  test('with cert-manager goes with its certificates, and with the data if asked', {
    timeout: 120_000,
  }, async () => {
    await cluster.standIns(...certManagerKinds);
    const objects = await apply('cert-manager');
    assert.ok(objects.some(({ kind }) => kind === 'Certificate'));
    assert.equal(await uninstall({ deleteData: true }), 0);
    await assertGone(objects.filter(({ kind }) => kind !== 'Namespace'));
  });

  async function apply(name: 'self-signed' | 'cert-manager'): Promise<Manifest[]> {
    const overlay = cluster.overlay(name);
    await cluster.kubectl(['apply', '-k', overlay]);
    const rendered = await cluster.kubectl(['kustomize', overlay]);
    return parseAllDocuments(rendered).map((document) => document.toJS() as Manifest);
  }

  async function assertOnlyPodsAreMissing(): Promise<void> {
    const healthy = options(cluster.plane.kubeconfig);
    try {
      await eventually(async () => {
        const { findings, unchecked } = await examine(healthy);
        assert.deepEqual(
          findings.map(({ reason, where, what }) => [reason, where, what]),
          [['ReplicasMissing', 'deployment/spikegate-system/spikegate', '0 of 2 replicas are ready']],
        );
        assert.deepEqual(unchecked, []);
      });
      const printed: string[] = [];
      const code = await runDoctor(healthy, 'json', {
        print: (text) => void printed.push(text),
        isTerminal: false,
      });
      assert.equal(code, exitCodes.findings);
      assert.equal(JSON.parse(printed.join('\n')).findings[0].reason, 'ReplicasMissing');
    } finally {
      healthy.client.close();
    }
  }

  /** A user without any rights: told so, and no fault is made of it. */
  async function assertTellsWhatItMayNot(): Promise<void> {
    const alice = options(kubeconfigFor(cluster.plane, { user: 'alice' }));
    const { findings, unchecked } = await examine(alice);
    alice.client.close();
    assert.deepEqual(
      findings.map(({ reason }) => reason),
      ['PermissionsMissing'],
    );
    assert.match(
      findings[0]!.what,
      /get customresourcedefinitions\.apiextensions\.k8s\.io, .* create buyers\S* in default/,
    );
    for (const part of [
      'goods:',
      'orders:',
      'lease/',
      'pods:',
      'namespaces:',
      'dry run of Buyer',
      'mutatingwebhook',
    ]) {
      assert.ok(
        unchecked.some((text) => text.startsWith(part)),
        `${part} is among what was not looked at`,
      );
    }
  }

  function uninstall(more: Partial<UninstallFlags>): Promise<number> {
    const flags = { ...deployment, kubeconfig: cluster.plane.kubeconfig, patience: 60_000 };
    return runUninstall({ ...flags, yes: true, ...more }, { print: () => {}, ask: undefined });
  }

  async function assertGone(objects: readonly Manifest[]): Promise<void> {
    assert.ok(objects.length > 10);
    for (const object of objects) {
      await eventually(async () =>
        assert.equal(await cluster.stored(object), undefined, `${object.kind} ${object.metadata.name} stays`),
      );
    }
  }
});
