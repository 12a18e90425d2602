// The samples of the four workload kinds, with pods that run: their images are made here, under the names that the samples
// have, and the database is a real one.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { eventually } from '../../e2e/world.ts';
import { debianImage } from '../debian.ts';
import { figure, Lab, pods, samples, seconds } from '../harness.ts';
import { webImage } from '../images.ts';

const minutes = (count: number) => count * 60_000;

describe('the samples of the workload kinds', () => {
  let lab: Lab;
  let work: string;
  before(async () => {
    lab = await Lab.open();
    work = mkdtempSync(join(lab.cluster.dir, 'workloads-'));
    await lab.install();
  });
  after(async () => {
    await lab.uninstall();
    rmSync(work, { recursive: true });
    lab.close();
  });

  /** Creates a sample in the namespace, with as little of the machine as it needs; its pods' images are the web server. */
  const create = async (file: string, namespace: string, change = (_: Sample) => {}) => {
    const objects = parseAllDocuments(await readFile(join(samples, file), 'utf8')).map(
      (document) => document.toJS() as Sample,
    );
    const own = objects.filter(({ kind }) => kind !== 'Namespace');
    await lab.cluster.tag(webImage, imagesIn(own).map(full));
    for (const object of own) {
      object.metadata.namespace = namespace;
      frugal(object.spec);
      change(object);
      // The sample's images have no version, and both autoscalers are on.
      await lab.kubectl(
        ['apply', '-f', '-'],
        stringify(object),
        /name a version|hpa and keda are both enabled/,
      );
    }
  };

  const untilPhase = async (kind: string, name: string, namespace: string, phase: string) => {
    const wait = ['wait', `--for=jsonpath={.status.phase}=${phase}`, kind, name, '-n', namespace];
    const took = await seconds(() =>
      lab.kubectl([...wait, '--timeout=240s']).catch(async (error: Error) => {
        const status = await lab.kubectl(['get', kind, name, '-n', namespace, '-o', 'jsonpath={.status}']);
        const all = await lab.kubectl(['get', 'pods', '-n', namespace, '-o', 'wide']);
        throw new Error(`${error.message}\n${status}\n${all}`);
      }),
    );
    figure('workloads', `${kind} ${name}: created until ${phase}`, took, 's');
  };

  test('ElasticWeb: its pods answer through its service', { timeout: minutes(5) }, async (t) => {
    const namespace = await lab.namespace(t, 'web');
    await create('elasticweb.yaml', namespace);
    await untilPhase('elasticweb', 'elasticweb-sample', namespace, 'Ready');
    const hosts = new Set<string>();
    await eventually(async () => {
      hosts.add((await get(`http://${lab.cluster.addresses.node}:30004/`)).trim());
      assert.equal(hosts.size, 2, [...hosts].join(', '));
    });
  });

  test('Seckill: all five services run', { timeout: minutes(5) }, async (t) => {
    const namespace = await lab.namespace(t, 'couponkill');
    await create('couponkill-sample.yaml', namespace);
    await untilPhase('seckill', 'couponkill-sample', namespace, 'Ready');
    const running = (await lab.pods(namespace, 'app.kubernetes.io/instance=couponkill-sample')).filter(
      ({ status }) => status?.phase === 'Running',
    );
    assert.equal(running.length, 8);
  });

  test('ImoocPod: its pods run; one that fails, and one that goes, is replaced', {
    timeout: minutes(5),
  }, async (t) => {
    const namespace = await lab.namespace(t, 'imooc');
    await lab.cluster.load(await busybox(work));
    await create('imoocpod.yaml', namespace);
    const own = 'app.kubernetes.io/instance=imoocpod-sample';
    const running = async () => {
      const all = await lab.pods(namespace, own);
      const names = all.filter(
        ({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp,
      );
      assert.equal(names.length, 3, JSON.stringify(all.map(({ status }) => status?.phase)));
      return names.map(({ metadata }) => metadata.name);
    };
    const [failing = '', going = ''] = await eventually(running, minutes(2));
    // The kubelet ends it and calls it failed.
    await lab.client.patch(
      pods,
      { namespace, name: failing },
      { spec: { activeDeadlineSeconds: 1 } },
      { type: 'merge' },
    );
    await lab.kubectl(['delete', 'pod', going, '-n', namespace, '--grace-period=1']);
    const took = await seconds(() =>
      eventually(async () => {
        const now = await running();
        assert.ok(!now.includes(failing) && !now.includes(going));
      }, minutes(2)),
    );
    figure('workloads', 'ImoocPod: a failed pod and a deleted one until both are replaced', took, 's');
    await lab.kubectl(['scale', 'imoocpod', 'imoocpod-sample', '-n', namespace, '--replicas=1']);
    await eventually(async () => assert.equal((await lab.pods(namespace, own)).length, 1), minutes(2));
  });

  test('DataService: a real database first, then what needs it; its data outlive its pod', {
    timeout: minutes(8),
  }, async (t) => {
    const namespace = await lab.namespace(t, 'data');
    const mariadb = 'docker.io/spikegate/mariadb:1';
    await lab.cluster.load(
      await debianImage(work, {
        name: mariadb,
        packages: 'mariadb-server-core mariadb-client-core dash coreutils hostname sed grep mawk'.split(' '),
        files: {
          '/entrypoint': { text: readFileSync(join(import.meta.dirname, '..', 'mariadb.sh'), 'utf8') },
          // What the packages' own scripts would make.
          '/etc/passwd': { text: 'root:x:0:0:root:/:/bin/sh\n' },
          '/etc/group': { text: 'root:x:0:\n' },
          '/usr/bin/awk': { link: 'mawk' },
          '/etc/mysql/my.cnf': { text: '!includedir /etc/mysql/conf.d/\n' },
        },
        entrypoint: ['/entrypoint'],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      }),
    );
    await create('dataservice-sample.yaml', namespace, ({ spec }) => {
      spec.mysql.image = mariadb;
      spec.mysql.storage = { size: '100Mi' };
    });
    await untilPhase('dataservice', 'dataservice-sample', namespace, 'Ready');

    const pod = 'mysql-dataservice-0';
    const sql = async (text: string) => {
      const client = 'exec mariadb -uroot -p"$MYSQL_ROOT_PASSWORD" -h127.0.0.1 -N -e "$0"';
      return (await lab.kubectl(['exec', '-n', namespace, pod, '--', 'sh', '-c', client, text])).trim();
    };
    assert.match(await sql('SHOW DATABASES'), /gateway/);
    await sql('CREATE TABLE gateway.kept (number INT); INSERT INTO gateway.kept VALUES (42)');
    await lab.kubectl(['delete', 'pod', pod, '-n', namespace]);
    // Until its StatefulSet makes the pod anew, and the database listens, kubectl fails.
    await eventually(
      async () => assert.equal(await sql('SELECT number FROM gateway.kept'), '42'),
      minutes(2),
    );
    await untilPhase('dataservice', 'dataservice-sample', namespace, 'Ready');
  });
});

interface Sample {
  kind: string;
  metadata: { name: string; namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: the specs of four kinds
  spec: any;
}

/** On a connection of its own, which may lead to another pod than the last. */
function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false, timeout: 5_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve(body));
    })
      .on('error', reject)
      .end();
  });
}

/** Every value under the key `image`. */
function imagesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'image' && typeof inner === 'string' ? [inner] : imagesIn(inner),
  );
}

/** As containerd names an image: with its registry and tag. */
function full(image: string): string {
  const tagged = /:[^/]+$/.test(image) ? image : `${image}:latest`;
  return tagged.includes('/') ? `docker.io/${tagged}` : `docker.io/library/${tagged}`;
}

/** The samples ask for more than a machine of two cores has. */
function frugal(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const record = value as Record<string, unknown>;
  if (record.resources) record.resources = { requests: { cpu: '10m', memory: '16Mi' } };
  for (const inner of Object.values(record)) frugal(inner);
}

/** What an ImoocPod's pods run: `sleep`. */
async function busybox(folder: string): Promise<string> {
  const name = 'docker.io/library/busybox:latest';
  return debianImage(folder, {
    name,
    packages: ['busybox-static'],
    files: { '/bin/sleep': { link: 'busybox' } },
  });
}
