// Removal with nothing but kubectl, in any order, with a sale and workloads on it, while `serve` runs and while nobody
// is there any more: everything goes, and no namespace is stuck.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { Resource } from '../../src/kube/objects.ts';
import type { Manifest } from '../../src/manifests/manifest.ts';
import { explainNotFound, findBinaries } from '../control-plane/index.ts';
import { eventually, namespaces } from '../e2e/world.ts';
import { Cluster, manifests } from './cluster.ts';
import { createWorkloads, playSale } from './sale.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : !found.controllerManager && 'no controllers';

const steps = {
  webhooks: ['-k', join(manifests, 'webhook')],
  crds: ['-k', join(manifests, 'crd')],
  namespace: ['-f', join(manifests, 'deploy', 'namespace.yaml')],
};
type Step = keyof typeof steps | 'sale' | 'rest';

/** The sale's own namespace goes at a different time in each. While nobody answers, it waits for the webhooks to go. */
const orders: Record<string, Step[]> = {
  'webhooks first': ['webhooks', 'sale', 'crds', 'namespace', 'rest'],
  'CRDs first': ['crds', 'webhooks', 'namespace', 'rest', 'sale'],
  'namespace first': ['namespace', 'sale', 'webhooks', 'crds', 'rest'],
  'all at once': ['rest', 'sale'],
};

const services: Resource = {
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  namespaced: true,
};

describe('removal', { skip }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start();
  });
  after(() => cluster?.stop());

  for (const [name, order] of Object.entries(orders)) {
    for (const isServed of [true, false]) {
      test(`${name}, ${isServed ? 'while serve runs' : 'when nobody is there'}`, {
        timeout: 120_000,
      }, async () => {
        const objects = await installed();
        const sale = await withSale();
        if (!isServed) await cluster.stopServing();
        for (const step of order) await remove(step, sale);
        for (const object of objects) {
          const what = `${object.kind} ${object.metadata.name}`;
          await eventually(async () =>
            assert.equal(await cluster.stored(object), undefined, `${what} stays`),
          );
        }
        await eventually(async () => assert.ok(await cluster.isGone(namespaces, { name: sale }), 'stuck'));
        await cluster.stopServing();
      });
    }
  }

  async function installed(): Promise<Manifest[]> {
    const overlay = cluster.overlay('self-signed');
    await cluster.kubectl(['apply', '-k', overlay]);
    await cluster.aimWebhooks();
    await cluster.serve();
    const rendered = await cluster.kubectl(['kustomize', overlay]);
    return parseAllDocuments(rendered).map((document) => document.toJS() as Manifest);
  }

  /** A namespace with orders, goods, and workloads that have children. */
  async function withSale(): Promise<string> {
    const sale = await cluster.namespace();
    await eventually(() => playSale(cluster, sale));
    const samples = ['elasticweb.yaml', 'imoocpod.yaml'];
    const texts = await Promise.all(
      samples.map((file) => readFile(join(manifests, 'samples', file), 'utf8')),
    );
    await createWorkloads(cluster, sale, texts.join('---\n'));
    assert.ok((await cluster.admin.list(services, { namespace: sale })).items.length > 0);
    return sale;
  }

  async function remove(step: Step, sale: string): Promise<void> {
    // What waits for another step must not hold up that step.
    const deletion = ['delete', '--ignore-not-found', '--wait=false'];
    if (step === 'sale') await cluster.kubectl([...deletion, 'namespace', sale]);
    else if (step === 'rest') await cluster.kubectl([...deletion, '-k', cluster.overlay('self-signed')]);
    else await cluster.kubectl([...deletion, ...steps[step]]);
  }
});
