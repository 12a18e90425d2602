// Whatever was edited, broken or killed, and in whatever order: what is left is what the last spec describes. The
// oracle is a twin with that spec which never saw any of it.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { ElasticWeb, type ElasticWebSpec } from '../../src/api/elastic-web.ts';
import { ImoocPod } from '../../src/api/imooc-pod.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import { elasticWeb } from '../refusals/elastic-web.ts';
import { Lab, pause, soon } from './lab.ts';
import { deploymentsV1, podsV1, servicesV1 } from './resources.ts';

/** SEED repeats one run; RUNS makes more of them. */
const seeds = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from({ length: Number(process.env.RUNS ?? 6) }, (_, index) => index + 1);
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

type Random = () => number;

/** mulberry32. */
function random(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pick = <T>(next: Random, items: readonly T[]): T => items[Math.floor(next() * items.length)]!;

/** What may be in the way of a person who breaks things: the thing is gone already, or two wrote at once. */
async function trying(attempt: Promise<unknown>): Promise<void> {
  try {
    await attempt;
  } catch (error) {
    const { code } = error as { code?: number };
    if (!isNotFound(error) && code !== 409 && code !== 422) throw error;
  }
}

describe('the last spec decides', { timeout: 240_000 }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  afterEach(() => lab.stopLeader());
  after(() => lab.close());

  const specEdits = (next: Random): object =>
    pick<() => object>(next, [
      () => ({ totalQPS: pick(next, [0, 1, 400, 700, 1600, 3000]) }),
      () => ({ singlePodQPS: pick(next, [100, 500, 1000]) }),
      () => ({ image: pick(next, ['tomcat:8', 'tomcat:9', 'tomcat:10']) }),
      () => ({ port: pick(next, [8081, 8082, 80]) }),
      () => ({ podPort: 9000, targetPort: pick(next, [9000, 'web', 9001]) }),
      () => ({ protocol: pick(next, ['TCP', 'UDP', 'Both']) }),
      () => ({ serviceType: pick(next, ['LoadBalancer', 'NodePort', 'ClusterIP']) }),
      () => ({
        resources: pick<unknown>(next, [null, { limits: { cpu: '1000m' }, requests: { cpu: '0.1' } }]),
      }),
      () => ({ env: pick<unknown>(next, [null, [{ name: 'A', value: 'b' }], [{ name: 'C', value: '1' }]]) }),
      () => ({ mtargetPort: pick<unknown>(next, [null, 8090, 'metric']) }),
      () => ({ minReplicas: pick<unknown>(next, [null, 1]), maxReplicas: pick<unknown>(next, [null, 4]) }),
    ])();

  const breaks = (next: Random, ns: string): Promise<unknown> => {
    const deployment = (patch: object) => lab.patch(deploymentsV1, ns, 'web', patch);
    const service = (patch: object) => lab.patch(servicesV1, ns, 'web', patch);
    return pick<() => Promise<unknown>>(next, [
      () => lab.client.delete(deploymentsV1, { namespace: ns, name: 'web' }),
      () => lab.client.delete(servicesV1, { namespace: ns, name: 'web' }),
      () => deployment({ spec: { replicas: 9 } }),
      () => deployment({ metadata: { labels: { 'app.kubernetes.io/managed-by': null } } }),
      () => deployment({ metadata: { annotations: { 'spikegate.io/applied': null } } }),
      () => deployment({ metadata: { ownerReferences: null } }),
      () =>
        deployment({
          spec: { template: { spec: { containers: [{ name: 'elastic-app', image: 'bad:1' }] } } },
        }),
      () => service({ spec: { selector: { odd: 'one' } } }),
      () => service({ spec: { ports: [{ name: 'theirs', port: 7, protocol: 'TCP' }] } }),
      () => service({ metadata: { labels: { app: 'other' } } }),
    ])();
  };

  async function restart(next: Random): Promise<void> {
    lab.killLeader();
    await pause(next() * 30);
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
    const deployments = (await all(deploymentsV1)).map(({ metadata, spec }) => ({
      ...{ name: metadata.name, labels: metadata.labels, spec },
    }));
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
    it(`ElasticWeb, seed ${seed}`, async () => {
      const next = random(seed);
      const ns = await lab.namespace();
      await lab.lead();
      await lab.create(ElasticWeb, ns, 'web', { spec: elasticWeb('web').spec });
      for (let step = 0; step < 25; step++) {
        const dice = next();
        if (dice < 0.5) await trying(lab.patch(ElasticWeb, ns, 'web', { spec: specEdits(next) }));
        else if (dice < 0.85) await trying(breaks(next, ns));
        else await restart(next);
        await pause(next() * 40);
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
    });

    it(`ImoocPod, seed ${seed}`, async () => {
      const next = random(seed * 7919);
      const ns = await lab.namespace();
      await lab.lead();
      await lab.create(ImoocPod, ns, 'fleet', { spec: { replicas: 3 } });
      const pods = async () => (await lab.client.list(podsV1, { namespace: ns })).items;
      for (let step = 0; step < 25; step++) {
        const dice = next();
        if (dice < 0.4)
          await lab.patch(ImoocPod, ns, 'fleet', { spec: { replicas: Math.floor(next() * 15) } });
        else if (dice < 0.8) {
          const key = { namespace: ns, name: pick(next, await pods())?.metadata.name ?? 'none' };
          const status = { phase: 'Failed' };
          await trying(
            next() < 0.7
              ? lab.client.delete(podsV1, key)
              : lab.client.patch(podsV1, key, { status }, { type: 'merge', subresource: 'status' }),
          );
        } else await restart(next);
        await pause(next() * 40);
      }
      await soon(async () => {
        const { status, spec } = await lab.client.get(ImoocPod, { namespace: ns, name: 'fleet' });
        const living = (await pods()).map(({ metadata }) => metadata.name).sort();
        assert.equal(living.length, spec.replicas);
        assert.deepEqual(status?.podNames, living);
        assert.equal(status?.readyReplicas, spec.replicas);
        assert.equal(status?.phase, 'Ready');
      }, settleMs);
    });
  }
});
