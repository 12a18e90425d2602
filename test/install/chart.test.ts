// The chart says what the kustomize side says, object by object, but for the differences that are named here; its
// values are checked, and each of them does something.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { oldestMinor } from '../../src/doctor/checks/cluster.ts';
import { bundle } from '../../src/manifests/bundle.ts';
import * as deploy from '../../src/manifests/deploy.ts';
import type { Extent } from '../../src/manifests/extent.ts';
import { takesOverLabel } from '../../src/manifests/installations.ts';
import type { Manifest } from '../../src/manifests/manifest.ts';
import { deployment, version } from '../../src/manifests/names.ts';
import { byName, kustomized, type Pods } from './expected.ts';
import { render } from './helm.ts';

const chart = join(import.meta.dirname, '..', '..', 'charts', 'spikegate');
const { namespace } = deployment;
/** What Helm's own tools look for, and kustomize has no use for. */
const helmOnly = ['helm.sh/chart', 'app.kubernetes.io/managed-by', 'helm.sh/resource-policy'];

function withoutHelm(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHelm);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, child]) => {
    if (helmOnly.includes(key)) return [];
    const kept = withoutHelm(child);
    const isEmptied = key === 'annotations' && Object.keys(kept as object).length === 0;
    return isEmptied ? [] : [[key, kept]];
  });
  return Object.fromEntries(entries);
}

const byId = (objects: readonly Manifest[]) => byName(objects.map((it) => withoutHelm(it) as Manifest));

const extents: Extent[] = [
  { parts: ['sale'], namespaces: [] },
  { parts: ['workloads'], namespaces: [] },
  { parts: ['sale'], namespaces: ['shop-a', 'shop-b'] },
  { parts: ['workloads'], namespaces: ['shop-a'] },
  { parts: ['sale', 'workloads'], namespaces: ['shop-a', 'shop-b'] },
];
const valuesOf = ({ parts, namespaces }: Extent) => ({
  parts: { sale: parts.includes('sale'), workloads: parts.includes('workloads') },
  namespaces: [...namespaces],
});

for (const mode of ['self-signed', 'cert-manager'] as const) {
  test(`manifests/install/${mode}.yaml is what the overlay is`, () => {
    assert.deepEqual(byName(bundle(mode)), byName([deploy.namespace, ...kustomized[mode]]));
  });
}

