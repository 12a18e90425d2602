// The metrics port asks for no credentials: it gives metrics, tells nothing else, and silence holds nobody up.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Gauge, Registry } from 'prom-client';
import { MetricsServer } from '../../src/server/metrics-server.ts';

describe('the metrics port', () => {
  let server: MetricsServer;
  let fails = false;
  before(async () => {
    const registry = new Registry();
    const collect = () => {
      if (fails) throw new Error('a secret');
    };
    new Gauge({ name: 'a_gauge', help: 'a gauge', registers: [registry], collect });
    server = new MetricsServer({ host: '127.0.0.1', port: 0, registry });
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
