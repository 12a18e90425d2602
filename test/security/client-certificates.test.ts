// With --client-ca-file only the API server may call the webhooks: whoever has no certificate of those CAs, or one of
// another name, is told so. Health stays open, since a kubelet has no certificate to show.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { TrustFile } from '../../certs/trust-file.ts';
import { inUseFinalizer } from '../../src/api/names.ts';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { certifiedCallers } from '../../src/server/callers.ts';
import type { AdmissionServer } from '../../src/server/server.ts';
import { validatePath } from '../../webhooks/registry.ts';
import { authority, fixedCerts, issuedBy, liveServer, type Pair } from '../contract/live-server.ts';
import { review, uidOf } from '../contract/reviews.ts';
import { kindOf } from '../contract/things.ts';
import { World } from '../contract/world.ts';
import { issue } from '../control-plane/pki.ts';
import { buyer } from '../refusals/scenario.ts';
import { type Logged, recordingLogger } from '../unit/certs/world.ts';

const path = validatePath(kindOf('Buyer'));
const oldObject = { ...buyer(), metadata: { name: 'buyer1', uid: uidOf(1), finalizers: [inUseFinalizer] } };
const body = JSON.stringify(review({ kind: kindOf('Buyer'), operation: 'DELETE', oldObject }));

