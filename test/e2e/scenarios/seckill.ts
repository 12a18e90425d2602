// Seckill: the original's sample and what a person does to it; autoscalers that come and go; two in one namespace.
import assert from 'node:assert/strict';
import { Seckill } from '../../../src/api/seckill.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import {
  autoscalers,
  configMaps,
  deployments,
  disruptionBudgets,
  pods,
  scaledObjects,
  secrets,
  serviceMonitors,
  services,
} from '../../../src/workloads/child-kinds.ts';
import { type Loose, seedSample, Workloads } from '../workloads.ts';
import { eventually, refused, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const kind = Seckill as Resource;
const name = 'couponkill-sample';
const scaledByCpu = ['coupon', 'gateway', 'order', 'user'].map((it) => `${name}-${it}-hpa`);
const within = 1000;

export const seckill: Scenario[] = [
  { name: 'Seckill: the sample, every field of a service, and children put right', run: sampleRuns },
  {
    name: 'Seckill: replicas are the autoscaler’s, KEDA and Prometheus are noticed when they come',
    run: scaling,
  },
  { name: 'Seckill: two in one namespace, conflicts, restarts and deletion', run: sideBySide },
];

const container = (deployment: Loose) => deployment.spec.template.spec.containers[0];

function sampleRuns(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    // 1. The original's sample, word for word.
    await it.create(kind, await seedSample('couponkill-sample.yaml', 'Seckill'));
    const created = await it.ready(kind, name);
    const short = ['coupon', 'gateway', 'go', 'order', 'user'];
    assert.deepEqual(
      await it.names(deployments),
      short.map((part) => `${name}-${part}`),
    );
    assert.deepEqual(
      await it.names(services),
      short.map((part) => `${name}-${part}-svc`),
    );
    assert.deepEqual(await it.names(autoscalers), scaledByCpu);
    assert.equal(created.status.phase, 'Ready');
    assert.equal(created.status.ready, '5/5');
    assert.deepEqual(created.status.serviceStatuses.go, {
      readyReplicas: 2,
      totalReplicas: 2,
      phase: 'Ready',
    });
    const board = await it.get(configMaps, `${name}-dashboard`);
    assert.equal(board.metadata.labels?.grafana_dashboard, '1');
    assert.ok(JSON.parse(board.data[`${name}.json`]).panels.length >= 8);
    const [owner] = (await it.get(deployments, `${name}-go`)).metadata.ownerReferences ?? [];
    assert.deepEqual([owner?.kind, owner?.controller, owner?.blockOwnerDeletion], ['Seckill', true, true]);

    // 2. Image, environment, resources and replicas of a service, live.
    await it.patch(kind, name, {
      spec: {
        services: {
          goService: {
            image: 'seckill-go:1.1',
            replicas: 3,
            env: [{ name: 'MODE', value: 'sale' }],
            resources: { requests: { cpu: '1000m' }, limits: { cpu: '2' } },
          },
        },
      },
    });
    await it.ready(kind, name);
    const go = await it.get(deployments, `${name}-go`);
    assert.equal(go.spec.replicas, 3);
    assert.equal(container(go).image, 'seckill-go:1.1');
    assert.deepEqual(container(go).env, [{ name: 'MODE', value: 'sale' }]);
    assert.equal(container(go).resources.limits.cpu, '2');

    // 3. The same quantities in other words: nothing is written.
    await it.patch(kind, name, {
      spec: { services: { goService: { resources: { requests: { cpu: 1 } } } } },
    });
    await it.ready(kind, name);
    assert.equal((await it.get(deployments, `${name}-go`)).metadata.generation, go.metadata.generation);

    // 4. Ports: the container listens on targetPort, not on port.
    await it.patch(kind, name, {
      spec: {
        services: { goService: { ports: [{ name: 'http', port: 80, targetPort: 8090, protocol: 'TCP' }] } },
      },
    });
    await eventually(async () => {
      const [port] = container(await it.get(deployments, `${name}-go`)).ports;
      assert.deepEqual([port.containerPort, port.name], [8090, 'http']);
      const service = await it.get(services, `${name}-go-svc`);
      assert.deepEqual(
        service.spec.ports.map((p: Loose) => [p.port, p.targetPort]),
        [[80, 8090]],
      );
    });

    // 5. A child that somebody edits is put right.
    await it.patch(it.resource(services), `${name}-order-svc`, { spec: { selector: { app: 'order' } } });
    await eventually(async () => {
      const { selector } = (await it.get(services, `${name}-order-svc`)).spec;
      assert.equal(selector.app, undefined);
      assert.equal(selector['app.kubernetes.io/instance'], name);
    }, within);
    await it.patch(it.resource(deployments), `${name}-go`, { spec: { replicas: 7 } });
    await eventually(
      async () => assert.equal((await it.get(deployments, `${name}-go`)).spec.replicas, 3),
      within,
    );

    // 6. One that somebody deletes is made anew.
    const { uid } = (await it.get(deployments, `${name}-user`)).metadata;
    await world.client.delete(it.resource(deployments), { namespace: it.namespace, name: `${name}-user` });
    await eventually(async () =>
      assert.notEqual((await it.get(deployments, `${name}-user`)).metadata.uid, uid),
    );
    await it.ready(kind, name);

    // 7. A service that is switched off goes, with all that is its own.
    await it.patch(kind, name, { spec: { services: { userService: { enabled: false } } } });
    await eventually(async () => {
      for (const [child, suffix] of [
        [deployments, ''],
        [services, '-svc'],
        [autoscalers, '-hpa'],
      ] as const) {
        assert.ok(await it.isGone(child, `${name}-user${suffix}`), `${child.kind} is still there`);
      }
    });
    const less = await it.ready(kind, name);
    assert.equal(less.status.ready, '4/4');
    assert.equal(less.status.serviceStatuses.user, undefined);

    // 8. And comes back.
    await it.patch(kind, name, { spec: { services: { userService: { enabled: true } } } });
    assert.equal((await it.ready(kind, name)).status.ready, '5/5');

    // 9. Monitoring off: the dashboard goes.
    await it.patch(kind, name, { spec: { monitoring: { grafanaEnabled: false } } });
    await eventually(async () => assert.ok(await it.isGone(configMaps, `${name}-dashboard`)));

    // 10. A Secret that a service reads: a change of the key that is used makes new pods, another does not.
    await it.create(it.resource(secrets), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'db' },
      data: { password: 'YQ==', other: 'YQ==' },
    });
    const valueFrom = { secretKeyRef: { name: 'db', key: 'password' } };
    await it.patch(kind, name, { spec: { services: { userService: { env: [{ name: 'DB', valueFrom }] } } } });
    await it.ready(kind, name);
    const hash = async () =>
      (await it.get(deployments, `${name}-user`)).spec.template.metadata.annotations['spikegate.io/config'];
    const before = await eventually(async () => (await hash()) ?? assert.fail('no hash yet'));
    await it.patch(it.resource(secrets), 'db', { data: { other: 'Yg==' } });
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await hash(), before);
    await it.patch(it.resource(secrets), 'db', { data: { password: 'Yg==' } });
    await eventually(async () => assert.notEqual(await hash(), before), 2000);

    // 11. A change that Kubernetes would refuse of a child is refused of the Seckill.
    const { message } = await refused(
      it.patch(kind, name, { spec: { services: { goService: { resources: { limits: { cpu: '100m' } } } } } }),
    );
    assert.match(message, /spec.services.goService.resources.requests.cpu must be at most the limit/);
  });
}

