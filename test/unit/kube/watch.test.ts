// The stream of a watch over real HTTP: events come whole and in order however the bytes are cut, and its
// end is told apart from its breaking.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Client, WatchEvent } from '../../../src/kube/client.ts';
import { staticConfig } from '../../../src/kube/config.ts';
import { ApiError, ConnectionError, isGone } from '../../../src/kube/errors.ts';
import { createClient } from '../../../src/kube/json-client.ts';
import { LineSplitter } from '../../../src/kube/watch.ts';
import { FakeServer, FakeWatch, refuse, type Thing, thing, things, until } from './fake-server.ts';

let server: FakeServer;
let client: Client;
let stream: FakeWatch | undefined;
let events: WatchEvent<Thing>[] = [];

beforeEach(async () => {
  stream = undefined;
  events = [];
  server = await FakeServer.start((request, response) => {
    stream = new FakeWatch(request, response);
  });
  client = createClient(staticConfig(server.url));
});
afterEach(() => server.stop());

async function watch(signal?: AbortSignal): Promise<{ stream: FakeWatch; ended: Promise<unknown> }> {
  const ended = client
    .watch(things, {
      resourceVersion: '5',
      allowWatchBookmarks: true,
      timeoutSeconds: 300,
      onEvent: (event) => events.push(event),
      ...(signal && { signal }),
    })
    .then(
      () => 'ended',
      (error) => error,
    );
  await until('the watch is open', () => stream !== undefined);
  return { stream: stream!, ended };
}

describe('a watch', () => {
  test('asks for what it was told to, and ends when the server ends it', async () => {
    const { stream, ended } = await watch();
    assert.equal(
      String(stream.request.query),
      'watch=true&resourceVersion=5&timeoutSeconds=300&allowWatchBookmarks=true',
    );
    stream.event('ADDED', thing('a', 6));
    stream.bookmark('9');
    stream.end();
    assert.equal(await ended, 'ended');
    assert.deepEqual(
      events.map(({ type, object }) => [type, object.metadata.resourceVersion]),
      [
        ['ADDED', '6'],
        ['BOOKMARK', '9'],
      ],
    );
  });

  test('puts characters together that were cut in two', async () => {
    const { stream, ended } = await watch();
    const object = thing('a', 6, { spec: { note: 'ä€😀' } });
    for (const byte of Buffer.from(`${JSON.stringify({ type: 'ADDED', object })}\n`)) {
      stream.raw(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.end();
    assert.equal(await ended, 'ended');
    assert.deepEqual(events, [{ type: 'ADDED', object }]);
  });

  test('that breaks inside an event delivers what was whole, then fails', async () => {
    const { stream, ended } = await watch();
    stream.event('ADDED', thing('a', 6));
    stream.raw('{"type":"MODIF');
    await until('the event is there', () => events.length === 1);
    stream.break();
    const error = await ended;
    assert.ok(error instanceof ConnectionError && error.kind === 'network' && !error.ambiguous);
    assert.equal(events.length, 1);
  });

  test('that ends in order, but inside an event, fails too', async () => {
    const { stream, ended } = await watch();
    stream.raw('{"type":"ADDED"}');
    stream.end();
    assert.match(String(await ended), /ended inside an event/);
    assert.equal(events.length, 0);
  });

  test('fails with the Status of an ERROR event, and takes nothing after it', async () => {
    const { stream, ended } = await watch();
    stream.raw(
      `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } })}\n` +
        `${JSON.stringify({ type: 'ADDED', object: thing('a', 6) })}\n`,
    );
    const error = await ended;
    assert.ok(isGone(error) && error.message === 'too old');
    assert.equal(events.length, 0);
  });

  test('fails with the refusal where the server does not begin', async () => {
    server.script = (_, response) => refuse(response, 410, 'Expired', 'too old resource version');
    const error = await client.watch(things, { resourceVersion: '1', onEvent() {} }).catch((error) => error);
    assert.ok(error instanceof ApiError && isGone(error));
  });

  test('ends when its signal aborts, and closes its connection', async () => {
    const abort = new AbortController();
    const { ended } = await watch(abort.signal);
    abort.abort();
    assert.equal(((await ended) as ConnectionError).kind, 'aborted');
    await until('the connection is closed', () => server.connections === 0);
  });

  test('aborted by its receiver delivers nothing more, although more has come', async () => {
    const abort = new AbortController();
    const ended = client
      .watch(things, {
        resourceVersion: '1',
        signal: abort.signal,
        onEvent: (event) => {
          events.push(event);
          abort.abort();
        },
      })
      .catch((error) => error);
    await until('the watch is open', () => stream !== undefined);
    const line = `${JSON.stringify({ type: 'ADDED', object: thing('a', 6) })}\n`;
    stream!.raw(line + line);
    assert.equal(((await ended) as ConnectionError).kind, 'aborted');
    assert.equal(events.length, 1);
  });

  test('ends with the exception of its receiver', async () => {
    const boom = new Error('boom');
    const ended = client
      .watch(things, {
        resourceVersion: '1',
        onEvent() {
          throw boom;
        },
      })
      .catch((error) => error);
    await until('the watch is open', () => stream !== undefined);
    stream!.event('ADDED', thing('a', 6));
    assert.equal(await ended, boom);
  });
});

test('lines are the same however their bytes are cut', () => {
  const lines = ['{"a":1}', '{"b":"ä€😀\u2028"}', 'x'.repeat(70_000), '{}'];
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  for (let round = 0; round < 300; round++) {
    const got: string[] = [];
    const splitter = new LineSplitter((line) => got.push(line));
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + Math.floor(Math.random() ** 4 * 40_000);
      splitter.push(bytes.subarray(at, at + size));
      at += size;
    }
    assert.deepEqual(got, lines);
    assert.equal(splitter.midLine, false);
  }
});
