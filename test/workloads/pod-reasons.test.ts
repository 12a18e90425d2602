// Pods that do not come up, in the words of the kubelet or the scheduler: the owner's status names the part and the
// reason, an event says it, and it is gone when the pods come up.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DataService } from '../../src/api/data-service.ts';
import { ElasticWeb } from '../../src/api/elastic-web.ts';
import { ImoocPod } from '../../src/api/imooc-pod.ts';
import type { Condition } from '../../src/api/schema.ts';
import { Seckill } from '../../src/api/seckill.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import type { Pod } from '../../src/workloads/child-kinds.ts';
import { elasticWeb } from '../refusals/elastic-web.ts';
import { Lab, soon } from './lab.ts';
import { podsV1 } from './resources.ts';

type Owner = KubeObject & { status?: { phase?: string; conditions?: Condition[] } };

const waiting = (reason: string, message: string) => ({
  conditions: [{ type: 'Ready', status: 'False' }],
  containerStatuses: [
    {
      name: 'c',
      image: 'i',
      imageID: '',
      ready: false,
      restartCount: 3,
      state: { waiting: { reason, message } },
    },
  ],
});
const noRoom = {
  conditions: [
    { type: 'Ready', status: 'False' },
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/3 nodes: insufficient cpu',
    },
  ],
  containerStatuses: [],
};
const ready = {
  conditions: [
    { type: 'PodScheduled', status: 'True' },
    { type: 'Ready', status: 'True' },
  ],
  containerStatuses: [
    {
      name: 'c',
      image: 'i',
      imageID: '',
      ready: true,
      restartCount: 4,
      state: { running: {} },
    },
  ],
};

const troubles: [reason: string, status: object, about: RegExp][] = [
  ['ImagePullBackOff', waiting('ImagePullBackOff', 'Back-off pulling image "shop/x:1"'), /Back-off pulling/],
  ['CrashLoopBackOff', waiting('CrashLoopBackOff', 'back-off 40s restarting'), /back-off 40s/],
  ['CreateContainerConfigError', waiting('CreateContainerConfigError', 'secret "x" not found'), /secret "x"/],
  ['Unschedulable', noRoom, /insufficient cpu/],
];

interface Subject {
  resource: Resource;
  spec: object;
  /** Of the part whose pods are in trouble. */
  component: string;
  /** What the message begins with. */
  names: RegExp;
  /** The condition of the part itself. */
  part?: string;
}

const subjects: Subject[] = [
  {
    resource: DataService as Resource,
    spec: { mysql: { kind: 1 }, auth: { image: 'shop/auth:1' } },
    component: 'mysql',
    names: /mysql: pod mysql-dataservice-0: /,
    part: 'MysqlReady',
  },
  {
    resource: DataService as Resource,
    spec: { eureka: { image: 'shop/eureka:1' }, 'api-manager': { image: 'shop/api:1' } },
    component: 'api-manager',
    names: /api-manager: pod api-manager-\w+-\w+: /,
    part: 'ApiManagerReady',
  },
  {
    resource: Seckill as Resource,
    spec: { services: { orderService: { enabled: true, image: 'shop/order:1' } } },
    component: 'order',
    names: /order: pod one-order-\w+-\w+: /,
  },
  {
    resource: ElasticWeb as Resource,
    spec: elasticWeb().spec,
    component: 'web',
    names: /pod one-\w+-\w+: /,
  },
  {
    resource: ImoocPod as Resource,
    spec: { replicas: 2 },
    component: 'pod',
    names: /1 of 2 pods ready; /,
  },
];

describe('a component that does not come up is named with its reason', { timeout: 120_000 }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.lead();
  });
  after(() => lab.close());

  for (const { resource, spec, component, names, part } of subjects) {
    for (const [reason, status, about] of troubles) {
      it(`${resource.kind}, ${component}: ${reason}`, async () => {
        const namespace = await lab.namespace();
        await lab.create(resource, namespace, 'one', { spec });
        const owner = async () =>
          (await lab.client.get(resource, { namespace, name: 'one' })) as unknown as Owner;
        const isReady = () => soon(async () => assert.equal((await owner()).status?.phase, 'Ready'), 15_000);
        await isReady();
        const labelSelector = `app.kubernetes.io/component=${component}`;
        const [pod] = (await lab.client.list<Pod>(podsV1, { namespace, labelSelector })).items;
        const set = (next: object) =>
          lab.client.patch(
            podsV1,
            { namespace, name: pod!.metadata.name },
            { status: next },
            { type: 'merge', subresource: 'status' },
          );
        lab.events.length = 0;
        await set(status);
        await soon(async () => {
          const { phase, conditions = [] } = (await owner()).status ?? {};
          const of = (type: string) => conditions.find((it) => it.type === type);
          assert.equal(phase, 'Degraded');
          for (const condition of [of('Ready'), of('Degraded')]) {
            assert.equal(condition?.reason, reason);
            assert.match(condition?.message ?? '', names);
            assert.match(condition?.message ?? '', about);
          }
          if (part) assert.equal(of(part)?.reason, reason);
        });
        assert.ok(lab.events.some((it) => it.reason === reason && it.type === 'Warning'));
        await set(ready);
        await isReady();
      });
    }
  }
});
