// What comes over the wire to the real server: bytes that are no TLS, no HTTP, too many, too few, or late. Each
// gets an answer or a closed connection, and everybody else is served meanwhile.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:https';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { inUseFinalizer } from '../../src/api/names.ts';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { largestBody } from '../../src/server/body.ts';
import type { AdmissionServer } from '../../src/server/server.ts';
import { validatePath } from '../../webhooks/registry.ts';
import { buyer } from '../refusals/scenario.ts';
import { authority, fixedCerts, issuedBy, liveServer, type Pair } from './live-server.ts';
import { review, uidOf } from './reviews.ts';
import { kindOf } from './things.ts';
import { World } from './world.ts';

const path = validatePath(kindOf('Buyer'));
const stored = { ...buyer(), metadata: { name: 'buyer1', uid: uidOf(1), finalizers: [inUseFinalizer] } };
const body = JSON.stringify(review({ kind: kindOf('Buyer'), operation: 'DELETE', oldObject: stored }));

const head = (more: string, line = `POST ${path} HTTP/1.1`) =>
  `${line}\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}\r\n`;
const whole = `${head(`Content-Length: ${body.length}\r\n`)}${body}`;

let world: World;
let server: AdmissionServer;
let pair: Pair;
before(async () => {
  world = new World();
  pair = await issuedBy(await authority());
  server = await liveServer(world.app, fixedCerts(pair));
});
after(async () => {
  await server.stop();
  await world[Symbol.asyncDispose]();
});
afterEach(async () => {
  assert.equal((await review200()).response.allowed, true);
  await until(() => world.inFlight === 0, 'nothing is left under way');
  assert.equal(world.panics, 0);
});

async function until(condition: () => boolean, what: string, ms = 5000): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    assert.ok(waited < ms, what);
    await sleep(systemClock, 10);
  }
}

function review200(port = server.port): Promise<{ response: { allowed: boolean } }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const target = { port, host: '127.0.0.1', path, method: 'POST', headers, rejectUnauthorized: false };
    const call = request({ ...target, agent: false, timeout: 5000 }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve(JSON.parse(Buffer.concat(chunks).toString()));
    });
    call.on('timeout', () => call.destroy(new Error('a good request is not answered')));
    call.on('error', reject);
    call.end(body);
  });
}

interface Conversation {
  socket: Socket;
  /** What the server has said so far. */
  heard(): string;
  closed: Promise<unknown>;
}

