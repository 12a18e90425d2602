// A server that is going: whoever speaks to it is answered, and led elsewhere without a request being lost.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import express from 'express';
import type { AdmissionServer } from '../../src/server/server.ts';
import { SimulatedClock, settle } from '../simulated-clock.ts';
import { authority, fixedCerts, issuedBy, liveServer, type Pair } from './live-server.ts';

const drainMs = 10_000;

describe('a server that is going', () => {
  let pair: Pair;
  let clock: SimulatedClock;
  let server: AdmissionServer;
  let agent: Agent;
  let release: () => void;
  let arrived: Promise<void>;

  before(async () => {
    pair = await issuedBy(await authority());
  });
  beforeEach(async () => {
    const app = express();
    app.get('/fast', (_request, response) => void response.send('ok'));
    arrived = new Promise((resolve) => {
      app.get('/slow', (_request, response) => {
        release = () => void response.send('late');
        resolve();
      });
    });
    clock = new SimulatedClock();
    agent = new Agent({ keepAlive: true, maxSockets: 1, ca: pair.cert, rejectUnauthorized: false });
    server = await liveServer(app, fixedCerts(pair), { clock, drainMs });
  });
  afterEach(async () => {
    agent.destroy();
    const stopped = server.stop();
    await clock.advance(60_000);
    await stopped;
  });

  const get = async (path: string, more: RequestOptions = {}) => {
    const call = request({ host: '127.0.0.1', port: server.port, path, agent, ...more });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += chunk;
    return { code: response.statusCode, body, closes: response.headers.connection === 'close' };
  };

  it('answers as ever, and has a connection closed with its answer', async () => {
    assert.deepEqual(await get('/fast'), { code: 200, body: 'ok', closes: false });
    const drained = server.drain();
    assert.deepEqual(await get('/fast'), { code: 200, body: 'ok', closes: true });
    assert.deepEqual(await get('/fast'), { code: 200, body: 'ok', closes: true }, 'on a new connection');
    assert.deepEqual(await server.whyNotReady(), ['admission server is draining']);
    await clock.advance(drainMs);
    await drained;
  });

  it('finishes an answer that is under way when it ends', async () => {
    const answer = get('/slow');
    await arrived;
    let isStopped = false;
    const stopped = server.stop().then(() => {
      isStopped = true;
    });
    await clock.advance(drainMs + 1000);
    assert.ok(server.isRefusing());
    assert.ok(!isStopped, 'it waits for the answer');
    release();
    assert.deepEqual(await answer, { code: 200, body: 'late', closes: false });
    await stopped;
  });

  it('waits for no answer for ever', async () => {
    const answer = get('/slow');
    const lost = assert.rejects(answer);
    await arrived;
    const stopped = server.stop();
    await clock.advance(drainMs + 10_000);
    await stopped;
    await lost;
  });

  it('may be told to drain first and to stop then, and waits once', async () => {
    const drained = server.drain();
    await clock.advance(drainMs);
    await drained;
    const stopped = server.stop();
    await settle();
    assert.ok(server.isRefusing());
    await clock.advance(1000);
    await stopped;
  });
});
