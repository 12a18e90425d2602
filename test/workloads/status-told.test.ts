// Whatever goes wrong before or while children are made, the owner's status says so, an event says so, and the parts
// that do not depend on it go on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DataService } from '../../src/api/data-service.ts';
import { ImoocPod } from '../../src/api/imooc-pod.ts';
import type { Condition } from '../../src/api/schema.ts';
import { Seckill } from '../../src/api/seckill.ts';
import { ApiError, isNotFound } from '../../src/kube/errors.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { Lab, places, soon } from './lab.ts';
import { deploymentsV1 } from './resources.ts';

const quotas: Resource = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
};
type Owner = KubeObject & { status?: { phase?: string; message?: string; conditions?: Condition[] } };

const forbidden = (message: string) => new ApiError(403, { reason: 'Forbidden', message });
const degraded = ({ status }: Owner) => status?.conditions?.find(({ type }) => type === 'Degraded');

async function showsTrouble(lab: Lab, resource: Resource, namespace: string, reason: string): Promise<Owner> {
  return soon(async () => {
    const owner = await lab.client.get<Owner>(resource as Resource<Owner>, { namespace, name: 'one' });
    assert.equal(degraded(owner)?.reason, reason);
    assert.ok(lab.events.some((it) => it.name === 'one' && it.type === 'Warning' && it.reason === reason));
    return owner;
  }, 30_000);
}

describe('an error that the children of an owner meet', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(() => lab.close());

  it('longer than the status has room for is shown, cut', async (t) => {
    const namespace = await lab.namespace();
    t.after(() => lab.stopLeader());
    await lab.lead({
      refuse: (verb, { plural }) =>
        verb === 'apply' && plural === 'deployments' ? forbidden(`no: ${'x'.repeat(6000)}`) : undefined,
    });
    await lab.create(DataService as Resource, namespace, 'one', { spec: { eureka: { image: 'shop/e:1' } } });
    const owner = await showsTrouble(lab, DataService as Resource, namespace, 'ApplyFailed');
    assert.match(owner.status?.message ?? '', /^Deployment eureka: no: x+…$/);
  });

  it('of the Secret of mysql does not stop eureka', async (t) => {
    const namespace = await lab.namespace();
    t.after(() => lab.stopLeader());
    await lab.lead({
      refuse: (verb, { plural }) =>
        verb === 'create' && plural === 'secrets' ? forbidden('exceeded quota: count/secrets=1') : undefined,
    });
    const spec = { mysql: { kind: 1 }, eureka: { image: 'shop/e:1' } };
    await lab.create(DataService as Resource, namespace, 'one', { spec });
    const owner = await showsTrouble(lab, DataService as Resource, namespace, 'SecretNotMade');
    assert.match(owner.status?.message ?? '', /Secret mysql-dataservice: exceeded quota: count\/secrets=1/);
    await soon(() => lab.client.get(deploymentsV1, { namespace, name: 'eureka' }));
  });

  it('of a Secret that cannot be read keeps what uses it as it is', async (t) => {
    const namespace = await lab.namespace();
    t.after(() => lab.stopLeader());
    const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'db', key: 'k' } } }];
    const services = {
      orderService: { enabled: true, image: 'shop/o:1' },
      userService: { enabled: true, image: 'shop/u:1' },
    };
    await lab.lead({
      refuse: (verb, { plural }, options) =>
        verb === 'list' && plural === 'secrets' && JSON.stringify(options).includes('metadata.name=db')
          ? forbidden('no Secret for you')
          : undefined,
    });
    await lab.create(Seckill as Resource, namespace, 'one', { spec: { services } });
    await soon(() => lab.client.get(deploymentsV1, { namespace, name: 'one-order' }));
    await lab.patch(Seckill as Resource, namespace, 'one', {
      spec: { services: { orderService: { env, image: 'shop/o:2' }, userService: { image: 'shop/u:2' } } },
    });
    const owner = await showsTrouble(lab, Seckill as Resource, namespace, 'SecretNotRead');
    assert.match(degraded(owner)?.message ?? '', /Secret db: could not be read: no Secret for you/);
    const imageOf = async (name: string) =>
      (await lab.client.get(deploymentsV1, { namespace, name })).spec.template.spec.containers;
    await soon(async () => assert.match(JSON.stringify(await imageOf('one-user')), /shop\/u:2/));
    assert.match(JSON.stringify(await imageOf('one-order')), /shop\/o:1/);
  });

  it('of a hand-over to an autoscaler stops that service only', async (t) => {
    const namespace = await lab.namespace();
    t.after(() => lab.stopLeader());
    let mayScale = true;
    await lab.lead({
      refuse: (verb, { plural }, { metadata, ...body }) =>
        verb === 'apply' && plural === 'deployments' && !mayScale && isHandOver(metadata, body)
          ? forbidden('the cluster does not let replicas be handed over')
          : undefined,
    });
    const service = (image: string) => ({ enabled: true, image, ports: [{ port: 80 }] });
    await lab.create(Seckill as Resource, namespace, 'one', {
      spec: { services: { orderService: service('shop/o:1') } },
    });
    await soon(() => lab.client.get(deploymentsV1, { namespace, name: 'one-order' }));
    mayScale = false;
    await lab.patch(Seckill as Resource, namespace, 'one', {
      spec: { scaling: { hpa: { enabled: true } }, services: { userService: service('shop/u:1') } },
    });
    const owner = await showsTrouble(lab, Seckill as Resource, namespace, 'HandOverFailed');
    assert.match(degraded(owner)?.message ?? '', /Deployment one-order: the cluster does not let/);
    await soon(() => lab.client.get(deploymentsV1, { namespace, name: 'one-user' }));
    await soon(() => lab.client.get(deploymentsV1, { namespace, name: 'one-order' }));
  });

  it('of the pods of a StatefulSet is shown, which only its events tell', async (t) => {
    const namespace = await lab.namespace();
    t.after(() => lab.stopLeader());
    await lab.lead();
    // The label controller-revision-hash of its pods is its name and more: no pod can have it.
    const namePrefix = `${'p'.repeat(40)}-`;
    await lab.create(DataService as Resource, namespace, 'one', { spec: { namePrefix, mysql: { kind: 1 } } });
    const owner = await showsTrouble(lab, DataService as Resource, namespace, 'FailedCreate');
    assert.match(
      owner.status?.message ?? '',
      /^mysql: create Pod p+-mysql-dataservice-0 in StatefulSet .* failed/,
    );
  });

  it('anywhere else in a reconcile is shown, and goes when it is over', async (t) => {
    const namespace = await lab.namespace();
    t.after(() => lab.stopLeader());
    let mayRead = false;
    await lab.lead({
      refuse: (verb, { plural }) =>
        verb === 'get' && plural === 'imoocpods' && !mayRead ? forbidden('not for you') : undefined,
    });
    await lab.create(ImoocPod as Resource, namespace, 'one', { spec: { replicas: 1 } });
    const owner = await showsTrouble(lab, ImoocPod as Resource, namespace, 'ReconcileFailed');
    assert.equal(owner.status?.phase, 'Degraded');
    mayRead = true;
    await soon(async () => {
      const healed = await lab.client.get<Owner>(ImoocPod as Resource<Owner>, { namespace, name: 'one' });
      assert.equal(degraded(healed)?.status, 'False');
    });
  });
});

