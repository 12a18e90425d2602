// Connections that never become HTTP: half a TLS handshake, or none. They go by themselves, and when connections are
// short they go before anybody who has called.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { eventually, open } from '../sandbox/harness.ts';
import { Shop } from './shop.ts';

/** The first bytes of a ClientHello whose record says that more is to come. */
const halfHello = Buffer.from('16030100c4010000c00303', 'hex');

async function silent(port: number, first?: Buffer): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (first) socket.write(first);
  return socket;
}

const many = <T>(count: number, make: () => Promise<T>) => Promise.all(Array.from({ length: count }, make));

describe('half a TLS handshake', () => {
  it('is closed after its time, also when the other end leaves without a word', async () => {
    await using shop = await Shop.open({ limits: { most: 1000, handshakeMs: 300 } });
    await shop.sell(1);
    const before = shop.server.connections;
    const halves = [
      ...(await many(100, () => silent(shop.port))),
      ...(await many(100, () => silent(shop.port, halfHello))),
    ];
    const leaving = await many(100, () => silent(shop.port, halfHello));
    for (const socket of leaving) socket.end();
    for (const socket of halves) socket.resume();
    const attack = eventually(() => assert.ok(halves.every(({ closed }) => closed)), 10_000);
    const { failed } = await shop.sell(20, attack);
    assert.deepEqual(failed, []);
    await eventually(() => assert.equal(shop.server.connections, before));
  });

  it('gives way to whoever comes when connections are short, and a caller that has called never does', async () => {
    await using shop = await Shop.open({ limits: { most: 50, handshakeMs: 60_000 } });
    await shop.sell(1);
    const first = shop.server.connections;
    const halves: Socket[] = [];
    const flood = async () => {
      for (let i = 0; i < 400; i++) {
        halves.push(await silent(shop.port, i % 2 ? halfHello : undefined));
        if (i % 40 === 0) await sleep(systemClock, 1);
      }
    };
    const { failed } = await shop.sell(50, flood());
    assert.deepEqual(failed, []);
    assert.ok(shop.server.connections <= 50);
    // The attacker has every place but the caller's; somebody new is served all the same.
    const newcomer = connectTls({ port: shop.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(newcomer, 'secureConnect');
    newcomer.end();
    assert.ok(first >= 1);
    for (const socket of halves) socket.destroy();
  });

  it('among callers the one that has been silent longest gives way', async () => {
    await using shop = await Shop.open({ limits: { most: 5, handshakeMs: 60_000 } });
    for (let i = 0; i < 20; i++) {
      const caller = connectTls({ port: shop.port, host: '127.0.0.1', rejectUnauthorized: false });
      caller.on('error', () => undefined);
      await once(caller, 'secureConnect');
      assert.deepEqual((await shop.sell(1)).failed, []);
    }
    assert.ok(shop.server.connections <= 5);
  });
});

it('half a TLS handshake is closed by the sandbox, too, and kubectl is served meanwhile', async (t) => {
  const { sandbox, call } = await open(t as TestContext);
  const halves = await many(50, () => silent(sandbox.port, halfHello));
  for (const socket of halves) socket.resume();
  assert.equal((await call('GET', '/api/v1/namespaces')).code, 200);
  await eventually(() => assert.ok(halves.every(({ closed }) => closed)), 20_000);
  assert.equal((await call('GET', '/api/v1/namespaces')).code, 200);
});