function scaling(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    await it.create(kind, await seedSample('couponkill-sample.yaml', 'Seckill'));
    // 1. KEDA is not there: what to install is said, and the go service keeps its replicas.
    await it.ready(kind, name);
    await it.condition(
      kind,
      name,
      'KindsInstalled',
      'False',
      /install KEDA.*install the Prometheus operator/,
    );
    await it.condition(kind, name, 'Autoscaling', 'False', /keeps 2 replicas/);
    assert.equal((await it.get(deployments, `${name}-go`)).spec.replicas, 2);

    // 2. What an autoscaler sets stays, also when something else changes.
    assert.equal((await it.get(deployments, `${name}-coupon`)).spec.replicas, 2);
    await it.patch(it.resource(deployments), `${name}-coupon`, { spec: { replicas: 4 } }, 'scale');
    await it.patch(kind, name, { spec: { services: { couponService: { image: 'coupon:2', replicas: 5 } } } });
    await eventually(async () =>
      assert.equal(container(await it.get(deployments, `${name}-coupon`)).image, 'coupon:2'),
    );
    await it.ready(kind, name);
    assert.equal((await it.get(deployments, `${name}-coupon`)).spec.replicas, 4);

    // 3. The autoscaler follows the spec.
    await it.patch(kind, name, {
      spec: { scaling: { hpa: { maxReplicas: 12, targetCPUUtilizationPercentage: 60 } } },
    });
    await eventually(async () => {
      const { spec } = await it.get(autoscalers, `${name}-coupon-hpa`);
      assert.deepEqual([spec.maxReplicas, spec.targetCPUUtilizationPercentage], [12, 60]);
    });

    // 4. KEDA comes: its ScaledObject is made, without a restart, and there is no HPA for the same Deployment.
    await it.withDefinition(scaledObjects, async () => {
      const scaled = await eventually(() => it.get(scaledObjects, `${name}-go-kafka`), 45_000);
      assert.deepEqual(scaled.spec.scaleTargetRef.name, `${name}-go`);
      assert.deepEqual(scaled.spec.triggers[0], {
        type: 'kafka',
        metadata: {
          bootstrapServers: 'broker:9092',
          consumerGroup: 'seckill-go-group',
          topic: 'seckill_order_create',
          lagThreshold: '5',
        },
      });
      assert.deepEqual(await it.names(autoscalers), scaledByCpu);
      await it.condition(kind, name, 'Autoscaling', 'True', /KEDA scales couponkill-sample-go/);
      assert.equal((await it.get(deployments, `${name}-go`)).spec.replicas, 2);
      await it.patch(it.resource(deployments), `${name}-go`, { spec: { replicas: 6 } }, 'scale');

      // 5. KEDA is switched off: its object goes, the HPA comes, the replicas stay.
      await it.patch(kind, name, { spec: { scaling: { keda: { enabled: false } } } });
      await eventually(async () => {
        assert.ok(await it.isGone(scaledObjects, `${name}-go-kafka`));
        assert.ok((await it.names(autoscalers)).includes(`${name}-go-hpa`));
      });
      assert.equal((await it.get(deployments, `${name}-go`)).spec.replicas, 6);

      // 6. And on again.
      await it.patch(kind, name, { spec: { scaling: { keda: { enabled: true } } } });
      await eventually(async () => {
        assert.ok(await it.isGone(autoscalers, `${name}-go-hpa`));
        await it.get(scaledObjects, `${name}-go-kafka`);
      });
    });

    // 7. KEDA is removed.
    await it.condition(kind, name, 'KindsInstalled', 'False', /install KEDA/);

    // 8. The Prometheus operator comes.
    await it.withDefinition(serviceMonitors, async () => {
      const monitor = await eventually(() => it.get(serviceMonitors, `${name}-order`), 45_000);
      const [endpoint] = monitor.spec.endpoints;
      assert.deepEqual(endpoint, { port: 'http', path: '/metrics', interval: '30s' });
      const service = await it.get(services, `${name}-order-svc`);
      for (const [label, value] of Object.entries(monitor.spec.selector.matchLabels)) {
        assert.equal(service.metadata.labels?.[label], value);
      }
      await it.condition(kind, name, 'Monitoring', 'True');
      // 9. Monitoring off: they go.
      await it.patch(kind, name, { spec: { monitoring: { enabled: false } } });
      await eventually(async () => assert.deepEqual(await it.names(serviceMonitors), []));
    });

    // 10. No autoscaler at all: the replicas of the spec hold.
    await it.patch(kind, name, { spec: { scaling: { hpa: { enabled: false }, keda: { enabled: false } } } });
    await eventually(async () => {
      assert.deepEqual(await it.names(autoscalers), []);
      assert.equal((await it.get(deployments, `${name}-coupon`)).spec.replicas, 5);
      assert.equal((await it.get(deployments, `${name}-go`)).spec.replicas, 2);
    });
  });
}

