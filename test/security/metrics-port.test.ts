// The metrics port: it gives metrics, tells nothing else, answers to its own names only, and silence holds nobody up. With
// an access check it answers a user who may get the page.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Gauge, Registry } from 'prom-client';
import type { Client } from '../../src/kube/client.ts';
import { hostCheck, serviceNames } from '../../src/server/hosts.ts';
import { clusterAccess } from '../../src/server/metrics-access.ts';
import { MetricsServer } from '../../src/server/metrics-server.ts';
import { SimulatedClock } from '../simulated-clock.ts';

describe('the metrics port', () => {
  let server: MetricsServer;
  let fails = false;
  before(async () => {
    const registry = new Registry();
    const collect = () => {
      if (fails) throw new Error('a secret');
    };
    new Gauge({ name: 'a_gauge', help: 'a gauge', registers: [registry], collect });
    server = new MetricsServer({
      host: '127.0.0.1',
      port: 0,
      registry,
      isOwnHost: hostCheck('127.0.0.1', []),
    });
    await server.start(new AbortController().signal);
  });
  after(() => server.stop());

  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return { code: response.status, text: await response.text() };
  };

  it('gives metrics to who asks for them, and nothing else', async () => {
    assert.match((await ask('/metrics')).text, /^a_gauge 0$/m);
    for (const path of ['/', '/metrics/', '/../metrics.ts', '/healthz', '/debug/pprof']) {
      assert.deepEqual(await ask(path), { code: 404, text: '' });
    }
    assert.equal((await ask('/metrics', 'POST')).code, 404);
  });

  it('says only that something failed', async () => {
    fails = true;
    assert.deepEqual(await ask('/metrics'), { code: 500, text: 'internal error\n' });
    fails = false;
  });

  it('is held up by nobody who is silent or slow', async () => {
    const sockets: Socket[] = [];
    for (let i = 0; i < 300; i++) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
      if (i % 3 === 0) socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: ');
      if (i % 3 === 1) socket.write('\u0000\u0001 no HTTP\r\n\r\n');
    }
    assert.equal((await ask('/metrics')).code, 200);
    for (const socket of sockets) socket.destroy();
  });
});

describe('a name by which the metrics port is called', () => {
  const names = serviceNames('spikegate-metrics', 'shop');
  const evil = [
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '',
    undefined,
  ];
  const here = ['localhost', 'LOCALHOST:1', '127.0.0.1:8080', '127.1.2.3', '[::1]:8080', '[::1]'];

  it('is a loopback one where the port is on loopback', () => {
    const isOwn = hostCheck('127.0.0.1', []);
    for (const host of [...evil, '10.0.0.1', 'spikegate-metrics']) assert.equal(isOwn(host), false, host);
    for (const host of here) assert.equal(isOwn(host), true, host);
  });

  it('is an address or a name of its own everywhere else, and never a stranger\u2019s', () => {
    for (const bound of ['0.0.0.0', '::', '10.1.2.3']) {
      const isOwn = hostCheck(bound, [...names, 'Metrics.Example']);
      for (const host of evil) assert.equal(isOwn(host), false, host);
      const own = ['10.0.0.1:8080', '[fd00::1]:8080', 'spikegate-metrics.shop.svc:8080', 'metrics.example'];
      for (const host of [...here, ...own]) assert.equal(isOwn(host), true, host);
    }
  });

  it('is answered 421 when it is another, on every page', async () => {
    const server = new MetricsServer({
      host: '127.0.0.1',
      port: 0,
      registry: new Registry(),
      isOwnHost: hostCheck('127.0.0.1', []),
      pages: () => assert.fail('a page was asked for'),
    });
    await server.start(new AbortController().signal);
    for (const path of ['/metrics', '/board', '/board/events', '/']) {
      const [code] = await raw(server.port, path, { host: 'evil.example' });
      assert.equal(code, 421, path);
    }
    await server.stop();
  });
});

