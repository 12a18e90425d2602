// DataService: middleware first, then everything else in order; names, passwords and files; two in one namespace.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { components, DataService } from '../../../src/api/data-service.ts';
import { isNotFound } from '../../../src/kube/errors.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import {
  configMaps,
  daemonSets,
  deployments,
  secrets,
  services,
  statefulSets,
} from '../../../src/workloads/child-kinds.ts';
import { type Loose, sample, Workloads } from '../workloads.ts';
import { eventually, type World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const kind = DataService as Resource;
const name = 'dataservice-sample';
const service = (port: number, more: object = {}) => ({ port, image: 'shop/any:1.0', replica: 1, ...more });

export const dataService: Scenario[] = [
  {
    name: 'DataService: the sample comes up in order, with the names, ports and files of the original',
    run: inOrder,
  },
  { name: 'DataService: edits, broken children, passwords and configuration', run: edits },
  {
    name: 'DataService: two in one namespace, restarts and deletion',
    run: sideBySide,
  },
];

/** Something elsewhere that can be asked, and can be away. */
async function elsewhere(): Promise<{
  url: string;
  answer(status: number): void;
  asked(): number;
  stop(): void;
}> {
  let [status, count] = [503, 0];
  const server = createServer((_request, response) => {
    count++;
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/health`,
    answer: (next) => {
      status = next;
    },
    asked: () => count,
    stop: () => server.close(),
  };
}

/** The node ports of the sample are the cluster's, which runs other scenarios too. */
async function sampled(url: string, replaced: object = {}): Promise<Loose> {
  const object = await sample('dataservice-sample.yaml', 'DataService');
  const uuc = { kind: 3, thirdParty: { url, check: { periodSeconds: 5 } } };
  return { ...object, spec: { ...object.spec, uuc, ...replaced } };
}

function inOrder(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    const uuc = await elsewhere();
    try {
      // 1. While the user centre does not answer well, the services wait, and say for what.
      await it.create(kind, await sampled(uuc.url));
      await it.condition(kind, name, 'MysqlReady', 'True');
      await it.condition(kind, name, 'EurekaReady', 'True');
      await it.condition(kind, name, 'UucReady', 'False', /answers 503/);
      const waiting = await it.condition(kind, name, 'ApiManagerReady', 'False', /waiting for uuc/);
      assert.deepEqual(await it.names(deployments), ['eureka']);
      assert.equal(waiting.status.ready, '2/12');
      assert.match(waiting.status.message, /2\/12 components are ready; uuc: .*503/);
      assert.equal(waiting.status.phase, 'Progressing');

      // 2. It recovers: everything comes, the front end last.
      uuc.answer(200);
      const ready = await it.ready(kind, name);
      assert.equal(ready.status.phase, 'Ready');
      assert.equal(ready.status.ready, '12/12');
      assert.equal(ready.status.namePrefix, '');
      assert.deepEqual(
        ready.status.components.map((c: Loose) => c.name),
        [...components],
      );
      const made = await Promise.all(
        ['auth', 'proxy', 'web'].map(async (part) => (await it.get(deployments, part)).metadata),
      );
      const revision = (index: number) => Date.parse(made[index]!.creationTimestamp);
      assert.ok(revision(2) >= revision(0) && revision(2) >= revision(1), 'web is made last');

      // 3. The names and ports of the original.
      const ports = await Promise.all(
        (await it.names(services)).map(async (called) => {
          const { spec } = await it.get(services, called);
          return [
            called,
            spec.ports[0].port,
            spec.type,
            ...(spec.type === 'NodePort' ? [spec.ports[0].nodePort] : []),
          ];
        }),
      );
      assert.deepEqual(ports, [
        ['api-manager', 9085, 'ClusterIP'],
        ['auth', 9081, 'ClusterIP'],
        ['ds-adapter', 9086, 'ClusterIP'],
        ['es-adapter', 9087, 'ClusterIP'],
        ['eureka', 8761, 'NodePort', 30161],
        ['gateway-master', 9184, 'ClusterIP'],
        ['gateway-web', 9084, 'ClusterIP'],
        ['mysql-dataservice', 3306, 'ClusterIP'],
        ['proxy', 9094, 'ClusterIP'],
        ['trd-adapter', 9088, 'ClusterIP'],
        ['web', 80, 'NodePort', 30160],
      ]);

      // 4. Its ConfigMaps, with as many entries.
      const entries: Record<string, number> = {};
      for (const called of await it.names(configMaps)) {
        if (called !== 'kube-root-ca.crt')
          entries[called] = Object.keys((await it.get(configMaps, called)).data).length;
      }
      assert.deepEqual(entries, {
        'api-manager': 1,
        auth: 1,
        'ds-adapter': 1,
        'es-adapter': 1,
        'gateway-master': 1,
        'gateway-web': 1,
        'mysql-dataservice': 1,
        'mysql-dataservice-init': 6,
        proxy: 1,
        'trd-adapter': 1,
        'trd-adapter-py': 1,
        web: 1,
        'web-template': 1,
      });

      // 5. No password in any of them; the database has a volume.
      const secret = await it.get(secrets, 'mysql-dataservice');
      const password = Buffer.from(secret.data.password, 'base64').toString();
      assert.ok(password.length >= 24);
      for (const called of Object.keys(entries)) {
        assert.ok(!JSON.stringify(await it.get(configMaps, called)).includes(password));
      }
      const set = await it.get(statefulSets, 'mysql-dataservice');
      assert.equal(set.spec.volumeClaimTemplates[0].spec.resources.requests.storage, '10Gi');
      const { 'application.yml': text } = (await it.get(configMaps, 'auth')).data;
      assert.match(text, new RegExp(`mysql-dataservice.${it.namespace}.svc:3306/auth`));
      assert.match(text, new RegExp(`http://eureka.${it.namespace}.svc:8761/eureka/`));

      // 6. Middleware that fails later holds up nobody who runs already.
      uuc.answer(500);
      await it.patch(kind, name, { spec: { uuc: { thirdParty: { check: { timeoutSeconds: 2 } } } } });
      await it.condition(kind, name, 'UucReady', 'False', /answers 500/);
      await it.patch(kind, name, { spec: { auth: { image: 'shop/auth:1.1' } } });
      await eventually(async () => {
        const { spec } = await it.get(deployments, 'auth');
        assert.equal(spec.template.spec.containers[0].image, 'shop/auth:1.1');
      });
      assert.equal((await it.names(deployments)).length, 10);
    } finally {
      uuc.stop();
    }
  });
}