/** A connection that sends the parts one by one; errors are part of the play. */
async function talk(
  parts: (string | Buffer)[],
  { plain = false, port = server.port } = {},
): Promise<Conversation> {
  const socket = plain
    ? connectTcp(port, '127.0.0.1')
    : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await Promise.race([once(socket, plain ? 'connect' : 'secureConnect'), closed]);
  for (const part of parts) {
    if (socket.destroyed) break;
    if (!socket.write(part)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
  }
  return { socket, heard: () => heard, closed };
}

/** The whole conversation, which the server must end. */
async function exchange(parts: (string | Buffer)[], options = {}): Promise<string> {
  const { closed, heard, socket } = await talk(parts, options);
  const cancel = systemClock.after(10_000, () => socket.destroy(new Error('left open')));
  await closed;
  cancel();
  assert.equal(socket.errored?.message === 'left open', false, `left open after: ${heard().slice(0, 200)}`);
  return heard();
}

describe('a connection', () => {
  it('that speaks no TLS is closed', async () => {
    assert.equal((await exchange([whole], { plain: true })).includes('HTTP/1.1 200'), false);
    await exchange([randomBytes(1000)], { plain: true });
  });

  it('that speaks no HTTP is told so and closed', async () => {
    const noises = [
      randomBytes(2000),
      'hello\r\n\r\n',
      '\r\n\r\n\r\nGET',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\0',
    ];
    for (const noise of noises) {
      const { heard, socket, closed } = await talk([noise]);
      socket.end();
      await closed;
      assert.match(heard(), /^(HTTP\/1\.1 400 Bad Request\r\n|$)/);
    }
    const headers = `X-Long: ${'x'.repeat(20_000)}\r\n`;
    assert.match(await exchange([head(headers)]), /^HTTP\/1\.1 4\d\d /);
    assert.match(await exchange([head('Content-Length: -5\r\n')]), /^HTTP\/1\.1 400 /);
    assert.match(
      await exchange([head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')]),
      /^HTTP\/1\.1 400 /,
    );
    assert.match(await exchange([`${head('Transfer-Encoding: chunked\r\n')}zz\r\n`]), /^HTTP\/1\.1 400 /);
  });

  it('with more than a review may be is told so before it has sent it, and closed', async () => {
    const declared = head(`Content-Length: ${8 * 1024 * 1024}\r\n`);
    const status = /^HTTP\/1\.1 413 [\s\S]*"reason":"RequestEntityTooLarge"/;
    assert.match(await exchange([declared]), status);
    // Sent all the same, the answer may be lost with the connection.
    const pieces = Array.from({ length: 8 }, () => Buffer.alloc(1024 * 1024, ' '));
    assert.match(await exchange([declared, ...pieces]), /^(HTTP\/1\.1 413 |$)/);
    const chunks = pieces.map((piece) =>
      Buffer.concat([Buffer.from('100000\r\n'), piece, Buffer.from('\r\n')]),
    );
    const chunked = head('Transfer-Encoding: chunked\r\n');
    assert.match(await exchange([chunked, ...chunks, ...chunks]), /^(HTTP\/1\.1 413 |$)/);
    assert.ok(largestBody < 8 * 1024 * 1024);
  });

  it('with the wrong method or type is told so without its body, and closed', async () => {
    const long = 'Content-Length: 100000\r\n';
    assert.match(await exchange([head(long, `PUT ${path} HTTP/1.1`)]), /^HTTP\/1\.1 405 [\s\S]*Allow: POST/i);
    const typed = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n${long}\r\n`;
    assert.match(await exchange([typed]), /^HTTP\/1\.1 415 /);
  });

  it('that goes away in the middle of a body takes nothing with it', async () => {
    const half = [head(`Content-Length: ${body.length}\r\n`), body.slice(0, 100)];
    const talks = await Promise.all(Array.from({ length: 100 }, () => talk(half)));
    await until(() => world.inFlight === 100, 'all are under way');
    assert.equal((await review200()).response.allowed, true);
    for (const [index, { socket }] of talks.entries()) {
      if (index % 2) socket.destroy();
      else socket.end();
    }
    await Promise.all(talks.map(({ closed }) => closed));
  });

  it('may carry one review after another, also before the first is answered', async () => {
    const { heard, socket, closed } = await talk([whole + whole, whole.slice(0, 300), whole.slice(300)]);
    await until(() => heard().split('"allowed":true').length === 4, 'three answers');
    socket.end();
    await closed;
  });

  it('may wait to be asked for its body', async () => {
    const expecting = head(`Content-Length: ${body.length}\r\nExpect: 100-continue\r\n`);
    const { heard, socket, closed } = await talk([expecting]);
    await until(() => heard().startsWith('HTTP/1.1 100 Continue'), '100');
    socket.write(body);
    await until(() => heard().includes('"allowed":true'), 'the answer');
    socket.end();
    await closed;
  });

  it('that sends more than it said is told so and closed', async () => {
    assert.match(await exchange([`${whole}and some more\r\n\r\n`]), /HTTP\/1\.1 400 Bad Request/);
  });
});

describe('half a request and silence', () => {
  const halves = [
    '',
    'POST ',
    head('').slice(0, -2),
    head(`Content-Length: ${body.length}\r\n`),
    whole.slice(0, -10),
    `${head('Transfer-Encoding: chunked\r\n')}5\r\nabc`,
  ];

  it('holds nobody else up, and is closed by the limits of a server', async () => {
    // The same application with limits of a second in place of AdmissionServer's 32 and 40.
    const limits = { headersTimeout: 700, requestTimeout: 900, connectionsCheckingInterval: 100 };
    const quick = createServer({ ...pair, ...limits, keepAliveTimeout: 1000 }, world.app);
    await once(quick.listen(0, '127.0.0.1'), 'listening');
    const { port } = quick.address() as AddressInfo;
    const talks = await Promise.all(halves.slice(1).map((half) => talk([half], { port })));
    assert.equal((await review200(port)).response.allowed, true);
    await Promise.all(talks.map(({ closed }) => closed));
    for (const { heard } of talks) assert.match(heard(), /^(HTTP\/1\.1 4\d\d |$)/);
    quick.closeAllConnections();
    quick.close();
  });

  it('holds nobody else up at the real server', async () => {
    const many = Array.from({ length: 20 }, () => halves).flat();
    const talks = await Promise.all(many.map((half) => talk([half])));
    const begin = performance.now();
    for (let i = 0; i < 10; i++) assert.equal((await review200()).response.allowed, true);
    assert.ok(performance.now() - begin < 5000);
    for (const { socket } of talks) socket.destroy();
    await Promise.all(talks.map(({ closed }) => closed));
  });
});
