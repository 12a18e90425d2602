// Where the API server is and with what we prove who we are, from kubeconfig files of each sort.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadConfig } from '../../src/kube/config.ts';
import { SimulatedClock } from '../simulated-clock.ts';

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'spikegate-config-'));
});
after(() => rmSync(dir, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');

function kubeconfig(name: string, user: object, cluster: object = {}): string {
  const file = join(dir, name);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443/', ...cluster } }],
    users: [
      { name: 'u', user },
      { name: 'other', user: { token: 'other' } },
    ],
    contexts: [
      { name: 'main', context: { cluster: 'c', user: 'u', namespace: 'shop' } },
      { name: 'second', context: { cluster: 'c', user: 'other' } },
    ],
    'current-context': 'main',
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

describe('credentials', () => {
  test('a token and a CA', async () => {
    const file = kubeconfig('token', { token: 'secret' }, { 'certificate-authority-data': base64('the CA') });
    const config = loadConfig({ file });
    assert.deepEqual([config.server, config.namespace], ['https://127.0.0.1:6443', 'shop']);
    const { tls, headers, proxy } = await config.credentials();
    assert.deepEqual(headers, { authorization: 'Bearer secret' });
    assert.deepEqual([String(tls.ca), tls.rejectUnauthorized, proxy], ['the CA', undefined, undefined]);
  });

  test('a client certificate, and a server that goes by another name', async () => {
    const user = { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') };
    const file = kubeconfig('cert', user, {
      'tls-server-name': 'kubernetes',
      'insecure-skip-tls-verify': true,
    });
    const { tls, headers } = await loadConfig({ file }).credentials();
    assert.deepEqual([String(tls.cert), String(tls.key), headers], ['cert', 'key', {}]);
    assert.deepEqual([tls.servername, tls.rejectUnauthorized], ['kubernetes', false]);
  });

  test('a password', async () => {
    const file = kubeconfig('basic', { username: 'me', password: 'pw' });
    const { headers } = await loadConfig({ file }).credentials();
    assert.deepEqual(headers, { authorization: `Basic ${base64('me:pw')}` });
  });

  test('a program, asked again when it is time', async () => {
    const script = join(dir, 'issue-token');
    writeFileSync(
      script,
      `#!/bin/sh
echo x >> ${dir}/calls
n=$(wc -l < ${dir}/calls | tr -d ' ')
echo "{\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"token-$n\\"}}"
`,
    );
    chmodSync(script, 0o700);
    const file = kubeconfig('exec', {
      exec: { apiVersion: 'client.authentication.k8s.io/v1', command: script },
    });
    const clock = new SimulatedClock();
    const config = loadConfig({ file, clock });
    const token = async (renew?: boolean) => (await config.credentials(renew)).headers.authorization;
    assert.equal(await token(), 'Bearer token-1');
    await clock.advance(60_000);
    assert.equal(await token(), 'Bearer token-1', 'the program set no expiry');
    assert.equal(await token(true), 'Bearer token-2', 'after a 401 it is asked again');
  });

  test('a program that fails fails the call, and is asked again for the next', async () => {
    const file = kubeconfig('exec-fails', { exec: { command: join(dir, 'not-there') } });
    const config = loadConfig({ file });
    await assert.rejects(config.credentials(), /ENOENT/);
    await assert.rejects(config.credentials(), /ENOENT/);
  });

  test('over plain HTTP nothing secret is sent', async () => {
    const file = kubeconfig('http', { token: 'secret' }, { server: 'http://127.0.0.1:8001' });
    assert.deepEqual(await loadConfig({ file }).credentials(), { tls: {}, headers: {} });
  });

  test('files that are rotated are taken up', async () => {
    const file = kubeconfig('rotated', { token: 'old' });
    const clock = new SimulatedClock();
    const config = loadConfig({ file, clock });
    assert.equal(await config.credentials(), await config.credentials(), 'not read for each request');
    kubeconfig('rotated', { token: 'new' });
    assert.equal((await config.credentials(true)).headers.authorization, 'Bearer new');
  });
});

describe('which file', () => {
  test('a context is chosen by name', async () => {
    const file = kubeconfig('contexts', { token: 'main' });
    const config = loadConfig({ file, context: 'second' });
    assert.equal((await config.credentials()).headers.authorization, 'Bearer other');
    assert.throws(() => loadConfig({ file, context: 'third' }), /there is no context "third"/);
  });

  test('KUBECONFIG may list several, of which some may be missing', async () => {
    const rest = join(dir, 'rest');
    const user = { name: 'more', user: { token: 'more' } };
    const context = { name: 'more', context: { cluster: 'c', user: 'more' } };
    writeFileSync(
      rest,
      JSON.stringify({ clusters: [], users: [user], contexts: [context], 'current-context': 'more' }),
    );
    const env = {
      KUBECONFIG: [join(dir, 'missing'), kubeconfig('first', { token: 'first' }), rest].join(delimiter),
    };
    const authorization = async (context?: string) =>
      (await loadConfig({ env, ...(context && { context }) }).credentials()).headers.authorization;
    assert.equal(await authorization(), 'Bearer first');
    assert.equal(await authorization('more'), 'Bearer more');
    assert.throws(() => loadConfig({ env: { KUBECONFIG: '/not/there' } }), /names no file that exists/);
  });

  test('without any it says where it looked', () => {
    assert.throws(
      () => loadConfig({ env: { HOME: dir } }),
      /KUBECONFIG is not set, this is not a pod, and .*\/\.kube\/config does not exist/,
    );
  });
});
