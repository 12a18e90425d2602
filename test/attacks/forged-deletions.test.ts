// A forged review of a deletion. The first request to delete puts a finalizer on an object, so that a forger could put
// one on every buyer of a namespace: nothing is marked unless a live read finds the object under the uid of the review.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Buyer } from '../../src/api/buyer.ts';
import { inUseFinalizer } from '../../src/api/names.ts';
import { markDeleted } from '../../src/controllers/deletion.ts';
import { loadConfig } from '../../src/kube/config.ts';
import { createClient } from '../../src/kube/json-client.ts';
import { crdOf } from '../../src/manifests/crd.ts';
import { uidOf } from '../contract/reviews.ts';
import { buyer } from '../refusals/scenario.ts';
import { open } from '../sandbox/harness.ts';

async function fiftyBuyers(t: TestContext) {
  const { sandbox, call } = await open(t);
  await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crdOf(Buyer));
  const client = createClient(loadConfig({ file: sandbox.kubeconfig }));
  t.after(() => client.close());
  const buyers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      client.create(Buyer, {
        ...buyer(`buyer${i}`),
        metadata: { name: `buyer${i}`, namespace: 'default' },
      } as Buyer),
    ),
  );
  const marked = async () => {
    const { items } = await client.list(Buyer, { namespace: 'default' });
    return items.filter(({ metadata }) => metadata.finalizers?.includes(inUseFinalizer)).length;
  };
  return { client, buyers, marked };
}

test('a forged deletion, with a name or of a collection, marks nobody', async (t) => {
  const { client, buyers, marked } = await fiftyBuyers(t);
  const [first] = buyers as [Buyer];
  const { namespace, name } = first.metadata;
  const metadata = { namespace, name, uid: uidOf(1) } as Buyer['metadata'];
  for (const forged of [
    { ...first, metadata },
    { ...first, metadata: { ...metadata, name: 'no-such-buyer' } },
    { ...first, metadata: { ...metadata, resourceVersion: first.metadata.resourceVersion } },
  ]) {
    await markDeleted(client, Buyer, forged, () => buyers);
  }
  assert.equal(await marked(), 0);
});

test('a deletion of what is stored marks it, and the others of its collection', async (t) => {
  const { client, buyers, marked } = await fiftyBuyers(t);
  const [first, ...others] = buyers as [Buyer, ...Buyer[]];
  await markDeleted(client, Buyer, first, () => []);
  assert.equal(await marked(), 1);
  await markDeleted(client, Buyer, first, () => others);
  assert.equal(await marked(), 50);
});
