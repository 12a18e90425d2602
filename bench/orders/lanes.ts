// Ways for the same order into one API server, side by side, so that they can take turns: SpikeOrder itself, and
// copies of its definition in groups without webhooks, with webhooks that do nothing, with one that fills in, and
// with a quota.
import { join } from 'node:path';
import type { Kind } from '../../src/api/define-kind.ts';
import { SpikeOrder } from '../../src/api/spike-order.ts';
import type { Client } from '../../src/kube/client.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { crdOf, type Manifest } from '../../src/manifests/crd.ts';
import { resourceOf } from '../../src/manifests/install.ts';
import { Balancer } from '../../test/e2e/balancer.ts';
import { eventually, namespaces } from '../../test/e2e/world.ts';
import { servingPair } from '../pki.ts';
import { Worker } from '../worker.ts';

export const laneNames = ['plain', 'noop', 'patch', 'quota', 'spikegate'] as const;
export type LaneName = (typeof laneNames)[number];

export interface Lane {
  name: LaneName;
  namespace: string;
  path: string;
  apiVersion: string;
}

export function laneOf(name: LaneName): Lane {
  const { group, version } = kindOf(name);
  const namespace = `bench-${name}`;
  const path = `/apis/${group}/${version}/namespaces/${namespace}/${SpikeOrder.plural}`;
  return { name, namespace, path, apiVersion: `${group}/${version}` };
}

function kindOf(name: LaneName): Kind {
  const kind = SpikeOrder as Kind;
  if (name === 'spikegate') return kind;
  const group = `${name}.bench.spikegate.io`;
  return { ...kind, group, apiVersion: `${group}/${kind.version}`, shortNames: [] };
}

async function apply(admin: Client, manifest: Manifest): Promise<void> {
  await admin.apply(resourceOf(manifest), manifest, { fieldManager: 'bench', force: true });
}

/** CRDs and namespaces of every lane, and the quota. The quota's controller looks for new kinds twice a minute. */
export async function openLanes(admin: Client): Promise<void> {
  for (const name of laneNames) {
    if (name === 'spikegate') continue;
    const { namespace } = laneOf(name);
    await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await apply(admin, crdOf(kindOf(name)));
  }
  const { namespace } = laneOf('quota');
  await admin.create(quotas, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'ample', namespace },
    spec: { hard: { [counted]: '1000000000' } },
  });
}

interface Quota extends KubeObject {
  spec: { hard: Record<string, string> };
  status?: { used?: Record<string, string> };
}

const counted = `count/${SpikeOrder.plural}.${kindOf('quota').group}`;
const quotas: Resource<Quota> = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
};

/** Resolves when the quota counts; rejects after `withinMs`. */
export async function quotaCounts(admin: Client, withinMs: number): Promise<void> {
  const { namespace } = laneOf('quota');
  await eventually(async () => {
    const { status } = await admin.get(quotas, { namespace, name: 'ample' });
    if (!status?.used?.[counted]) throw new Error('the quota does not count yet');
  }, withinMs);
}

export interface Noop {
  workers: Worker[];
  balancer: Balancer;
  stop(): Promise<void>;
}

/** What the mutating webhook of the `patch` lane answers: as many fields, and as long, as ours fills in. */
const filledIn = [
  { op: 'add', path: '/spec/isPay', value: false },
  { op: 'add', path: '/spec/orderId', value: '00000000-0000-4000-8000-000000000000' },
  { op: 'add', path: '/spec/createTime', value: '2026-01-01T00:00:00.000Z' },
  { op: 'add', path: '/spec/expiredTime', value: '2026-01-01T00:05:00.000Z' },
];

/** Two processes that answer "allowed", behind a balancer as ours are, called as ours are. */
export async function startNoop(admin: Client): Promise<Noop> {
  const pair = await servingPair();
  const file = join(import.meta.dirname, '..', 'admission', 'bare-server.ts');
  const workers = [new Worker(file), new Worker(file)];
  const balancer = await Balancer.listen();
  balancer.backends = await Promise.all(workers.map((worker) => worker.ask<number>('start', pair)));
  const patch = Buffer.from(JSON.stringify(filledIn)).toString('base64');
  const fillsIn = { path: '/mutate-patch', response: { allowed: true, patchType: 'JSONPatch', patch } };
  await Promise.all(workers.map((worker) => worker.ask('answer', fillsIn as never)));
  for (const lane of ['noop', 'patch'] as const) {
    for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']) {
      await apply(admin, noopConfiguration(lane, kind, `https://127.0.0.1:${balancer.port}`, pair.ca));
    }
  }
  return {
    workers,
    balancer,
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await balancer.close();
    },
  };
}

function noopConfiguration(lane: LaneName, kind: string, url: string, ca: string): Manifest {
  const { group, version, plural } = kindOf(lane);
  const mutating = kind === 'MutatingWebhookConfiguration';
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: `bench-${lane}` },
    webhooks: [
      {
        name: `${lane}.bench.spikegate.io`,
        admissionReviewVersions: ['v1'],
        clientConfig: {
          url: `${url}/${mutating ? 'mutate' : 'validate'}-${lane}`,
          caBundle: Buffer.from(ca).toString('base64'),
        },
        rules: [{ apiGroups: [group], apiVersions: [version], operations: ['CREATE'], resources: [plural] }],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        ...(mutating ? { reinvocationPolicy: 'IfNeeded' } : {}),
        timeoutSeconds: 10,
      },
    ],
  };
}
