// ElasticWeb: both of the original's samples and what a person does to them, through admission, with a leader that dies.
import assert from 'node:assert/strict';
import { ElasticWeb } from '../../../src/api/elastic-web.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import { deployments, pods, serviceMonitors, services } from '../../../src/workloads/child-kinds.ts';
import { type Loose, sample, Workloads } from '../workloads.ts';
import { eventually, refused, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const kind = ElasticWeb as Resource;
const name = 'elasticweb-sample';
const within = 1000;
/** The garbage collector of a real control plane learns of a new kind of owner every half minute. */
const collected = 60_000;

export const elasticWebs: Scenario[] = [
  { name: 'ElasticWeb: the sample, every field, children put right, a dead leader, the end', run: theSample },
  { name: 'ElasticWeb: the metrics sample, beside another; Prometheus away', run: sideBySide },
];

async function theSample(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    const edit = (spec: object) => it.patch(kind, name, { spec });
    const container = async () => (await it.get(deployments, name)).spec.template.spec.containers[0];
    const replicas = (count: number) =>
      eventually(async () => {
        const { status } = await it.ready(kind, name);
        assert.equal(status.readyReplicas, count);
        assert.equal(status.desiredReplicas, count);
      }, 45_000);

    // 1. The original's sample, word for word: 700 at 500 a pod are two pods behind a load balancer.
    await it.create(kind, await sample('elasticweb.yaml', 'ElasticWeb'));
    await replicas(2);
    const { status } = await it.read(kind, name);
    assert.equal(status.realQPS, 1000);
    const service = await it.get(services, name);
    assert.equal(service.spec.type, 'LoadBalancer');
    assert.equal(service.spec.ports[0].nodePort, 30_004);
    assert.equal((await container()).ports[0].protocol, 'TCP');
    // 2. 600/500 are two pods still, and nothing is written.
    const { generation } = (await it.get(deployments, name)).metadata;
    await edit({ totalQPS: 600 });
    await replicas(2);
    assert.equal((await it.get(deployments, name)).metadata.generation, generation);
    // 3. Out and in.
    await edit({ totalQPS: 1700 });
    await replicas(4);
    await edit({ totalQPS: 500 });
    await replicas(1);
    // 4. More cpu, live; the same amount in other words is no roll-out.
    await edit({ resources: { limits: { cpu: '800m' } } });
    await eventually(async () => assert.equal((await container()).resources.limits.cpu, '800m'));
    const rolled = (await it.get(deployments, name)).metadata.generation;
    await edit({ resources: { limits: { cpu: '0.8', memory: '512000Ki' } } });
    await replicas(1);
    assert.equal((await it.get(deployments, name)).metadata.generation, rolled);
    // 5. Image and ports.
    await edit({ image: 'tomcat:9.0', port: 8082, podPort: 8081, targetPort: 8081 });
    await eventually(async () => {
      const { image, ports } = await container();
      assert.deepEqual([image, ports[0].containerPort], ['tomcat:9.0', 8081]);
      assert.equal((await it.get(services, name)).spec.ports[0].port, 8082);
    });
    // 6. UDP, then both, then type by type.
    await edit({ protocol: 'UDP' });
    await eventually(async () => {
      assert.deepEqual(
        (await it.get(services, name)).spec.ports.map((port: Loose) => port.protocol),
        ['UDP'],
      );
    });
    await edit({ protocol: 'Both' });
    await eventually(async () => assert.deepEqual(await it.names(services), [name, `${name}-udp`]));
    await edit({ serviceType: 'NodePort' });
    await eventually(async () => {
      assert.deepEqual(await it.names(services), [name]);
      assert.deepEqual(
        (await it.get(services, name)).spec.ports.map((port: Loose) => port.nodePort),
        [30_004, 30_004],
      );
    });
    await edit({ serviceType: 'ClusterIP', protocol: 'TCP' });
    await eventually(async () => {
      const { type, ports } = (await it.get(services, name)).spec;
      assert.deepEqual([type, ports[0].nodePort ?? 0], ['ClusterIP', 0]);
    });
    // 7. A child deleted, one edited: right again within a second.
    await world.client.delete(it.resource(services), { namespace: it.namespace, name });
    await eventually(async () => assert.ok(!(await it.isGone(services, name))), within);
    await it.patch(it.resource(deployments), name, { spec: { replicas: 5 } });
    await eventually(async () => assert.equal((await it.get(deployments, name)).spec.replicas, 1), within);
    // 8. What cannot be is refused before it is stored.
    const said = await refused(edit({ minReplicas: 9, maxReplicas: 2 }));
    assert.match(said.message, /spec.minReplicas must be at most spec.maxReplicas \(2\), got 9/);
    // 9. The leader dies in the middle of a roll-out; another finishes it.
    await world.addReplica();
    await edit({ totalQPS: 3000, image: 'tomcat:9.1' });
    await world.kill(await world.leader());
    await replicas(6);
    assert.equal((await container()).image, 'tomcat:9.1');
    // 10. No load: no pods, the Service stays.
    await edit({ totalQPS: 0 });
    await replicas(0);
    await eventually(async () => assert.deepEqual(await it.names(pods), []));
    assert.deepEqual(await it.names(services), [name]);
    // 11. The end of all.
    await world.client.delete(kind, { namespace: it.namespace, name });
    await eventually(
      async () => assert.deepEqual([await it.names(deployments), await it.names(services)], [[], []]),
      collected,
    );
  });
}

