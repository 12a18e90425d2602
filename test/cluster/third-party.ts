// Programs of others that a topic installs in the cluster: built from their Go modules, with the manifests that lie in
// the same modules. Nothing of them is in this repository. What a manifest names by an image of a registry runs from an
// image that is made here.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { KubeObject } from '../../src/kube/objects.ts';
import { eventually } from '../e2e/world.ts';
import { sourceOf } from '../go-modules/build.ts';
import type { Lab } from './harness.ts';
import { imageFrom } from './images.ts';
import { ensureModules, type ModuleName, programPath } from './programs.ts';

interface Container {
  name: string;
  image: string;
  imagePullPolicy?: string;
  args?: string[];
}

interface ThirdParty {
  module: ModuleName;
  /** The Go module's path. */
  path: string;
  /** Of the manifests, in the module: a file of objects or a folder for kustomize. */
  manifests: string;
  namespace: string;
  /** The built program, by the name of the container that runs it, and where the container looks for it. */
  programs: Record<string, { program: string; at: string }>;
  /** Adapts an object of the manifests, or leaves it out. */
  adapt?: (object: KubeObject, containers: Container[]) => KubeObject | undefined;
}

const metricsServer: ThirdParty = {
  module: 'metrics-server',
  path: 'sigs.k8s.io/metrics-server',
  manifests: 'manifests/base',
  namespace: 'kube-system',
  programs: { 'metrics-server': { program: 'metrics-server', at: '/metrics-server' } },
  adapt(object, containers) {
    for (const container of containers) {
      container.args = (container.args ?? []).filter((arg) => !arg.startsWith('--metric-resolution'));
      // The kubelet's certificate is one of the cluster's own CA, which the manifests do not know.
      container.args.push(
        '--kubelet-insecure-tls',
        '--metric-resolution=10s',
        '--kubelet-request-timeout=5s',
      );
    }
    return object;
  },
};

const prometheusOperator: ThirdParty = {
  module: 'prometheus-operator',
  path: 'github.com/prometheus-operator/prometheus-operator',
  manifests: 'bundle.yaml',
  namespace: 'default',
  programs: { 'prometheus-operator': { program: 'prometheus-operator', at: '/bin/operator' } },
  adapt(object, containers) {
    for (const container of containers) {
      const args = container.args ?? [];
      container.args = args.map((arg) =>
        arg.startsWith('--prometheus-config-reloader=')
          ? `--prometheus-config-reloader=${imageOf('prometheus-config-reloader')}`
          : arg,
      );
    }
    return object;
  },
};

const keda: ThirdParty = {
  module: 'keda',
  path: 'github.com/kedacore/keda/v2',
  manifests: 'config/default',
  namespace: 'keda',
  programs: {
    'keda-operator': { program: 'keda-operator', at: '/keda' },
    'keda-metrics-apiserver': { program: 'keda-adapter', at: '/keda-adapter' },
  },
  // Its validating webhooks are a third program, which scales nothing.
  adapt: (object) =>
    object.metadata.name.startsWith('keda-admission') || object.kind === 'ValidatingWebhookConfiguration'
      ? undefined
      : object,
};

export const installMetricsServer = (lab: Lab) => install(lab, metricsServer);
export const installKeda = (lab: Lab) => install(lab, keda);

/** The operator, and the images of the Prometheus that it starts. */
export async function installPrometheusOperator(lab: Lab): Promise<Installed> {
  const installed = await install(lab, prometheusOperator);
  await loadProgram(lab, 'prometheus-config-reloader', '/bin/prometheus-config-reloader');
  await ensureModules(['prometheus'], () => {});
  await loadProgram(lab, 'prometheus', '/bin/prometheus');
  return installed;
}

export interface Installed {
  remove(): Promise<void>;
}

async function install(lab: Lab, it: ThirdParty): Promise<Installed> {
  await ensureModules([it.module], () => {});
  for (const { program, at } of Object.values(it.programs)) await loadProgram(lab, program, at);
  const text = (await objectsOf(lab, it)).map((object) => stringify(object)).join('---\n');
  await lab.kubectl(['apply', '--server-side', '-f', '-'], text);
  const deployed = ['deployment', '--all', '--namespace', it.namespace];
  await lab.kubectl(['wait', '--for=condition=Available', ...deployed, '--timeout=180s']);
  return {
    remove: async () => {
      await lab.kubectl(
        ['delete', '--ignore-not-found', '--wait=false', '--cascade=background', '-f', '-'],
        text,
      );
    },
  };
}

async function objectsOf(lab: Lab, { module, path, manifests, programs, adapt }: ThirdParty) {
  const source = join(await sourceOf(join(import.meta.dirname, 'modules', module), path), manifests);
  const text = manifests.endsWith('.yaml')
    ? readFileSync(source, 'utf8')
    : await lab.kubectl(['kustomize', source]);
  return parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as (KubeObject & { spec?: PodOwner }) | null;
    if (!object) return [];
    const containers = object.spec?.template?.spec?.containers ?? [];
    for (const container of containers) {
      const own = programs[container.name];
      if (!own) continue;
      container.image = imageOf(own.program);
      container.imagePullPolicy = 'IfNotPresent';
    }
    return adapt ? (adapt(object, containers) ?? []) : object;
  });
}

interface PodOwner {
  template?: { spec?: { containers?: Container[] } };
}

const imageOf = (program: string) => `docker.io/spikegate/${program}:1`;

/** Makes an image, takes it to the node, and keeps no archive of it. */
export async function loadImage(lab: Lab, pack: (folder: string) => Promise<string>): Promise<void> {
  const folder = mkdtempSync(join(lab.cluster.dir, 'image-'));
  try {
    await lab.cluster.load(await pack(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const loadProgram = (lab: Lab, program: string, at: string) =>
  loadImage(lab, (folder) =>
    imageFrom(folder, {
      name: imageOf(program),
      files: { [at]: { from: programPath(program) } },
      entrypoint: [at],
      user: '65532:65532',
    }),
  );

/** A Prometheus of the operator that follows every ServiceMonitor and every rule of its namespace. */
/** The chart's role for those who may read Spikegate's metrics. */
const metricsReader = 'spikegate-metrics-reader';

export async function startPrometheus(lab: Lab, namespace: string): Promise<void> {
  const metadata = { name: 'prometheus', namespace };
  const subjects = [{ kind: 'ServiceAccount', name: 'prometheus', namespace }];
  await lab.cluster.applyAll([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      subjects,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `${namespace}-prometheus` },
      subjects,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metricsReader },
    },
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'Prometheus',
      metadata,
      spec: {
        image: imageOf('prometheus'),
        version: 'v3.5.0',
        replicas: 1,
        serviceAccountName: 'prometheus',
        serviceMonitorSelector: {},
        ruleSelector: {},
        scrapeInterval: '5s',
        evaluationInterval: '5s',
        resources: { requests: { cpu: '50m', memory: '100Mi' } },
      },
    },
  ]);
  const pod = ['pod', 'prometheus-prometheus-0', '--namespace', namespace];
  await eventually(() => lab.kubectl(['get', ...pod]), 60_000);
  await lab.kubectl(['wait', '--for=condition=Ready', ...pod, '--timeout=120s']);
}
