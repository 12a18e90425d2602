// ElasticWeb on the sandbox: what its children look like after each edit, each break and each restart. Every B row of
// the original has its test here or in scaling.test.ts.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ElasticWeb, type ElasticWebSpec } from '../../src/api/elastic-web.ts';
import { elasticWeb } from '../refusals/elastic-web.ts';
import { collectedMs, Lab, pause, places, soon } from './lab.ts';
import {
  deploymentsV1,
  podsV1,
  serviceMonitorDefinition,
  serviceMonitorsV1,
  servicesV1,
} from './resources.ts';

for (const { where, skip } of places)
  describe(`ElasticWeb on ${where}`, { timeout: 240_000, skip }, () => {
    let lab: Lab;
    before(async () => {
      lab = await Lab.open({ where });
      await lab.lead();
    });
    after(() => lab.close());

    const make = async (namespace: string, name: string, spec: Partial<ElasticWebSpec> = {}) => {
      const { spec: sample } = elasticWeb(name);
      return lab.create(ElasticWeb, namespace, name, { spec: { ...sample, ...spec } });
    };
    const web = (namespace: string, name = 'web') => lab.client.get(ElasticWeb, { namespace, name });
    const deployment = (namespace: string, name = 'web') =>
      lab.client.get(deploymentsV1, { namespace, name });
    const service = (namespace: string, name = 'web') => lab.client.get(servicesV1, { namespace, name });
    const edit = (namespace: string, spec: object, name = 'web') =>
      lab.patch(ElasticWeb, namespace, name, { spec });
    const condition = async (namespace: string, type: string, name = 'web') =>
      (await web(namespace, name)).status?.conditions?.find((it) => it.type === type);
    const ready = (namespace: string, replicas: number, name = 'web') =>
      soon(async () => {
        const { status, metadata } = await web(namespace, name);
        assert.equal(status?.phase, 'Ready');
        assert.equal(status?.observedGeneration, metadata.generation);
        assert.equal(status?.readyReplicas, replicas);
        assert.equal(status?.desiredReplicas, replicas);
      });
    const container = async (namespace: string) => {
      const { spec } = await deployment(namespace);
      return (spec.template.spec.containers as Record<string, unknown>[])[0]!;
    };

    it('the original sample: two pods, a LoadBalancer, realQPS of ready pods', async () => {
      const ns = await lab.namespace();
      await make(ns, 'web');
      await ready(ns, 2);
      const { status } = await web(ns);
      assert.equal(status?.realQPS, 1000);
      const { spec, metadata } = await service(ns);
      assert.equal(spec.type, 'LoadBalancer');
      assert.equal(spec.ports?.[0]?.port, 8081);
      assert.equal(metadata.ownerReferences?.[0]?.blockOwnerDeletion, true);
      const { ports } = (await container(ns)) as { ports: object[] };
      assert.deepEqual(ports, [{ name: 'http', containerPort: 8080, protocol: 'TCP' }], 'not SCTP');
      const states = (await web(ns)).status?.conditions?.map(({ type, status: is }) => `${type}=${is}`);
      assert.deepEqual(states, [
        'Ready=True',
        'Progressing=False',
        'Degraded=False',
        'Conflict=False',
        'KindsInstalled=True',
        'ScalingLimited=False',
      ]);
    });

    it('follows every edit: load, image, resources, ports, type and protocol of the Service', async () => {
      const ns = await lab.namespace();
      await make(ns, 'web');
      await ready(ns, 2);
      await edit(ns, { totalQPS: 1600 });
      await ready(ns, 4);
      assert.equal((await web(ns)).status?.realQPS, 2000);
      await edit(ns, { totalQPS: 300 });
      await ready(ns, 1);
      await edit(ns, { image: 'tomcat:9', resources: { limits: { cpu: '800m' } } });
      await soon(async () => {
        const { image, resources } = await container(ns);
        assert.equal(image, 'tomcat:9');
        assert.deepEqual((resources as { limits: object }).limits, { cpu: '800m', memory: '500Mi' });
      });
      await edit(ns, { port: 8082, podPort: 9090, targetPort: 9090 });
      await soon(async () => {
        assert.deepEqual(
          ((await container(ns)).ports as { containerPort: number }[])[0]?.containerPort,
          9090,
        );
        assert.deepEqual(
          (await service(ns)).spec.ports?.map(({ port, targetPort }) => [port, targetPort]),
          [[8082, 'http']],
        );
      });
      await edit(ns, { serviceType: 'NodePort', nodePort: 30_104 });
      await soon(async () => {
        const { type, ports } = (await service(ns)).spec;
        assert.equal(type, 'NodePort');
        assert.equal(ports?.[0]?.nodePort, 30_104);
      });
      await edit(ns, { serviceType: 'ClusterIP', protocol: 'Both' });
      await soon(async () => {
        const { type, ports } = (await service(ns)).spec;
        assert.equal(type, 'ClusterIP');
        assert.deepEqual(
          ports?.map((it) => [it.protocol, it.port, it.nodePort]),
          [
            ['TCP', 8082, undefined],
            ['UDP', 8082, undefined],
          ],
        );
      });
      await edit(ns, { serviceType: 'LoadBalancer', protocol: 'UDP', nodePort: 0 });
      await soon(async () => {
        const { type, ports } = (await service(ns)).spec;
        assert.equal(type, 'LoadBalancer');
        assert.deepEqual(
          ports?.map(({ protocol }) => protocol),
          ['UDP'],
        );
      });
      await edit(ns, { protocol: 'Both' });
      await soon(async () => {
        assert.deepEqual(
          (await service(ns)).spec.ports?.map(({ protocol }) => protocol),
          ['TCP'],
        );
        assert.deepEqual(
          (await service(ns, 'web-udp')).spec.ports?.map(({ protocol }) => protocol),
          ['UDP'],
        );
      });
      await edit(ns, { protocol: 'TCP' });
      await soon(() => assert.rejects(service(ns, 'web-udp'), /not found/));
      await ready(ns, 1);
    });

    it('no load: no pods, and the Service stays', async () => {
      const ns = await lab.namespace();
      await make(ns, 'web', { totalQPS: 0 });
      await ready(ns, 0);
      assert.equal((await deployment(ns)).spec.replicas, 0);
      assert.equal((await service(ns)).spec.ports?.length, 1);
      assert.equal((await web(ns)).status?.realQPS, 0);
      await edit(ns, { minReplicas: 2, maxReplicas: 3 });
      await ready(ns, 2);
      await edit(ns, { totalQPS: 50_000 });
      await ready(ns, 3);
      assert.match((await condition(ns, 'ScalingLimited'))?.message ?? '', /^100 pods are needed, at most 3/);
    });

    it('puts right within a second what somebody deletes or edits', async () => {
      const ns = await lab.namespace();
      await make(ns, 'web');
      await ready(ns, 2);
      const first = await service(ns);
      await lab.client.delete(servicesV1, { namespace: ns, name: 'web' });
      await soon(async () => assert.notEqual((await service(ns)).metadata.uid, first.metadata.uid), 1000);
      await lab.patch(servicesV1, ns, 'web', { spec: { selector: { stranger: 'yes' } } });
      await soon(async () => assert.equal((await service(ns)).spec.selector?.stranger, undefined), 1000);
      await lab.patch(servicesV1, ns, 'web', {
        spec: { ports: [{ name: 'http-traffic', port: 9999, protocol: 'TCP' }] },
      });
      await soon(
        async () =>
          assert.deepEqual(
            (await service(ns)).spec.ports?.map(({ port }) => port),
            [8081],
          ),
        1000,
      );
      await lab.patch(deploymentsV1, ns, 'web', { spec: { replicas: 7 } });
      await soon(async () => assert.equal((await deployment(ns)).spec.replicas, 2), 1000);
      await lab.patch(deploymentsV1, ns, 'web', {
        metadata: { labels: { 'app.kubernetes.io/managed-by': null } },
      });
      await soon(async () => {
        const { labels } = (await deployment(ns)).metadata;
        assert.equal(labels?.['app.kubernetes.io/managed-by'], 'spikegate');
      }, 1000);
      await lab.patch(deploymentsV1, ns, 'web', {
        metadata: { annotations: { 'example.com/note': 'mine' } },
      });
      await pause(100);
      assert.equal(
        (await deployment(ns)).metadata.annotations?.['example.com/note'],
        'mine',
        'what is not ours stays',
      );
    });

    it('writes nothing where nothing changed, quantities by value', async () => {
      const ns = await lab.namespace();
      await make(ns, 'web', { resources: { limits: { cpu: '1000m', memory: '1Gi' } } });
      await ready(ns, 2);
      const { resourceVersion, generation } = (await deployment(ns)).metadata;
      await edit(ns, { minReplicas: 1 });
      await soon(async () => assert.equal((await web(ns)).status?.observedGeneration, 2));
      await pause(200);
      assert.equal((await deployment(ns)).metadata.generation, generation);
      assert.equal((await deployment(ns)).metadata.resourceVersion, resourceVersion);
      lab.requests.length = 0;
      await pause(1000);
      assert.deepEqual(
        lab.requests
          .filter(({ verb }) => verb !== 'watch')
          .map(({ verb, resource }) => `${verb} ${resource}`),
        [],
      );
    });

    it('two in a namespace never share a pod', async () => {
      const ns = await lab.namespace();
      await make(ns, 'web');
      await make(ns, 'web-b', { totalQPS: 1500 });
      await ready(ns, 2);
      await ready(ns, 3, 'web-b');
      const selects = async (name: string) => {
        const { selector = {} } = (await service(ns, name)).spec;
        const labelSelector = Object.entries(selector)
          .map((it) => it.join('='))
          .join(',');
        const { items } = await lab.client.list(podsV1, { namespace: ns, labelSelector });
        return items.map(({ metadata }) => metadata.name);
      };
      const [a, b] = [await selects('web'), await selects('web-b')];
      assert.equal(a.length, 2);
      assert.equal(b.length, 3);
      assert.deepEqual(
        a.filter((name) => b.includes(name)),
        [],
      );
      await lab.client.delete(ElasticWeb, { namespace: ns, name: 'web-b' });
      await soon(() => assert.rejects(deployment(ns, 'web-b'), /not found/), collectedMs);
      await ready(ns, 2);
    });

    it('takes nothing that is another, and says whose it is; takes its place when that is gone', async () => {
      const ns = await lab.namespace();
      await lab.create(servicesV1, ns, 'web', { spec: { ports: [{ port: 1, protocol: 'TCP' }] } });
      const { metadata } = await service(ns);
      await make(ns, 'web');
      await soon(async () => {
        assert.match(
          (await condition(ns, 'Conflict'))?.message ?? '',
          /^Service web exists and belongs to somebody else/,
        );
        assert.equal((await web(ns)).status?.phase, 'Degraded');
      });
      assert.deepEqual(
        (await service(ns)).spec.ports?.map(({ port }) => port),
        [1],
      );
      assert.equal((await service(ns)).metadata.uid, metadata.uid);
      assert.ok(lab.events.some(({ name, reason }) => name === 'web' && reason === 'Conflict'));
      await lab.client.delete(servicesV1, { namespace: ns, name: 'web' });
      await edit(ns, { totalQPS: 400 });
      await ready(ns, 1);
      assert.equal((await condition(ns, 'Conflict'))?.status, 'False');
    });

    it('says what to install for metrics, and notices when it is', async () => {
      const ns = await lab.namespace();
      await make(ns, 'web', { mtargetPort: 8090, serviceType: 'ClusterIP' });
      await ready(ns, 2);
      assert.match((await condition(ns, 'KindsInstalled'))?.message ?? '', /install the Prometheus operator/);
      const ports = (await service(ns)).spec.ports?.map((it) => [it.name, it.port, it.targetPort]);
      assert.deepEqual(ports, [
        ['http-traffic', 8081, 'http'],
        ['metric-traffic', 8090, 8090],
      ]);
      await lab.install(serviceMonitorDefinition as never);
      const monitor = await soon(() => lab.client.get(serviceMonitorsV1, { namespace: ns, name: 'web' }));
      assert.deepEqual(monitor.spec.endpoints, [{ port: 'metric-traffic', path: '/actuator/prometheus' }]);
      const { matchLabels } = monitor.spec.selector as { matchLabels: Record<string, string> };
      const { labels = {} } = (await service(ns)).metadata;
      assert.ok(Object.entries(matchLabels).every(([key, value]) => labels[key] === value));
      await soon(async () => assert.equal((await condition(ns, 'KindsInstalled'))?.status, 'True'));
      await edit(ns, { mtargetPort: null });
      await soon(() =>
        assert.rejects(lab.client.get(serviceMonitorsV1, { namespace: ns, name: 'web' }), /not found/),
      );
    });

    it('deletion takes the children along; an orphaning one leaves them, and a namesake takes them back', async () => {
      const ns = await lab.namespace();
      await make(ns, 'web');
      await ready(ns, 2);
      const kept = (await deployment(ns)).metadata.uid;
      const pods = (await lab.client.list(podsV1, { namespace: ns })).items
        .map(({ metadata }) => metadata.uid)
        .sort();
      await lab.client.delete(ElasticWeb, { namespace: ns, name: 'web' }, { propagationPolicy: 'Orphan' });
      await soon(async () => {
        await assert.rejects(web(ns), /not found/);
        assert.deepEqual((await deployment(ns)).metadata.ownerReferences ?? [], []);
      }, collectedMs);
      await pause(150);
      assert.equal((await deployment(ns)).metadata.uid, kept);
      await make(ns, 'web');
      await ready(ns, 2);
      assert.equal((await deployment(ns)).metadata.uid, kept);
      const now = (await lab.client.list(podsV1, { namespace: ns })).items
        .map(({ metadata }) => metadata.uid)
        .sort();
      assert.deepEqual(now, pods, 'no pod was replaced');
      await lab.client.delete(ElasticWeb, { namespace: ns, name: 'web' });
      await soon(async () => {
        await assert.rejects(deployment(ns), /not found/);
        await assert.rejects(service(ns), /not found/);
        assert.equal((await lab.client.list(podsV1, { namespace: ns })).items.length, 0);
      }, collectedMs);
    });

    it('an API server that refuses a child is reported, and tried again', async () => {
      const ns = await lab.namespace();
      await make(ns, 'other', { serviceType: 'NodePort', nodePort: 30_201 });
      await ready(ns, 2, 'other');
      await make(ns, 'web', { serviceType: 'NodePort', nodePort: 30_201 });
      await soon(async () => {
        const { status } = await web(ns);
        assert.equal(status?.phase, 'Degraded');
        assert.match((await condition(ns, 'Degraded'))?.message ?? '', /^Service web: .*30201|allocated/);
      });
      await edit(ns, { nodePort: 30_202 });
      await ready(ns, 2);
    });
  });