function sideBySide(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    const make = (called: string, replicas: number) => ({
      apiVersion: Seckill.apiVersion,
      kind: 'Seckill',
      metadata: { name: called },
      spec: {
        services: {
          goService: { enabled: true, image: 'shop/go:1.0', replicas, ports: [{ port: 8080 }] },
          userService: { enabled: true, image: 'shop/user:1.0', ports: [{ port: 8080 }] },
        },
      },
    });
    // 1. Two side by side, in one namespace.
    await it.create(kind, make('a', 2));
    await it.create(kind, make('b', 1));
    await it.ready(kind, 'a');
    await it.ready(kind, 'b');
    assert.deepEqual(await it.names(deployments), ['a-go', 'a-user', 'b-go', 'b-user']);
    const [a, b] = [await it.get(services, 'a-go-svc'), await it.get(services, 'b-go-svc')];
    assert.notDeepEqual(a.spec.selector, b.spec.selector);

    // 2. No selector of the one finds a pod of the other.
    const { items } = await world.client.list(it.resource(pods), { namespace: it.namespace });
    const found = items.filter(({ metadata }) =>
      Object.entries(a.spec.selector).every(([label, value]) => metadata.labels?.[label] === value),
    );
    assert.equal(found.length, 2);
    assert.ok(found.every(({ metadata }) => metadata.name.startsWith('a-go-')));
    assert.deepEqual(await it.names(disruptionBudgets), ['a-go-pdb']);

    // 3. A Service of that name is somebody else's: it is not taken, and named.
    await it.create(it.resource(services), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'c-go-svc' },
      spec: { ports: [{ port: 1 }] },
    });
    await it.create(kind, make('c', 1));
    await it.condition(kind, 'c', 'Conflict', 'True', /Service c-go-svc exists and belongs to somebody else/);
    await it.condition(kind, 'c', 'Ready', 'False', /c-go-svc/);
    const foreign = await it.get(services, 'c-go-svc');
    assert.equal(foreign.metadata.ownerReferences, undefined);
    assert.equal(foreign.spec.ports[0].port, 1);

    // 4. Freed, it is made.
    await world.client.delete(it.resource(services), { namespace: it.namespace, name: 'c-go-svc' });
    await it.patch(kind, 'c', { spec: { services: { goService: { image: 'shop/go:1.1' } } } });
    await it.ready(kind, 'c');

    // 5. The reconciler dies in the middle of a roll-out; another one finishes.
    await it.patch(kind, 'a', { spec: { services: { goService: { image: 'shop/go:2.0', replicas: 5 } } } });
    await world.kill(world.replicas[0]!);
    await world.serve(1);
    const again = await it.ready(kind, 'a');
    assert.deepEqual(again.status.serviceStatuses.go, { readyReplicas: 5, totalReplicas: 5, phase: 'Ready' });

    // 6. A Secret that is named before it is there: the service is made all the same.
    await it.patch(kind, 'b', {
      spec: {
        services: {
          userService: { env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'none', key: 'k' } } }] },
        },
      },
    });
    await eventually(async () => {
      const { metadata, spec } = await it.get(deployments, 'b-user');
      assert.ok(metadata.generation! > 1);
      assert.ok(spec.template.metadata.annotations['spikegate.io/config']);
    });

    // 7. Deleted: everything of it goes, nothing of the other.
    await world.client.delete(kind, { namespace: it.namespace, name: 'b' });
    await eventually(async () => {
      assert.deepEqual(await it.names(deployments), ['a-go', 'a-user', 'c-go', 'c-user']);
      assert.deepEqual(await it.names(services), ['a-go-svc', 'a-user-svc', 'c-go-svc', 'c-user-svc']);
    }, 30_000);

    // 8. Deleted with --cascade=orphan: the children stay.
    await world.client.delete(kind, { namespace: it.namespace, name: 'a' }, { propagationPolicy: 'Orphan' });
    await eventually(async () => assert.ok(await world.isGone(kind, it.namespace, 'a')), 30_000);
    await eventually(async () =>
      assert.equal((await it.get(deployments, 'a-go')).metadata.ownerReferences, undefined),
    );

    // 9. And are taken back by a Seckill of the same name, without new pods.
    const { uid } = (await it.get(deployments, 'a-go')).metadata;
    await it.create(kind, make('a', 5));
    await it.patch(kind, 'a', { spec: { services: { goService: { image: 'shop/go:2.0' } } } });
    await it.ready(kind, 'a');
    assert.equal((await it.get(deployments, 'a-go')).metadata.uid, uid);

    // 10. Nothing is enabled any more: nothing runs, and that is what was asked for.
    await it.patch(kind, 'c', { spec: { services: { goService: { enabled: false }, userService: null } } });
    await eventually(async () => assert.ok(!(await it.names(deployments)).some((it) => it.startsWith('c-'))));
    assert.equal((await it.ready(kind, 'c')).status.ready, '0/0');
  });
}
