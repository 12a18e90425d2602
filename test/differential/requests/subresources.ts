// Subresources of built-in kinds: status, scale, tokens, and verbs that they do not have.

import type { Topic } from '../types.ts';
import {
  core,
  del,
  deployment,
  deployments,
  get,
  namespaces,
  patch,
  pod,
  pods,
  post,
  put,
  service,
  services,
} from './make.ts';

const d = `${deployments}/d`;
const scale = (replicas: unknown, more: object = {}) => ({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata: { name: 'd', namespace: '@{ns}', ...more },
  spec: { replicas },
});
const now = '2020-01-01T00:00:00Z';

export const subresources: Topic = {
  name: 'subresources',
  steps: [
    post('to begin', deployments, deployment('d', { replicas: 2 }), {
      setup: true,
      save: { rv: 'metadata.resourceVersion' },
    }),
    get('a status', `${d}/status`),
    patch('merge', 'a status and more', `${d}/status`, {
      metadata: { labels: { a: 'b' } },
      spec: { replicas: 9 },
      status: { replicas: 3, observedGeneration: 1 },
    }),
    patch('merge', 'the same status', `${d}/status`, { status: { replicas: 3 } }),
    patch('merge', 'a negative status', `${d}/status`, { status: { replicas: -3 } }),
    patch('merge', 'more ready than there are', `${d}/status`, { status: { readyReplicas: 7 } }),
    patch('strategic', 'a condition', `${d}/status`, {
      status: {
        conditions: [
          {
            type: 'Available',
            status: 'True',
            lastUpdateTime: now,
            lastTransitionTime: now,
            reason: 'r',
            message: 'm',
          },
        ],
      },
    }),
    patch('strategic', 'another condition', `${d}/status`, {
      status: { conditions: [{ type: 'Progressing', status: 'False' }] },
    }),
    patch('strategic', 'a condition changed', `${d}/status`, {
      status: { conditions: [{ type: 'Available', status: 'False' }] },
    }),
    put('a put of a status', `${d}/status`, {
      ...deployment('d', { replicas: 50 }),
      status: { replicas: 4 },
    }),
    put('a stale put of a status', `${d}/status`, {
      ...deployment('d', {}, { resourceVersion: '@{rv}' }),
      status: { replicas: 4 },
    }),
    post('a post to a status', `${d}/status`, deployment('d')),
    del('a delete of a status', `${d}/status`),
    get('a scale', `${d}/scale`),
    patch('merge', 'scaled by a merge', `${d}/scale`, { spec: { replicas: 5 } }),
    patch('json', 'scaled by a JSON patch', `${d}/scale`, [
      { op: 'replace', path: '/spec/replicas', value: 6 },
    ]),
    patch('strategic', 'scaled by a strategic patch', `${d}/scale`, { spec: { replicas: 7 } }),
    put('scaled by a put', `${d}/scale`, scale(8)),
    put('scaled to nothing', `${d}/scale`, scale(0)),
    put('scaled below nothing', `${d}/scale`, scale(-1)),
    put('scaled to a text', `${d}/scale`, scale('x')),
    put('scaled by another kind', `${d}/scale`, { ...scale(1), kind: 'Deployment' }),
    put('scaled by another version', `${d}/scale`, { ...scale(1), apiVersion: 'extensions/v1beta1' }),
    put('scaled by a stale put', `${d}/scale`, scale(1, { resourceVersion: '1' })),
    put('scaled by another name', `${d}/scale`, scale(1, { name: 'other' })),
    put('scaled in a dry run', `${d}/scale?dryRun=All`, scale(44)),
    patch('apply', 'scaled by an apply', `${d}/scale?fieldManager=m`, scale(9)),
    get('after all that', d),
    get('a scale of nothing', `${deployments}/none/scale`),
    patch('merge', 'scaling nothing', `${deployments}/none/scale`, { spec: { replicas: 1 } }),
    get('a status of nothing', `${deployments}/none/status`),
    post('a pod', pods, pod('p'), { setup: true }),
    patch('merge', 'a pod runs', `${pods}/p/status`, {
      status: { phase: 'Running', podIP: '1.2.3.4', podIPs: [{ ip: '1.2.3.4' }], startTime: now },
    }),
    patch('strategic', 'a pod is ready', `${pods}/p/status`, {
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          {
            name: 'c',
            ready: true,
            restartCount: 1,
            image: 'i',
            imageID: 'x',
            state: { running: { startedAt: now } },
          },
        ],
      },
    }),
    patch('merge', 'a pod’s spec through its status', `${pods}/p/status`, { spec: { nodeName: 'n' } }),
    post('binding a pod', `${pods}/p/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { kind: 'Node', name: 'n1' },
    }),
    get('a bound pod', `${pods}/p`, { pick: 'spec.nodeName' }),
    get('a log', `${pods}/p/log`),
    get('an exec', `${pods}/p/exec?command=x`),
    post('a service', services, service('s'), { setup: true }),
    patch('merge', 'a load balancer', `${services}/s/status`, {
      status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
    }),
    get('a proxy', `${services}/s/proxy`),
    patch('merge', 'a namespace’s status', `${namespaces}/@{ns}/status`, { status: { phase: 'Active' } }),
    post(
      'a token',
      `${core}/serviceaccounts/default/token`,
      { spec: { audiences: ['x'], expirationSeconds: 600 } },
      { pick: 'spec.audiences' },
    ),
    post('a token for too short', `${core}/serviceaccounts/default/token`, {
      spec: { expirationSeconds: 1 },
    }),
    post('a token of nobody', `${core}/serviceaccounts/nobody/token`, { spec: {} }),
    post(
      'who may?',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      { spec: { resourceAttributes: { verb: 'get', resource: 'pods', namespace: '@{ns}' } } },
      { pick: 'status.allowed' },
    ),
    post('may alice?', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { user: 'alice', resourceAttributes: { verb: 'get', resource: 'pods', namespace: '@{ns}' } },
    }),
    post('may nobody?', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    }),
    post('may both?', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      spec: { resourceAttributes: { verb: 'get' }, nonResourceAttributes: { path: '/', verb: 'get' } },
    }),
    post('whose token?', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'rubbish' } }),
    get('reading a review', '/apis/authorization.k8s.io/v1/subjectaccessreviews'),
    post('a role', '/apis/rbac.authorization.k8s.io/v1/namespaces/@{ns}/roles', {
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
    }),
    post('a bad role', '/apis/rbac.authorization.k8s.io/v1/namespaces/@{ns}/roles', {
      metadata: { name: 'bad' },
      rules: [{ apiGroups: [''], resources: ['configmaps'] }, { verbs: ['get'] }],
    }),
    post('a binding', '/apis/rbac.authorization.k8s.io/v1/namespaces/@{ns}/rolebindings', {
      metadata: { name: 'b' },
      roleRef: { kind: 'Role', name: 'reader', apiGroup: 'rbac.authorization.k8s.io' },
      subjects: [{ kind: 'User', name: 'alice' }],
    }),
    patch(
      'merge',
      'a binding to another role',
      '/apis/rbac.authorization.k8s.io/v1/namespaces/@{ns}/rolebindings/b',
      { roleRef: { name: 'other' } },
    ),
    get('now alice may', `${core}/configmaps?fieldSelector=metadata.name%3Dnone`, {
      headers: { 'impersonate-user': 'alice' },
      until: ({ code }) => code === 200,
    }),
    post(
      'but not this',
      `${core}/configmaps`,
      { metadata: { name: 'x' } },
      { headers: { 'impersonate-user': 'alice' } },
    ),
  ],
};
