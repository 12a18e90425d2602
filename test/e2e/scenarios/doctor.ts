// `spikegate doctor` on a cluster with faults planted in it: each is found and named, with its remedy; and on a
// cluster without any there is nothing to find.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueAuthority, issueLeaf, rsaKey } from '../../../certs/authority.ts';
import { Buyer } from '../../../src/api/buyer.ts';
import { inUseFinalizer } from '../../../src/api/names.ts';
import { examine } from '../../../src/doctor/doctor.ts';
import { dialTls } from '../../../src/doctor/serving.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import { deployment } from '../../../src/manifests/generated.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { type Expected, type Fault, faultsOfTheInstallation, faultsOfTheSale } from '../doctor/faults.ts';
import { withoutWebhooks } from '../other-webhooks.ts';
import { orderManifest, saleManifest } from '../sale.ts';
import { eventually, namespaces, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

export const doctor: Scenario[] = [
  { name: 'the doctor finds what is wrong with an installation, and says what to do', run: installation },
  { name: 'the doctor finds what is wrong with a sale that nobody leads', run: sale },
];

/** Replicas that do not mend, of themselves, what is planted here before anybody has looked. */
const flags = { 'payment-window': '10m', 'cert-check': '10m' };

const look = ({ client }: World, more: { grace?: number } = {}) =>
  examine({
    client,
    expected: {
      namespace: deployment.namespace,
      service: deployment.service,
      lease: deployment.lease,
      configuration: deployment.configuration,
      certSecret: deployment.certSecret,
      probeNamespace: 'default',
      holdLimit: 120_000,
      paymentWindow: 600_000,
      grace: 30_000,
      ...more,
    },
    clock: systemClock,
    dial: dialTls,
    // A leader here renews its lease every half second.
    lookAgainMs: 2000,
  });

async function assertHealthy(world: World): Promise<void> {
  await eventually(async () => {
    const { findings, unchecked } = await look(world);
    assert.deepEqual(findings, []);
    assert.deepEqual(unchecked, []);
  });
}

async function assertFinds(
  world: World,
  what: string,
  expected: readonly Expected[],
  more: { grace?: number; beforeLook?: () => Promise<unknown> } = {},
): Promise<void> {
  await eventually(async () => {
    await more.beforeLook?.();
    const { findings } = await look(world, more);
    for (const { reason, where, what: text, remedy } of expected) {
      const found = findings.filter((it) => it.reason === reason && where.test(it.where));
      assert.equal(found.length, 1, `${what}: ${reason} among ${JSON.stringify(findings, null, 1)}`);
      assert.match(found[0]!.what, text);
      assert.match(found[0]!.remedy, remedy);
    }
  }, 20_000);
}

async function plantAll(world: World, namespace: string, faults: readonly Fault[]): Promise<void> {
  for (const fault of faults) {
    const back = await fault.plant(world, namespace);
    try {
      const beforeLook = () => fault.plant(world, namespace);
      await assertFinds(world, fault.name, fault.finds, fault.isMended ? { beforeLook } : {});
    } finally {
      await back();
    }
  }
}

async function installation(world: World): Promise<void> {
  await world.serve(2, flags);
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 10, price: 10, spikePrice: 8 }));
  await assertHealthy(world);
  await plantAll(world, namespace, faultsOfTheInstallation);
  await assertHealthy(world);
  await expiring(world);
  await world.serve(2, flags);
  await assertHealthy(world);
}

/** A certificate from files that nobody renews: nine tenths of its life are over, and it is for another name. */
async function expiring(world: World): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'doctor-'));
  const [caKey, key] = await Promise.all([rsaKey(), rsaKey()]);
  const then = { now: Date.now() - 54 * 60_000, lifetime: 3_600_000, random: randomBytes };
  const cert = issueAuthority({ ...then, key: caKey });
  const leaf = issueLeaf({ ...then, key, names: ['elsewhere.svc'], authority: { cert, key: caKey } });
  await writeFile(join(directory, 'tls.crt'), leaf);
  await writeFile(join(directory, 'tls.key'), key);
  try {
    await world.serve(1, { ...flags, certs: 'files', 'cert-dir': directory });
    const where = /^certificate of 127\.0\.0\.1:\d+$/;
    const remedy = /kubectl -n spikegate-system delete secret spikegate-serving-cert/;
    await assertFinds(world, 'an old certificate', [
      { reason: 'CertificateExpiring', where, what: /in \d minutes, and has not been renewed/, remedy },
      {
        reason: 'CertificateNameWrong',
        where,
        what: /calls 127\.0\.0\.1, it is for DNS:elsewhere\.svc/,
        remedy,
      },
    ]);
  } finally {
    await world.stopReplicas();
    await rm(directory, { recursive: true });
  }
}

async function sale(world: World): Promise<void> {
  await world.serve(1, flags);
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 10, price: 10, spikePrice: 8 }));
  await world.create(namespace, orderManifest({ name: 'order1', buyer: 'buyer1', goods: { goods1: 1 } }));
  await eventually(async () => {
    assert.equal((await world.goods(namespace, 'goods1')).status?.reserved, 1);
  });
  await assertHealthy(world);
  for (const replica of [...world.replicas]) await world.kill(replica);
  await assertFinds(world, 'everybody is dead', [
    {
      reason: 'NoLeader',
      where: /^lease\/spikegate-system\/spikegate$/,
      what: /held it last, and has not renewed it since/,
      remedy: /kubectl -n spikegate-system get pods/,
    },
    {
      reason: 'WebhookNotAnswering',
      where: /validate\.spikeorder\.spikegate\.io|mutate\.spikeorder\.spikegate\.io/,
      what: /the API server cannot call it/,
      // The webhooks of this target lead to an address, not to pods.
      remedy: /start the program at https:\/\/127\.0\.0\.1:\d+ again/,
    },
  ]);
  const back = await withoutWebhooks(world);
  try {
    await assertFinds(world, 'no configurations', [
      {
        reason: 'ConfigurationMissing',
        where: /^validatingwebhookconfiguration\/spikegate$/,
        what: /nothing is checked/,
        remedy: /^spikegate manifests --install/,
      },
    ]);
    await plantAll(world, namespace, faultsOfTheSale);
    // As one whose deletion was asked for when the last replica died.
    const finalizers = [inUseFinalizer, 'example.com/theirs'];
    const key = { namespace, name: 'buyer1' };
    await world.client.patch(Buyer as Resource, key, { metadata: { finalizers } }, { type: 'merge' });
    await world.client.delete(namespaces, { name: namespace });
    const expected: Expected = {
      reason: 'NamespaceStuck',
      where: new RegExp(`^namespace/${namespace}$`),
      what: /waits for spikegate\.io\/in-use on /,
      remedy:
        /^kubectl -n e2e-\S+ patch buyers\.myapp\.spike\.com buyer1 --type=merge -p '\{"metadata":\{"finalizers":\["example\.com\/theirs"\]\}\}'$/,
    };
    await assertFinds(world, 'a namespace that cannot go', [expected], { grace: -5000 });
    await world.client.patch(
      Buyer as Resource,
      key,
      { metadata: { finalizers: [inUseFinalizer] } },
      { type: 'merge' },
    );
  } finally {
    await back();
  }
  await world.serve(2, flags);
  await eventually(async () => assert.ok(await world.isGone(namespaces, '', namespace)), 60_000);
  await assertHealthy(world);
}

/** Takes both configurations away, until the API server knows. */
