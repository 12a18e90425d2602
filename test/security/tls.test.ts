// TLS below 1.2 is refused, before and after the certificate has been changed; what is newer is spoken.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls';
import express from 'express';
import type { AdmissionServer } from '../../src/server/server.ts';
import { authority, fixedCerts, issuedBy, liveServer, type Pair } from '../contract/live-server.ts';

/** What a client must say to speak TLS 1.0 and 1.1 at all: OpenSSL calls their signatures too weak. */
const ancient = 'DEFAULT:@SECLEVEL=0';

async function speak(
  port: number,
  version: SecureVersion,
): Promise<{ protocol: string | null; serial: string }> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    ciphers: ancient,
    minVersion: version,
    maxVersion: version,
  });
  try {
    await once(socket, 'secureConnect');
    return { protocol: socket.getProtocol(), serial: socket.getPeerX509Certificate()!.serialNumber };
  } finally {
    socket.destroy();
  }
}

describe('the admission server', () => {
  let ca: Pair;
  let certs: ReturnType<typeof fixedCerts>;
  let server: AdmissionServer;
  before(async () => {
    ca = await authority();
    certs = fixedCerts(await issuedBy(ca));
    server = await liveServer(express(), certs);
  });
  after(() => server.stop());

  it('is asked in a way that an old server would answer', async () => {
    const { cert, key } = await issuedBy(ca);
    const old = createServer({ cert, key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: ancient });
    await once(old.listen(0, '127.0.0.1'), 'listening');
    const { port } = old.address() as { port: number };
    assert.equal((await speak(port, 'TLSv1.1')).protocol, 'TLSv1.1');
    assert.equal((await speak(port, 'TLSv1')).protocol, 'TLSv1');
    old.close();
  });

  it('speaks TLS 1.2 and 1.3 only, whatever certificate it has', async () => {
    const serials = new Set<string>();
    for (let round = 0; round < 2; round++) {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const { protocol, serial } = await speak(server.port, version);
        assert.equal(protocol, version);
        serials.add(serial);
      }
      for (const version of ['TLSv1', 'TLSv1.1'] as const) {
        await assert.rejects(speak(server.port, version), /protocol version|unsupported protocol|ECONNRESET/);
      }
      certs.change(await issuedBy(ca));
    }
    assert.equal(serials.size, 2, 'the second round was with another certificate');
  });
});