describe('a webhook whose callers need a certificate', () => {
  const lines: Logged[] = [];
  const stop = new AbortController();
  let directory: string;
  let file: string;
  let world: World;
  let server: AdmissionServer;
  let trust: TrustFile;
  let ca: Pair;
  let apiServer: Pair;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'client-ca-'));
    file = join(directory, 'ca.crt');
    ca = await issue({ commonName: 'webhook-clients', usage: 'ca' });
    apiServer = await issue({ commonName: 'kube-apiserver', usage: 'client' }, ca);
    await writeFile(file, ca.cert);
    trust = new TrustFile({ file, clock: systemClock, logger: recordingLogger(lines), pollEvery: 20 });
    await trust.start(stop.signal);
    world = new World({ callers: certifiedCallers(['kube-apiserver', 'kube-apiserver-2']) });
    const certs = fixedCerts(await issuedBy(await authority()));
    server = await liveServer(world.app, certs, { clientAuthorities: trust });
  });
  after(async () => {
    stop.abort();
    await server.stop();
    await world[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function ask(client: Partial<Pair>, more: RequestOptions & { body?: string } = {}) {
    const call = request({
      host: '127.0.0.1',
      port: server.port,
      path,
      method: 'POST',
      agent: false,
      rejectUnauthorized: false,
      headers: { 'content-type': 'application/json' },
      ...client,
      ...more,
    });
    call.end(more.body ?? body);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += chunk;
    return { code: response.statusCode, text };
  }

  const assertAdmitted = async (client: Pair) => {
    const { code, text } = await ask(client);
    assert.equal(code, 200, text);
    assert.equal(JSON.parse(text).response.allowed, true);
  };

  it('answers the API server', () => assertAdmitted(apiServer));

  it('refuses who has none, and tells nothing', async () => {
    const { code, text } = await ask({});
    assert.equal(code, 401);
    assert.equal(JSON.parse(text).message, 'the client certificate is missing');
  });

  it('refuses certificates of other CAs, and of none', async () => {
    const other = await issue({ commonName: 'webhook-clients', usage: 'ca' });
    const forged = [
      await issue({ commonName: 'kube-apiserver', usage: 'client' }, other),
      await issue({ commonName: 'kube-apiserver', usage: 'client' }),
      // Of the right CA, but made for a server.
      await issue({ commonName: 'kube-apiserver', usage: 'server' }, ca),
    ];
    for (const client of forged) {
      const { code, text } = await ask(client);
      assert.equal(code, 401);
      assert.match(JSON.parse(text).message, /^the client certificate is not of a trusted CA \([A-Z_]+\)$/);
    }
  });

  it('refuses other names of the right CA', async () => {
    const names = ['somebody', 'kube-apiserver ', 'KUBE-APISERVER', 'x\nCN=kube-apiserver'];
    for (const commonName of names) {
      const { code, text } = await ask(await issue({ commonName, usage: 'client' }, ca));
      assert.equal(code, 403, text);
      assert.match(JSON.parse(text).message, /must be of kube-apiserver or kube-apiserver-2, got /);
    }
    const organization = 'x\nCN=kube-apiserver';
    assert.equal((await ask(await issue({ commonName: 'a', organization, usage: 'client' }, ca))).code, 403);
  });

  it('does not take a resumed session for a certificate', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const sessions: Buffer[] = [];
      const open = async (session?: Buffer): Promise<TLSSocket> => {
        const socket = connect({
          host: '127.0.0.1',
          port: server.port,
          rejectUnauthorized: false,
          maxVersion,
          ...(session ? { session } : {}),
        });
        socket.on('session', (it: Buffer) => sessions.push(it));
        await once(socket, 'secureConnect');
        return socket;
      };
      const first = await open();
      const refused = await say(first);
      assert.match(refused, /^HTTP\/1\.1 401 /);
      const session = sessions.at(-1) ?? first.getSession();
      assert.match(await say(await open(session)), /^HTTP\/1\.1 401 /);
    }
  });

  const say = async (socket: TLSSocket): Promise<string> => {
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    const length = Buffer.byteLength(body);
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    socket.write(head + body);
    await once(socket, 'close');
    return heard;
  };

  it('lets everybody ask for its health, itself too', async () => {
    assert.equal((await ask({}, { path: '/healthz', method: 'GET', body: '' })).text, 'ok');
    assert.equal((await ask({}, { path: '/readyz', method: 'GET', body: '' })).code, 200);
    assert.deepEqual(await server.whyNotReady(), []);
  });

  it('follows its CAs to new ones, and keeps them when a file is not whole', async () => {
    const next = await issue({ commonName: 'webhook-clients-2', usage: 'ca' });
    const renewed = await issue({ commonName: 'kube-apiserver', usage: 'client' }, next);
    const until = async (what: string, isSo: () => boolean) => {
      for (let waited = 0; !isSo(); waited += 10) {
        assert.ok(waited < 5000, what);
        await sleep(systemClock, 10);
      }
    };
    assert.equal((await ask(renewed)).code, 401);
    await writeFile(file, next.cert + ca.cert);
    await until('both are trusted', () => trust.current().includes(next.cert.trim().slice(60, 200)));
    await assertAdmitted(renewed);
    await assertAdmitted(apiServer);
    await writeFile(file, next.cert.slice(0, 300));
    await until('a word about it', () =>
      lines.some(({ message }) => /cannot be used, the previous ones stay/.test(message)),
    );
    await assertAdmitted(apiServer);
    await writeFile(file, next.cert);
    await until('the old one is gone', () => !trust.current().includes(ca.cert.trim().slice(60, 200)));
    assert.equal((await ask(apiServer)).code, 401);
    await assertAdmitted(renewed);
    await writeFile(file, ca.cert);
    await until('back', () => trust.current().includes(ca.cert.trim().slice(60, 200)));
  });
});

it('a file without a CA is no check, so nothing starts with it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'client-ca-'));
  const file = join(directory, 'ca.crt');
  const start = () =>
    new TrustFile({ file, clock: systemClock, logger: recordingLogger([]) }).start(
      new AbortController().signal,
    );
  try {
    await assert.rejects(start(), /ENOENT/);
    await writeFile(file, '');
    await assert.rejects(start(), /ca\.crt must have at least one PEM certificate/);
    await writeFile(file, (await issue({ commonName: 'a', usage: 'client' })).cert);
    await assert.rejects(start(), /ca\.crt, block 1, must be a CA, got CN=a/);
  } finally {
    await rm(directory, { recursive: true });
  }
});
