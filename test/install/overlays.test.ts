// `kubectl apply -k` of both overlays, and of the rendered chart, on a real API server: every object is stored as it is written, and a `serve`
// with the service account's own token, and no other rights than its, runs a sale.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { servingPair } from '../../bench/pki.ts';
import { kinds } from '../../src/api/kinds.ts';
import { bundle } from '../../src/manifests/bundle.ts';
import { type Manifest, toYaml } from '../../src/manifests/manifest.ts';
import { deployment } from '../../src/manifests/names.ts';
import { includes } from '../../src/workloads/compare.ts';
import { explainNotFound, findBinaries, kubeconfigFor } from '../control-plane/index.ts';
import type { Replica } from '../e2e/replica.ts';
import { eventually } from '../e2e/world.ts';
import { Cluster, certManagerKinds, configurations, manifests } from './cluster.ts';
import { render } from './helm.ts';
import { playSale } from './sale.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : false;

describe('kubectl apply -k', { skip }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start();
    await cluster.standIns(...certManagerKinds);
  });
  after(() => cluster?.stop());

  test('one file each, and the CRDs alone: kubectl apply -f', { timeout: 120_000 }, async () => {
    await cluster.kubectl(['apply', '-f', join(manifests, 'crd')]);
    for (const mode of ['cert-manager', 'self-signed'] as const) {
      const file = join(manifests, 'install', `${mode}.yaml`);
      await cluster.kubectl(['apply', '-f', file]);
      await areStored(bundle(mode));
    }
  });

  test('self-signed: every object is accepted, and a sale runs', { timeout: 120_000 }, async () => {
    const objects = await apply('self-signed');
    assert.deepEqual(
      new Set(objects.map(({ kind }) => kind)),
      new Set([
        ...['CustomResourceDefinition', 'Namespace', 'PriorityClass', 'ServiceAccount'],
        ...['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
        ...['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'],
        ...['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
      ]),
    );
    await cluster.aimWebhooks();
    const replica = await cluster.serve();
    await published();
    await isProbed(replica);
    await playSale(cluster, await cluster.namespace());
    // Every sample, in one go; the second time nothing is new.
    const samples = join(manifests, 'samples');
    await cluster.kubectl(['apply', '-f', samples]);
    assert.doesNotMatch(await cluster.kubectl(['apply', '-f', samples]), / created/);
    // An upgrade applies again what is there; the CA and the secret paths that serve has put in stay.
    await cluster.stopServing();
    await cluster.aimWebhooks(false);
    const before = [await bundles(), await paths()];
    for (const path of before[1]!) assert.match(path ?? '', /^\/[0-9a-f]{64}\/(mutate|validate)-/);
    await cluster.kubectl(['apply', '-k', cluster.overlay('self-signed')]);
    assert.deepEqual([await bundles(), await paths()], before);
  });

  test('cert-manager: the same with its Secret mounted and its CA injected', {
    timeout: 120_000,
  }, async () => {
    const objects = await apply('cert-manager');
    assert.deepEqual(
      objects.filter(({ apiVersion }) => apiVersion === 'cert-manager.io/v1').map(({ kind }) => kind),
      ['Certificate', 'Certificate', 'Issuer', 'Issuer'],
    );
    const directory = await mkdtemp(join(tmpdir(), 'spikegate-certificates-'));
    try {
      const { ca, cert, key } = await servingPair();
      await Promise.all([
        writeFile(join(directory, 'tls.crt'), cert),
        writeFile(join(directory, 'tls.key'), key),
      ]);
      await cluster.aimWebhooks();
      await inject(ca);
      // Its permissions must do without what only self-signed certificates need.
      await cluster.kubectl(['delete', '-f', join(cluster.overlay('self-signed'), permissions)]);
      const replica = await cluster.serve(['--certs', 'files', '--cert-dir', directory]);
      await isProbed(replica);
      await playSale(cluster, await cluster.namespace());
      assert.deepEqual(new Set(await bundles()), new Set([Buffer.from(ca).toString('base64')]));
    } finally {
      await cluster.stopServing();
      await rm(directory, { recursive: true });
    }
  });

  test('helm template | kubectl apply: the same, and what helm test runs', { timeout: 120_000 }, async () => {
    const { objects, hooks } = render(join(manifests, '..', 'charts', 'spikegate'));
    // What the overlays left would be taken for the chart's own.
    await cluster.kubectl(['delete', '--ignore-not-found', '-k', cluster.overlay('cert-manager')]);
    await cluster.kubectl(['create', 'namespace', deployment.namespace]);
    await cluster.kubectl(['apply', '-f', '-'], toYaml(objects));
    await areStored(objects);
    await cluster.aimWebhooks();
    const replica = await cluster.serve();
    await published();
    await isProbed(replica);
    await playSale(cluster, await cluster.namespace());

    const [pod, ...permissions] = hooks.sort((a) => (a.kind === 'Pod' ? -1 : 1));
    await cluster.kubectl(['apply', '-f', '-'], toYaml(permissions));
    const { args } = (pod as unknown as { spec: { containers: { args: string[] }[] } }).spec.containers[0]!;
    const kubeconfig = kubeconfigFor(cluster.plane, {
      token: await cluster.token('spikegate-test'),
      user: 'test',
    });
    const main = join(manifests, '..', 'src', 'cli', 'main.ts');
    const run = () => promisify(execFile)(process.execPath, [main, ...args, '--kubeconfig', kubeconfig]);
    const { stdout } = await run();
    assert.equal(stdout.match(/: answered$/gm)?.length, kinds.length, stdout);
    await cluster.stopServing();
    const failure = await run().catch((error: { code: number; stdout: string }) => error);
    assert.equal((failure as { code?: number }).code, 1);
    assert.match(failure.stdout, /SpikeOrder: failed: /);
  });

  test('kubectl has warned of nothing', () => {
    assert.deepEqual(cluster.warnings, []);
  });

  const permissions = '../../certificates/self-signed/permissions.yaml';

  /** Applies, and returns what was applied; all of it is stored, with every field. */
  async function apply(name: 'self-signed' | 'cert-manager'): Promise<Manifest[]> {
    const overlay = cluster.overlay(name);
    await cluster.kubectl(['apply', '-k', overlay]);
    const rendered = parseAllDocuments(await cluster.kubectl(['kustomize', overlay]));
    const objects = rendered.map((document) => document.toJS() as Manifest);
    await areStored(objects);
    return objects;
  }

  async function areStored(objects: readonly Manifest[]): Promise<void> {
    for (const object of objects) {
      const what = `${object.kind} ${object.metadata.name}`;
      const stored = await cluster.stored(object);
      assert.ok(stored, `${what} is not there`);
      assert.ok(includes(stored, object), `${what} is stored as ${JSON.stringify(stored)}`);
    }
  }

  async function clientConfigs() {
    const all = await Promise.all(
      configurations.map((resource) => cluster.admin.get(resource, { name: deployment.configuration })),
    );
    return all.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => clientConfig));
  }

  const bundles = async () => (await clientConfigs()).map(({ caBundle }) => caBundle);
  const paths = async () => (await clientConfigs()).map(({ service }) => service?.path);

  async function published(): Promise<void> {
    await eventually(async () => assert.ok((await bundles()).every(Boolean)));
  }

  /** What cert-manager's injector does with the annotation. */
  async function inject(ca: string): Promise<void> {
    const caBundle = Buffer.from(ca).toString('base64');
    for (const resource of configurations) {
      const found = await cluster.admin.get(resource, { name: deployment.configuration });
      assert.ok(found.metadata.annotations?.['cert-manager.io/inject-ca-from']);
      const webhooks = found.webhooks.map((webhook) => ({
        ...webhook,
        clientConfig: { ...webhook.clientConfig, caBundle },
      }));
      await cluster.admin.replace(resource, { ...found, webhooks });
    }
  }
});

/** The Deployment's probes, as a kubelet sends them: it does not look at the certificate. */
async function isProbed(replica: Replica): Promise<void> {
  for (const path of ['/healthz', '/readyz']) {
    await eventually(async () => {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        get({ port: replica.port, path, rejectUnauthorized: false, agent: false }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        }).on('error', reject);
      });
      assert.equal(status, 200, path);
    });
  }
}
