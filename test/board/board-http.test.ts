// How the board is asked and how it answers: paths, headers, who may look, and how many.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { ask, follow, goods, openBoard, pass } from './world.ts';

test('the page and everything it refers to is served, with strict headers and nothing from elsewhere', async (t) => {
  const world = await openBoard(t);
  const page = await ask(world, '/board');
  assert.equal(page.code, 200);
  assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  const references = [...page.body.matchAll(/(?:href|src)="([^"#]+)"/g)].map(([, path]) => path!);
  assert.ok(references.length >= 3, 'the page refers to its style and its script');
  for (const reference of references) {
    const path = new URL(reference, 'http://127.0.0.1/board').pathname;
    const asset = await ask(world, path);
    assert.equal(asset.code, 200, path);
    assert.doesNotMatch(asset.body, /(?:src|href|url\(|from|import)\s*[=(]?\s*['"]?(?:https?:)?\/\//, path);
  }
  for (const { headers } of [page, await ask(world, '/board/nothing'), await ask(world, '/board/board.js')]) {
    assert.match(String(headers['content-security-policy']), /default-src 'self'/);
    assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|\*|https?:/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['referrer-policy'], 'no-referrer');
  }
  assert.doesNotMatch(page.body, /<script>|\son\w+=|style=/, 'nothing inline');
});

test('files of the folder only: no other path leads anywhere', async (t) => {
  const world = await openBoard(t);
  for (const path of [
    ...['/board/../package.json', '/board/%2e%2e/board.ts', '/board/../board.ts', '/board//etc/passwd'],
    ...['/board/constructor', '/board/page/board.js', '/board/.'],
  ]) {
    assert.equal((await ask(world, path)).code, 404, path);
  }
  assert.equal((await ask(world, '/boards')).body, 'not the board');
  const moved = await ask(world, '/board/');
  assert.deepEqual([moved.code, moved.headers.location], [308, '../board']);
});

test('a file that has not changed is not sent again', async (t) => {
  const world = await openBoard(t);
  const first = await ask(world, '/board/board.js');
  const again = await ask(world, '/board/board.js', { 'if-none-match': String(first.headers.etag) });
  assert.deepEqual([again.code, again.body], [304, '']);
});

test('it can only be read', async (t) => {
  const world = await openBoard(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const answer = await ask(world, '/board/events', {}, method);
    assert.deepEqual([answer.code, answer.headers.allow], [405, 'GET, HEAD'], method);
  }
  assert.equal((await ask(world, '/board', {}, 'HEAD')).body, '');
  assert.equal((await ask(world, '/board/events', {}, 'HEAD')).code, 200);
});

test('another site cannot take the places of those who look', async (t) => {
  const world = await openBoard(t);
  const foreign = await ask(world, '/board/events', { 'sec-fetch-site': 'cross-site' });
  assert.equal(foreign.code, 403);
});

test('past the ceiling a viewer is told when to come again; a place that gets free is given', async (t) => {
  const world = await openBoard(t, { limits: { viewers: 2 } });
  const first = await follow(world);
  await follow(world);
  const third = await ask(world, '/board/events');
  assert.deepEqual([third.code, third.headers['retry-after']], [503, '10']);
  assert.match(third.body, /2 people are looking/);
  first.close();
  let free = 503;
  for (let tries = 0; tries < 200 && free !== 200; tries++)
    free = (await ask(world, '/board/events', {}, 'HEAD')).code;
  assert.equal(free, 200);
});

test('who opens every place gives one to each who comes, and nobody else loses one', async (t) => {
  const world = await openBoard(t, { limits: { viewers: 4 } });
  const greedy = [];
  for (let i = 0; i < 4; i++) greedy.push(await follow(world, `?namespace=n${i}`, 'mallory'));
  assert.equal((await ask(world, '/board/events', { 'x-user': 'mallory' })).code, 503);
  const ann = await follow(world, '', 'ann');
  const bob = await follow(world, '', 'bob');
  // Two of mallory's are left: no more of them go, since she has as many as carl would have with one more.
  await follow(world, '', 'carl');
  assert.equal(world.board.viewers, 4);
  assert.equal((await ask(world, '/board/events', { 'x-user': 'dora' })).code, 503);
  assert.deepEqual([ann.response.destroyed, bob.response.destroyed], [false, false]);
});

test('who is told that it stops comes back, and is sent away until it is gone', async (t) => {
  const world = await openBoard(t);
  const stream = await follow(world);
  const closed = new Promise((resolve) => stream.response.once('close', resolve));
  world.board.stop();
  await closed;
  const again = await ask(world, '/board/events');
  assert.deepEqual([again.code, again.headers['retry-after']], [503, '1']);
  assert.equal(world.clock.pending, 0, 'no timer stays behind');
});

test('a stream starts with everything, then brings what changed, then only a beat', async (t) => {
  const world = await openBoard(t);
  const stream = await follow(world);
  await pass(world.clock, 250, () => stream.events.length >= 1);
  const everything = ['due', 'goods', 'health', 'news', 'now', 'places', 'pulse', 'refusals', 'totals'];
  assert.deepEqual(Object.keys(stream.events[0]!.state).sort(), everything);
  await pass(world.clock, 250, () => stream.events.some(({ event }) => event === 'beat'));
  world.caches.goods.replaceAll([goods('phone')], '1000');
  await pass(world.clock, 250, () => stream.state().goods?.rows.length === 1);
  const last = stream.events.at(-1)!;
  assert.deepEqual(Object.keys(last.state).sort(), ['goods', 'now', 'places', 'totals']);
  assert.ok(last.id > stream.events[0]!.id);
  const second = await follow(world);
  await pass(world.clock, 250, () => second.events.length >= 1);
  assert.deepEqual(Object.keys(second.events[0]!.state).sort(), everything);
});

test('the folder of the page holds nothing but the page', () => {
  const names = readdirSync(new URL('../../src/board/page', import.meta.url));
  assert.deepEqual(
    names.filter((name) => !/\.(html|css|js|svg)$/.test(name)),
    [],
  );
});
