// Admission webhooks: what they are asked, and what becomes of what they answer.

import type { Answer, Json, Step, Topic } from '../types.ts';
import {
  configMap,
  configMaps,
  core,
  del,
  deployment,
  deployments,
  get,
  patch,
  post,
  put,
  reviews,
} from './make.ts';

const base = '/apis/admissionregistration.k8s.io/v1';
const kinds = {
  Mutating: `${base}/mutatingwebhookconfigurations`,
  Validating: `${base}/validatingwebhookconfigurations`,
};
const every = [{ operations: ['*'], apiGroups: [''], apiVersions: ['*'], resources: ['configmaps'] }];

const hook = (path: string, more: Json = {}): Json => ({
  name: `${path}.example.com`,
  clientConfig: { url: `@{hook}/${path}`, caBundle: '@{hookCa}' },
  rules: every,
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  timeoutSeconds: 5,
  namespaceSelector: { matchLabels: { topic: 'admission' } },
  // The probes that wait for a configuration to be heard of are not its business.
  objectSelector: { matchExpressions: [{ key: 'probe', operator: 'DoesNotExist' }] },
  ...more,
});
const configuration = (kind: 'Mutating' | 'Validating', name: string, ...webhooks: Json[]): Json => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: `${kind}WebhookConfiguration`,
  metadata: { name: `d-${name}`, labels: { topic: 'admission' } },
  webhooks,
});

/** Configures, waits until the server calls its webhooks, sends `steps`, and takes it away again. */
function withHooks(kind: 'Mutating' | 'Validating', name: string, webhooks: Json[], steps: Step[]): Step[] {
  const marker = hook('warn', { name: 'warn.example.com', objectSelector: { matchLabels: { probe: name } } });
  const probe = configMap('probe', {}, { labels: { probe: name } });
  const warned = ({ headers }: Answer) => headers.warning !== undefined;
  return [
    post(`configure ${name}`, kinds[kind], configuration(kind, name, ...webhooks), { setup: true }),
    post(`mark ${name}`, kinds.Validating, configuration('Validating', `${name}-probe`, marker), {
      setup: true,
    }),
    { ...post(`wait for ${name}`, `${configMaps}?dryRun=All`, probe, { until: warned }), setup: true },
    ...steps,
    del(`away with ${name}`, `${kinds[kind]}/d-${name}`, undefined, { setup: true }),
    del(`away with the probe of ${name}`, `${kinds.Validating}/d-${name}-probe`, undefined, { setup: true }),
    {
      ...post(`wait without ${name}`, `${configMaps}?dryRun=All`, probe, { until: (a) => !warned(a) }),
      setup: true,
    },
  ];
}

/** One webhook that answers so; one create that meets it. */
const each = (kind: 'Mutating' | 'Validating', paths: string[], more: Json = {}): Step[] =>
  withHooks(
    kind,
    `${kind.toLowerCase()}-${Object.values(more).join('').toLowerCase() || 'each'}`,
    paths.map((path) => hook(path, { ...more, objectSelector: { matchLabels: { meets: path } } })),
    paths.map((path) =>
      post(
        `${kind}${more.failurePolicy ?? ''}: ${path}`,
        configMaps,
        configMap(
          `${path}${(more.failurePolicy ?? '').toLowerCase()}-${kind[0]?.toLowerCase()}`,
          { size: '1' },
          { labels: { meets: path } },
        ),
      ),
    ),
  );

const failing = [
  'error',
  'missing',
  'not-json',
  'empty',
  'no-response',
  'wrong-uid',
  'wrong-version',
  'wrong-kind',
];
const bad = (name: string, webhook: Json) =>
  post(
    `configuration: ${name}`,
    `${kinds.Validating}?dryRun=All`,
    configuration('Validating', 'bad', webhook),
  );
const unreachable = { clientConfig: { url: 'https://127.0.0.1:1/x', caBundle: '@{hookCa}' } };

