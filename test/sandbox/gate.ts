// A TCP relay in front of the sandbox that can hold back what clients ask while answers still come through: a
// client whose watch ends meanwhile asks for its history late, when it may be gone.

import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

export interface Gate {
  port: number;
  hold(): void;
  release(): void;
  close(): void;
}

export async function openGate(port: number): Promise<Gate> {
  const pairs = new Map<Socket, Socket>();
  let held = false;
  const server = createServer((client) => {
    const upstream = dial(port, '127.0.0.1');
    pairs.set(client, upstream);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
    client.on('close', () => pairs.delete(client));
    upstream.pipe(client);
    if (!held) client.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hold() {
      held = true;
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream);
        client.pause();
      }
    },
    release() {
      held = false;
      for (const [client, upstream] of pairs) client.pipe(upstream);
    },
    close() {
      for (const [client, upstream] of pairs) {
        client.destroy();
        upstream.destroy();
      }
      server.close();
    },
  };
}
