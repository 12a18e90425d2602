// An installation that only sells, or that is for some namespaces only: what it is permitted, what it judges, and which
// others may be beside it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { allParts, kindsOf, type Part } from '../../../src/api/kinds.ts';
import { bundle, type CertificateMode } from '../../../src/manifests/bundle.ts';
import { type Extent, everything } from '../../../src/manifests/extent.ts';
import {
  extentOf,
  installationsOf,
  isInTheWay,
  ownerNamed,
  type WebhookConfiguration,
} from '../../../src/manifests/installations.ts';
import type { Manifest } from '../../../src/manifests/manifest.ts';
import { deployment } from '../../../src/manifests/names.ts';
import type { PolicyRule } from '../../../src/manifests/rbac.ts';

const modes: CertificateMode[] = ['self-signed', 'cert-manager'];
const two = ['shop-a', 'shop-b'];
const extents: Extent[] = [[...allParts], ['sale' as const], ['workloads' as const]].flatMap((parts) =>
  [[], two].map((namespaces) => ({ parts, namespaces })),
);
const titleOf = ({ parts, namespaces }: Extent) =>
  `${parts.join(' and ')} ${namespaces.length > 0 ? 'in two namespaces' : 'everywhere'}`;

/** The roles that are bound to the account of serve, by its bindings. */
function rolesOf(objects: readonly Manifest[]): Manifest[] {
  const bindings = objects.filter(({ kind }) => kind.endsWith('Binding')) as unknown as (Manifest & {
    subjects: { name: string; namespace: string }[];
    roleRef: { kind: string; name: string };
  })[];
  return bindings
    .filter(({ subjects }) =>
      subjects.some(
        ({ name, namespace }) => name === deployment.serviceAccount && namespace === deployment.namespace,
      ),
    )
    .map(({ metadata, roleRef }) => {
      const role = objects.find(
        (it) =>
          it.kind === roleRef.kind &&
          it.metadata.name === roleRef.name &&
          it.metadata.namespace === (roleRef.kind === 'Role' ? metadata.namespace : undefined),
      );
      assert.ok(role, `${metadata.name} binds a role that is not there`);
      return role;
    });
}

const rulesOf = (roles: readonly Manifest[]) => roles.flatMap(({ rules }) => rules as PolicyRule[]);

