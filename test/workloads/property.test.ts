// Whatever was edited, broken or killed, and in whatever order: what is left is what the last spec describes. The
// oracle is a twin with that spec which never saw any of it.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { ElasticWeb, type ElasticWebSpec } from '../../src/api/elastic-web.ts';
import { ImoocPod } from '../../src/api/imooc-pod.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { elasticWeb } from '../refusals/elastic-web.ts';
import { Random } from '../simulation/random.ts';
import { Lab, pause, soon } from './lab.ts';
import { deploymentsV1, podsV1, servicesV1 } from './resources.ts';
import { Story, seedsOf, timeoutFor } from './seeds.ts';

const seeds = seedsOf(6);
/** What the server gives to a Service, and may leave there when its type changes. */
const allocated = [
  'clusterIP',
  'clusterIPs',
  'healthCheckNodePort',
  'allocateLoadBalancerNodePorts',
  'externalTrafficPolicy',
  'internalTrafficPolicy',
];
const settleMs = 15_000;

const a = { name: 'A', value: 'b' };
const c = { name: 'C', value: '$(A)' };

/** What may be in the way of a person who breaks things: the thing is gone already, or two wrote at once. */
async function trying(attempt: Promise<unknown>): Promise<void> {
  try {
    await attempt;
  } catch (error) {
    const { code } = error as { code?: number };
    if (!isNotFound(error) && code !== 409 && code !== 422) throw error;
  }
}

