// Guards against those defects of the original operators (defects/) that have no other test.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DataService } from '../../src/api/data-service.ts';
import { ElasticWeb } from '../../src/api/elastic-web.ts';
import { ImoocPod } from '../../src/api/imooc-pod.ts';
import { Seckill } from '../../src/api/seckill.ts';
import { planOf } from '../../src/controllers/data-service/children.ts';
import { meterSettings } from '../../src/controllers/elastic-web.ts';
import { resourceIn } from '../../src/kube/discovery.ts';
import type { Resource } from '../../src/kube/objects.ts';
import { deployment } from '../../src/manifests/generated.ts';
import { rbac } from '../../src/manifests/rbac.ts';
import { configMaps, type StatefulSet, statefulSets } from '../../src/workloads/child-kinds.ts';
import { elasticWeb } from '../refusals/elastic-web.ts';
import { Lab, pause, soon } from './lab.ts';
import { deploymentsV1, podsV1, servicesV1 } from './resources.ts';

const configMapsV1 = resourceIn(configMaps, 'v1');
const statefulSetsV1 = resourceIn(statefulSets, 'v1') as Resource<StatefulSet>;

describe('defects of the original operators', { timeout: 120_000 }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.lead();
  });
  after(() => lab.close());

  const notReady = (namespace: string, name: string) =>
    lab.client.patch(
      podsV1,
      { namespace, name },
      { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
      { type: 'merge', subresource: 'status' },
    );
  const podsOf = async (namespace: string) => (await lab.client.list(podsV1, { namespace })).items;

  describe('DataService', () => {
    const data = (namespace: string, name = 'data') => lab.client.get(DataService, { namespace, name });
    const isReady = (namespace: string) =>
      soon(async () => assert.equal((await data(namespace)).status?.phase, 'Ready'), 15_000);

    it('says what an API server refuses, and tries it again', async () => {
      const [other, ns] = [await lab.namespace(), await lab.namespace()];
      const auth = { image: 'shop/auth:1', nodePort: 30_311 };
      await lab.create(DataService, other, 'data', { spec: { auth } });
      await isReady(other);
      await lab.create(DataService, ns, 'data', { spec: { auth } });
      await soon(async () => {
        const { status } = await data(ns);
        assert.equal(status?.phase, 'Degraded');
        assert.match(status?.message ?? '', /^Service auth: .*30311/);
      });
      const from = lab.reconciles.get('dataservice') ?? 0;
      await soon(() => assert.ok((lab.reconciles.get('dataservice') ?? 0) > from + 1));
      await lab.client.delete(DataService, { namespace: other, name: 'data' });
      await isReady(ns);
    });

    it('owns its children, and says how each component is', async () => {
      const ns = await lab.namespace();
      const spec = { mysql: { kind: 1 }, eureka: {}, auth: { image: 'shop/auth:1' } };
      await lab.create(DataService, ns, 'data', { spec });
      await isReady(ns);
      const { status, metadata } = await data(ns);
      assert.deepEqual(
        status?.components?.map(({ name, state, ready }) => `${name} ${state} ${ready}`),
        ['mysql Ready 1', 'eureka Ready 1', 'auth Ready 1'],
      );
      const set = await lab.client.get<StatefulSet>(statefulSetsV1, {
        namespace: ns,
        name: 'mysql-dataservice',
      });
      for (const child of [
        set,
        await lab.client.get(deploymentsV1, { namespace: ns, name: 'auth' }),
        await lab.client.get(servicesV1, { namespace: ns, name: 'eureka' }),
        await lab.client.get(configMapsV1, { namespace: ns, name: 'auth' }),
      ]) {
        const [owner] = child.metadata.ownerReferences ?? [];
        assert.equal(owner?.uid, metadata.uid);
        assert.equal(owner?.controller, true);
      }
      const [claim] = (set.spec as unknown as { volumeClaimTemplates: { metadata: { name: string } }[] })
        .volumeClaimTemplates;
      assert.equal(claim?.metadata.name, 'data');
    });

    it('renders its files anew for each', () => {
      const at = (namespace: string) => {
        const object = {
          apiVersion: DataService.apiVersion,
          kind: 'DataService',
          spec: { mysql: { kind: 1 }, auth: { image: 'i:1' } },
          metadata: { name: 'data', namespace, uid: namespace, resourceVersion: '1', creationTimestamp: '' },
        };
        const always = () => true;
        const { desired } = planOf(object, {
          prefix: '',
          isUsable: always,
          isThere: always,
          isKnown: always,
          passwordOf: () => undefined,
        });
        return JSON.stringify(desired.filter(({ kind }) => kind === configMaps).map(({ body }) => body));
      };
      const [one, two] = [at('one'), at('two')];
      assert.ok(one.includes('mysql-dataservice.one.svc') && !one.includes('.two.svc'));
      assert.ok(two.includes('mysql-dataservice.two.svc') && !two.includes('.one.svc'));
    });
  });

  describe('ElasticWeb', () => {
    const web = (namespace: string) => lab.client.get(ElasticWeb, { namespace, name: 'web' });

    it('counts its QPS from the pods that are ready', async () => {
      const ns = await lab.namespace();
      await lab.create(ElasticWeb, ns, 'web', { spec: elasticWeb().spec });
      await soon(async () => assert.equal((await web(ns)).status?.realQPS, 1000));
      await notReady(ns, (await podsOf(ns))[0]!.metadata.name);
      await soon(async () => {
        const { status } = await web(ns);
        assert.equal(status?.desiredReplicas, 2);
        assert.equal(status?.realQPS, 500);
      });
    });

    it('runs with nothing but what it must have', async () => {
      const ns = await lab.namespace();
      const spec = { image: 'tomcat:9', port: 80, podPort: 8080, singlePodQPS: 10, totalQPS: 10 };
      await lab.create(ElasticWeb, ns, 'web', { spec });
      await soon(async () => assert.equal((await web(ns)).status?.phase, 'Ready'));
    });

    it('has its status apart: who writes the object cannot write it', async () => {
      const ns = await lab.namespace();
      await lab.create(ElasticWeb, ns, 'web', { spec: elasticWeb().spec });
      await soon(async () => assert.equal((await web(ns)).status?.realQPS, 1000));
      await lab.patch(ElasticWeb, ns, 'web', { status: { realQPS: 77 } });
      assert.equal((await web(ns)).status?.realQPS, 1000);
    });

    it('measures a rate, which a counter that begins again does not upset', () => {
      const object = {
        apiVersion: ElasticWeb.apiVersion,
        kind: 'ElasticWeb',
        metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
        spec: { ...elasticWeb().spec, metrics: { server: 'http://p.svc', window: '2m' } },
      } as unknown as ElasticWeb;
      assert.equal(
        meterSettings(object, 'http://p.svc').query,
        'sum(rate(http_server_requests_seconds_count{namespace="shop",app_kubernetes_io_name="elasticweb",app_kubernetes_io_instance="web"}[2m]))',
      );
    });
  });

  describe('ImoocPod', () => {
    const fleet = (namespace: string) => lab.client.get(ImoocPod, { namespace, name: 'fleet' });
    const make = async (namespace: string, replicas: number) => {
      await lab.create(ImoocPod, namespace, 'fleet', { spec: { replicas } });
      await soon(async () => assert.equal((await fleet(namespace)).status?.readyReplicas, replicas));
    };

    it('makes all its pods in one pass', async () => {
      const ns = await lab.namespace();
      const from = lab.requests.length;
      await make(ns, 12);
      // One look whether it still wants them goes before each pass that makes any.
      const looks = lab.requests
        .slice(from)
        .filter(({ verb, resource }) => verb === 'get' && resource === 'imoocpods');
      assert.equal(looks.length, 1);
      assert.equal((await podsOf(ns)).length, 12);
    });

    it('is not looked at while nothing happens to it', async () => {
      const ns = await lab.namespace();
      await make(ns, 3);
      await pause(300);
      const [reconciles, requests] = [lab.reconciles.get('imoocpod'), lab.requests.length];
      await pause(1000);
      assert.equal(lab.reconciles.get('imoocpod'), reconciles);
      assert.deepEqual(
        lab.requests.slice(requests).filter(({ verb }) => verb !== 'watch'),
        [],
      );
    });
  });

  describe('ImoocPod behind the times', () => {
    let late: Lab;
    before(async () => {
      late = await Lab.open();
      await late.lead({ late: 1000 });
    });
    after(() => late.close());

    it('makes none twice while its cache does not show them yet', async () => {
      const ns = await late.namespace();
      const fleet = () => late.client.get(ImoocPod, { namespace: ns, name: 'fleet' });
      const living = async () => (await late.client.list(podsV1, { namespace: ns })).items.length;
      await late.create(ImoocPod, ns, 'fleet', { spec: { replicas: 5 } });
      await soon(async () => assert.equal(await living(), 5));
      // Looked at again before any of the five is heard of.
      await late.patch(ImoocPod, ns, 'fleet', { spec: { replicas: 6 } });
      await soon(async () => assert.equal((await fleet()).status?.observedGeneration, 2));
      assert.equal(await living(), 6);
      await soon(async () => assert.equal((await fleet()).status?.readyReplicas, 6));
      assert.equal(await living(), 6);
    });
  });

  it('ImoocPod: Spikegate may make, see and delete pods', () => {
    const roles = rbac(deployment).filter(({ kind }) => kind === 'ClusterRole');
    const rules = roles
      .filter(({ metadata }) => metadata.name === `${deployment.serviceAccount}-part-workloads`)
      .flatMap((role) => (role as unknown as { rules: { resources: string[]; verbs: string[] }[] }).rules);
    const verbs = rules.filter(({ resources }) => resources.includes('pods')).flatMap((it) => it.verbs);
    for (const verb of ['list', 'watch', 'create', 'delete']) assert.ok(verbs.includes(verb), verb);
  });

  describe('Seckill', () => {
    const service = (name: string) => ({
      enabled: true,
      image: `shop/${name}:1`,
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    });
    const sale = (namespace: string) => lab.client.get(Seckill, { namespace, name: 'sale' });
    const make = async () => {
      const ns = await lab.namespace();
      const services = { goService: service('go'), userService: service('user') };
      await lab.create(Seckill, ns, 'sale', { spec: { services } });
      await soon(async () => assert.equal((await sale(ns)).status?.phase, 'Ready'));
      return ns;
    };

    it('deletes what is switched off, and says how each service is', async () => {
      const ns = await make();
      const up = { readyReplicas: 1, totalReplicas: 1, phase: 'Ready' };
      assert.deepEqual((await sale(ns)).status?.serviceStatuses, { go: up, user: up });
      await lab.patch(Seckill, ns, 'sale', { spec: { services: { userService: { enabled: false } } } });
      await soon(async () => {
        const { items } = await lab.client.list(deploymentsV1, { namespace: ns });
        assert.deepEqual(
          items.map(({ metadata }) => metadata.name),
          ['sale-go'],
        );
        const services = (await lab.client.list(servicesV1, { namespace: ns })).items;
        assert.deepEqual(
          services.map(({ metadata }) => metadata.name),
          ['sale-go-svc'],
        );
        assert.deepEqual((await sale(ns)).status?.serviceStatuses, { go: up });
      });
    });

    it('brings its children to every later spec', async () => {
      const ns = await make();
      const goService = { image: 'shop/go:2', replicas: 3, ports: [{ name: 'http', port: 81 }] };
      await lab.patch(Seckill, ns, 'sale', { spec: { services: { goService } } });
      await soon(async () => {
        const { spec } = await lab.client.get(deploymentsV1, { namespace: ns, name: 'sale-go' });
        assert.equal(spec.replicas, 3);
        assert.equal((spec.template.spec.containers as { image: string }[])[0]?.image, 'shop/go:2');
        const { ports } = (await lab.client.get(servicesV1, { namespace: ns, name: 'sale-go-svc' })).spec;
        assert.deepEqual(
          ports?.map(({ port }) => port),
          [81],
        );
      });
    });
  });
});
