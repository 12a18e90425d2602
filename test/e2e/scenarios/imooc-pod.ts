// ImoocPod: the sample and what a person does to it, with kubectl scale and a leader that dies.
import assert from 'node:assert/strict';
import { ImoocPod } from '../../../src/api/imooc-pod.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import { pods } from '../../../src/workloads/child-kinds.ts';
import { sample, Workloads } from '../workloads.ts';
import { eventually, refused, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const kind = ImoocPod as Resource;
const name = 'imoocpod-sample';
const collected = 60_000;

export const imoocPods: Scenario[] = [
  { name: 'ImoocPod: the sample, scaling, lost and failed pods, a dead leader, the end', run: theSample },
];

async function theSample(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    const { namespace } = it;
    const settled = (count: number, of = name) =>
      eventually(async () => {
        const { status, spec } = await it.ready(kind, of);
        const there = (await it.names(pods)).filter((pod) => pod.startsWith(`${of}-pod`));
        assert.equal(there.length, count);
        assert.deepEqual([spec.replicas, status.replicas, status.readyReplicas], [count, count, count]);
        assert.deepEqual(status.podNames, there);
        return there;
      }, 45_000);
    const scale = (replicas: number) => it.patch(kind, name, { spec: { replicas } }, 'scale');

    // 1. The sample, and its defaults.
    await it.create(kind, await sample('imoocpod.yaml', 'ImoocPod'));
    const first = await settled(3);
    await it.create(kind, {
      apiVersion: ImoocPod.apiVersion,
      kind: 'ImoocPod',
      metadata: { name: 'one' },
      spec: {},
    });
    await settled(1, 'one');
    // 2. With kubectl scale, where there is a kubectl.
    const ran = await world.kubectl(['--namespace', namespace, 'scale', 'imoocpod', name, '--replicas=8']);
    if (!ran) await scale(8);
    else assert.equal(ran.code, 0, ran.stderr);
    const eight = await settled(8);
    // 3. The first pods are still there: nothing is replaced.
    assert.ok(first.every((pod) => eight.includes(pod)));
    // 4. Down: the pods that were there first stay.
    await scale(3);
    const three = await settled(3);
    assert.ok(three.every((pod) => eight.includes(pod)));
    // 5. A pod deleted is replaced.
    await world.client.delete(it.resource(pods), { namespace, name: three[0]! }, { gracePeriodSeconds: 0 });
    await eventually(async () => assert.ok(!(await it.names(pods)).includes(three[0]!)));
    const after = await settled(3);
    // 6. A finished pod is cleaned up and replaced.
    await it.patch(it.resource(pods), after[0]!, { status: { phase: 'Failed' } }, 'status');
    await eventually(async () => assert.ok(!(await it.names(pods)).includes(after[0]!)));
    await settled(3);
    // 7. Somebody's pod with the same label is not counted.
    const labels = { app: name, 'app.kubernetes.io/managed-by': 'spikegate' };
    const spec = { containers: [{ name: 'c', image: 'busybox:1' }] };
    await it.create(it.resource(pods), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'stranger', labels },
      spec,
    });
    await settled(3);
    // 8. What cannot be is refused.
    assert.match(
      (await refused(it.patch(kind, name, { spec: { replicas: -1 } }))).message,
      /greater than or equal to 0/,
    );
    // 9. The leader dies while it makes pods; none is made twice.
    await world.addReplica();
    await scale(40);
    await world.kill(await world.leader());
    await settled(40);
    // 10. To nothing, and back.
    await scale(0);
    await settled(0);
    assert.ok((await it.names(pods)).includes('stranger'));
    await scale(2);
    await settled(2);
    // 11. Its end is the end of its pods, and of nobody else's.
    await world.client.delete(kind, { namespace, name });
    await eventually(async () => {
      const left = await it.names(pods);
      assert.equal(left.length, 2);
      assert.ok(left.includes('stranger'));
    }, collected);
    await settled(1, 'one');
  });
}
