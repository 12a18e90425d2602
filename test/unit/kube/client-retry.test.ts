// The client on a bad day: servers that are full, connections that break, answers that never come; what is tried
// a second time, and whether a write may have been stored.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Client, ClientOptions } from '../../../src/kube/client.ts';
import { type ConnectionConfig, staticConfig } from '../../../src/kube/config.ts';
import { ConnectionError, isAmbiguous, isTooManyRequests } from '../../../src/kube/errors.ts';
import { createClient } from '../../../src/kube/json-client.ts';
import { SimulatedClock } from '../../simulated-clock.ts';
import { answer, FakeServer, thing, things, until } from './fake-server.ts';

const a = thing('a', 1);
const key = { namespace: 'default', name: 'a' };

let server: FakeServer;
let clients: Client[] = [];

function connect(opts: ClientOptions = {}, config: ConnectionConfig = staticConfig(server.url)): Client {
  const client = createClient(config, opts);
  clients.push(client);
  return client;
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => assert.fail('the call should fail'),
    (error) => error,
  );
}

beforeEach(async () => {
  server = await FakeServer.start((_, response) => answer(response, a));
});
afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await server.stop();
});

describe('"not now"', () => {
  test('is waited for and tried again, writes too where it is a 429', async () => {
    const clock = new SimulatedClock();
    let refusals = 2;
    server.script = (_, response) =>
      refusals-- > 0 ? response.writeHead(429, { 'retry-after': '3' }).end('full') : answer(response, a);
    const created = connect({ clock }).create(things, a);
    for (const round of [1, 2]) {
      await until(`refusal ${round}`, () => server.requests.length === round && clock.untilNext === 3_000);
      await clock.advance(2_999);
      assert.equal(server.requests.length, round);
      await clock.advance(1);
    }
    assert.deepEqual(await created, a);
    assert.equal(server.requests.length, 3);
  });

  test('is thrown at once where the caller says so, with the seconds', async () => {
    server.script = (_, response) =>
      answer(
        response,
        { kind: 'Status', code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 2 } },
        429,
      );
    const error = await failure(connect().create(things, a, { retry: false }));
    assert.ok(isTooManyRequests(error) && error.retryAfterSeconds === 2);
  });

  test('is thrown when the wait would be longer than the call may take, and after ten times', async () => {
    server.script = (_, response) => response.writeHead(429, { 'retry-after': '5' }).end();
    assert.ok(isTooManyRequests(await failure(connect().get(things, key, { timeoutMs: 4_000 }))));
    assert.equal(server.requests.length, 1);
    server.script = (_, response) => response.writeHead(429, { 'retry-after': '0' }).end();
    assert.ok(isTooManyRequests(await failure(connect().get(things, key))));
    assert.equal(server.requests.length, 12);
  });

  test('with a 5xx is tried again for reads only', async () => {
    let refusals = 1;
    server.script = (_, response) =>
      refusals-- > 0 ? response.writeHead(503, { 'retry-after': '0' }).end() : answer(response, a);
    assert.deepEqual(await connect().get(things, key), a);
    refusals = 1;
    assert.ok(isAmbiguous(await failure(connect().create(things, a))));
  });
});

describe('connections', () => {
  test('are kept, and a read survives that the server closed them', async () => {
    const client = connect();
    await Promise.all([client.get(things, key), client.get(things, key)]);
    await until('both are idle', () => server.connections === 2);
    // Closed when the request comes, as by a server whose idle time runs out at that moment.
    let closings = 2;
    server.script = (_, response) => (closings-- > 0 ? response.destroy() : answer(response, a));
    assert.deepEqual(await client.get(things, key), a);
  });

  test('a write on a connection that breaks is ambiguous, and not sent again', async () => {
    const client = connect();
    await client.get(things, key);
    server.script = (_, response) => response.destroy();
    const before = server.requests.length;
    const error = await failure(client.create(things, a));
    assert.ok(error instanceof ConnectionError && error.ambiguous && error.kind === 'network');
    assert.equal(server.requests.length, before + 1);
  });

  test('an answer that breaks off is an error', async () => {
    server.script = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"kind"');
      setTimeout(() => response.destroy(), 10);
    };
    const error = await failure(connect().create(things, a));
    assert.ok(error instanceof ConnectionError && error.ambiguous);
  });

  test('what never was sent is not ambiguous: no server, no TLS', async () => {
    const client = connect();
    await server.stop();
    const refused = await failure(client.create(things, a));
    assert.ok(refused instanceof ConnectionError && !refused.ambiguous);
    assert.equal(refused.code, 'ECONNREFUSED');

    const plain = createServer((socket) =>
      socket.on('error', () => {}).once('data', () => socket.end('what?')),
    );
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const config = staticConfig(`https://127.0.0.1:${(plain.address() as AddressInfo).port}`);
    const noTls = await failure(connect({}, config).create(things, a));
    assert.ok(noTls instanceof ConnectionError && !noTls.ambiguous, String(noTls));
    plain.close();
  });

  test('a call ends at its limit, whatever the server does', async () => {
    const clock = new SimulatedClock();
    server.script = () => {};
    const error = failure(connect({ clock }).create(things, a, { timeoutMs: 1_000 }));
    await until('the request is there', () => server.requests.length === 1);
    await clock.advance(1_000);
    const timeout = await error;
    assert.ok(timeout instanceof ConnectionError && timeout.kind === 'timeout' && timeout.ambiguous);
    assert.equal(clock.pending, 0);
  });

  test('a call ends when its signal aborts', async () => {
    server.script = () => {};
    const abort = new AbortController();
    const error = failure(connect().get(things, key, { signal: abort.signal }));
    await until('the request is there', () => server.requests.length === 1);
    abort.abort();
    assert.equal(((await error) as ConnectionError).kind, 'aborted');
    await until('the connection is closed', () => server.connections === 0);
    const late = await failure(connect().create(things, a, { signal: abort.signal }));
    assert.ok(late instanceof ConnectionError && !late.ambiguous);
  });
});