describe('the metrics port behind the rights of the cluster', () => {
  const clock = new SimulatedClock();
  /** What the API server was asked. */
  let asked: string[] = [];
  let isDown = false;
  const client = {
    async create(resource: { kind: string }, draft: { spec: Record<string, unknown> }) {
      asked.push(resource.kind);
      if (isDown) throw new Error('a secret');
      if (resource.kind === 'TokenReview') {
        const username = /^token-of-(.*)$/.exec(String(draft.spec.token))?.[1];
        return { status: username ? { authenticated: true, user: { username, groups: ['g'] } } : {} };
      }
      const { user, nonResourceAttributes } = draft.spec as {
        user: string;
        nonResourceAttributes: { path: string; verb: string };
      };
      const may = user === 'prometheus' ? ['/metrics'] : user === 'ann' ? ['/metrics', '/board'] : [];
      return {
        status: { allowed: nonResourceAttributes.verb === 'get' && may.includes(nonResourceAttributes.path) },
      };
    },
  } as unknown as Client;
  const users: (string | undefined)[] = [];
  let server: MetricsServer;
  before(async () => {
    server = new MetricsServer({
      host: '127.0.0.1',
      port: 0,
      registry: new Registry(),
      isOwnHost: hostCheck('127.0.0.1', []),
      access: clusterAccess(client, clock),
      pages(request, response, user) {
        if (!request.url?.startsWith('/board')) return false;
        users.push(user);
        response.end('the board');
        return true;
      },
    });
    await server.start(new AbortController().signal);
  });
  after(() => server.stop());
  beforeEach(() => {
    asked = [];
    isDown = false;
  });

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const basic = (token: string, user = 'x') => ({
    authorization: `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`,
  });
  const ask = (path: string, headers: Record<string, string> = {}) => raw(server.port, path, headers);

  it('asks for a token where there is none, and asks the API server nothing', async () => {
    const odd = ['', 'Bearer', 'Bearer ', 'Digest x', 'Basic !!', `Bearer ${'x'.repeat(12_001)}`];
    for (const authorization of odd) {
      const [code, , headers] = await ask('/metrics', authorization ? { authorization } : {});
      assert.equal(code, 401, authorization);
      assert.match(String(headers['www-authenticate']), /Bearer.*Basic/);
    }
    assert.deepEqual(asked, []);
  });

  it('gives a page to a user who may get it, by either scheme, and no other', async () => {
    assert.equal((await ask('/metrics', bearer('token-of-prometheus')))[0], 200);
    assert.equal((await ask('/board', bearer('token-of-prometheus')))[0], 403);
    assert.equal((await ask('/board/events?x=/metrics', bearer('token-of-prometheus')))[0], 403);
    assert.equal((await ask('/board/board.js', basic('token-of-ann')))[0], 200);
    assert.equal((await ask('/metrics', bearer('token-of-mallory')))[0], 403);
    assert.equal((await ask('/metrics', bearer('forged')))[0], 401);
    assert.deepEqual(users, ['ann']);
  });

  it('asks the API server once for many requests, and again after a minute', async () => {
    for (let i = 0; i < 20; i++) await ask('/metrics', bearer('token-of-prometheus'));
    assert.deepEqual(asked, []);
    await clock.advance(61_000);
    await Promise.all(Array.from({ length: 20 }, () => ask('/metrics', bearer('token-of-prometheus'))));
    assert.deepEqual(asked, ['TokenReview', 'SubjectAccessReview']);
  });

  it('says nothing of why the API server cannot be asked', async () => {
    isDown = true;
    const [code, text] = await ask('/metrics', bearer('token-of-nobody-yet'));
    assert.deepEqual([code, text], [503, 'the API server cannot be asked at this moment; try again\n']);
    isDown = false;
    assert.equal((await ask('/metrics', bearer('token-of-nobody-yet')))[0], 403);
  });

  it('lets no flood of forged tokens become a flood at the API server, nor end a scraper\u2019s answers', async () => {
    let most = 0;
    let running = 0;
    const slow = clusterAccess(
      {
        async create() {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          return { status: {} };
        },
      } as unknown as Client,
      clock,
    );
    const request = (token: string) => ({ headers: bearer(token) }) as never;
    const answers = await Promise.all(
      Array.from({ length: 5000 }, (_, i) => slow(request(`forged-${i}`), '/metrics')),
    );
    assert.ok(most <= 8, `${most} at once`);
    assert.ok(answers.every((answer) => 'code' in answer && [401, 503].includes(answer.code)));
  });
});

function raw(port: number, path: string, headers: Record<string, string>) {
  return new Promise<[number, string, Record<string, unknown>]>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, headers, agent: false }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      resolve([answer.statusCode ?? 0, text, answer.headers]);
    }).on('error', reject);
  });
}
