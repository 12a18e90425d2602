// ImoocPod on the sandbox: pods by difference, none too many and none too few, whatever happens to them. Every B row of
// the original has its test here.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ImoocPod } from '../../src/api/imooc-pod.ts';
import { collectedMs, Lab, pause, places, soon } from './lab.ts';
import { podsV1 } from './resources.ts';

for (const { where, skip } of places)
  describe(`ImoocPod on ${where}`, { timeout: 240_000, skip }, () => {
    let lab: Lab;
    before(async () => {
      lab = await Lab.open({ where });
      await lab.lead();
    });
    after(() => lab.close());

    const make = (namespace: string, name: string, replicas: number) =>
      lab.create(ImoocPod, namespace, name, { spec: { replicas } });
    const fleet = (namespace: string, name = 'fleet') => lab.client.get(ImoocPod, { namespace, name });
    const pods = async (namespace: string, name = 'fleet') => {
      const { items } = await lab.client.list(podsV1, { namespace, labelSelector: `app=${name}` });
      return items.filter(({ metadata }) => !metadata.deletionTimestamp);
    };
    const names = async (namespace: string, name = 'fleet') =>
      (await pods(namespace, name)).map(({ metadata }) => metadata.name).sort();
    const ready = (namespace: string, replicas: number, name = 'fleet') =>
      soon(async () => {
        const { status, metadata } = await fleet(namespace, name);
        assert.equal(status?.phase, 'Ready');
        assert.equal(status?.observedGeneration, metadata.generation);
        assert.equal(status?.readyReplicas, replicas);
        assert.equal(status?.replicas, replicas);
        assert.deepEqual(status?.podNames, await names(namespace, name));
      });
    const createsSince = (from: number) =>
      lab.requests.slice(from).filter(({ verb, resource }) => verb === 'create' && resource === 'pods')
        .length;

    it('makes all pods in one pass, of the original kind, and says so in its status', async () => {
      const ns = await lab.namespace();
      const from = lab.requests.length;
      await make(ns, 'fleet', 12);
      await ready(ns, 12);
      assert.equal(createsSince(from), 12);
      const [pod] = await pods(ns);
      assert.match(pod?.metadata.name ?? '', /^fleet-pod/);
      const [owner] = pod?.metadata.ownerReferences ?? [];
      assert.equal(owner?.kind, 'ImoocPod');
      assert.equal(owner?.controller, true);
      const [{ image, command } = {}] = pod!.spec.containers as { image?: string; command?: string[] }[];
      assert.equal(image, 'busybox');
      assert.deepEqual(command, ['sleep', '3600']);
    });

    it('scales with kubectl scale, up, down and to nothing', async () => {
      const ns = await lab.namespace();
      await make(ns, 'fleet', 2);
      await ready(ns, 2);
      const scale = (replicas: number) =>
        lab.client.patch(
          ImoocPod,
          { namespace: ns, name: 'fleet' },
          { spec: { replicas } },
          {
            type: 'merge',
            subresource: 'scale',
          },
        );
      await scale(6);
      await ready(ns, 6);
      const before = await names(ns);
      await scale(3);
      await ready(ns, 3);
      assert.ok(
        (await names(ns)).every((name) => before.includes(name)),
        'none is replaced',
      );
      await scale(0);
      await ready(ns, 0);
    });

    it('loses the newest pods and those that are not ready first', async () => {
      const ns = await lab.namespace();
      await make(ns, 'fleet', 2);
      await ready(ns, 2);
      const old = await names(ns);
      await pause(1100);
      await lab.patch(ImoocPod, ns, 'fleet', { spec: { replicas: 4 } });
      await ready(ns, 4);
      await lab.patch(ImoocPod, ns, 'fleet', { spec: { replicas: 2 } });
      await ready(ns, 2);
      assert.deepEqual(await names(ns), old);
    });

    it('replaces deleted and finished pods, and none twice', async () => {
      const ns = await lab.namespace();
      await make(ns, 'fleet', 4);
      await ready(ns, 4);
      const from = lab.requests.length;
      const [first, second] = await names(ns);
      await lab.client.delete(podsV1, { namespace: ns, name: first! }, { gracePeriodSeconds: 0 });
      await soon(async () => assert.ok(!(await names(ns)).includes(first!)));
      await ready(ns, 4);
      await lab.client.patch(
        podsV1,
        { namespace: ns, name: second! },
        { status: { phase: 'Failed' } },
        {
          type: 'merge',
          subresource: 'status',
        },
      );
      await soon(async () => assert.ok(!(await names(ns)).includes(second!)));
      await ready(ns, 4);
      await pause(100);
      assert.equal(createsSince(from), 2);
    });

    it('takes no pod that is not its own, and lets a foreign one be', async () => {
      const ns = await lab.namespace();
      const stranger = () =>
        lab.create(podsV1, ns, 'stranger', {
          metadata: {
            namespace: ns,
            name: 'stranger',
            labels: { app: 'fleet', 'app.kubernetes.io/managed-by': 'spikegate' },
          },
          spec: { containers: [{ name: 'c', image: 'busybox:1' }] },
        });
      // A new namespace has no service account at first, and no pod without one.
      await soon(stranger);
      await make(ns, 'fleet', 2);
      await soon(async () => assert.equal((await fleet(ns)).status?.readyReplicas, 2));
      assert.equal((await pods(ns)).length, 3);
      await lab.patch(ImoocPod, ns, 'fleet', { spec: { replicas: 0 } });
      await soon(async () => assert.deepEqual(await names(ns), ['stranger']));
      await soon(async () => assert.equal((await fleet(ns)).status?.replicas, 0));
    });

    it('two in a namespace do not count each other', async () => {
      const ns = await lab.namespace();
      await make(ns, 'fleet', 2);
      await make(ns, 'fleet-b', 3);
      await ready(ns, 2);
      await ready(ns, 3, 'fleet-b');
      await lab.client.delete(ImoocPod, { namespace: ns, name: 'fleet-b' });
      await soon(async () => assert.deepEqual(await names(ns, 'fleet-b'), []), collectedMs);
      await ready(ns, 2);
    });

    it('a pod whose owner reference is taken away is replaced and let go', async () => {
      const ns = await lab.namespace();
      await make(ns, 'fleet', 2);
      await ready(ns, 2);
      const [freed] = await names(ns);
      await lab.patch(podsV1, ns, freed!, { metadata: { ownerReferences: null } });
      await soon(async () => {
        const { status } = await fleet(ns);
        assert.equal(status?.readyReplicas, 2);
        assert.ok(!status?.podNames?.includes(freed!));
      });
      assert.equal((await pods(ns)).length, 3);
    });

    it('is quiet when there is nothing to do: after a deletion too', async () => {
      const ns = await lab.namespace();
      await make(ns, 'fleet', 2);
      await ready(ns, 2);
      await lab.client.delete(ImoocPod, { namespace: ns, name: 'fleet' });
      await soon(async () => assert.deepEqual(await names(ns), []), collectedMs);
      await pause(100);
      const from = lab.requests.length;
      await pause(1500);
      assert.deepEqual(
        lab.requests.slice(from).filter(({ verb }) => verb !== 'watch'),
        [],
      );
    });

    it('an orphaning deletion leaves the pods alone', async () => {
      const ns = await lab.namespace();
      await make(ns, 'fleet', 3);
      await ready(ns, 3);
      const before = await names(ns);
      await lab.client.delete(ImoocPod, { namespace: ns, name: 'fleet' }, { propagationPolicy: 'Orphan' });
      await soon(() => assert.rejects(fleet(ns), /not found/), collectedMs);
      await pause(200);
      assert.deepEqual(await names(ns), before);
    });

    it('fewer than none, and more than a thousand, are refused by the schema', async () => {
      const ns = await lab.namespace();
      const from = lab.requests.length;
      await make(ns, 'fleet', 1001).then(
        () => assert.fail('the schema allows no more than 1000'),
        (error) => assert.match(error.message, /1000/),
      );
      assert.equal(createsSince(from), 0);
      await assert.rejects(make(ns, 'fleet', -1), /greater than or equal to 0/);
    });
  });
