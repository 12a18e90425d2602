// Asks the API server what the doctor may do (SelfSubjectAccessReview). Otherwise a check that may not read would look
// like a check that finds nothing.
import { kindsOf, saleKinds } from '../api/kinds.ts';
import type { Client } from '../kube/client.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Access, Expectations } from './observation.ts';

interface Review extends KubeObject {
  spec: { resourceAttributes: Access };
  status?: { allowed?: boolean };
}

const reviews: Resource<Review> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
};

function neededAccess(expected: Expectations): Access[] {
  const { namespace, lease, certSecret, probeNamespace, parts, namespaces } = expected;
  const places = namespaces.length > 0 ? namespaces.map((namespace) => ({ namespace })) : [{}];
  const get = (group: string, resource: string): Access => ({ verb: 'get', group, resource });
  const list = (group: string, resource: string): Access => ({ verb: 'list', group, resource });
  return [
    get('apiextensions.k8s.io', 'customresourcedefinitions'),
    get('admissionregistration.k8s.io', 'mutatingwebhookconfigurations'),
    list('admissionregistration.k8s.io', 'mutatingwebhookconfigurations'),
    list('admissionregistration.k8s.io', 'validatingwebhookconfigurations'),
    get('admissionregistration.k8s.io', 'validatingwebhookconfigurations'),
    ...(parts.includes('sale') ? saleKinds : []).flatMap(({ group, plural }) =>
      places.map((place) => ({ ...list(group, plural), ...place })),
    ),
    ...(namespaces.length > 0
      ? namespaces.map((name) => ({ ...get('', 'namespaces'), name }))
      : [list('', 'namespaces')]),
    { ...list('apps', 'deployments'), namespace },
    { ...list('', 'pods'), namespace },
    { ...get('', 'services'), namespace },
    { ...list('discovery.k8s.io', 'endpointslices'), namespace },
    { ...get('', 'secrets'), namespace, name: certSecret },
    { ...get('coordination.k8s.io', 'leases'), namespace, name: lease },
    ...kindsOf(parts).map(({ group, plural }) => {
      return { verb: 'create', group, resource: plural, namespace: probeNamespace };
    }),
  ];
}

/** The accesses that the doctor needs and these credentials do not have. */
export async function deniedOf(client: Client, expected: Expectations): Promise<Access[]> {
  const needed = neededAccess(expected);
  const answers = await Promise.all(
    needed.map((resourceAttributes) =>
      client.create(reviews, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        metadata: {},
        spec: { resourceAttributes },
      }),
    ),
  );
  return needed.filter((_access, index) => answers[index]!.status?.allowed !== true);
}
