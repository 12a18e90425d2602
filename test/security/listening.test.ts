// What our processes listen on is what is meant, and nothing else.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { openTarget } from '../e2e/targets.ts';
import { World } from '../e2e/world.ts';
import { listening } from './sockets.ts';

const skip = existsSync('/proc/net/tcp') ? false : 'only Linux tells (/proc/net/tcp)';
const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

describe('a process listens', { skip }, () => {
  let directory: string;
  let world: World;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'listening-'));
    const target = await openTarget('sandbox');
    assert.ok('kubeconfig' in target);
    world = await World.open(target);
  });
  after(async () => {
    await world.close();
    await rm(directory, { recursive: true });
  });

  it('on nothing that this test would not see', async () => {
    const path = join(directory, 'socket');
    const [tcp, unix, udp] = [createServer(), createServer(), createSocket('udp4')];
    const ports: number[] = [];
    try {
      await once(tcp.listen(0, '127.0.0.1'), 'listening');
      await once(unix.listen(path), 'listening');
      await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
      ports.push((tcp.address() as AddressInfo).port, udp.address().port);
      const seen = listening(process.pid);
      for (const wanted of [`tcp 127.0.0.1:${ports[0]}`, `udp 127.0.0.1:${ports[1]}`, `unix ${path}`]) {
        assert.ok(seen.includes(wanted), `${wanted} among ${seen.join(', ')}`);
      }
    } finally {
      tcp.close();
      unix.close();
      udp.close();
    }
  });

  it('as serve on its two ports, where it was told to, leading or not', async () => {
    await world.serve(2);
    for (const { pid, port, metricsPort } of world.replicas) {
      assert.deepEqual(listening(pid), [`tcp 127.0.0.1:${port}`, `tcp 127.0.0.1:${metricsPort}`].sort());
    }
  });

  it('as npm start on this machine only', async () => {
    const child = spawn(process.execPath, [main, 'start', '--dir', join(directory, 'state'), '--port', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await said(child, /is ready/);
      const sockets = listening(child.pid!);
      assert.ok(sockets.length >= 3, 'the API, admission and metrics at the least');
      assert.deepEqual(
        sockets.filter((socket) => !/^tcp6? (127\.0\.0\.1|\[::1\]):\d+$/.test(socket)),
        [],
      );
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
  });
});

async function said(child: ChildProcess, what: RegExp): Promise<void> {
  for await (const line of createInterface({ input: child.stdout! })) if (what.test(line)) return;
  throw new Error(`the process ended before it said ${what}`);
}
