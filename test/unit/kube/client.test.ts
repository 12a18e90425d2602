// The client over real HTTP: what it asks for, what it makes of refusals, and what it tries a second time.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Client, ClientOptions } from '../../../src/kube/client.ts';
import { type ConnectionConfig, staticConfig } from '../../../src/kube/config.ts';
import {
  ApiError,
  ConnectionError,
  isAlreadyExists,
  isAmbiguous,
  isConflict,
  isForbidden,
  isGone,
  isNotFound,
  isTooManyRequests,
} from '../../../src/kube/errors.ts';
import { createClient } from '../../../src/kube/json-client.ts';
import { answer, FakeServer, listOf, refuse, thing, things } from './fake-server.ts';

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

describe('requests', () => {
  test('each verb has its method, path, query and body', async () => {
    const client = connect({ userAgent: 'me' });
    const base = '/apis/test.spikegate.io/v1/namespaces/default/things';
    const calls: [() => Promise<unknown>, string, string?][] = [
      [() => client.get(things, key), `GET ${base}/a`],
      [() => client.create(things, a, { dryRun: true }), `POST ${base}?dryRun=All`, 'application/json'],
      [
        () => client.replace(things, a, { subresource: 'status' }),
        `PUT ${base}/a/status`,
        'application/json',
      ],
      [
        () => client.patch(things, key, {}, { type: 'merge' }),
        `PATCH ${base}/a`,
        'application/merge-patch+json',
      ],
      [
        () => client.patch(things, key, [], { type: 'json' }),
        `PATCH ${base}/a`,
        'application/json-patch+json',
      ],
      [
        () => client.apply(things, a, { fieldManager: 'spikegate', force: true }),
        `PATCH ${base}/a?fieldManager=spikegate&force=true`,
        'application/apply-patch+yaml',
      ],
      [() => client.delete(things, key), `DELETE ${base}/a`, 'application/json'],
    ];
    for (const [call, expected, contentType] of calls) {
      await call();
      const seen = server.requests.at(-1)!;
      const query = seen.query.size ? `?${seen.query}` : '';
      assert.equal(`${seen.method} ${seen.path}${query}`, expected);
      assert.equal(seen.headers['content-type'], contentType);
      assert.equal(seen.headers['user-agent'], 'me');
    }
  });

  test('a list says where it stands, and its items what they are', async () => {
    const { apiVersion: _, kind: __, ...bare } = a;
    server.script = (_request, response) => answer(response, listOf([bare], '7', 'more'));
    const list = await connect().list(things, { limit: 1, labelSelector: 'a in (b,c)' });
    assert.deepEqual(list.items, [a]);
    assert.deepEqual(list.metadata, { resourceVersion: '7', continue: 'more' });
    assert.equal(server.requests[0]!.query.get('labelSelector'), 'a in (b,c)');
    assert.equal(server.requests[0]!.path, '/apis/test.spikegate.io/v1/things');
  });

  test('a name that would lead elsewhere is refused before it is sent', async () => {
    const client = connect();
    for (const name of ['', '..', 'a/b', 'a%2fb']) {
      assert.match(
        String(await failure((async () => client.delete(things, { namespace: 'x', name }))())),
        /name/,
      );
    }
    assert.match(String(await failure((async () => client.delete(things, { name: 'a' }))())), /namespace/);
    assert.equal(server.requests.length, 0);
  });

  test('preconditions of a delete are in its body', async () => {
    await connect().delete(things, key, { preconditions: { uid: 'u' }, propagationPolicy: 'Foreground' });
    const { preconditions, propagationPolicy } = server.requests[0]!.body as Record<string, unknown>;
    assert.deepEqual(
      { preconditions, propagationPolicy },
      { preconditions: { uid: 'u' }, propagationPolicy: 'Foreground' },
    );
  });

  test('warnings of the server are handed on, unquoted', async () => {
    const seen: string[] = [];
    server.script = (_, response) =>
      answer(response, a, 200, { warning: '299 - "old \\"v1\\"", 299 - "bad, too"' });
    await connect({ onWarning: (text) => seen.push(text) }).get(things, key);
    assert.deepEqual(seen, ['old "v1"', 'bad, too']);
  });

  test('each exchange is counted with its code', async () => {
    const codes: string[] = [];
    const client = connect({
      onRequest: ({ verb, resource, code }) => codes.push(`${verb} ${resource} ${code}`),
    });
    await client.get(things, key);
    server.script = (_, response) => refuse(response, 404, 'NotFound', 'gone');
    await failure(client.get(things, key));
    await server.stop();
    await failure(client.create(things, a));
    assert.deepEqual(codes, ['get things 200', 'get things 404', 'create things <error>']);
  });

  test('a raw request gives text and JSON as they are, and refusals as answers', async () => {
    server.script = (request, response) =>
      request.path === '/readyz'
        ? response.writeHead(500).end('[-]etcd failed')
        : answer(response, { minor: '20' });
    const client = connect();
    assert.deepEqual((await client.request('GET', '/version')).body, { minor: '20' });
    const { status, body } = await client.request('GET', '/readyz', { query: { verbose: '' } });
    assert.deepEqual([status, body], [500, '[-]etcd failed']);
  });
});