describe('the last spec decides', { timeout: timeoutFor(seeds, 2) }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  afterEach(() => lab.stopLeader());
  after(() => lab.close());

  const specEdits = (next: Random): object =>
    next.pick<() => object>([
      () => ({ totalQPS: next.pick([0, 1, 400, 700, 1600, 3000]) }),
      () => ({ singlePodQPS: next.pick([100, 500, 1000]) }),
      () => ({ image: next.pick(['tomcat:8', 'tomcat:9', 'tomcat:10']) }),
      () => ({ port: next.pick([8081, 8082, 80]) }),
      () => ({ podPort: 9000, targetPort: next.pick([9000, 'web', 9001]) }),
      () => ({ protocol: next.pick(['TCP', 'UDP', 'Both']) }),
      () => ({ serviceType: next.pick(['LoadBalancer', 'NodePort', 'ClusterIP']) }),
      () => ({
        resources: next.pick<unknown>([null, { limits: { cpu: '1000m' }, requests: { cpu: '0.1' } }]),
      }),
      () => ({ env: next.pick<unknown>([null, [a], [c], [a, c], [c, a]]) }),
      () => ({ mtargetPort: next.pick<unknown>([null, 8090, 'metric']) }),
      () => ({ minReplicas: next.pick<unknown>([null, 1]), maxReplicas: next.pick<unknown>([null, 4]) }),
    ])();

  const breaks = (next: Random, ns: string): [string, () => Promise<unknown>] => {
    const deployment = (patch: object) => () => lab.patch(deploymentsV1, ns, 'web', patch);
    const service = (patch: object) => () => lab.patch(servicesV1, ns, 'web', patch);
    const badImage = { containers: [{ name: 'elastic-app', image: 'bad:1' }] };
    return next.pick<[string, () => Promise<unknown>]>([
      ['no Deployment', () => lab.client.delete(deploymentsV1, { namespace: ns, name: 'web' })],
      ['no Service', () => lab.client.delete(servicesV1, { namespace: ns, name: 'web' })],
      ['9 replicas', deployment({ spec: { replicas: 9 } })],
      ['not managed', deployment({ metadata: { labels: { 'app.kubernetes.io/managed-by': null } } })],
      ['not applied', deployment({ metadata: { annotations: { 'spikegate.io/applied': null } } })],
      ['no owner', deployment({ metadata: { ownerReferences: null } })],
      ['bad image', deployment({ spec: { template: { spec: badImage } } })],
      ['odd selector', service({ spec: { selector: { odd: 'one' } } })],
      ['odd port', service({ spec: { ports: [{ name: 'theirs', port: 7, protocol: 'TCP' }] } })],
      ['odd label', service({ metadata: { labels: { app: 'other' } } })],
    ]);
  };

  async function restart(next: Random): Promise<void> {
    lab.killLeader();
    await pause(next.int(0, 30));
    await lab.lead();
  }

  const children = async (ns: string) => {
    const all = async <T extends KubeObject>(resource: Resource<T>) =>
      (
        await lab.client.list(resource, {
          namespace: ns,
          labelSelector: 'app.kubernetes.io/managed-by=spikegate',
        })
      ).items;
    const deployments = (await all(deploymentsV1)).map(({ metadata, spec }) => {
      // The ports of a container are a set: server-side apply adds to it at its end.
      for (const { ports = [] } of spec.template.spec.containers as { ports?: object[] }[])
        ports.sort(byText);
      return { name: metadata.name, labels: metadata.labels, spec };
    });
    const services = (await all(servicesV1)).map(({ metadata, spec }) => {
      const rest: Record<string, unknown> = { ...spec };
      for (const field of allocated) delete rest[field];
      const ports = spec.ports?.map(({ nodePort, ...port }) => ({
        ...port,
        hasNodePort: Boolean(nodePort),
      }));
      return { name: metadata.name, labels: metadata.labels, spec: { ...rest, ports: ports?.sort(byText) } };
    });
    return { deployments: deployments.sort(byText), services: services.sort(byText) };
  };
  const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

  for (const seed of seeds) {
    it(`ElasticWeb, seed ${seed}`, () => {
      const story = new Story(seed);
      return story.of(() => elasticWebProperty(new Random(seed), story));
    });
    it(`ImoocPod, seed ${seed}`, () => {
      const story = new Story(seed);
      return story.of(() => imoocPodProperty(new Random(seed * 7919), story));
    });
  }

  async function elasticWebProperty(next: Random, story: Story): Promise<void> {
    const ns = await lab.namespace();
    await lab.lead();
    await lab.create(ElasticWeb, ns, 'web', { spec: elasticWeb('web').spec });
    for (let step = 0; step < 25; step++) {
      const dice = next.next();
      if (dice < 0.5) {
        const spec = specEdits(next);
        story.tell('edit', spec);
        await trying(lab.patch(ElasticWeb, ns, 'web', { spec }));
      } else if (dice < 0.85) {
        const [what, breakIt] = breaks(next, ns);
        story.tell('break', what);
        await trying(breakIt());
      } else {
        story.tell('kill the leader');
        await restart(next);
      }
      await pause(next.int(0, 40));
    }
    const { spec } = await lab.client.get(ElasticWeb, { namespace: ns, name: 'web' });
    const twin = await lab.namespace();
    await lab.create(ElasticWeb, twin, 'web', { spec: spec as ElasticWebSpec });
    await soon(async () => {
      for (const namespace of [ns, twin]) {
        const { status, metadata } = await lab.client.get(ElasticWeb, { namespace, name: 'web' });
        assert.equal(status?.phase, 'Ready', JSON.stringify(status));
        assert.equal(status?.observedGeneration, metadata.generation);
      }
      assert.deepEqual(await children(ns), await children(twin));
    }, settleMs);
  }

  async function imoocPodProperty(next: Random, story: Story): Promise<void> {
    const ns = await lab.namespace();
    await lab.lead();
    await lab.create(ImoocPod, ns, 'fleet', { spec: { replicas: 3 } });
    const pods = async () => (await lab.client.list(podsV1, { namespace: ns })).items;
    for (let step = 0; step < 25; step++) {
      const dice = next.next();
      if (dice < 0.4) {
        const spec = { replicas: next.int(0, 14) };
        story.tell('edit', spec);
        await lab.patch(ImoocPod, ns, 'fleet', { spec });
      } else if (dice < 0.8) {
        const name = next.pick(await pods())?.metadata.name ?? 'none';
        const fails = next.chance(0.3);
        story.tell(fails ? 'fail' : 'delete', name);
        await trying(fails ? fail(ns, name) : lab.client.delete(podsV1, { namespace: ns, name }));
      } else {
        story.tell('kill the leader');
        await restart(next);
      }
      await pause(next.int(0, 40));
    }
    await soon(async () => {
      const { status, spec } = await lab.client.get(ImoocPod, { namespace: ns, name: 'fleet' });
      const living = (await pods()).map(({ metadata }) => metadata.name).sort();
      assert.equal(living.length, spec.replicas, JSON.stringify(status));
      assert.deepEqual(status?.podNames, living);
      assert.equal(status?.readyReplicas, spec.replicas);
      assert.equal(status?.phase, 'Ready');
    }, settleMs);
  }

  const fail = (namespace: string, name: string): Promise<unknown> =>
    lab.client.patch(
      podsV1,
      { namespace, name },
      { status: { phase: 'Failed' } },
      { type: 'merge', subresource: 'status' },
    );
});
