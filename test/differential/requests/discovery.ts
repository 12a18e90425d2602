// What there is: versions, groups, resources; OpenAPI where clients rely on it.

import type { Topic } from '../types.ts';
import { get } from './make.ts';

const keyed = { keyed: true as const };
const groups = [
  'apps',
  'apiextensions.k8s.io',
  'admissionregistration.k8s.io',
  'coordination.k8s.io',
  'rbac.authorization.k8s.io',
  'authorization.k8s.io',
  'authentication.k8s.io',
  'events.k8s.io',
  'networking.k8s.io',
  'storage.k8s.io',
  'scheduling.k8s.io',
];

export const discovery: Topic = {
  name: 'discovery',
  steps: [
    get('the version', '/version', { pick: 'major' }),
    get('the core’s versions', '/api'),
    get('the core’s versions, with a slash', '/api/'),
    get('the groups', '/apis', keyed),
    get('the groups, with a slash', '/apis/', { pick: 'kind' }),
    get('the core', '/api/v1', keyed),
    ...groups.flatMap((group) => [
      get(`the group ${group}`, `/apis/${group}`, keyed),
      get(`the resources of ${group}`, `/apis/${group}/v1`, keyed),
    ]),
    get('the resources of autoscaling/v1', '/apis/autoscaling/v1', keyed),
    get('the groups in YAML', '/apis', { headers: { accept: 'application/yaml' }, pick: 'kind' }),
    get('the groups as XML', '/apis', { headers: { accept: 'text/xml' }, pick: 'kind' }),
    get('a group below', '/apis/apps/', { pick: 'kind' }),
    get('a version below', '/apis/apps/v1/', { pick: 'kind' }),
    get('what OpenAPI says of a map', '/openapi/v2', { pick: 'swagger' }),
    get('one type of OpenAPI', '/openapi/v2', {
      pick: 'definitions.io.k8s.apimachinery.pkg.apis.meta.v1.Status',
    }),
  ],
};
