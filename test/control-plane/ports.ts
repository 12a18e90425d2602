// Free TCP ports on 127.0.0.1.

import { createServer } from 'node:net';
import type { Ports } from './flags.ts';

/**
 * Each port as `pinned` says, else as `before` had it when that is free, else any free one. Another process
 * can still take a port between this and its use; the starter tries again then.
 */
export async function choosePorts(pinned: Partial<Ports>, before: Partial<Ports>): Promise<Ports> {
  const choose = async (name: keyof Ports) => {
    if (pinned[name]) return { port: pinned[name], release: async () => {} };
    return (before[name] && (await hold(before[name]).catch(() => undefined))) || hold(0);
  };
  // All are held until all are chosen, or two of them could be the same.
  const held = [await choose('etcd'), await choose('apiserver'), await choose('controllerManager')] as const;
  await Promise.all(held.map(({ release }) => release()));
  const [etcd, apiserver, controllerManager] = held;
  return { etcd: etcd.port, apiserver: apiserver.port, controllerManager: controllerManager.port };
}

function hold(port: number): Promise<{ port: number; release: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address() as { port: number };
      resolve({ port: address.port, release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
