// In a namespace that admits only Pod Security "restricted", a real API server lets the pods of every workload in; an owner
// that says AsImage gets none, and a child that was there before the label keeps its pods until the label comes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deployments, pods } from '../../src/workloads/child-kinds.ts';
import { enforceLabel } from '../../src/workloads/pod-security.ts';
import { explainNotFound, findBinaries } from '../control-plane/index.ts';
import { controlPlane } from '../e2e/targets.ts';
import { eventually, namespaces, World } from '../e2e/world.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : false;
const resource = (of: { group: string; kind: string; plural: string }) => ({
  ...{ group: of.group, version: 'v1', kind: of.kind, plural: of.plural, namespaced: true },
});

const elasticWeb = (name: string, more = '') => `
apiVersion: elasticweb.example.com/v1
kind: ElasticWeb
metadata: { name: ${name} }
spec: { image: a, port: 80, podPort: 8080, singlePodQPS: 1, totalQPS: 1, serviceType: ClusterIP${more} }
`;
const seckill = `
apiVersion: ops.couponkill.io/v1
kind: Seckill
metadata: { name: s }
spec: { services: { goService: { enabled: true, image: a, replicas: 1 } } }
`;

describe('Pod Security "restricted"', { skip }, () => {
  let world: World;
  before(async () => {
    world = await World.open(await controlPlane());
    await world.serve(1);
  });
  after(() => world?.close());

  const podsIn = async (namespace: string) => (await world.client.list(resource(pods), { namespace })).items;
  const label = (namespace: string) =>
    world.client.patch(
      namespaces,
      { name: namespace },
      { metadata: { labels: { [enforceLabel]: 'restricted' } } },
      { type: 'merge' },
    );

  test('pods come up where it is enforced, unless the owner says AsImage', { timeout: 120_000 }, async () => {
    const namespace = await world.namespace();
    await label(namespace);
    await world.create(namespace, elasticWeb('as-image', ', podSecurity: AsImage'));
    await world.create(namespace, elasticWeb('web'));
    await world.create(namespace, seckill);
    await eventually(async () => {
      const names = (await podsIn(namespace)).map(({ metadata }) => metadata.name);
      assert.ok(
        names.some((name) => name.startsWith('web-')) && names.some((name) => name.startsWith('s-')),
        `${names}`,
      );
    });
    assert.ok((await podsIn(namespace)).every(({ metadata }) => !metadata.name.startsWith('as-image')));
  });

  test('a child of earlier is not rolled, and follows the label when it comes', {
    timeout: 120_000,
  }, async () => {
    const namespace = await world.namespace();
    await world.create(namespace, elasticWeb('web'));
    const read = async () => {
      const child = await world.client.get(resource(deployments), { namespace, name: 'web' });
      return child as unknown as { spec: { template: { spec: { securityContext?: object } } } };
    };
    await eventually(async () => assert.equal((await podsIn(namespace)).length, 1));
    assert.deepEqual((await read()).spec.template.spec.securityContext, {});
    await label(namespace);
    await eventually(async () =>
      assert.deepEqual((await read()).spec.template.spec.securityContext, {
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      }),
    );
  });
});
