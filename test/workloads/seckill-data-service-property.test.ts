// Seckill and DataService, edited, broken and killed at random: what is left is what the last spec describes. The
// oracle is a twin with that spec which never saw any of it.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { DataService } from '../../src/api/data-service.ts';
import type { CustomObject } from '../../src/api/define-kind.ts';
import { Seckill, seckillFields } from '../../src/api/seckill.ts';
import { resourceIn } from '../../src/kube/discovery.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import {
  autoscalers,
  configMaps,
  daemonSets,
  deployments,
  disruptionBudgets,
  services,
  statefulSets,
} from '../../src/workloads/child-kinds.ts';
import { Random } from '../simulation/random.ts';
import { Lab, pause, soon } from './lab.ts';
import { Story, seedsOf, timeoutFor } from './seeds.ts';

const seeds = seedsOf(3);
const settleMs = 30_000;

type Owner = CustomObject<unknown, { phase?: string; observedGeneration?: number }>;
const children: Resource[] = [
  ...[deployments, statefulSets, daemonSets, services, configMaps, disruptionBudgets].map((kind) =>
    resourceIn(kind, 'v1'),
  ),
  resourceIn(autoscalers, 'v1'),
];

async function trying(attempt: Promise<unknown>): Promise<void> {
  try {
    await attempt;
  } catch (error) {
    const { code } = error as { code?: number };
    if (!isNotFound(error) && code !== 409 && code !== 422) throw error;
  }
}