describe('the chart', () => {
  for (const mode of ['self-signed', 'cert-manager'] as const) {
    test(`with certificates.mode ${mode} is what the overlay is`, () => {
      const { objects } = render(chart, { values: { certificates: { mode } } });
      assert.deepEqual(byId(objects), byId(kustomized[mode]));
    });
  }

  for (const extent of extents) {
    test(`is what the one file is, with ${extent.parts.join(' and ')} in ${extent.namespaces.join(' and ') || 'all'}`, () => {
      const { objects } = render(chart, { values: valuesOf(extent) });
      // Helm installs all CRDs of a chart (values.yaml says what to do about it).
      const rest = (of: readonly Manifest[]) =>
        of.filter(({ kind }) => kind !== 'CustomResourceDefinition' && kind !== 'Namespace');
      assert.deepEqual(byId(rest(objects)), byId(rest(bundle('self-signed', extent))));
    });
  }

  test('tells its Job and its test the parts and namespaces, and lets them do no more', () => {
    const { hooks } = render(chart, {
      values: valuesOf({ parts: ['sale'], namespaces: ['shop-a', 'shop-b'] }),
    });
    const [job, pod] = ['Job', 'Pod'].map((kind) => hooks.find((it) => it.kind === kind));
    assert.ok(JSON.stringify(job).includes('"--parts=sale","--namespaces=shop-a,shop-b","--crds"'));
    assert.ok(JSON.stringify(pod).includes('"--parts=sale"'));
    const roles = JSON.stringify(hooks.filter(({ kind }) => kind.endsWith('Role')));
    assert.match(roles, /spikegoods/);
    assert.doesNotMatch(roles, /elasticweb|imoocpod|seckill|dataservice/);
  });

  test('gives no pod the variables of Services', () => {
    const { objects, hooks } = render(chart, {});
    const pods = [...objects, ...hooks].flatMap(({ kind, spec }) => {
      if (kind === 'Pod') return [spec];
      return spec !== null && typeof spec === 'object' && 'template' in spec
        ? [(spec as { template: { spec: unknown } }).template.spec]
        : [];
    }) as { enableServiceLinks?: boolean }[];
    assert.deepEqual(
      pods.map(({ enableServiceLinks }) => enableServiceLinks),
      [false, false, false],
    );
  });

  test('has the version of the package', () => {
    const about = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8'));
    assert.deepEqual([about.version, about.appVersion], [version, version]);
  });

  test('wants the oldest Kubernetes that the doctor takes', () => {
    const about = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8'));
    assert.equal(about.kubeVersion, `>=1.${oldestMinor}.0-0`);
  });

  test('goes to another namespace and registry whole', () => {
    const { objects, hooks } = render(chart, {
      namespace: 'shop-admission',
      values: {
        certificates: { mode: 'cert-manager' },
        image: { repository: 'registry.example/spikegate', tag: 'x' },
      },
    });
    assert.doesNotMatch(JSON.stringify([objects, hooks]), /spikegate-system/);
    const images = JSON.stringify([objects, hooks]).match(/"image":"[^"]*"/g);
    assert.deepEqual(new Set(images), new Set(['"image":"registry.example/spikegate:x"']));
  });

  test('has no cluster-wide name twice when it is installed under two names', () => {
    const namesIn = (name: string) => {
      const { objects, hooks } = render(chart, { name, namespace: name });
      const all = [...objects, ...hooks].filter(({ kind }) => kind !== 'CustomResourceDefinition');
      return all.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
    };
    const [first, second] = [namesIn('spikegate'), namesIn('shop')];
    assert.deepEqual(
      second.filter((name) => first.includes(name)),
      [],
    );
    assert.ok(second.includes('MutatingWebhookConfiguration /shop-spikegate'));
  });

  test('tells serve the names of a release, and that it takes over', () => {
    const { objects, hooks } = render(chart, { name: 'shop', namespace: 'x', values: { takeOver: true } });
    const argsOf = (object: Manifest | undefined) => {
      const { spec } = object as never as { spec: Pods };
      return spec.template.spec.containers[0]?.args;
    };
    const names = ['--configuration=shop-spikegate', '--service=shop-spikegate-webhook', '--take-over'];
    assert.deepEqual(argsOf(objects.find(({ kind }) => kind === 'Deployment')), [
      ...[
        'serve',
        '--metrics-auth',
        ...names,
        '--lease=shop-spikegate',
        '--cert-secret=shop-spikegate-serving-cert',
      ],
      '--path-secret=shop-spikegate-webhook-path',
      '--metrics-service=shop-spikegate-metrics',
    ]);
    assert.deepEqual(argsOf(hooks.find(({ kind }) => kind === 'Job')), [
      ...['prepare', '--namespace=x', ...names, '--crds'],
    ]);
    const configurations = objects.filter(({ kind }) => kind.endsWith('WebhookConfiguration'));
    assert.deepEqual(
      configurations.map(({ metadata }) => metadata.labels?.[takesOverLabel]),
      ['true', 'true'],
    );
  });

  test('takes every other value', () => {
    const values = {
      replicas: 3,
      imagePullSecrets: [{ name: 'r' }],
      extraArgs: ['--drain=20s'],
      terminationGracePeriodSeconds: 60,
      podAnnotations: { a: 'b' },
      podLabels: { c: 'd' },
      nodeSelector: { e: 'f' },
      tolerations: [{ operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      resources: { requests: { cpu: '1' } },
      priorityClass: { create: false, name: 'other' },
      disruptionBudget: { enabled: false },
      networkPolicy: { enabled: false },
      crds: { upgrade: false },
      metrics: { auth: false },
      test: { namespace: 'shop' },
    };
    const { objects, hooks } = render(chart, { values });
    const absent = ['PriorityClass', 'PodDisruptionBudget', 'NetworkPolicy'];
    assert.ok(objects.every(({ kind }) => !absent.includes(kind)));
    const { spec } = objects.find(({ kind }) => kind === 'Deployment') as never as { spec: Pods };
    const { metadata, spec: pod } = spec.template;
    assert.equal(spec.replicas, 3);
    assert.deepEqual(pod.imagePullSecrets, [{ name: 'r' }]);
    assert.deepEqual(pod.containers[0]?.args, ['serve', '--drain=20s']);
    assert.equal(pod.terminationGracePeriodSeconds, 60);
    assert.deepEqual([metadata.annotations, metadata.labels.c], [{ a: 'b' }, 'd']);
    assert.deepEqual([pod.nodeSelector, pod.tolerations], [{ e: 'f' }, [{ operator: 'Exists' }]]);
    assert.deepEqual([pod.affinity, pod.priorityClassName], [{ nodeAffinity: {} }, 'other']);
    const where = hooks.filter(({ metadata }) => metadata.namespace === 'shop').map(({ kind }) => kind);
    assert.deepEqual(where, ['Role', 'RoleBinding']);
  });

  test('lets only the API servers call the webhooks where it is told what they are', () => {
    const apiServers = [{ ipBlock: { cidr: '10.0.0.1/32' } }, { ipBlock: { cidr: 'fd00::1/128' } }];
    const metrics = [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }];
    for (const mode of ['self-signed', 'cert-manager']) {
      const { objects } = render(chart, {
        values: {
          certificates: { mode },
          callers: { authorities: 'webhook-clients', names: ['kube-apiserver', 'other'] },
          networkPolicy: { apiServers, metrics },
        },
      });
      const { spec } = objects.find(({ kind }) => kind === 'Deployment') as never as { spec: Pods };
      const { containers, volumes } = spec.template.spec;
      const flags = [
        '--client-ca-file=/var/run/spikegate/callers/ca.crt',
        '--client-names=kube-apiserver,other',
      ];
      assert.deepEqual(containers[0]?.args.slice(-2), flags);
      assert.deepEqual((volumes as unknown[]).at(-1), {
        name: 'callers',
        configMap: { name: 'webhook-clients' },
      });
      const policy = objects.find(({ kind }) => kind === 'NetworkPolicy') as never as {
        spec: { ingress: unknown };
      };
      assert.deepEqual(policy.spec.ingress, [
        {
          ports: [{ protocol: 'TCP', port: 9443 }],
          from: apiServers,
        },
        { ports: [{ protocol: 'TCP', port: 8080 }], from: metrics },
      ]);
    }
  });

  test('refuses values that it does not know', () => {
    const wrong = [
      [{ replica: 3 }, /additional properties/],
      [{ certificates: { mode: 'manual' } }, /certificates\/mode/],
      // CRDs were part of the release once.
      [{ crds: { keep: true } }, /additional properties/],
      [{ extraArgs: ['drain=1s'] }, /extraArgs/],
      [{ priorityClass: { value: 2_000_000_000 } }, /priorityClass\/value/],
      [{ networkPolicy: { apiServers: ['10.0.0.1'] } }, /networkPolicy\/apiServers/],
      [{ callers: { names: ['a,b'] } }, /callers\/names/],
      [{ test: { namespace: 'kube-system' } }, /test\/namespace/],
      [{ parts: { sale: false, workloads: false } }, /parts/],
      [{ namespaces: ['Shop'] }, /namespaces\/0/],
    ] as const;
    for (const [values, message] of wrong) assert.throws(() => render(chart, { values }), message);
  });

  test('has a word about each of its values', () => {
    const lines = readFileSync(join(chart, 'values.yaml'), 'utf8');
    const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8'));
    const known = Object.keys(schema.properties).filter((it) => it !== 'global');
    assert.deepEqual(Object.keys(parse(lines)).sort(), known.sort());
  });

  test('is rendered by helm itself as it is here', async (t) => {
    const args = [
      'template',
      'spikegate',
      chart,
      '--namespace',
      namespace,
      '--kube-version',
      `1.${oldestMinor}`,
    ];
    const helm = promisify(execFile)('helm', [...args, '--no-hooks', '--include-crds'], {
      maxBuffer: 64 << 20,
    });
    const answer = await helm.catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (!answer) return t.skip('there is no helm on the PATH');
    const { parseAllDocuments } = await import('yaml');
    const objects = parseAllDocuments(answer.stdout).flatMap((it) => (it.toJS() as Manifest | null) ?? []);
    assert.deepEqual(byId(objects), byId(kustomized['self-signed']));
  });
});
