// When the CA behind the serving certificate expires, and how reading certificates is counted.
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { issueAuthority, issueLeaf, rsaKey } from '../../../certs/authority.ts';
import { FileSource } from '../../../certs/file-source.ts';
import { issuerExpiry } from '../../../certs/pair.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { day, dealtKeys, hour, type Logged, minute, recordingLogger, World } from './world.ts';

const keys: string[] = [];
before(async () => {
  keys.push(...(await Promise.all([rsaKey(), rsaKey(), rsaKey()])));
});

const now = Date.now();
const authority = (key: string, lifetime: number) => ({
  key,
  cert: issueAuthority({ key, now, lifetime, random: randomBytes }),
});
const leaf = (signer: { key: string; cert: string }) =>
  issueLeaf({
    key: keys[2]!,
    now,
    lifetime: hour,
    random: randomBytes,
    names: ['a.shop.svc'],
    authority: signer,
  });
const notAfter = (pem: string) => new X509Certificate(pem).validToDate.getTime() / 1000;

describe('the expiry of the issuer', () => {
  it('is that of the CA that signed, not of another one in the bundle', () => {
    const [older, newer] = [authority(keys[0]!, day), authority(keys[1]!, 9 * day)];
    const bundle = older.cert + newer.cert;
    assert.equal(issuerExpiry(leaf(newer), bundle), notAfter(newer.cert));
    assert.equal(issuerExpiry(leaf(older), bundle), notAfter(older.cert));
    assert.notEqual(notAfter(older.cert), notAfter(newer.cert));
  });

  it('is found in the chain that is served, where an intermediate is', () => {
    const signer = authority(keys[0]!, day);
    assert.equal(issuerExpiry(leaf(signer) + signer.cert, ''), notAfter(signer.cert));
  });

  it('is 0 where nobody knows it', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n';
    const [signer, stranger] = [authority(keys[0]!, day), authority(keys[1]!, day)];
    assert.equal(issuerExpiry(leaf(signer), ''), 0);
    assert.equal(issuerExpiry(leaf(signer), broken + stranger.cert), 0);
  });
});

describe('a source of certificates', () => {
  it('of its own making knows its CA, and counts what it reads and what fails', async () => {
    const counts = { reads: 0, failures: 0 };
    const metrics = { read: () => void counts.reads++, failed: () => void counts.failures++ };
    let fails = false;
    const world = new World({
      newKey: await dealtKeys(2),
      settings: { authorityLifetime: 60 * day, leafLifetime: 6 * day, checkEvery: minute, metrics },
      weather: async (call, act) => {
        if (fails && call === 'secret.read') throw new Error('the API server is away');
        return act();
      },
    });
    const { source, stop } = world.start();
    assert.equal(source.authorityExpiry(), 0);
    await world.pass(5000);
    const [authority] = await world.authorities();
    assert.equal(source.authorityExpiry(), authority!.validToDate.getTime() / 1000);
    assert.ok(source.expiry() < source.authorityExpiry());
    assert.equal(counts.failures, 0);
    const before = counts.reads;
    fails = true;
    await world.pass(10 * minute);
    assert.ok(counts.reads > before);
    assert.equal(counts.failures, counts.reads - before);
    stop();
  });

  it('in files reads the CA beside them, if there is one, and counts', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'certs-'));
    const signer = authority(keys[0]!, day);
    const counts = { reads: 0, failures: 0 };
    const lines: Logged[] = [];
    const abort = new AbortController();
    const source = new FileSource({
      directory,
      clock: systemClock,
      logger: recordingLogger(lines),
      debounce: 5,
      pollEvery: 20,
      metrics: { read: () => void counts.reads++, failed: () => void counts.failures++ },
    });
    try {
      const started = source.start(abort.signal);
      for (let tries = 0; counts.failures === 0 && tries < 500; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.ok(counts.failures > 0 && counts.reads >= counts.failures, JSON.stringify(counts));
      await writeFile(join(directory, 'ca.crt'), signer.cert);
      await writeFile(join(directory, 'tls.key'), keys[2]!);
      await writeFile(join(directory, 'tls.crt'), leaf(signer));
      await started;
      assert.equal(source.authorityExpiry(), notAfter(signer.cert));
      assert.equal(source.caBundle(), undefined);
    } finally {
      abort.abort();
      await rm(directory, { recursive: true });
    }
  });
});
