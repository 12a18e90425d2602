// PATCH: JSON, merge and strategic; PUT with right, stale and missing versions.

import type { Topic } from '../types.ts';
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  patch,
  pod,
  pods,
  post,
  put,
  service,
  services,
} from './make.ts';

const a = `${configMaps}/a`;
const d = `${deployments}/d`;

const containers = [
  {
    name: 'one',
    image: 'i1',
    ports: [{ containerPort: 80 }, { containerPort: 81 }],
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ],
  },
  { name: 'two', image: 'i2', args: ['x', 'y'] },
];
const template = (extra: object) => ({ spec: { template: { spec: extra } } });

export const patches: Topic = {
  name: 'patches',
  steps: [
    post(
      'to begin',
      configMaps,
      configMap('a', { x: '1', y: '2' }, { labels: { l: '1' }, annotations: { n: '1' } }),
      {
        setup: true,
        save: { rv: 'metadata.resourceVersion', uid: 'metadata.uid' },
      },
    ),
    patch(
      'merge',
      'merge: change, add, remove',
      a,
      { data: { x: '9', z: '3', y: null } },
      { save: { rv2: 'metadata.resourceVersion' } },
    ),
    patch(
      'merge',
      'merge: nothing new',
      a,
      { data: { x: '9' } },
      { save: { rv3: 'metadata.resourceVersion' } },
    ),
    patch('merge', 'merge: all of a map', a, { data: null }),
    patch('merge', 'merge: labels', a, { metadata: { labels: { l: null, m: '2' }, annotations: null } }),
    patch('merge', 'merge: the current version', a, {
      metadata: { resourceVersion: '@{rv}' },
      data: { x: '1' },
    }),
    patch('merge', 'merge: a uid that is not its', a, { metadata: { uid: 'other' } }),
    patch('merge', 'merge: another name', a, { metadata: { name: 'b' } }),
    patch('merge', 'merge: another namespace', a, { metadata: { namespace: 'b' } }),
    patch('merge', 'merge: another kind', a, { kind: 'Secret' }),
    patch('merge', 'merge: another version', a, { apiVersion: 'v2' }),
    patch('merge', 'merge: a wrong type', a, { data: { x: 1 } }),
    patch('merge', 'merge: a wrong label', a, { metadata: { labels: { 'a b': 'c' } } }),
    patch('merge', 'merge: a creation time', a, { metadata: { creationTimestamp: '2001-01-01T00:00:00Z' } }),
    patch('merge', 'merge: empty', a, {}),
    patch('merge', 'merge: managedFields away', `${a}?fieldManager=m`, { metadata: { managedFields: [{}] } }),
    patch('json', 'json: test and add', a, [
      { op: 'add', path: '/data', value: { k: 'v' } },
      { op: 'test', path: '/data/k', value: 'v' },
      { op: 'add', path: '/data/w', value: 'x' },
      { op: 'copy', from: '/data/w', path: '/data/c' },
      { op: 'move', from: '/data/k', path: '/data/m' },
      { op: 'replace', path: '/data/w', value: 'y' },
      { op: 'remove', path: '/data/c' },
    ]),
    patch('json', 'json: a test that fails', a, [{ op: 'test', path: '/data/m', value: 'no' }]),
    patch('json', 'json: a test of nothing', a, [{ op: 'test', path: '/data/none', value: 'no' }]),
    patch('json', 'json: remove of nothing', a, [{ op: 'remove', path: '/data/none' }]),
    patch('json', 'json: replace of nothing', a, [{ op: 'replace', path: '/data/none', value: 'x' }]),
    patch('json', 'json: add below nothing', a, [{ op: 'add', path: '/none/at/all', value: 'x' }]),
    patch('json', 'json: move from nothing', a, [{ op: 'move', from: '/data/none', path: '/data/x' }]),
    patch('json', 'json: copy from nothing', a, [{ op: 'copy', from: '/data/none', path: '/data/x' }]),
    patch('json', 'json: without a path', a, [{ op: 'add', value: 'x' }]),
    patch('json', 'json: without a value', a, [{ op: 'add', path: '/data/n' }]),
    patch('json', 'json: escapes', a, [
      { op: 'add', path: '/metadata/annotations', value: {} },
      { op: 'add', path: '/metadata/annotations/a~1b', value: 'slash' },
    ]),
    patch('json', 'json: a path without a slash', a, [{ op: 'add', path: 'data', value: {} }]),
    patch('json', 'json: the whole', a, [{ op: 'replace', path: '', value: {} }]),
    patch('json', 'json: empty', a, []),
    patch(
      'json',
      'json: too many',
      a,
      Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/data/w', value: 'y' })),
    ),
    patch('json', 'json: finalizers', a, [
      { op: 'add', path: '/metadata/finalizers', value: ['example.com/a', 'example.com/b'] },
    ]),
    patch('json', 'json: the end of a list', a, [
      { op: 'add', path: '/metadata/finalizers/-', value: 'example.com/c' },
    ]),
    patch('json', 'json: the middle of a list', a, [
      { op: 'add', path: '/metadata/finalizers/1', value: 'example.com/d' },
    ]),
    patch('json', 'json: beyond a list', a, [
      { op: 'add', path: '/metadata/finalizers/9', value: 'example.com/e' },
    ]),
    patch('json', 'json: no index', a, [{ op: 'remove', path: '/metadata/finalizers/x' }]),
    patch('strategic', 'strategic: delete finalizers', a, {
      metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/a'] },
    }),
    patch('strategic', 'strategic: add a finalizer', a, { metadata: { finalizers: ['example.com/z'] } }),
    patch('strategic', 'strategic: replace a map', a, { data: { $patch: 'replace', only: '1' } }),
    patch('strategic', 'strategic: delete a map', a, { data: { $patch: 'delete' } }),
    patch('strategic', 'strategic: keep keys', a, { data: { keep: '1', drop: '2' } }),
    patch('strategic', 'strategic: an unknown directive', a, { data: { $patch: 'jump' } }),
    patch('strategic', 'strategic: retain keys', a, { data: { $retainKeys: ['keep'], keep: '2' } }),
    patch('strategic', 'strategic: a list for a map', a, { data: [] }),
    patch('merge', 'merge: finalizers away', a, { metadata: { finalizers: null } }),
    post(
      'a deployment',
      deployments,
      deployment('d', { template: { metadata: { labels: { app: 'd' } }, spec: { containers } } }),
    ),
    patch('strategic', 'strategic: an image', d, template({ containers: [{ name: 'two', image: 'i3' }] })),
    patch(
      'strategic',
      'strategic: a port',
      d,
      template({
        containers: [{ name: 'one', ports: [{ containerPort: 80, name: 'web' }, { containerPort: 82 }] }],
      }),
    ),
    patch(
      'strategic',
      'strategic: a variable away',
      d,
      template({
        containers: [
          {
            name: 'one',
            env: [
              { name: 'A', $patch: 'delete' },
              { name: 'C', value: '3' },
            ],
          },
        ],
      }),
    ),
    patch('strategic', 'strategic: arguments', d, template({ containers: [{ name: 'two', args: ['z'] }] })),
    patch(
      'strategic',
      'strategic: a new container',
      d,
      template({ containers: [{ name: 'three', image: 'i' }] }),
    ),
    patch(
      'strategic',
      'strategic: order',
      d,
      template({ '$setElementOrder/containers': [{ name: 'three' }, { name: 'one' }, { name: 'two' }] }),
    ),
    patch(
      'strategic',
      'strategic: a container away',
      d,
      template({ containers: [{ name: 'three', $patch: 'delete' }] }),
    ),
    patch(
      'strategic',
      'strategic: containers replaced',
      d,
      template({ containers: [{ $patch: 'replace' }, { name: 'four', image: 'i' }] }),
    ),
    patch('strategic', 'strategic: without its key', d, template({ containers: [{ image: 'i' }] })),
    patch('strategic', 'strategic: the selector', d, {
      spec: { selector: { matchLabels: { app: 'other' } } },
    }),
    patch('strategic', 'strategic: a strategy', d, {
      spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
    }),
    patch('merge', 'merge: a strategy and surplus', d, {
      spec: { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } },
    }),
    patch('merge', 'merge: replicas as a text', d, { spec: { replicas: 'many' } }),
    patch('merge', 'merge: negative replicas', d, { spec: { replicas: -1 } }),
    post(
      'a service',
      services,
      service('s', {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81 },
        ],
      }),
      { setup: true },
    ),
    patch('strategic', 'strategic: service ports', `${services}/s`, {
      spec: {
        ports: [
          { port: 81, name: 'bb' },
          { port: 82, name: 'c' },
        ],
      },
    }),
    patch('merge', 'merge: service ports', `${services}/s`, { spec: { ports: [{ port: 90 }] } }),
    post('a pod', pods, pod('p'), { setup: true }),
    patch('strategic', 'strategic: a pod’s image', `${pods}/p`, {
      spec: { containers: [{ name: 'c', image: 'new' }] },
    }),
    patch('merge', 'merge: a pod’s command', `${pods}/p`, {
      spec: { containers: [{ name: 'c', image: 'new', command: ['x'] }] },
    }),
    get('the map now', a, { save: { rv4: 'metadata.resourceVersion' } }),
    put('put: a stale version', a, configMap('a', {}, { resourceVersion: '@{rv}' })),
    put('put: the current version', a, configMap('a', { q: '1' }, { resourceVersion: '@{rv4}' })),
    put('put: no version', a, configMap('a', { q: '2' })),
    put('put: the same', a, configMap('a', { q: '2' })),
    put('put: a version that is no number', a, configMap('a', {}, { resourceVersion: 'x' })),
    put('put: version 0', a, configMap('a', { q: '3' }, { resourceVersion: '0' })),
    put('put: its uid', a, configMap('a', { q: '4' }, { uid: '@{uid}' })),
    put('put: a uid that is not its', a, configMap('a', {}, { uid: 'other' })),
    put('put: a creation time', a, configMap('a', { q: '4' }, { creationTimestamp: '2001-01-01T00:00:00Z' })),
    put('put: a deletion time', a, configMap('a', { q: '4' }, { deletionTimestamp: '2001-01-01T00:00:00Z' })),
    put('put: a service without its address', `${services}/s`, service('s')),
    put('put: another address', `${services}/s`, service('s', { clusterIP: '10.96.0.77' })),
    put('put: a deployment', d, deployment('d', { replicas: 3 }, { generation: 99 })),
    patch('merge', 'merge: replicas', d, { spec: { replicas: 4 } }),
    patch('merge', 'merge: a status through the main door', d, { status: { replicas: 9 } }),
    patch('merge', 'merge: a label, no generation', d, { metadata: { labels: { x: 'y' } } }),
  ],
};