async function sideBySide(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    const live = await sample('elasticweb-prometheus.yaml', 'ElasticWeb');
    const { name } = live.metadata;
    live.spec.metrics = { ...live.spec.metrics, server: 'http://127.0.0.1:3', timeout: '1s' };
    await it.create(kind, live);
    await it.create(kind, { ...live, metadata: { name: 'other' }, spec: { ...live.spec, totalQPS: 120 } });
    // No answer of Prometheus is no 0: totalQPS counts, and the condition says why.
    await it.condition(
      kind,
      name,
      'MetricsAvailable',
      'False',
      /ECONNREFUSED; there was no answer yet, totalQPS counts: 1 pods/,
    );
    assert.equal((await it.ready(kind, name)).status.readyReplicas, 1);
    assert.equal((await it.ready(kind, 'other')).status.readyReplicas, 3);
    assert.equal((await it.read(kind, name)).status.observedQPS, undefined);
    const ports = (await it.get(services, name)).spec.ports.map((port: Loose) => [port.name, port.port]);
    assert.deepEqual(ports, [
      ['http-traffic', 8081],
      ['metric-traffic', 8090],
    ]);
    await it.condition(
      kind,
      name,
      'KindsInstalled',
      'False',
      /ServiceMonitor .* install the Prometheus operator/,
    );
    await it.withDefinition(serviceMonitors, async () => {
      await eventually(
        async () => assert.deepEqual(await it.names(serviceMonitors), [name, 'other']),
        45_000,
      );
      await it.condition(kind, name, 'KindsInstalled', 'True');
    });
    await it.condition(kind, name, 'KindsInstalled', 'False');
    // Two in a namespace: their Services select disjoint pods.
    const selected = async (service: string) => {
      const { selector } = (await it.get(services, service)).spec as { selector: Record<string, string> };
      const labelSelector = Object.entries(selector)
        .map((pair) => pair.join('='))
        .join(',');
      const { items } = await world.client.list(it.resource(pods), {
        namespace: it.namespace,
        labelSelector,
      });
      return items.filter((pod) => !pod.metadata.deletionTimestamp).length;
    };
    assert.deepEqual([await selected(name), await selected('other')], [1, 3]);
    // A Service that is somebody's own is not taken.
    const ours = { ...live, metadata: { name: 'taken' } };
    const foreign = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'taken' },
      spec: { ports: [{ port: 1 }] },
    };
    await it.create(it.resource(services), foreign);
    await it.create(kind, ours);
    await it.condition(
      kind,
      'taken',
      'Conflict',
      'True',
      /^Service taken exists and belongs to somebody else/,
    );
    assert.equal((await it.get(services, 'taken')).spec.ports[0].port, 1);
  });
}
