// Whoever may create a workload object may have Spikegate send a request, and read what comes of it in a status. A URL
// goes where it says and nowhere else, no address of a machine's own or of a metadata service is asked, and a status says
// a number or a fixed reason, never what a server answered.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, it, type TestContext } from 'node:test';
import { addressOf } from '../../src/api/data-service-parts.ts';
import { destinationOf, parseReach, thisMachine, whyNotAddress, whyNotThere } from '../../src/api/reach.ts';
import { checkThirdParty } from '../../src/controllers/data-service/checks.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Resolve } from '../../src/workloads/bounded-lookup.ts';
import { Outside } from '../../src/workloads/outside.ts';
import { askPrometheus, type MetricsError } from '../../src/workloads/prometheus.ts';

const anywhere = parseReach(['*']);
const local = parseReach(thisMachine);

async function answering(t: TestContext, answer: (path: string) => { code: number; body: string }) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { code, body } = answer(request.url ?? '');
    response.writeHead(code).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const ask = (server: string, outside = new Outside({ reach: local })): Promise<MetricsError> =>
  askPrometheus({ server, query: 'sum(up)', timeoutMs: 2000 }, outside, systemClock).then(
    () => assert.fail('a number came'),
    (error: MetricsError) => error,
  );

describe('a URL', () => {
  it('with ? or # asks nothing: what follows would be no path', async (t) => {
    const { asked, url } = await answering(t, () => ({ code: 200, body: '' }));
    for (const tail of ['/admin?x=', '/admin#', '?', '#']) {
      assert.equal((await ask(`${url}${tail}`)).reason, 'NotAllowed', tail);
    }
    assert.equal(addressOf(`${url}/admin?x=1`, 80), undefined);
    assert.equal(addressOf(`${url}/admin#x`, 80), undefined);
    assert.deepEqual(asked, []);
  });

  it('with an encoded slash, backslash or dot is not among the places that are allowed', async (t) => {
    const { asked, url } = await answering(t, () => ({ code: 200, body: '' }));
    const tenant = parseReach([`${url}/tenant`]);
    for (const path of [
      '/tenant/..%2fadmin',
      '/tenant/%2E%2E/admin',
      '/tenant/..%5Cadmin',
      '/tenant/%2e%2e%2fadmin',
    ]) {
      assert.ok(whyNotThere(tenant, destinationOf(new URL(`${url}${path}`))), path);
      assert.equal((await ask(`${url}${path}`, new Outside({ reach: tenant }))).reason, 'NotAllowed');
    }
    assert.deepEqual(asked, []);
  });
});

describe('an address', () => {
  const why = (address: string, own: string[] = []) =>
    whyNotAddress(anywhere, { host: 'x', port: 80 }, address, own);

  it('of a metadata service, or of this machine in disguise, is never asked', () => {
    for (const address of [
      ...[
        '168.63.129.16',
        '192.0.0.192',
        '169.254.169.254',
        '100.100.100.200',
        'fd00:ec2::254',
        'fd20:ce::254',
      ],
      ...['::ffff:0:127.0.0.1', '::ffff:0:169.254.169.254', '64:ff9b:1::a9fe:a9fe', '::ffff:168.63.129.16'],
      ...['2001:0:4136:e378:8000:63bf:3fff:fdd2', '2002:a83f:8110::1'],
    ]) {
      assert.match(why(address) ?? 'is allowed', /never asked$|this machine itself$/, address);
    }
  });

  it("of one of this machine's interfaces is this machine", async () => {
    const own = ['10.244.1.7', 'fd00::7'];
    for (const address of ['10.244.1.7', '::ffff:10.244.1.7', 'fd00::7', '64:ff9b::af4:107']) {
      assert.match(why(address, own) ?? 'is allowed', /this machine itself$/, address);
    }
    assert.equal(why('10.244.1.8', own), undefined);
    const mine = Object.values(networkInterfaces()).flatMap((its) => its ?? []);
    for (const { address, family } of mine) {
      const host = family === 'IPv6' ? `[${address.split('%')[0]}]` : address;
      const { reason } = await ask(`http://${host}:1`, new Outside({ reach: anywhere }));
      assert.equal(reason, 'NotAllowed', address);
    }
  });

  it('that a name resolves to is not told', async () => {
    const resolve = ((_name: string, _options: object, give: (error: null, all: object[]) => void) =>
      give(null, [{ address: '10.244.1.7', family: 4 }])) as unknown as Resolve;
    const outside = new Outside({ reach: anywhere, resolve, ownAddresses: () => ['10.244.1.7'] });
    const { reason, message } = await ask('http://name.example', outside);
    assert.equal(reason, 'NotAllowed');
    assert.equal(message.includes('10.244'), false, message);
  });
});

describe('of an answer', () => {
  const secret = 's3cr3t-of-a-service';
  const bodies = [
    { code: 200, body: secret },
    { code: 500, body: secret },
    { code: 400, body: JSON.stringify({ status: 'error', errorType: secret, error: secret }) },
    { code: 400, body: JSON.stringify({ status: 'error', errorType: 'bad_data', error: secret }) },
    { code: 200, body: JSON.stringify({ status: 'success', data: { resultType: secret, result: secret } }) },
    {
      code: 200,
      body: JSON.stringify({
        status: 'success',
        data: { resultType: 'vector', result: [{ value: [0, secret] }] },
      }),
    },
  ];
  it('nothing reaches a status but a number or a fixed reason', async (t) => {
    for (const answer of bodies) {
      const { url } = await answering(t, () => answer);
      const { message } = await ask(url);
      assert.equal(message.includes(secret), false, message);
      const checked = await checkThirdParty({ url }, 80, new Outside({ reach: local }));
      assert.equal(checked.message.includes(secret), false, checked.message);
    }
  });

  it('nor does anything of one that is no HTTP', async (t) => {
    const { createServer: createTcp } = await import('node:net');
    const server = createTcp((socket) => socket.end(`${secret}\r\n\r\n`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const { message } of [
      await ask(url),
      await checkThirdParty({ url }, 80, new Outside({ reach: local })),
    ]) {
      assert.equal(message.includes(secret), false, message);
      assert.match(message, /(HPE_|ECONN)[A-Z_]+$/);
    }
  });
});

describe('an address in a file', () => {
  it('is never more than an address', () => {
    for (const url of [
      ...['http://x/a\nmanagement:\n  endpoints: all', 'http://x/"', "http://x/'", 'http://x/ # y'],
      ...[
        'http://x/${MYSQL_PASSWORD}',
        'http://x/{{mysql.url}}',
        'http://x/`id`',
        'jdbc:mysql://h/d?a=${b}',
        'h\tx:1',
      ],
    ]) {
      assert.equal(addressOf(url, 80), undefined, JSON.stringify(url));
    }
    assert.deepEqual(addressOf(' jdbc:mysql://db:3307/d?useSSL=false ', 3306), { host: 'db', port: 3307 });
    assert.deepEqual(addressOf('https://x/eureka/', 80), {
      host: 'x',
      port: 443,
      http: { secure: true, path: '/eureka/' },
    });
  });
});
