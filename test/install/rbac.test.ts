// The permissions are what the code uses: while `serve` goes through everything it does, under its service account on
// an API server with RBAC, it is never forbidden anything, and of what it is permitted nothing is left unused.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Part } from '../../src/api/kinds.ts';
import { type Extent, everything } from '../../src/manifests/extent.ts';
import { deployment } from '../../src/manifests/names.ts';
import { certificateRbac, type PolicyRule, rbac } from '../../src/manifests/rbac.ts';
import { allChildKinds } from '../../src/workloads/child-kinds.ts';
import { explainNotFound, findBinaries } from '../control-plane/index.ts';
import { groups } from '../e2e/scenarios/index.ts';
import type { Scenario } from '../e2e/scenarios/scenario.ts';
import { controlPlane } from '../e2e/targets.ts';
import { World } from '../e2e/world.ts';
import { type Asked, auditFlags, nameOf, permits, readAudit, singles } from './audit.ts';

const found = await findBinaries();
const skip = 'missing' in found ? explainNotFound(found) : false;

/** Of all scenarios those that between them ask for everything a part asks for. */
const telling: Record<Part, string[]> = {
  sale: [
    'the original walkthrough, by name',
    'what is referred to cannot be deleted, and goes when nobody refers to it',
    'orders that got past admission take stock, or are rejected',
    'a deletion that meets an order under way waits for it',
    'an order that nobody has judged cannot be paid',
  ],
  workloads: [
    'DataService: edits, broken children, passwords and configuration',
    'ElasticWeb: the sample, every field, children put right, a dead leader, the end',
    'ImoocPod: the sample, scaling, lost and failed pods, a dead leader, the end',
    'Seckill: the sample, every field of a service, and children put right',
    'Seckill: replicas are the autoscaler’s, KEDA and Prometheus are noticed when they come',
  ],
};
/** Between them they have every rule of every variant: a part has the same rules beside the other and alone. */
const variants: (Extent & { title: string })[] = [
  { title: 'everything', ...everything },
  { title: 'only sells', parts: ['sale'], namespaces: [] },
  { title: 'only sells, in two namespaces', parts: ['sale'], namespaces: ['shop-a', 'shop-b'] },
  { title: 'only runs workloads, in two namespaces', parts: ['workloads'], namespaces: ['jobs-a', 'jobs-b'] },
];
const scenarios: Scenario[] = Object.values(groups).flat();

const isChild = ({ apiGroups: [group], resources: [resource] }: PolicyRule) =>
  allChildKinds.some((child) => child.group === group && child.plural === resource);

for (const { title, ...extent } of variants) {
  describe(`the permissions of serve that ${title}`, { skip }, () => {
    let world: World;
    let asked: Asked[];
    let dir: string;
    /** All roles that are bound to the service account. */
    const roles = [...rbac(deployment, extent), ...certificateRbac(deployment)].filter(
      ({ kind, metadata }) => /^(Cluster)?Role$/.test(kind) && !/-(viewer|editor)$/.test(metadata.name),
    );
    const rules = roles.flatMap((role) =>
      (role.rules as PolicyRule[]).map((rule) => ({ ...rule, namespace: role.metadata.namespace })),
    );
    const names = extent.parts
      .flatMap((part) => telling[part])
      // Each takes a namespace.
      .slice(0, extent.namespaces.length || undefined);

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'spikegate-audit-'));
      const { namespace, serviceAccount } = deployment;
      const user = `system:serviceaccount:${namespace}:${serviceAccount}`;
      const controllerManager = ['--kube-api-qps=200', '--kube-api-burst=400'];
      const target = await controlPlane({ apiserver: await auditFlags(dir, user), controllerManager });
      world = await World.open(target, extent);
    });
    after(async () => {
      await world?.close();
      await rm(dir, { recursive: true, force: true });
    });

    for (const name of names) {
      test(`it does: ${name}`, { timeout: 180_000 }, async () => {
        const scenario = scenarios.find((it) => it.name === name);
        assert.ok(scenario, 'no such scenario');
        await scenario.run(world);
      });
    }

    test('forbid it nothing that it asks for', async () => {
      asked = await readAudit(dir);
      assert.ok(asked.length > 100, `it asked for ${asked.length} things`);
      assert.deepEqual(
        new Set(asked.filter(({ code }) => code === 403).map((it) => JSON.stringify(it))),
        new Set(),
      );
      // Every authenticated user may ask who it is, by the cluster role system:basic-user.
      const isOfEverybody = (it: Asked) => it.resource === 'selfsubjectreviews';
      const outside = asked.filter((it) => !isOfEverybody(it) && !rules.some((rule) => permits(rule, it)));
      assert.deepEqual(
        new Set(outside.map(({ verb, group, resource }) => `${verb} ${resource}.${group}`)),
        new Set(),
      );
    });

    test('have nothing that it never asks for', (t) => {
      // In one of several namespaces is enough: they have the same roles.
      const isUsed = (rule: PolicyRule) => asked.some((it) => permits(rule, it));
      const all = rules.map(({ namespace: _, ...rule }) => rule).flatMap(singles);
      const [used, unused] = [true, false].map((wanted) => all.filter((it) => isUsed(it) === wanted));
      // Children of every kind go through the same code: a verb that one kind needs, all may need that are made at all.
      const verbs = new Set(used!.filter(isChild).map((it) => it.verbs[0]));
      const made = new Set(
        used!.filter((it) => isChild(it) && it.verbs[0] === 'create').map((it) => it.resources[0]),
      );
      const isShared = (it: PolicyRule) => isChild(it) && verbs.has(it.verbs[0]) && made.has(it.resources[0]);
      // Looked at by an admission plugin of the API server, never asked for.
      const isLookedAt = ({ resources: [resource = ''] }: PolicyRule) => resource.endsWith('/finalizers');
      // One recorder writes the events of both parts, and patches those that come again. A sale of three scenarios has none.
      const isOfRecorder = (it: PolicyRule) => nameOf(it) === 'patch events' && title !== 'everything';
      const needless = unused!.filter((it) => !isShared(it) && !isLookedAt(it) && !isOfRecorder(it));
      t.diagnostic(
        `needed by other kinds of children only: ${unused!.filter(isShared).map(nameOf).join(', ')}`,
      );
      // Two scenarios in two namespaces do not go through all that a part can do.
      if (extent.namespaces.length > 0) return;
      assert.deepEqual(needless.map(nameOf), []);
    });
  });
}