const small = (more: object = {}) => ({
  apiVersion: DataService.apiVersion,
  kind: 'DataService',
  metadata: { name: 'small' },
  spec: {
    mysql: { name: 'mysql', kind: 'statefulSet' },
    auth: service(9081),
    web: { image: 'shop/web:1.0' },
    ...more,
  },
});

function edits(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    const hash = async (part: string) =>
      (await it.get(deployments, part)).spec.template.metadata.annotations['spikegate.io/config'];
    // 1. Only what is in the spec; kind as a name.
    await it.create(kind, small());
    await it.ready(kind, 'small');
    assert.deepEqual(await it.names(deployments), ['auth', 'web']);

    // 2. A list of ports, an environment, more pods.
    await it.patch(kind, 'small', {
      spec: { auth: { port: [9081, { name: 'admin', port: 9082 }], env: { MODE: 'x' }, replica: 2 } },
    });
    await it.ready(kind, 'small');
    const auth = await it.get(deployments, 'auth');
    const [container] = auth.spec.template.spec.containers;
    assert.equal(auth.spec.replicas, 2);
    assert.deepEqual(
      container.ports.map((p: Loose) => p.containerPort),
      [9081, 9082],
    );
    assert.ok(container.env.some((v: Loose) => v.name === 'MODE' && v.value === 'x'));
    assert.deepEqual(
      (await it.get(services, 'auth')).spec.ports.map((p: Loose) => p.port),
      [9081, 9082],
    );

    // 3. A port of the nodes: the Service becomes a NodePort, and what it was again.
    await it.patch(kind, 'small', { spec: { auth: { nodePort: 30181 } } });
    await eventually(async () => {
      const { spec } = await it.get(services, 'auth');
      assert.deepEqual([spec.type, spec.ports[0].nodePort], ['NodePort', 30181]);
    });
    await it.patch(kind, 'small', { spec: { auth: { nodePort: null } } });
    await eventually(async () => assert.equal((await it.get(services, 'auth')).spec.type, 'ClusterIP'));

    // 4. A file of one: only its pods are made anew.
    const [authBefore, webBefore] = [await hash('auth'), await hash('web')];
    await it.patch(kind, 'small', { spec: { web: { config: { 'app.config.js': 'x = "{{namespace}}"' } } } });
    await eventually(async () => assert.notEqual(await hash('web'), webBefore));
    assert.equal(await hash('auth'), authBefore);
    assert.equal((await it.get(configMaps, 'web')).data['app.config.js'], `x = "${it.namespace}"`);

    // 5. A ConfigMap that somebody edits is put right.
    await it.patch(it.resource(configMaps), 'auth', { data: { 'application.yml': 'mine', more: 'x' } });
    await eventually(async () => {
      const { data } = await it.get(configMaps, 'auth');
      assert.deepEqual(Object.keys(data), ['application.yml']);
      assert.match(data['application.yml'], /spring:/);
    }, 1000);

    // 6. Another password: what reads it is made anew.
    await it.patch(it.resource(secrets), 'mysql-dataservice', { data: { password: 'Yg==' } });
    await eventually(async () => assert.notEqual(await hash('auth'), authBefore), 3000);
    assert.equal((await it.get(secrets, 'mysql-dataservice')).data.password, 'Yg==');

    // 7. A child that is deleted comes back.
    await world.client.delete(it.resource(services), { namespace: it.namespace, name: 'mysql-dataservice' });
    await eventually(async () => assert.ok(await it.get(services, 'mysql-dataservice')));

    // 8. eureka as a service, then in the shape of middleware, then as a DaemonSet.
    await it.patch(kind, 'small', { spec: { eureka: service(8762) } });
    await eventually(async () => assert.equal((await it.get(services, 'eureka')).spec.ports[0].port, 8762));
    await it.patch(kind, 'small', { spec: { eureka: { name: 'eureka', kind: 0, port: null, image: null } } });
    await eventually(async () => assert.equal((await it.get(services, 'eureka')).spec.ports[0].port, 8761));
    await it.patch(kind, 'small', { spec: { eureka: { kind: 2 } } });
    await eventually(async () => {
      assert.ok(await it.get(daemonSets, 'eureka'));
      assert.ok(await it.isGone(deployments, 'eureka'));
    });
    await it.patch(kind, 'small', { spec: { eureka: null } });
    await eventually(async () => assert.ok(await it.isGone(daemonSets, 'eureka')));
    await eventually(async () => assert.ok(await it.isGone(services, 'eureka')));

    // 9. mysql elsewhere, with a password of a Secret that is not there yet: named, then used.
    const thirdParty = {
      url: 'jdbc:mysql://127.0.0.1:1/x',
      username: 'shop',
      passwordSecret: { name: 'db' },
    };
    await it.patch(kind, 'small', { spec: { mysql: { kind: 3, thirdParty } } });
    await it.condition(kind, 'small', 'Degraded', 'True', /Secret db with the key password is not there/);
    await eventually(async () => assert.ok(await it.isGone(statefulSets, 'mysql-dataservice')));
    await it.create(it.resource(secrets), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'db' },
      data: { password: 'YQ==' },
    });
    await it.condition(kind, 'small', 'MysqlReady', 'False', /127.0.0.1:1/);
    await eventually(async () => {
      const { data } = await it.get(configMaps, 'auth');
      assert.match(data['application.yml'], /jdbc:mysql:\/\/127.0.0.1:1\/auth/);
      const { env } = (await it.get(deployments, 'auth')).spec.template.spec.containers[0];
      const found = env.find((v: Loose) => v.name === 'MYSQL_PASSWORD');
      assert.deepEqual(found.valueFrom.secretKeyRef, { name: 'db', key: 'password' });
    });

    // 10. And back: the database finds the password that it was made with.
    await it.patch(kind, 'small', { spec: { mysql: { kind: 1, thirdParty: null } } });
    await it.ready(kind, 'small');
    assert.equal((await it.get(secrets, 'mysql-dataservice')).data.password, 'Yg==');
  });
}

