// `spikegate uninstall`: nothing of the program is left, everything of people's is, and nothing gets stuck; with
// --delete-data nothing at all is left.
import assert from 'node:assert/strict';
import { Buyer } from '../../../src/api/buyer.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { inUseFinalizer } from '../../../src/api/names.ts';
import type { Draft, KubeObject, Resource } from '../../../src/kube/objects.ts';
import { deployment } from '../../../src/manifests/generated.ts';
import { runUninstall, type UninstallFlags } from '../../../src/uninstall/command.ts';
import { makePlan } from '../../../src/uninstall/plan.ts';
import { orderManifest, saleManifest } from '../sale.ts';
import { eventually, namespaces, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

export const uninstalling: Scenario[] = [
  { name: 'uninstall leaves data that can be deleted, and with --delete-data nothing', run: uninstall },
];

const system = deployment.namespace;
const labels = { 'app.kubernetes.io/part-of': 'spikegate' };
const configMaps: Resource = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};
const secrets: Resource = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
const services: Resource = {
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  namespaced: true,
};
const deployments: Resource = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};

async function uninstall(world: World): Promise<void> {
  // It deletes what others have made: not on a cluster of somebody's own.
  if (world.target.name === 'current') return;
  const { client } = world;
  const said: string[] = [];
  const run = (flags: Partial<UninstallFlags>, answer?: string) => {
    said.length = 0;
    return runUninstall(
      {
        kubeconfig: world.target.kubeconfig!,
        namespace: system,
        patience: 45_000,
        configuration: deployment.configuration,
        lease: deployment.lease,
        certSecret: deployment.certSecret,
        pathSecret: deployment.pathSecret,
        ...flags,
      },
      {
        print: (line) => void said.push(line),
        ask: answer === undefined ? undefined : async () => answer,
      },
    );
  };
  try {
    const namespace = await aSale(world);
    await plantInstallation(world);
    await theirs(world);
    const before = await makePlan(client, deployment);

    // Nobody has said yes.
    assert.equal(await run({}), 2);
    assert.equal(await run({ deleteData: true }, 'yes'), 2);
    assert.equal(await run({ dryRun: true, deleteData: true }), 0);
    assert.match(said.join('\n'), /delete validatingwebhookconfiguration\S*\/spikegate\n.*delete mutating/s);
    assert.match(said.join('\n'), /delete \d+ spikeorders, in all namespaces/);
    assert.deepEqual(await makePlan(client, deployment), before);

    assert.equal(await run({}, 'yes'), 0);
    assert.match(said.join('\n'), /^buyers: our finalizers taken off 1 objects$/m);
    assert.match(said.join('\n'), /left: 8 CRDs with \d+ objects/);
    const after = await makePlan(client, deployment);
    assert.deepEqual(after.stages, []);
    assert.equal(after.definitions.length, kinds.length);
    assert.deepEqual(
      after.data.map(({ count, held }) => [count, held]),
      before.data.map(({ count }) => [count, 0]),
    );
    await client.get(configMaps, { namespace: system, name: 'theirs' });
    await client.get(deployments, { namespace: system, name: 'child' });
    // What is left can be deleted, one by one and as a namespace, though nobody works any more.
    await client.delete(Buyer as Resource, { namespace, name: 'buyer1' });
    assert.ok(await world.isGone(Buyer as Resource, namespace, 'buyer1'));
    await client.delete(namespaces, { name: namespace });
    await eventually(async () => assert.ok(await world.isGone(namespaces, '', namespace)));

    // Installed again, it goes on with what is there; then everything goes.
    await world.install();
    const second = await aSale(world);
    assert.equal(await run({ deleteData: true, yes: true }), 0);
    const end = await makePlan(client, deployment);
    assert.deepEqual([end.stages, end.definitions], [[], []]);
    assert.ok(end.data.every(({ count }) => count === 0));
    await client.delete(namespaces, { name: second });
    await eventually(async () => assert.ok(await world.isGone(namespaces, '', second)));
    assert.equal(await run({ deleteData: true, yes: true }), 0);
    assert.deepEqual(said, [`nothing of Spikegate is left on ${client.server}`]);
  } finally {
    await client.delete(deployments, { namespace: system, name: 'child' }).catch(() => {});
    await client.delete(configMaps, { namespace: system, name: 'theirs' }).catch(() => {});
    await world.install();
  }
}

/** A sale with an order, and nobody who serves afterwards: the server of a cluster goes with its Deployment. */
async function aSale(world: World): Promise<string> {
  await world.serve(1, { 'payment-window': '10m' });
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 5, price: 10, spikePrice: 8 }));
  await world.create(
    namespace,
    orderManifest({ name: 'o1', buyer: 'buyer1', goods: { goods1: 1 }, isPay: true }),
  );
  await eventually(async () => assert.equal((await world.order(namespace, 'o1')).status?.phase, 'Paid'));
  // Its deletion was asked for once, and refused: the finalizer stays on until somebody asks again.
  const finalizers = [inUseFinalizer];
  const key = { namespace, name: 'buyer1' };
  await world.client.patch(Buyer as Resource, key, { metadata: { finalizers } }, { type: 'merge' });
  await world.stopReplicas();
  return namespace;
}

/** What an installation in the cluster has besides. */
async function plantInstallation({ client }: World): Promise<void> {
  const metadata = { name: 'planted', namespace: system, labels };
  await client.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { ports: [{ port: 443 }] },
  } as Draft);
  await client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata });
  await client.create(deployments, deploymentOf(metadata));
}

const deploymentOf = (metadata: Draft['metadata']): Draft => {
  const podLabels = { app: metadata.name! };
  const spec = { containers: [{ name: 'a', image: 'a' }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: { selector: { matchLabels: podLabels }, template: { metadata: { labels: podLabels }, spec } },
  } as Draft<KubeObject>;
};

/** What is in the same namespace and is somebody else's: without the label, or the child of an object called spikegate. */
async function theirs({ client }: World): Promise<void> {
  await client.create(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'theirs', namespace: system },
  });
  const owner = await client.get(configMaps, { namespace: system, name: 'theirs' });
  const { apiVersion, kind } = { apiVersion: 'v1', kind: 'ConfigMap' };
  const ownerReferences = [{ apiVersion, kind, name: 'theirs', uid: owner.metadata.uid }];
  await client.create(
    deployments,
    deploymentOf({ name: 'child', namespace: system, labels, ownerReferences }),
  );
}