export const admission: Topic = {
  name: 'admission',
  steps: [
    post(
      'configuration: defaults',
      `${kinds.Validating}?dryRun=All`,
      configuration('Validating', 'defaults', {
        name: 'a.example.com',
        clientConfig: { service: { namespace: 'n', name: 's' } },
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
      }),
    ),
    post(
      'configuration: mutating defaults',
      `${kinds.Mutating}?dryRun=All`,
      configuration('Mutating', 'defaults', {
        name: 'a.example.com',
        clientConfig: { url: 'https://127.0.0.1/x' },
        admissionReviewVersions: ['v1'],
        sideEffects: 'NoneOnDryRun',
        rules: every,
      }),
    ),
    bad('no side effects said', hook('allow', { sideEffects: undefined })),
    bad('some side effects', hook('allow', { sideEffects: 'Some' })),
    bad('no versions', hook('allow', { admissionReviewVersions: undefined })),
    bad('unknown versions', hook('allow', { admissionReviewVersions: ['v7'] })),
    bad('a short name', hook('allow', { name: 'short' })),
    ...['/A/b', '/a//b', 'a', '//', '/a_b/'].map((path) =>
      bad(
        `the path ${path}`,
        hook('allow', { clientConfig: { service: { name: 'a', namespace: 'b', path } } }),
      ),
    ),
    bad('neither url nor service', hook('allow', { clientConfig: {} })),
    bad(
      'both url and service',
      hook('allow', { clientConfig: { url: 'https://a/b', service: { name: 'a', namespace: 'b' } } }),
    ),
    bad('an http url', hook('allow', { clientConfig: { url: 'http://a/b' } })),
    bad('a url with a query', hook('allow', { clientConfig: { url: 'https://a/b?c' } })),
    bad('a long timeout', hook('allow', { timeoutSeconds: 31 })),
    bad('no timeout', hook('allow', { timeoutSeconds: 0 })),
    bad('an odd policy', hook('allow', { failurePolicy: 'Perhaps' })),
    bad('an odd match', hook('allow', { matchPolicy: 'Perhaps' })),
    bad('an odd operation', hook('allow', { rules: [{ ...every[0], operations: ['READ'] }] })),
    bad('an operation and all', hook('allow', { rules: [{ ...every[0], operations: ['*', 'CREATE'] }] })),
    bad('an odd scope', hook('allow', { rules: [{ ...every[0], scope: 'Galaxy' }] })),
    bad('no resources', hook('allow', { rules: [{ ...every[0], resources: [] }] })),
    bad('overlapping resources', hook('allow', { rules: [{ ...every[0], resources: ['*/*', 'pods'] }] })),
    bad(
      'a bad selector',
      hook('allow', { objectSelector: { matchExpressions: [{ key: 'a', operator: 'Perhaps' }] } }),
    ),
    post(
      'configuration: a name twice',
      `${kinds.Validating}?dryRun=All`,
      configuration('Validating', 'twice', hook('allow'), hook('allow')),
    ),
    ...each('Validating', [
      'allow',
      'deny',
      'deny-bare',
      'deny-reason',
      'deny-429',
      'deny-422',
      'deny-200',
      'deny-metadata',
      'warn',
      'warn-deny',
      'audit',
      ...failing,
    ]),
    ...each('Validating', ['error', 'not-json', 'wrong-uid'], { failurePolicy: 'Ignore' }),
    ...each('Mutating', [
      'allow',
      'deny',
      'label',
      'count',
      'rename',
      'bad-pointer',
      'failed-test',
      'bad-patch',
      'patch-untyped',
      'patch-merge',
      'patch-empty',
      'status',
      'error',
      'wrong-uid',
    ]),
    ...each('Mutating', ['error', 'bad-patch', 'bad-pointer'], { failurePolicy: 'Ignore' }),
    ...withHooks(
      'Validating',
      'slow',
      [hook('slow', { timeoutSeconds: 1 })],
      [post('too slow', configMaps, configMap('slow'))],
    ),
    ...withHooks(
      'Validating',
      'slow-ignored',
      [hook('slow', { timeoutSeconds: 1, failurePolicy: 'Ignore' })],
      [post('too slow, ignored', configMaps, configMap('slow-ignored'))],
    ),
    ...withHooks(
      'Validating',
      'unreachable',
      [hook('allow', unreachable)],
      [post('unreachable', configMaps, configMap('unreachable'))],
    ),
    ...withHooks(
      'Validating',
      'distrusted',
      [hook('allow', { clientConfig: { url: '@{hook}/allow' } })],
      [post('not trusted', configMaps, configMap('distrusted'))],
    ),
    ...withHooks(
      'Validating',
      'several',
      [hook('allow'), hook('warn'), hook('deny-429')],
      [post('several at once', `${configMaps}?dryRun=All`, configMap('several'))],
    ),
    { ...reviews('forget'), setup: true },
    ...withHooks(
      'Validating',
      'watching',
      [
        hook('allow'),
        hook('allow', {
          name: 'apps.example.com',
          clientConfig: { url: '@{hook}/allow/apps', caBundle: '@{hookCa}' },
          rules: [
            {
              operations: ['CREATE', 'UPDATE'],
              apiGroups: ['apps'],
              apiVersions: ['v1'],
              resources: ['deployments', 'deployments/scale'],
            },
          ],
        }),
      ],
      [
        { ...reviews('forget the probe'), setup: true },
        post('watched: a create', configMaps, configMap('w', { a: '1' }), { setup: true }),
        reviews('asked of a create'),
        post('watched: a generated name', configMaps, configMap('', {}, { generateName: 'gen-' }), {
          setup: true,
        }),
        reviews('asked of a generated name'),
        put('watched: a put', `${configMaps}/w?fieldManager=mm`, configMap('w', { a: '2' }), { setup: true }),
        reviews('asked of a put'),
        patch('merge', 'watched: a patch', `${configMaps}/w`, { data: { a: '3' } }, { setup: true }),
        reviews('asked of a patch'),
        patch('merge', 'watched: no change', `${configMaps}/w`, { data: { a: '3' } }, { setup: true }),
        reviews('asked of no change'),
        patch(
          'apply',
          'watched: an apply',
          `${configMaps}/w?fieldManager=m&force=true`,
          configMap('w', { a: '4' }),
          { setup: true },
        ),
        reviews('asked of an apply'),
        patch(
          'apply',
          'watched: an apply that creates',
          `${configMaps}/w2?fieldManager=m`,
          configMap('w2', { a: '4' }),
          { setup: true },
        ),
        reviews('asked of an apply that creates'),
        put('watched: a stale put', `${configMaps}/w`, configMap('w', {}, { resourceVersion: '1' })),
        reviews('asked of a stale put'),
        post('watched: what is there', configMaps, configMap('w')),
        reviews('asked of what is there'),
        post('watched: a dry run', `${configMaps}?dryRun=All`, configMap('dry'), { setup: true }),
        reviews('asked of a dry run'),
        del(
          'watched: a delete',
          `${configMaps}/w?propagationPolicy=Background&gracePeriodSeconds=0`,
          undefined,
          { setup: true },
        ),
        reviews('asked of a delete'),
        del('watched: a collection', `${configMaps}?fieldSelector=metadata.name%3Dw2`, undefined, {
          setup: true,
        }),
        reviews('asked of a collection'),
        del('watched: a delete of nothing', `${configMaps}/none`),
        reviews('asked of nothing'),
        post('watched: a deployment', deployments, deployment('d'), { setup: true }),
        reviews('asked of a deployment'),
        patch(
          'merge',
          'watched: its scale',
          `${deployments}/d/scale`,
          { spec: { replicas: 3 } },
          { setup: true },
        ),
        reviews('asked of a scale'),
        patch(
          'merge',
          'watched: its status',
          `${deployments}/d/status`,
          { status: { replicas: 1 } },
          { setup: true },
        ),
        reviews('asked of a status'),
      ],
    ),
    { ...reviews('forget too'), setup: true },
    ...withHooks(
      'Mutating',
      'again',
      [
        hook('count', { reinvocationPolicy: 'IfNeeded' }),
        hook('once'),
        hook('label', { reinvocationPolicy: 'Never' }),
      ],
      [
        post('reinvoked', configMaps, configMap('again', { a: '1' })),
        reviews('asked again'),
        post(
          'reinvoked when nothing changes',
          configMaps,
          configMap('again2', { once: 'x' }, { labels: { hooked: 'yes' } }),
        ),
        reviews('not asked again'),
      ],
    ),
    ...withHooks(
      'Validating',
      'sides',
      [hook('allow', { sideEffects: 'NoneOnDryRun' })],
      [post('a dry run with no side effects then', `${configMaps}?dryRun=All`, configMap('sides'))],
    ),
    get('what is left', `${core}/configmaps?fieldSelector=metadata.name%21%3Dkube-root-ca.crt`, {
      pick: 'items.length',
    }),
  ],
};