/** The order of keys does not count. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const a = { name: 'A', value: '1' };
const c = { name: 'C', value: '$(A)' };
const maybe = (next: Random, value: unknown): unknown => (next.chance(0.5) ? value : null);

function seckillEdit(next: Random): object {
  const field = next.pick(seckillFields);
  const service = (more: object) => ({ services: { [field]: more } });
  return next.pick<() => object>([
    () => service({ enabled: next.chance(0.7), image: 'shop/any:1' }),
    () => service({ image: `shop/any:${next.int(1, 3)}` }),
    () => service({ replicas: next.int(0, 3) }),
    () => service({ ports: [{ name: 'http', port: next.int(80, 82), targetPort: next.int(8080, 8082) }] }),
    () => service({ env: maybe(next, [a, c].slice(next.int(0, 1))) }),
    () => service({ env: next.chance(0.5) ? [a, c] : [c, a] }),
    () => service({ resources: maybe(next, { requests: { cpu: next.pick(['1000m', 1, '250m']) } }) }),
    () => ({ scaling: { hpa: { enabled: next.chance(0.5), minReplicas: 2, maxReplicas: next.int(2, 5) } } }),
    () => ({ monitoring: { enabled: next.chance(0.5), grafanaEnabled: true } }),
  ])();
}

function dataServiceEdit(next: Random): object {
  const name = next.pick(['auth', 'proxy', 'web', 'eureka'] as const);
  const one = (more: object) => ({ [name]: { image: 'shop/any:1', ...more } });
  return next.pick<() => object>([
    () => ({ [name]: null }),
    () => one({ image: `shop/any:${next.int(1, 3)}` }),
    () => one({ replica: next.int(1, 3) }),
    () => one({ port: next.pick<unknown>([9000, [9000, 9001], [{ name: 'a', port: 9002 }], null]) }),
    () => one({ env: maybe(next, { A: `${next.int(1, 3)}` }) }),
    () => ({ eureka: { kind: next.int(0, 2), image: 'shop/any:1' } }),
    () => ({ web: { image: 'shop/web:1', config: maybe(next, { 'app.config.js': `${next.int(1, 3)}` }) } }),
    () => ({ mysql: maybe(next, { kind: 1 }) }),
  ])();
}

const kinds = [
  {
    resource: Seckill as unknown as Resource<Owner>,
    spec: {
      services: { goService: { enabled: true, image: 'shop/go:1', replicas: 2, ports: [{ port: 80 }] } },
    },
    edit: seckillEdit,
  },
  {
    resource: DataService as unknown as Resource<Owner>,
    spec: { mysql: { kind: 1 }, auth: { image: 'shop/auth:1' }, web: { image: 'shop/web:1' } },
    edit: dataServiceEdit,
  },
];

describe('the last spec of a Seckill or DataService decides', { timeout: timeoutFor(seeds, 2) }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  afterEach(() => lab.stopLeader());
  after(() => lab.close());

  const owned = async (resource: Resource, namespace: string): Promise<KubeObject[]> =>
    (await lab.client.list(resource, { namespace, labelSelector: 'app.kubernetes.io/managed-by=spikegate' }))
      .items;

  /** Not the owner reference: who takes it off a child that is about to go has taken the child. */
  async function breakOne(next: Random, namespace: string, story: Story): Promise<void> {
    const resource = next.pick(children);
    const all = await owned(resource, namespace);
    if (all.length === 0) return;
    const key = { namespace, name: next.pick(all).metadata.name };
    const patch = (change: object) => () => lab.client.patch(resource, key, change, { type: 'merge' });
    const [what, breakIt] = next.pick<[string, () => Promise<unknown>]>([
      ['delete', () => lab.client.delete(resource, key)],
      ['not applied', patch({ metadata: { annotations: { 'spikegate.io/applied': null } } })],
      resource.kind === 'ConfigMap'
        ? ['odd data', patch({ data: { odd: 'one' } })]
        : ['odd label', patch({ metadata: { labels: { odd: 'one' } } })],
      resource.kind === 'Service'
        ? ['odd selector', patch({ spec: { selector: { odd: 'one' } } })]
        : ['odd part', patch({ metadata: { labels: { 'app.kubernetes.io/part-of': 'odd' } } })],
    ]);
    story.tell(`break ${resource.kind} ${key.name}`, what);
    await trying(breakIt());
  }

  /** All that the spec decides; what differs from one namespace to the other is put in the same words. */
  async function world(namespace: string): Promise<string[]> {
    const lists = await Promise.all(children.map((resource) => owned(resource, namespace)));
    const scaled = lists[children.length - 1]!.map(({ metadata }) => metadata.name.replace(/-hpa$/, ''));
    return lists
      .flat()
      .map(({ kind, metadata, ...rest }) => {
        const { spec, data } = rest as unknown as { spec?: Record<string, unknown>; data?: object };
        const { clusterIP: _, clusterIPs: __, ...own } = spec ?? {};
        if (kind === 'Deployment' && scaled.includes(metadata.name)) delete own.replicas;
        return JSON.stringify([kind, metadata.name, own, data], sorted)
          .replaceAll(namespace, 'NAMESPACE')
          .replaceAll(/"spikegate.io\/config":"\w+"/g, '"spikegate.io/config":""');
      })
      .sort();
  }

  for (const kind of kinds) {
    for (const seed of seeds) {
      it(`${kind.resource.kind}, seed ${seed}`, () => {
        const story = new Story(seed);
        return story.of(() => property(kind, new Random(seed), story));
      });
    }
  }

  async function property(
    { resource, spec, edit }: (typeof kinds)[number],
    next: Random,
    story: Story,
  ): Promise<void> {
    const [namespace, twin] = [await lab.namespace(), await lab.namespace()];
    await lab.lead();
    await lab.create(resource, namespace, 'one', { spec });
    for (let step = 0; step < 25; step++) {
      const dice = next.next();
      if (dice < 0.5) {
        const change = edit(next);
        story.tell('edit', change);
        await trying(lab.patch(resource, namespace, 'one', { spec: change }));
      } else if (dice < 0.88) {
        await breakOne(next, namespace, story);
      } else {
        story.tell('kill the leader');
        lab.killLeader();
        await pause(next.int(0, 30));
        await lab.lead();
      }
      await pause(next.int(0, 40));
    }
    const last = await lab.client.get(resource, { namespace, name: 'one' });
    await lab.create(resource, twin, 'one', { spec: last.spec });
    await soon(async () => {
      for (const place of [namespace, twin]) {
        const { status, metadata } = await lab.client.get(resource, { namespace: place, name: 'one' });
        assert.equal(status?.phase, 'Ready', JSON.stringify(status));
        assert.equal(status?.observedGeneration, metadata.generation);
      }
      assert.deepEqual(await world(namespace), await world(twin));
    }, settleMs);
  }
});
