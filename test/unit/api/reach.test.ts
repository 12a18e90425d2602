// Where an object may have Spikegate send a request: by name, then by every address that the name is resolved to.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  defaultReach,
  destinationOf,
  parseReach,
  thisMachine,
  whyNotAddress,
  whyNotThere,
} from '../../../src/api/reach.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { Resolve } from '../../../src/workloads/bounded-lookup.ts';
import { Outside } from '../../../src/workloads/outside.ts';
import { askPrometheus } from '../../../src/workloads/prometheus.ts';

const isAllowed = (entries: string[], url: string): boolean =>
  whyNotThere(parseReach(entries), destinationOf(new URL(url))) === undefined;

describe('an allow list', () => {
  const rows: [entry: string, allowed: string[], refused: string[]][] = [
    [
      '*.svc',
      ['http://prometheus.monitoring.svc:9090', 'https://a.svc', 'http://A.B.SVC./x'],
      ['http://svc', 'http://prometheus.monitoring', 'http://x.svc.example.com', 'http://xsvc'],
    ],
    ['prometheus:9090', ['http://prometheus:9090/x'], ['http://prometheus', 'http://prometheus.x:9090']],
    [
      'https://metrics.example.com/tenant',
      ['https://metrics.example.com/tenant', 'https://metrics.example.com/tenant/a'],
      [
        'http://metrics.example.com/tenant',
        'https://metrics.example.com:444/tenant',
        'https://metrics.example.com/tenants',
        'https://metrics.example.com/tenant/../other',
        'https://metrics.example.com/tenant/%2e%2e/other',
      ],
    ],
    ['10.1.2.3', ['http://10.1.2.3:9090', 'http://167838211'], ['http://10.1.2.4']],
    ['[fd00::1]:80', ['http://[fd00:0::1]'], ['http://[fd00::2]']],
    ['*', ['http://anything.example.com:1'], ['http://127.0.0.1', 'http://169.254.169.254', 'http://[::1]']],
    ['127.0.0.1', ['http://127.0.0.1:9090', 'http://0x7f.1'], ['http://127.0.0.2', 'http://localhost']],
    // Not even by name.
    ['169.254.169.254', [], ['http://169.254.169.254']],
  ];
  for (const [entry, allowed, refused] of rows) {
    it(entry, () => {
      for (const url of allowed) assert.ok(isAllowed([entry], url), `${url} is refused`);
      for (const url of refused) assert.ok(!isAllowed([entry], url), `${url} is allowed`);
    });
  }

  it('that is none is refused', () => {
    for (const entry of ['', 'a b', 'ftp://x', 'http://u:p@x', 'http://x/?a', 'x:0', 'x:70000', '*x', '/x']) {
      assert.throws(() => parseReach([entry]), RangeError, entry);
    }
  });

  it('by default has the services of the cluster for Prometheus, and no machine', () => {
    const { prometheus } = defaultReach;
    for (const url of ['http://localhost', 'http://10.0.0.1', 'http://example.com', 'http://metadata']) {
      assert.ok(whyNotThere(prometheus, destinationOf(new URL(url))), url);
    }
  });
});

describe('an address', () => {
  const anyName = parseReach(['*']);
  const why = (address: string) => whyNotAddress(anyName, { host: 'x', port: 80 }, address);

  it('that no server has is never asked, in whatever form', () => {
    for (const address of [
      ...['169.254.169.254', '169.254.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '100.100.100.200'],
      ...['fe80::1', 'fe80::1%eth0', '::', 'ff02::1', 'fd00:ec2::254'],
      // Mapped, compatible, NAT64, 6to4.
      ...['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '::169.254.169.254', '64:ff9b::a9fe:a9fe'],
      '2002:a9fe:a9fe::1',
    ]) {
      assert.match(why(address) ?? 'is allowed', /never asked$/, address);
    }
  });

  it('of this machine is asked only where this machine is allowed by name', () => {
    for (const address of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1']) {
      assert.match(why(address) ?? 'is allowed', /this machine itself$/, address);
    }
    const local = parseReach(thisMachine);
    assert.equal(whyNotAddress(local, { host: 'localhost', port: 80 }, '127.0.0.1'), undefined);
    assert.ok(whyNotAddress(local, { host: 'other', port: 80 }, '127.0.0.1'));
  });

  it('of another machine is asked', () => {
    for (const address of ['10.0.0.1', '192.168.1.1', '93.184.216.34', '2606:2800::1', '64:ff9b::a00:1']) {
      assert.equal(why(address), undefined, address);
    }
  });
});

describe('a request to the outside', () => {
  let server: Server;
  let port: number;
  const asked: string[] = [];
  before(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url?.startsWith('/moved')) response.writeHead(302, { location: '/secret' }).end();
      else response.end('x'.repeat(1000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());

  /** A name server that says what it is told to. */
  const saying = (...addresses: string[]): Resolve =>
    ((_name: string, _options: object, callback: (error: null, found: object[]) => void) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )) as unknown as Resolve;
  const outside = (resolve?: Resolve) =>
    new Outside({ reach: parseReach(['*.svc', '127.0.0.1']), ...(resolve ? { resolve } : {}) });
  const limit = () => ({ signal: AbortSignal.timeout(5000), maxBytes: 5000 });

  it('goes to what is allowed, follows no redirect, and reads no more than it may', async () => {
    const base = `http://127.0.0.1:${port}`;
    assert.equal((await outside().get(new URL(`${base}/a`), limit())).body.length, 1000);
    assert.equal((await outside().get(new URL(`${base}/moved`), limit())).status, 302);
    await assert.rejects(
      outside().get(new URL(`${base}/b`), { ...limit(), maxBytes: 999 }),
      /longer than 999/,
    );
    assert.deepEqual(asked.splice(0), ['/a', '/moved', '/b']);
  });

  for (const [what, addresses] of [
    ['a metadata service', ['169.254.169.254']],
    ['this machine', ['127.0.0.1']],
    ['a good address and a bad one', ['10.0.0.1', '::ffff:127.0.0.1']],
  ] as const) {
    it(`does not go where an allowed name turns out to be ${what}`, async () => {
      const to = outside(saying(...addresses));
      const url = new URL(`http://evil.tenant.svc:${port}/`);
      await assert.rejects(to.get(url, limit()), { name: 'NotAllowedError' });
      await assert.rejects(to.connect({ host: 'evil.tenant.svc', port }, limit().signal), {
        name: 'NotAllowedError',
      });
      const question = { server: url.href, query: 'x', timeoutMs: 5000 };
      await assert.rejects(askPrometheus(question, to, systemClock), {
        name: 'MetricsError',
        reason: 'NotAllowed',
      });
      assert.deepEqual(asked, []);
    });
  }

  it('does not ask for a name that is not allowed what address it has', async () => {
    let resolved = 0;
    const to = outside(((...args: Parameters<Resolve>) => {
      resolved++;
      return saying('10.0.0.1')(...args);
    }) as unknown as Resolve);
    await assert.rejects(to.get(new URL('http://secret.example.com'), limit()), { name: 'NotAllowedError' });
    assert.equal(resolved, 0);
  });
});