const isHandOver = (metadata: KubeObject['metadata'], body: object): boolean =>
  metadata.name === 'one-order' && !JSON.stringify(body).includes('template');

/** No more of something may be made in the namespace. */
async function limit(lab: Lab, namespace: string, what: string): Promise<void> {
  await lab.create(quotas, namespace, 'q', { spec: { hard: { [what]: '0' } } });
  // The quota controller counts before the quota refuses anything.
  await soon(async () => {
    const quota = await lab.client.get(quotas, { namespace, name: 'q' });
    assert.ok((quota as KubeObject & { status?: { hard?: object } }).status?.hard);
  }, 20_000);
}

for (const { where, skip } of places.filter((it) => it.where === 'control-plane')) {
  it(`a quota of pods is shown of StatefulSets and DaemonSets, on ${where}`, { skip }, async (t) => {
    const lab = await Lab.open({ where });
    t.after(() => lab.close());
    await lab.lead();
    for (const spec of [{ mysql: { kind: 1 } }, { eureka: { image: 'shop/e:1', kind: 1 } }]) {
      const namespace = await lab.namespace();
      await limit(lab, namespace, 'pods');
      await lab.create(DataService as Resource, namespace, 'one', { spec });
      const owner = await showsTrouble(lab, DataService as Resource, namespace, 'FailedCreate');
      assert.match(owner.status?.message ?? '', /exceeded quota/);
    }
  });

  it(`a quota of Secrets stops mysql and not eureka, on ${where}`, { skip }, async (t) => {
    const lab = await Lab.open({ where });
    t.after(() => lab.close());
    const namespace = await lab.namespace();
    await limit(lab, namespace, 'count/secrets');
    await lab.lead();
    const spec = { mysql: { kind: 1 }, eureka: { image: 'shop/e:1' } };
    await lab.create(DataService as Resource, namespace, 'one', { spec });
    const owner = await showsTrouble(lab, DataService as Resource, namespace, 'SecretNotMade');
    assert.match(owner.status?.message ?? '', /exceeded quota/);
    await soon(() => lab.client.get(deploymentsV1, { namespace, name: 'eureka' }));
    await assert.rejects(lab.client.get(deploymentsV1, { namespace, name: 'mysql-dataservice' }), (error) =>
      isNotFound(error),
    );
  });
}
