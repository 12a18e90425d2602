// Watches: from where, what is told, what comes into and goes out of a selection, how they end.

import type { Json, Step, Topic } from '../types.ts';
import { configMap, configMaps, core, del, get, partial, patch, post, table } from './make.ts';

const watch = (name: string, query: string, events: number, more: Partial<Step> = {}): Step => ({
  name,
  path: `${configMaps}?watch=true&${query}`,
  events,
  ...more,
});
const mine = 'labelSelector=w%3D1';
const make = (name: string, labels: Json = { w: '1' }) =>
  post(`make ${name}`, configMaps, configMap(name, { v: '1' }, { labels }), { setup: true });

export const watches: Topic = {
  name: 'watches',
  steps: [
    get('the list before', `${configMaps}?${mine}`, { save: { rv: 'metadata.resourceVersion' } }),
    { name: 'open live', path: `${configMaps}?watch=1&${mine}&resourceVersion=@{rv}`, open: 'live' },
    make('a'),
    make('b'),
    make('other', { w: '2' }),
    patch('merge', 'change a', `${configMaps}/a`, { data: { v: '2' } }, { setup: true }),
    patch(
      'merge',
      'a goes out',
      `${configMaps}/a`,
      { metadata: { labels: { w: '2' } }, data: { v: '3' } },
      { setup: true },
    ),
    patch(
      'merge',
      'other comes in',
      `${configMaps}/other`,
      { metadata: { labels: { w: '1' } } },
      { setup: true },
    ),
    patch('merge', 'a changes outside', `${configMaps}/a`, { data: { v: '4' } }, { setup: true }),
    patch('merge', 'nothing changes', `${configMaps}/b`, { data: { v: '1' } }, { setup: true }),
    del('delete b', `${configMaps}/b`, undefined, { setup: true }),
    { name: 'what was told live', path: '', read: 'live', events: 6 },
    watch('from that version', `${mine}&resourceVersion=@{rv}`, 6),
    watch('all from that version', 'resourceVersion=@{rv}', 8),
    watch('from 0', `${mine}&resourceVersion=0`, 1, { unordered: true }),
    watch('from nowhere', mine, 1),
    watch('one object', 'fieldSelector=metadata.name%3Da&resourceVersion=@{rv}', 4),
    watch(
      'another namespace',
      'fieldSelector=metadata.namespace%3Dx&resourceVersion=@{rv}&timeoutSeconds=1',
      1,
    ),
    watch('that times out', `${mine}&timeoutSeconds=1`, 2),
    watch('that times out with a bookmark', `${mine}&timeoutSeconds=1&allowWatchBookmarks=true`, 2),
    watch('of one object by its path', 'resourceVersion=@{rv}', 4, {
      path: `${configMaps}/a?watch=true&resourceVersion=@{rv}`,
    }),
    watch('everywhere', '', 6, {
      path: `/api/v1/configmaps?watch=true&${mine}&resourceVersion=@{rv}&fieldSelector=metadata.namespace%3Dd-watches`,
    }),
    watch('of nothing', '', 1, { path: `${core}/persistentvolumeclaims?watch=true&timeoutSeconds=1` }),
    watch('as tables', `${mine}&resourceVersion=@{rv}`, 3, { headers: table }),
    watch('as metadata', `${mine}&resourceVersion=@{rv}`, 3, { headers: partial }),
    watch('as streamed JSON', `${mine}&resourceVersion=@{rv}`, 1, {
      headers: { accept: 'application/json;stream=watch' },
    }),
    watch('in YAML', `${mine}&resourceVersion=@{rv}&timeoutSeconds=1`, 1, {
      headers: { accept: 'application/yaml' },
    }),
    watch('as XML', mine, 1, { headers: { accept: 'text/xml' } }),
    watch('from a version that is no number', 'resourceVersion=x', 1),
    watch('from a version of the future', 'resourceVersion=999999999&timeoutSeconds=1', 1),
    watch('from version 1', 'resourceVersion=1', 1),
    watch('with a match', 'resourceVersion=@{rv}&resourceVersionMatch=Exact', 1),
    watch('with a page', `${mine}&limit=1&timeoutSeconds=1&resourceVersion=@{rv}`, 2),
    watch('with a continuation', `${mine}&continue=x&timeoutSeconds=1`, 1),
    watch('by a selector that does not parse', 'labelSelector=a%20b', 1),
    watch('by a field that is none', 'fieldSelector=data.v%3D1', 1),
    watch('for no number of seconds', 'timeoutSeconds=soon', 1),
    watch('of a kind that is none', '', 1, { path: `${core}/nothings?watch=true` }),
    get('not really', `${configMaps}?watch=false&fieldSelector=metadata.name%3Da`),
    post(
      'with a finalizer',
      configMaps,
      configMap('f', {}, { labels: { x: '1' }, finalizers: ['example.com/f'] }),
      { setup: true, save: { frv: 'metadata.resourceVersion' } },
    ),
    del('ask it to go', `${configMaps}/f`, undefined, { setup: true }),
    patch('merge', 'let it go', `${configMaps}/f`, { metadata: { finalizers: null } }, { setup: true }),
    watch('how it went', 'labelSelector=x%3D1&resourceVersion=@{frv}', 2),
    del('a collection', `${configMaps}?labelSelector=w`, undefined, { setup: true }),
    watch('how they went', 'labelSelector=w&resourceVersion=@{frv}', 2, { unordered: true }),
  ],
};
