// Server-side apply: ownership, conflicts, force, lists by key, what other writes own.

import type { Json, Topic } from '../types.ts';
import { configMap, configMaps, deployments, get, patch, pods, put, service, services } from './make.ts';

const a = `${configMaps}/a`;
const by = (manager: string, more = '') => `${a}?fieldManager=${manager}${more}`;
const map = (data: Json, metadata: Json = {}) => configMap('a', data, metadata);
const d = (manager: string, more = '') => `${deployments}/d?fieldManager=${manager}${more}`;
const deployment = (spec: Json): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec,
});
const selector = { matchLabels: { app: 'd' } };
const template = (containers: Json[]) => ({ metadata: { labels: { app: 'd' } }, spec: { containers } });

export const apply: Topic = {
  name: 'apply',
  steps: [
    patch('apply', 'creates', by('one'), map({ x: '1', y: '1' })),
    patch('apply', 'nothing new', by('one'), map({ x: '1', y: '1' })),
    patch('apply', 'a field of its own away', by('one'), map({ x: '1' })),
    patch('apply', 'another manager beside it', by('two'), map({ z: '2' })),
    patch('apply', 'the same value shared', by('two'), map({ z: '2', x: '1' })),
    patch('apply', 'a conflict', by('two'), map({ x: '2' })),
    patch('apply', 'force', by('two', '&force=true'), map({ x: '2' })),
    patch('apply', 'a conflict with more', by('one'), map({ x: '3', z: '3' })),
    patch('merge', 'an update takes over', `${a}?fieldManager=upd`, { data: { x: '4' } }),
    patch('apply', 'a conflict with an update', by('two'), map({ x: '5' })),
    patch('apply', 'two conflicts', by('three'), map({ x: '6', u: '1' })),
    put('a put', `${a}?fieldManager=putter`, map({ x: '4', p: '1' })),
    patch('apply', 'given up by the others', by('one'), map({})),
    patch(
      'apply',
      'as YAML',
      by('one'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels:\n    l: "1"\n',
    ),
    patch('apply', 'without a manager', a, map({ x: '1' })),
    patch('apply', 'force that is no flag', by('one', '&force=perhaps'), map({})),
    patch('merge', 'force without apply', `${a}?force=true`, {}),
    patch('apply', 'with managed fields', by('one'), map({}, { managedFields: [{ manager: 'x' }] })),
    patch('apply', 'a wrong name', by('one'), configMap('b')),
    patch('apply', 'no name', by('one'), { apiVersion: 'v1', kind: 'ConfigMap' }),
    patch('apply', 'no version', by('one'), { kind: 'ConfigMap', metadata: { name: 'a' } }),
    patch('apply', 'no kind', by('one'), { apiVersion: 'v1', metadata: { name: 'a' } }),
    patch('apply', 'another kind', by('one'), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } }),
    patch('apply', 'another version', by('one'), {
      apiVersion: 'v2',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
    }),
    patch('apply', 'an unknown field', by('one'), { ...map({}), surplus: 1 }),
    patch('apply', 'a wrong type', by('one'), { ...map({}), data: 'x' }),
    patch('apply', 'a list', by('one'), '[]'),
    patch('apply', 'a manager with a bad name', `${a}?fieldManager=${'m'.repeat(129)}`, map({})),
    patch('apply', 'a manager that cannot be printed', `${a}?fieldManager=%01`, map({})),
    patch('apply', 'a stale version', by('one'), map({}, { resourceVersion: '1' })),
    patch('apply', 'a dry run', by('one', '&dryRun=All'), map({ dry: '1' })),
    get('after the dry run', a),
    patch(
      'apply',
      'a dry run of what is not',
      `${configMaps}/dry?fieldManager=one&dryRun=All`,
      configMap('dry'),
    ),
    get('which is not', `${configMaps}/dry`),
    patch('apply', 'a bad object', `${configMaps}/Bad?fieldManager=one`, configMap('Bad')),
    patch(
      'apply',
      'a deployment',
      d('one'),
      deployment({ selector, replicas: 2, template: template([{ name: 'c', image: 'i' }]) }),
    ),
    patch(
      'apply',
      'another container',
      d('two'),
      deployment({ selector, template: template([{ name: 'side', image: 's' }]) }),
    ),
    patch('apply', 'its image', d('two'), deployment({ template: template([{ name: 'c', image: 'j' }]) })),
    patch('apply', 'replicas by another', d('scaler'), deployment({ replicas: 5 })),
    patch('apply', 'replicas forced', d('scaler', '&force=true'), deployment({ replicas: 5 })),
    patch(
      'apply',
      'replicas no more',
      d('one'),
      deployment({ selector, template: template([{ name: 'c', image: 'i' }]) }),
    ),
    patch('apply', 'replicas unwanted', d('scaler'), deployment({})),
    patch(
      'apply',
      'a container twice',
      d('one'),
      deployment({
        selector,
        template: template([
          { name: 'c', image: 'i' },
          { name: 'c', image: 'k' },
        ]),
      }),
    ),
    patch(
      'apply',
      'a container without a key',
      d('one'),
      deployment({ selector, template: template([{ image: 'i' }]) }),
    ),
    patch(
      'apply',
      'ports with default keys',
      d('one'),
      deployment({
        selector,
        template: template([{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }]),
      }),
    ),
    patch(
      'apply',
      'a port of another protocol',
      d('one'),
      deployment({
        selector,
        template: template([
          { name: 'c', image: 'i', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] },
        ]),
      }),
    ),
    patch('apply', 'a status', `${deployments}/d/status?fieldManager=st`, {
      ...deployment({}),
      status: {
        replicas: 1,
        conditions: [{ type: 'Available', status: 'True', lastUpdateTime: null, lastTransitionTime: null }],
      },
    }),
    get('the deployment', `${deployments}/d`),
    patch('apply', 'a service', `${services}/s?fieldManager=one`, {
      ...service('s'),
      spec: { ports: [{ port: 80, name: 'a' }] },
    }),
    patch('apply', 'its second port', `${services}/s?fieldManager=two`, {
      ...service('s'),
      spec: { ports: [{ port: 81, name: 'b' }] },
    }),
    patch('apply', 'a pod', `${pods}/p?fieldManager=one`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', finalizers: ['example.com/a'] },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    }),
    patch('apply', 'finalizers of two', `${pods}/p?fieldManager=two`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', finalizers: ['example.com/b'] },
    }),
    patch('apply', 'finalizers of one no more', `${pods}/p?fieldManager=one`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    }),
    patch('merge', 'what manages is wiped', a, { metadata: { managedFields: [{}] } }),
    patch('apply', 'then applied', by('one'), map({ x: '4' })),
  ],
};
