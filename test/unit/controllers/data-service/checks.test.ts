// The check of what runs elsewhere: one request or connection with a time limit, and never a command.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as NetServer } from 'node:net';
import { describe, it } from 'node:test';
import type { ThirdParty } from '../../../../src/api/data-service.ts';
import { anywhere, parseReach, type Reach, thisMachine } from '../../../../src/api/reach.ts';
import { checkThirdParty as checkWith } from '../../../../src/controllers/data-service/checks.ts';
import { Outside } from '../../../../src/workloads/outside.ts';

const checkThirdParty = (
  thirdParty: ThirdParty,
  port: number,
  reach: Reach = parseReach([...anywhere, ...thisMachine]),
) => checkWith(thirdParty, port, new Outside({ reach }));

async function listening(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('checks', () => {
  it('ask by HTTP where the address is a URL', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      response.writeHead(request.url === '/sick' ? 503 : 204).end();
    });
    const port = await listening(server);
    const third = (more: Partial<ThirdParty>): ThirdParty => ({
      url: `http://127.0.0.1:${port}/well`,
      username: 'u',
      password: 'p',
      ...more,
    });
    assert.deepEqual(await checkThirdParty(third({}), 80), {
      isUsable: true,
      message: `127.0.0.1:${port} answers 204`,
    });
    const sick = await checkThirdParty(third({ check: { path: '/sick' } }), 80);
    assert.deepEqual(sick, { isUsable: false, message: `127.0.0.1:${port} answers 503` });
    assert.deepEqual(asked, ['/well undefined', '/sick undefined'], 'no password is sent');
    server.close();
  });

  it('connect by TCP else', async () => {
    const server = createTcpServer((socket) => socket.destroy());
    const port = await listening(server);
    assert.equal((await checkThirdParty({ url: `127.0.0.1:${port}` }, 3306)).isUsable, true);
    await new Promise((resolve) => server.close(resolve));
    const gone = await checkThirdParty({ url: `127.0.0.1:${port}` }, 3306);
    assert.equal(gone.isUsable, false);
    assert.match(gone.message, /ECONNREFUSED/);
  });

  it('wait no longer than they may', async () => {
    const server = createServer(() => {});
    const port = await listening(server);
    const began = performance.now();
    const result = await checkThirdParty(
      { url: `http://127.0.0.1:${port}`, check: { timeoutSeconds: 1 } },
      80,
    );
    assert.deepEqual(result, { isUsable: false, message: `127.0.0.1:${port} did not answer within 1000 ms` });
    assert.ok(performance.now() - began < 5000);
    server.closeAllConnections();
    server.close();
  });

  it('ask nobody who is not to be asked, nor where he sends them', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    const port = await listening(server);
    const url = `http://127.0.0.1:${port}`;
    const nobody = parseReach(anywhere);
    for (const at of [url, `127.0.0.1:${port}`, `http://localhost:${port}`, `http://[::1]:${port}`]) {
      const { isUsable, message } = await checkThirdParty({ url: at }, 80, nobody);
      assert.equal(isUsable, false);
      assert.match(message, /, this machine itself$/);
    }
    assert.deepEqual(asked, []);
    assert.equal((await checkThirdParty({ url }, 80)).isUsable, true, 'a redirect is an answer');
    // What stands in a path is no host.
    await checkThirdParty({ url, check: { path: '@example.com/x?y=/z' } }, 80);
    assert.deepEqual(asked, ['/', '/@example.com/x?y=/z']);
    server.close();
  });

  it('run no command', async () => {
    const file = `/tmp/spikegate-check-${process.pid}`;
    const third = {
      url: `127.0.0.1:1;touch ${file}`,
      checkCMD: `touch ${file}`,
      check: { timeoutSeconds: 1 },
    };
    assert.equal((await checkThirdParty(third, 3306)).isUsable, false);
    // Nor where the address is a good one.
    assert.equal((await checkThirdParty({ ...third, url: '127.0.0.1:1' }, 3306)).isUsable, false);
    assert.equal(existsSync(file), false);
  });
});
