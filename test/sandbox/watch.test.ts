// Watches: order, selectors, history, bookmarks, the end of history.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmap, configmaps, open, types } from './harness.ts';

const seen = (events: { type: string; object: { metadata: { name: string } } }[]) =>
  events.map((e) => `${e.type} ${e.object.metadata.name}`);

test('a watch from a version gets what happened since, then what happens', async (t) => {
  const { call, watch } = await open(t, { controllers: false });
  const start = (await call('POST', configmaps, configmap('a'))).body.metadata.resourceVersion;
  await call('POST', configmaps, configmap('b'));
  const follow = watch(`${configmaps}?watch=1&resourceVersion=${start}`);
  await call('PATCH', `${configmaps}/b`, { data: { x: '2' } }, { 'content-type': types.merge });
  await call('DELETE', `${configmaps}/a`);
  const events = await follow.until((e) => e.length >= 3);
  follow.stop();
  assert.deepEqual(seen(events), ['ADDED b', 'MODIFIED b', 'DELETED a']);
  const versions = events.map((e) => Number(e.object.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    [...versions].sort((x, y) => x - y),
  );
  assert.ok(versions[2]! > versions[1]!);
});

test('a watch without version begins with what exists', async (t) => {
  const { call, watch } = await open(t, { controllers: false });
  await call('POST', configmaps, configmap('a'));
  const follow = watch(`${configmaps}?watch=true`);
  await follow.until((e) => e.length === 1);
  await call('POST', configmaps, configmap('b'));
  assert.deepEqual(seen(await follow.until((e) => e.length === 2)), ['ADDED a', 'ADDED b']);
  follow.stop();
});

test('what leaves a selection is DELETED, what enters ADDED', async (t) => {
  const { call, watch } = await open(t, { controllers: false });
  const follow = watch(`${configmaps}?watch=1&labelSelector=x%3Dy`);
  const label = (value: string | null) =>
    call('PATCH', `${configmaps}/a`, { metadata: { labels: { x: value } } }, { 'content-type': types.merge });
  await call('POST', configmaps, configmap('a'));
  await label('y');
  await label('z');
  const events = await follow.until((e) => e.length === 2);
  follow.stop();
  assert.deepEqual(seen(events), ['ADDED a', 'DELETED a']);
  assert.equal(events[1].object.metadata.labels.x, 'y');
});

test('history that is gone ends a watch with 410', async (t) => {
  const { call, watch, sandbox } = await open(t, { controllers: false });
  const start = (await call('POST', configmaps, configmap('a'))).body.metadata.resourceVersion;
  await call('POST', configmaps, configmap('b'));
  await call('POST', configmaps, configmap('c'));
  sandbox.compact();
  const follow = watch(`${configmaps}?watch=1&resourceVersion=${start}`);
  const [event] = await follow.until((e) => e.length === 1);
  assert.equal(event.type, 'ERROR');
  assert.equal(event.object.code, 410);
  assert.equal(event.object.reason, 'Expired');
  assert.match(event.object.message, /^too old resource version: \d+ \(\d+\)$/);
});

test('a timed-out watch ends with a bookmark', async (t) => {
  const { call, watch } = await open(t, { controllers: false });
  const made = await call('POST', configmaps, configmap('a'));
  const follow = watch(
    `${configmaps}?watch=1&resourceVersion=${made.body.metadata.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=1`,
  );
  const [event] = await follow.until((e) => e.length === 1);
  assert.equal(event.type, 'BOOKMARK');
  assert.equal(event.object.metadata.resourceVersion, made.body.metadata.resourceVersion);
});

test('a watch-list marks the end of what existed', async (t) => {
  const { call, watch } = await open(t, { controllers: false });
  await call('POST', configmaps, configmap('a'));
  const follow = watch(
    `${configmaps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
  );
  const events = await follow.until((e) => e.length === 2);
  follow.stop();
  assert.equal(events[0].type, 'ADDED');
  assert.equal(events[1].object.metadata.annotations['k8s.io/initial-events-end'], 'true');
});

test('a hundred watchers all hear everything, once', async (t) => {
  const { call, watch } = await open(t, { controllers: false });
  const follow = Array.from({ length: 100 }, (_, i) =>
    watch(`${configmaps}?watch=1${i % 2 ? '' : '&labelSelector=!none'}`),
  );
  await Promise.all(Array.from({ length: 50 }, (_, i) => call('POST', configmaps, configmap(`c${i}`))));
  for (const one of follow) {
    const events = await one.until((e) => e.length >= 50);
    assert.equal(new Set(events.map((e) => e.object.metadata.name)).size, 50);
    assert.equal(events.length, 50);
    one.stop();
  }
});