describe('refusals', () => {
  test('become errors with reason and code', async () => {
    const client = connect();
    const table: [number, string, (error: unknown) => boolean][] = [
      [404, 'NotFound', isNotFound],
      [409, 'Conflict', isConflict],
      [409, 'AlreadyExists', isAlreadyExists],
      [403, 'Forbidden', isForbidden],
      [410, 'Gone', isGone],
      [410, 'Expired', isGone],
      [429, 'TooManyRequests', isTooManyRequests],
    ];
    const predicates = new Set(table.map(([, , is]) => is));
    for (const [code, reason, is] of table) {
      server.script = (_, response) => refuse(response, code, reason, `because ${reason}`);
      const error = await failure(client.get(things, key));
      assert.ok(error instanceof ApiError && error.message === `because ${reason}`);
      assert.deepEqual([error.code, error.reason], [code, reason]);
      for (const other of predicates) assert.equal(other(error), other === is, `${reason} and ${other.name}`);
    }
  });

  test('without a Status say what was refused', async () => {
    server.script = (_, response) => response.writeHead(502).end('<h1>bad gateway</h1>');
    const error = await failure(connect().get(things, key));
    assert.ok(error instanceof ApiError && error.code === 502 && isAmbiguous(error));
    assert.match(error.message, /^GET \/apis\/test.*things\/a: HTTP 502: <h1>bad gateway/);
  });

  test('a page in place of an answer is no object', async () => {
    server.script = (_, response) => response.end('<html>please log in</html>');
    const error = await failure(connect().create(things, a));
    assert.ok(error instanceof ConnectionError && error.ambiguous);
  });

  test('a 401 makes the credentials be read anew, once', async () => {
    let token = 'old';
    let reads = 0;
    const config: ConnectionConfig = {
      server: server.url,
      namespace: undefined,
      async credentials(renew) {
        if (renew) reads++;
        return { tls: {}, headers: { authorization: `Bearer ${renew ? token : 'old'}` } };
      },
    };
    server.script = (request, response) =>
      request.headers.authorization === 'Bearer new'
        ? answer(response, a)
        : refuse(response, 401, 'Unauthorized', 'who?');
    const client = connect({}, config);
    assert.equal(((await failure(client.create(things, a))) as ApiError).code, 401);
    assert.equal(reads, 1);
    await failure(client.create(things, a));
    assert.equal(reads, 1, 'not for every 401 in a row');
    token = 'new';
    const later = connect({}, config);
    assert.deepEqual(await later.create(things, a), a);
  });
});
