// Autoscalers: a Deployment is handed over with pods, since Kubernetes' autoscaler leaves one at 0 alone for ever.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Seckill, type SeckillStatus } from '../../src/api/seckill.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { Lab, places, soon } from './lab.ts';
import { deploymentsV1 } from './resources.ts';

type Owner = KubeObject & { status?: SeckillStatus };
const seckills = Seckill as Resource as Resource<Owner>;
const hpa = { enabled: true, minReplicas: 2, maxReplicas: 4 };

for (const { where, skip } of places) {
  describe(`an autoscaler, on ${where}`, { skip }, () => {
    it('switched on over a Deployment at 0 replicas gets its minimum', async (t) => {
      const lab = await Lab.open({ where, kinds: [Seckill] as never });
      t.after(() => lab.close());
      const namespace = await lab.namespace();
      const key = { namespace, name: 'one' };
      await lab.lead();
      const orderService = { enabled: true, image: 'shop/o:1', replicas: 0 };
      await lab.create(seckills, namespace, 'one', { spec: { services: { orderService } } });
      const deployment = () => lab.client.get(deploymentsV1, { namespace, name: 'one-order' });
      await soon(async () => assert.equal((await deployment()).spec.replicas, 0));
      await lab.patch(seckills, namespace, 'one', { spec: { scaling: { hpa } } });
      await soon(async () => assert.equal((await deployment()).spec.replicas, 2), 10_000);
      await soon(async () => {
        const { status } = await lab.client.get(seckills, key);
        assert.equal(status?.ready, '1/1');
        assert.equal(status?.serviceStatuses?.order?.readyReplicas, 2);
      }, 20_000);

      // By hand, after the hand-over.
      await lab.patch(deploymentsV1, namespace, 'one-order', { spec: { replicas: 0 } });
      await soon(async () => {
        const { status } = await lab.client.get(seckills, key);
        assert.equal(status?.ready, '0/1');
        assert.match(status?.serviceStatuses?.order?.message ?? '', /has 0 replicas/);
        assert.equal(status?.conditions?.find(({ type }) => type === 'Degraded')?.reason, 'ScaledToZero');
      }, 20_000);
      assert.equal((await deployment()).spec.replicas, 0);
    });
  });
}
