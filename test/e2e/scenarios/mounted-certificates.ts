// Certificates as cert-manager keeps them, without cert-manager: the test mounts the Secret as a kubelet does, renews
// it, replaces the CA with an overlap, and puts the caBundle in as the CA injector does. Under 30 orders a second not
// one admission fails, and a pair that is not whole is never served.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueAuthority, issueLeaf, rsaKey } from '../../../certs/authority.ts';
import type { WebhookConfiguration } from '../../../src/doctor/observation.ts';
import * as resources from '../../../src/doctor/resources.ts';
import { dialTls } from '../../../src/doctor/serving.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import { deployment } from '../../../src/manifests/names.ts';
import type { Replica } from '../replica.ts';
import { saleManifest } from '../sale.ts';
import { SteadyOrders } from '../steady.ts';
import { eventually, type World } from '../world.ts';
import { seenEverywhere } from './crowds.ts';
import type { Scenario } from './scenario.ts';

export const mountedCertificates: Scenario[] = [
  { name: 'mounted certificates are renewed and their CA replaced under 30 orders a second', run: drill },
];

const perSecond = 30;
const hour = 3_600_000;
/** API servers follow the configurations by watch; nothing tells from outside when each of them has the new bundle. */
const injectionMs = 2000;

interface Pair {
  cert: string;
  key: string;
}

async function drill(world: World): Promise<void> {
  const volume = await Volume.make();
  try {
    const first = await authority();
    const leaf = await issued(first);
    await volume.mount(leaf);
    // Those of another scenario keep certificates of their own, and would put their CA back.
    await world.stopReplicas();
    await inject(world, first.cert);
    await world.serve(2, { 'payment-window': '10m', certs: 'files', 'cert-dir': volume.directory });
    const namespace = await world.namespace();
    await world.create(namespace, saleManifest({ stock: 10_000, price: 10, spikePrice: 8 }));
    await seenEverywhere(world, namespace);
    const orders = new SteadyOrders(world, namespace, { perSecond, goods: () => 'goods1' });
    try {
      await renewal(world, volume, first);
      await replacement(world, volume, first);
    } finally {
      await orders.stop();
    }
    const failed = orders.outcomes.filter(({ error }) => error);
    assert.deepEqual(
      failed.map(({ name, error }) => `${name}: ${error?.message}`),
      [],
    );
    assert.ok(orders.outcomes.length > perSecond * 5, `${orders.outcomes.length} orders were sent`);
  } finally {
    await world.stopReplicas();
    await volume.remove();
  }
}

/** Renewed by the same CA; then three Secrets that are not whole, of which none is served; then a whole one. */
async function renewal(world: World, volume: Volume, ca: Pair): Promise<void> {
  const renewed = await issued(ca);
  await volume.mount(renewed);
  await everyReplica(world, (replica) => serves(replica, renewed));
  const next = await issued(ca);
  const half = [
    { cert: next.cert, key: renewed.key },
    { cert: next.cert.slice(0, 400), key: next.key },
    { cert: next.cert, key: '' },
  ];
  for (const broken of half) {
    const before = await Promise.all(world.replicas.map(readErrors));
    await volume.mount(broken);
    await everyReplica(world, async (replica, index) => {
      assert.ok((await readErrors(replica)) > before[index]!, 'the failure is counted');
      await serves(replica, renewed);
    });
  }
  await everyReplica(world, async (replica) => {
    // Log lines are written in batches, a moment later.
    const told = replica.log.filter((line) => line.includes('the previous pair stays in service'));
    assert.equal(told.length, half.length);
  });
  await volume.mount(next);
  await everyReplica(world, (replica) => serves(replica, next));
}

/** A new CA: first trusted beside the old one, then it signs, then the old one goes. */
async function replacement(world: World, volume: Volume, old: Pair): Promise<void> {
  const ca = await authority();
  await inject(world, old.cert + ca.cert);
  await pause(injectionMs);
  const leaf = await issued(ca);
  await volume.mount(leaf);
  await everyReplica(world, (replica) => serves(replica, leaf));
  await inject(world, ca.cert);
  await pause(injectionMs);
}

async function authority(): Promise<Pair> {
  const key = await rsaKey();
  return { key, cert: issueAuthority({ key, now: Date.now(), lifetime: 24 * hour, random: randomBytes }) };
}

async function issued(ca: Pair): Promise<Pair> {
  const key = await rsaKey();
  const names = ['spikegate-webhook.spikegate-system.svc', '127.0.0.1'];
  const issue = { key, now: Date.now(), lifetime: hour, random: randomBytes };
  return { key, cert: issueLeaf({ ...issue, names, authority: ca }) };
}

/** What cert-manager's CA injector does with the annotation `inject-ca-from`. */
async function inject({ client }: World, bundle: string): Promise<void> {
  const caBundle = Buffer.from(bundle).toString('base64');
  const both: Resource<WebhookConfiguration>[] = [
    resources.mutatingConfigurations,
    resources.validatingConfigurations,
  ];
  for (const resource of both) {
    await eventually(async () => {
      const found = await client.get(resource, { name: deployment.configuration });
      for (const { clientConfig } of found.webhooks ?? []) clientConfig.caBundle = caBundle;
      await client.replace(resource, found);
    });
  }
}

async function everyReplica(
  world: World,
  check: (replica: Replica, index: number) => Promise<void>,
): Promise<void> {
  for (const [index, replica] of world.replicas.entries()) await eventually(() => check(replica, index));
}

/** A new connection gets this certificate. */
async function serves(replica: Replica, { cert }: Pair): Promise<void> {
  const [leaf] = await dialTls('127.0.0.1', replica.port);
  const bare = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, '');
  assert.equal(bare(leaf!), bare(cert));
}

async function readErrors(replica: Replica): Promise<number> {
  const match = /^certwatcher_read_certificate_errors_total (\d+)$/m.exec(await replica.metrics());
  return Number(match?.[1] ?? Number.NaN);
}

/** A Secret volume: every state in a folder of its own, `..data` leads to the present one, the files lead through it. */
class Volume {
  readonly directory: string;
  #versions = 0;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<Volume> {
    return new Volume(await mkdtemp(join(tmpdir(), 'mounted-')));
  }

  /** As kubelet's AtomicWriter does it (pkg/volume/util/atomic_writer.go): one rename turns the link. */
  async mount({ cert, key }: Pair): Promise<void> {
    const { directory } = this;
    const folder = `..${new Date().toISOString().replace(/\W/g, '_')}.${++this.#versions}`;
    await mkdir(join(directory, folder));
    await writeFile(join(directory, folder, 'tls.crt'), cert);
    await writeFile(join(directory, folder, 'tls.key'), key);
    await symlink(folder, join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
    if (this.#versions > 1) return;
    for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(directory, name));
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
