// Upstream's informer against the sandbox: in step through many changes and a forced 410.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node';
import { configmap, configmaps, eventually, open, types } from './harness.ts';

test('an informer of @kubernetes/client-node stays in step', async (t) => {
  const { sandbox, call } = await open(t, { controllers: false });
  const config = new KubeConfig();
  config.loadFromFile(sandbox.kubeconfig);
  const api = config.makeApiClient(CoreV1Api);
  const seen = new Map<string, string>();
  const informer = makeInformer(config, configmaps, () =>
    api.listNamespacedConfigMap({ namespace: 'default' }),
  );
  const note = (object: V1ConfigMap) => seen.set(object.metadata?.name ?? '', object.data?.n ?? '');
  informer.on('add', note);
  informer.on('update', note);
  informer.on('delete', (object) => seen.delete(object.metadata?.name ?? ''));
  let following = true;
  informer.on('error', () => setTimeout(() => following && void informer.start(), 20));
  await informer.start();
  for (let n = 0; n < 1000; n++) {
    const name = `c${n % 50}`;
    const made = await call('POST', configmaps, configmap(name, { n: String(n) }));
    if (made.code === 409) {
      if (n % 7 === 0) await call('DELETE', `${configmaps}/${name}`);
      else
        await call(
          'PATCH',
          `${configmaps}/${name}`,
          { data: { n: String(n) } },
          { 'content-type': types.merge },
        );
    }
    if (n % 250 === 0) sandbox.compact();
  }
  const list = await call('GET', configmaps);
  const wanted = new Map(
    list.body.items.map((item: { metadata: { name: string }; data: { n: string } }) => [
      item.metadata.name,
      item.data.n,
    ]),
  );
  await eventually(() => assert.deepEqual([...seen].sort(), [...wanted].sort()), 10_000);
  following = false;
  await informer.stop();
});
