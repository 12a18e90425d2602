// Issued certificates, as other software reads them: OpenSSL through node:crypto, a TLS client over a socket.

import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { before, describe, it } from 'node:test';
import { type ConnectionOptions, connect, createServer } from 'node:tls';
import forge from 'node-forge';
import { issueAuthority, issueLeaf, rsaKey, servingNames } from '../../../certs/authority.ts';
import { namesOf, parsePair } from '../../../certs/pair.ts';

const day = 24 * 3_600_000;
const random = (count: number) => randomBytes(count);

type Extension = Record<string, unknown>;

function extensionsOf(pem: string): Record<string, Extension> {
  const { extensions } = forge.pki.certificateFromPem(pem);
  return Object.fromEntries(extensions.map((extension: Extension) => [extension.name, extension]));
}

function usesOf(extension: Extension | undefined): string[] {
  return Object.keys(extension ?? {})
    .filter((use) => extension?.[use] === true)
    .sort();
}

describe('issued certificates', () => {
  const now = Math.floor(Date.now() / 1000) * 1000 + 345;
  let caKey = '';
  let leafKey = '';
  let authority = '';
  let leaf = '';
  before(async () => {
    [caKey, leafKey] = await Promise.all([rsaKey(), rsaKey()]);
    authority = issueAuthority({ key: caKey, now, lifetime: 365 * day, random });
    leaf = issueLeafOf({});
  });

  function issueLeafOf(more: { lifetime?: number; now?: number; names?: string[] }): string {
    const names = servingNames('spikegate', 'shop');
    const by = { cert: authority, key: caKey };
    return issueLeaf({ key: leafKey, now, lifetime: 30 * day, random, names, authority: by, ...more });
  }

  it('carry every name the service is called by', () => {
    assert.deepEqual(namesOf(new X509Certificate(leaf)).sort(), [
      '127.0.0.1',
      '::1',
      'localhost',
      'spikegate',
      'spikegate.shop',
      'spikegate.shop.svc',
      'spikegate.shop.svc.cluster.local',
    ]);
  });

  it('are a CA that may sign leaves only, and a leaf for servers only', () => {
    const ca = extensionsOf(authority);
    const end = extensionsOf(leaf);
    assert.partialDeepStrictEqual(ca.basicConstraints, { critical: true, cA: true, pathLenConstraint: 0 });
    assert.deepEqual(usesOf(ca.keyUsage), ['cRLSign', 'critical', 'keyCertSign']);
    assert.partialDeepStrictEqual(end.basicConstraints, { critical: true, cA: false });
    assert.deepEqual(usesOf(end.keyUsage), ['critical', 'digitalSignature', 'keyEncipherment']);
    assert.deepEqual(usesOf(end.extKeyUsage), ['serverAuth']);
    // The leaf names its CA by key: with two CAs in a bundle a verifier need not try both.
    const caId = String(ca.subjectKeyIdentifier?.subjectKeyIdentifier);
    const issuerId = forge.util.bytesToHex(String(end.authorityKeyIdentifier?.value));
    assert.ok(caId.length === 40 && issuerId.endsWith(caId));
  });

  it('have positive serials of 128 bits, whatever the random bytes', () => {
    for (const byte of [0x00, 0x7f, 0x80, 0xff]) {
      const cert = issueAuthority({
        key: caKey,
        now,
        lifetime: day,
        random: (count) => new Uint8Array(count).fill(byte),
      });
      const serial = new X509Certificate(cert).serialNumber;
      assert.match(serial, /^[4-7][0-9A-F]{31}$/);
    }
    assert.notEqual(
      new X509Certificate(issueLeafOf({})).serialNumber,
      new X509Certificate(leaf).serialNumber,
    );
  });

  it('begin five minutes early, or a tenth of a short life', () => {
    const early = (cert: string) => now - new X509Certificate(cert).validFromDate.getTime();
    assert.equal(Math.round(early(leaf) / 1000), 300);
    assert.equal(Math.round(early(issueLeafOf({ lifetime: 100_000 })) / 1000), 10);
  });

  it('end on time, and a leaf never after its CA', () => {
    const end = (cert: string) => new X509Certificate(cert).validToDate.getTime();
    assert.equal(end(leaf), now - 345 + 30 * day);
    assert.equal(end(issueLeafOf({ now: now + 350 * day })), end(authority));
    assert.equal(end(issueLeafOf({ lifetime: 4000 * day })), end(authority));
  });

  it('are accepted by a TLS client that trusts the bundle, and by no other', async () => {
    const other = issueAuthority({ key: leafKey, now, lifetime: day, random });
    const server = createServer({ ...parsePair(leaf, leafKey), minVersion: 'TLSv1.2' }, (socket) =>
      socket.end(),
    );
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const dial = async (options: ConnectionOptions) => {
      const socket = connect({ port, host: '127.0.0.1', ...options });
      try {
        await once(socket, 'secureConnect');
        return socket.authorized;
      } finally {
        socket.destroy();
      }
    };
    try {
      const servername = 'spikegate.shop.svc';
      assert.equal(await dial({ ca: authority, servername }), true);
      assert.equal(await dial({ ca: `${other}${authority}`, servername }), true);
      assert.equal(await dial({ ca: `${authority}${other}`, servername: 'localhost' }), true);
      assert.equal(await dial({ ca: authority }), true, 'by address');
      await assert.rejects(dial({ ca: other, servername }), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
      await assert.rejects(dial({ ca: authority, servername: 'other.shop.svc' }), {
        code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      });
    } finally {
      server.close();
    }
  });

  it('are refused as a pair when key and certificate do not belong together', () => {
    assert.throws(() => parsePair(leaf, caKey), /tls\.key must be the key of the first certificate/);
    assert.throws(() => parsePair('nonsense', leafKey), /tls\.crt must be a PEM certificate/);
    assert.throws(() => parsePair(leaf, leafKey.slice(0, 300)), /tls\.key must be an unencrypted PEM/);
    assert.throws(() => parsePair(leaf.slice(0, 300), leafKey), /tls\.crt must be a PEM certificate/);
  });
});