function sideBySide(world: World): Promise<void> {
  return Workloads.run(world, async (it) => {
    // 1. The first has the plain names, the second its own.
    await it.create(kind, small());
    await it.ready(kind, 'small');
    await it.create(kind, { ...small(), metadata: { name: 'other' } });
    const other = await it.ready(kind, 'other');
    assert.equal(other.status.namePrefix, 'other-');
    assert.deepEqual(await it.names(deployments), ['auth', 'other-auth', 'other-web', 'web']);
    assert.deepEqual(await it.names(statefulSets), ['mysql-dataservice', 'other-mysql-dataservice']);

    // 2. Each has its own database, password and files.
    const password = async (called: string) => (await it.get(secrets, called)).data.password;
    assert.notEqual(await password('mysql-dataservice'), await password('other-mysql-dataservice'));
    const { data } = await it.get(configMaps, 'other-auth');
    assert.match(data['application.yml'], new RegExp(`other-mysql-dataservice.${it.namespace}.svc:3306`));
    const selector = async (called: string) => (await it.get(services, called)).spec.selector;
    assert.notDeepEqual(await selector('auth'), await selector('other-auth'));

    // 3. A lost status changes no name.
    await it.patch(kind, 'other', { status: { namePrefix: null } }, 'status');
    await it.patch(kind, 'other', { spec: { auth: { image: 'shop/any:1.1' } } });
    assert.equal((await it.ready(kind, 'other')).status.namePrefix, 'other-');

    // 4. The reconciler dies while things change; another one goes on.
    await it.patch(kind, 'small', { spec: { auth: { replica: 3 }, proxy: service(9094) } });
    await world.kill(world.replicas[0]!);
    await world.serve(1);
    assert.equal((await it.ready(kind, 'small')).status.ready, '4/4');
    assert.equal((await it.get(deployments, 'auth')).status.readyReplicas, 3);

    // 5. The first goes, with everything but its data; the second keeps its names.
    const kept = await password('mysql-dataservice');
    await world.client.delete(kind, { namespace: it.namespace, name: 'small' });
    await eventually(async () => {
      assert.deepEqual(await it.names(deployments), ['other-auth', 'other-web']);
      assert.deepEqual(await it.names(statefulSets), ['other-mysql-dataservice']);
    }, 30_000);
    assert.equal((await it.ready(kind, 'other')).status.namePrefix, 'other-');

    // 6. It comes again: the plain names are free, and the password opens its data.
    await it.create(kind, small());
    await it.ready(kind, 'small');
    assert.equal(await password('mysql-dataservice'), kept);

    // 7. A name that somebody else has: not taken, and said.
    await it.create(it.resource(services), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'proxy' },
      spec: { ports: [{ port: 1 }] },
    });
    await it.patch(kind, 'small', { spec: { proxy: service(9094) } });
    await it.condition(
      kind,
      'small',
      'Conflict',
      'True',
      /Service proxy exists and belongs to somebody else/,
    );
    assert.equal((await it.get(services, 'proxy')).metadata.ownerReferences, undefined);

    // 8. Names of one's own choice.
    const chosen = small({ namePrefix: 'blue-' });
    await it.create(kind, { ...chosen, metadata: { name: 'third' } });
    await it.ready(kind, 'third');
    assert.ok((await it.names(services)).includes('blue-auth'));

    // 9. Orphaned: the children stay.
    await world.client.delete(
      kind,
      { namespace: it.namespace, name: 'third' },
      { propagationPolicy: 'Orphan' },
    );
    await eventually(async () => assert.ok(await world.isGone(kind, it.namespace, 'third')), 30_000);
    await eventually(async () => {
      const { metadata } = await it.get(deployments, 'blue-auth');
      assert.equal(metadata.ownerReferences, undefined);
    });

    // 10. Taken back by the same object.
    const { uid } = (await it.get(deployments, 'blue-auth')).metadata;
    await it.create(kind, { ...chosen, metadata: { name: 'third' } });
    await it.ready(kind, 'third');
    assert.equal((await it.get(deployments, 'blue-auth')).metadata.uid, uid);
    await assert.rejects(it.get(statefulSets, 'third-mysql-dataservice'), isNotFound);
  });
}
