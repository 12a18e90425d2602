// Where the API server is and with what we prove who we are, from kubeconfig files of each sort.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadConfig } from '../../../src/kube/config.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

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

describe('a user whom the kubeconfig impersonates', () => {
  test('has its groups, uid and extra values, each as client-go sends it', async () => {
    const file = kubeconfig('as.json', {
      token: 't',
      as: 'ann',
      'as-uid': 'u-1',
      'as-groups': ['shop', 'admins'],
      'as-user-extra': { 'Example.com/Reason': ['audit', 'night'] },
    });
    const { headers } = await loadConfig({ file }).credentials();
    assert.deepEqual(headers, {
      authorization: 'Bearer t',
      'impersonate-user': 'ann',
      'impersonate-uid': 'u-1',
      'impersonate-group': ['shop', 'admins'],
      'impersonate-extra-example.com%2Freason': ['audit', 'night'],
    });
  });

  test('must be named where groups are', async () => {
    const file = kubeconfig('as-nobody.json', { token: 't', 'as-groups': ['shop'] });
    await assert.rejects(loadConfig({ file }).credentials(), /kubeconfig: as-groups needs as/);
  });
});

test('merge keys are read, as kubectl reads them', async () => {
  const file = join(dir, 'merged.yaml');
  writeFileSync(
    file,
    `
base: &base
  server: https://127.0.0.1:7443
  insecure-skip-tls-verify: true
clusters:
- name: c
  cluster:
    <<: *base
    tls-server-name: shop
users: []
contexts:
- {name: main, context: {cluster: c}}
current-context: main
`,
  );
  const config = loadConfig({ file });
  assert.equal(config.server, 'https://127.0.0.1:7443');
  const { tls } = await config.credentials();
  assert.deepEqual(tls, { servername: 'shop', rejectUnauthorized: false });
});

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

  test('a token in a file, whose path is as seen from the kubeconfig', async () => {
    writeFileSync(join(dir, 'the-token'), 'from a file\n');
    writeFileSync(join(dir, 'ca.pem'), 'CA of a file');
    const file = kubeconfig(
      'token-file',
      { tokenFile: 'the-token' },
      { 'certificate-authority': './ca.pem' },
    );
    const { tls, headers } = await loadConfig({ file }).credentials();
    assert.deepEqual([String(tls.ca), headers], ['CA of a file', { authorization: 'Bearer from a file' }]);
  });

  test('of both, what is written counts before a certificate file, and a token file before what is written', async () => {
    for (const name of ['both-ca', 'both-cert', 'both-key', 'both-token']) {
      writeFileSync(join(dir, name), `${name} of a file`);
    }
    const user = {
      'client-certificate': 'both-cert',
      'client-certificate-data': base64('cert'),
      'client-key': 'both-key',
      'client-key-data': base64('key'),
      tokenFile: 'both-token',
      token: 'old',
    };
    const cluster = { 'certificate-authority': 'both-ca', 'certificate-authority-data': base64('CA') };
    const { tls, headers } = await loadConfig({ file: kubeconfig('both', user, cluster) }).credentials();
    assert.deepEqual([tls.ca, tls.cert, tls.key].map(String), ['CA', 'cert', 'key']);
    assert.deepEqual(headers, { authorization: 'Bearer both-token of a file' });
  });

  test('somebody else, in whose name to ask', async () => {
    const file = kubeconfig('as', { token: 't', as: 'jane' });
    const { headers } = await loadConfig({ file }).credentials();
    assert.deepEqual(headers, { authorization: 'Bearer t', 'impersonate-user': 'jane' });
  });

  test('a proxy brings its own way to connect, with the same credentials', async () => {
    const user = { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') };
    const file = kubeconfig('proxy', user, { 'proxy-url': 'http://127.0.0.1:3128' });
    const { tls, proxy } = await loadConfig({ file }).credentials();
    assert.deepEqual([String(tls.cert), proxy?.constructor.name], ['cert', 'HttpsProxyAgent']);
  });

  test('the library for programs and proxies is loaded for these only', () => {
    const loads = (file: string) =>
      execFileSync(process.execPath, ['--input-type=module', '--eval', countLoads, file], {
        encoding: 'utf8',
      }).trim();
    assert.equal(loads(kubeconfig('plain', { token: 'secret' })), '0');
    assert.equal(loads(kubeconfig('proxied', { token: 't' }, { 'proxy-url': 'http://127.0.0.1:1' })), '1');
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

/** A program that prints how often client-node is imported for the credentials of a kubeconfig. */
const countLoads = `
  import { registerHooks } from 'node:module';
  let count = 0;
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === '@kubernetes/client-node') count++;
      return next(specifier, context);
    },
  });
  const { loadConfig } = await import('${new URL('../../../src/kube/config.ts', import.meta.url)}');
  await loadConfig({ file: process.argv[1] }).credentials();
  console.log(count);
`;

describe('which file', () => {
  test('without a current context one has to be named', () => {
    const file = kubeconfig('no-current', { token: 'main' });
    const { 'current-context': _, ...config } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(config));
    assert.throws(() => loadConfig({ file }), /current-context is not set/);
    assert.equal(loadConfig({ file, context: 'main' }).namespace, 'shop');
  });

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

  test('of what several files call the same, the first counts', async () => {
    const second = kubeconfig('same', { token: 'second' }, { server: 'https://second.test' });
    const env = { KUBECONFIG: [kubeconfig('before', { token: 'first' }), second].join(delimiter) };
    const config = loadConfig({ env });
    assert.equal(config.server, 'https://127.0.0.1:6443');
    assert.equal((await config.credentials()).headers.authorization, 'Bearer first');
  });

  test('what is wrong in one is said with its place', () => {
    const write = (name: string, content: object) => {
      writeFileSync(join(dir, name), JSON.stringify(content));
      return join(dir, name);
    };
    const contexts = [{ name: 'm', context: { cluster: 'away' } }];
    const wrong: [object, RegExp][] = [
      [{ clusters: [{ cluster: { server: 'https://x' } }] }, /w: clusters\[0\]\.name is missing/],
      [{ clusters: [{ name: 'c', cluster: {} }] }, /w: clusters\[0\]\.cluster\.server is missing/],
      [{ contexts: [{ name: 'm' }] }, /w: contexts\[0\]\.context\.cluster is missing/],
      [{ contexts, 'current-context': 'm' }, /the context "m" names no cluster/],
    ];
    for (const [content, message] of wrong) {
      assert.throws(() => loadConfig({ file: write('w', content) }), message);
    }
  });

  test('without any it says where it looked', () => {
    assert.throws(
      () => loadConfig({ env: { HOME: dir } }),
      /KUBECONFIG is not set, this is not a pod, and .*\/\.kube\/config does not exist/,
    );
  });
});