for (const extent of extents) {
  describe(titleOf(extent), () => {
    const [selfSigned, withCertManager] = modes.map((mode) => bundle(mode, extent));

    test('has the CRDs, webhooks and roles for people of its kinds, and no others', () => {
      const kinds = kindsOf(extent.parts);
      const named = (kind: string) =>
        selfSigned!.filter((it) => it.kind === kind).map((it) => it.metadata.name);
      assert.deepEqual(
        named('CustomResourceDefinition'),
        kinds.map(({ plural, group }) => `${plural}.${group}`),
      );
      assert.deepEqual(
        named('ClusterRole').filter((name) => name.endsWith('-viewer')),
        kinds.map(({ singular }) => `spikegate-${singular}-viewer`),
      );
      const found = installationsOf(
        selfSigned!.filter(({ kind }) =>
          kind.endsWith('WebhookConfiguration'),
        ) as never as WebhookConfiguration[],
      );
      assert.deepEqual(found.length, 1);
      assert.deepEqual(extentOf(found[0]), extent);
    });

    test('tells serve what it is for', () => {
      const workload = selfSigned!.find(({ kind }) => kind === 'Deployment') as never as {
        spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
      };
      const { env } = workload.spec.template.spec.containers[0]!;
      const variable = (name: string) => env.find((it) => it.name === name)?.value;
      assert.equal(
        variable('SPIKEGATE_PARTS'),
        extent.parts.length === 2 ? undefined : extent.parts.join(','),
      );
      assert.equal(
        variable('SPIKEGATE_NAMESPACES'),
        extent.namespaces.length === 0 ? undefined : 'shop-a,shop-b',
      );
    });

    if (!extent.parts.includes('workloads')) {
      test('may do nothing with Secrets beyond its own two, nor with pods or what makes them', () => {
        for (const [objects, secrets] of [
          [selfSigned!, [deployment.pathSecret, deployment.certSecret]],
          [withCertManager!, [deployment.pathSecret]],
        ] as const) {
          const rules = rulesOf(rolesOf(objects));
          const about = (resource: string) => rules.filter(({ resources }) => resources.includes(resource));
          const named = about('secrets').filter(({ verbs }) => verbs.join() !== 'create');
          assert.deepEqual(
            named.flatMap(({ resourceNames }) => resourceNames),
            secrets,
          );
          for (const { verbs } of named) assert.deepEqual(verbs, ['get', 'list', 'watch', 'update']);
          // create cannot be limited by name. It is in Spikegate's own namespace.
          const where = rolesOf(objects).filter((role) =>
            rulesOf([role]).some((it) => it.resources.includes('secrets')),
          );
          assert.ok(where.every(({ metadata }) => metadata.namespace === deployment.namespace));
          const groups = new Set(rules.flatMap(({ apiGroups }) => apiGroups));
          assert.deepEqual([...groups].sort(), [
            '',
            'admissionregistration.k8s.io',
            'authentication.k8s.io',
            'authorization.k8s.io',
            'coordination.k8s.io',
            'myapp.spike.com',
          ]);
          const core = rules
            .filter(({ apiGroups }) => apiGroups.includes(''))
            .flatMap(({ resources }) => resources);
          assert.deepEqual([...new Set(core)].filter((it) => it !== 'secrets').sort(), [
            'events',
            'namespaces',
          ]);
        }
      });
    }

    if (extent.namespaces.length > 0) {
      test('may do cluster-wide only what is about objects without a namespace', () => {
        const clusterWide = rolesOf(selfSigned!).filter(({ kind }) => kind === 'ClusterRole');
        const resources = new Set(rulesOf(clusterWide).flatMap((rule) => rule.resources));
        const known = [
          'namespaces',
          'mutatingwebhookconfigurations',
          'validatingwebhookconfigurations',
          'customresourcedefinitions',
          'tokenreviews',
          'subjectaccessreviews',
        ];
        assert.deepEqual(
          [...resources].filter((it) => !known.includes(it)),
          [],
        );
        const [namespaces] = rulesOf(clusterWide).filter((rule) => rule.resources.includes('namespaces'));
        assert.deepEqual(namespaces?.resourceNames, two);
      });

      test('has the same roles in each of them, and in no other but its own', () => {
        const inNamespaces = rolesOf(selfSigned!).filter(({ kind }) => kind === 'Role');
        const by = Map.groupBy(inNamespaces, ({ metadata }) => metadata.namespace);
        assert.deepEqual(new Set(by.keys()), new Set([deployment.namespace, ...two]));
        const [a, b] = two.map((name) => rulesOf(by.get(name)!));
        assert.deepEqual(a, b);
      });

      test('is called about objects of these namespaces only', () => {
        const webhooks = selfSigned!.flatMap((it) => (it.webhooks ?? []) as { namespaceSelector: unknown }[]);
        assert.ok(webhooks.length >= 8);
        for (const { namespaceSelector } of webhooks) {
          const { matchExpressions } = namespaceSelector as { matchExpressions: unknown[] };
          assert.deepEqual(matchExpressions.at(-1), {
            ...{ key: 'kubernetes.io/metadata.name', operator: 'In' },
            values: two,
          });
        }
      });
    }
  });
}

describe('two installations', () => {
  const installed = (parts: readonly Part[], namespaces: string[] = []) => {
    const objects = bundle('self-signed', { parts, namespaces });
    const configurations = objects.filter(({ kind }) => kind.endsWith('WebhookConfiguration'));
    return installationsOf(configurations as never as WebhookConfiguration[])[0]!;
  };

  test('are in each other’s way when they judge the same objects', () => {
    assert.equal(isInTheWay(installed(['sale']), { parts: ['sale'] }), true);
    assert.equal(isInTheWay(installed(['sale']), everything), true);
    assert.equal(isInTheWay(installed(['sale'], two), { parts: ['sale'], namespaces: ['shop-b'] }), true);
    assert.equal(isInTheWay(installed(['sale'], two), { parts: ['sale'] }), true);
  });

  test('are not when one sells and the other runs workloads, or when their namespaces differ', () => {
    assert.equal(isInTheWay(installed(['sale']), { parts: ['workloads'] }), false);
    assert.equal(isInTheWay(installed(['sale'], two), { parts: ['sale'], namespaces: ['shop-c'] }), false);
  });

  test('own what has their name, the longer name first', () => {
    const names = ['spikegate', 'spikegate-jobs'];
    assert.equal(ownerNamed(names, 'spikegate-part-sale'), 'spikegate');
    assert.equal(ownerNamed(names, 'spikegate-jobs'), 'spikegate-jobs');
    assert.equal(ownerNamed(names, 'spikegate-jobs-part-workloads'), 'spikegate-jobs');
    assert.equal(ownerNamed(names, 'shop'), undefined);
  });
});
