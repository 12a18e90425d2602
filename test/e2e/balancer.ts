// A TCP balancer that stands for the Service in front of the replicas: a webhook configuration can name only
// one address, and no service address leads anywhere where there is no node.

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Balancer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #backends: number[] = [];
  #next = 0;

  private constructor() {
    this.#server = createServer((client) => this.#forward(client, this.#backends.length));
  }

  static async listen(): Promise<Balancer> {
    const balancer = new Balancer();
    await new Promise<void>((resolve, reject) => {
      balancer.#server.once('error', reject);
      balancer.#server.listen(0, '127.0.0.1', resolve);
    });
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ports of the replicas that new connections go to, in turn; open connections stay where they are. */
  set backends(ports: number[]) {
    this.#backends = [...ports];
  }

  /** A backend that does not answer is passed over, as an endpoint that is not ready is. */
  #forward(client: Socket, triesLeft: number): void {
    this.#track(client);
    const port = this.#backends[this.#next++ % Math.max(1, this.#backends.length)];
    if (port === undefined || triesLeft === 0) return void client.destroy();
    const backend = connect({ host: '127.0.0.1', port, noDelay: true });
    client.setNoDelay(true);
    backend.once('error', () => this.#forward(client, triesLeft - 1));
    backend.once('connect', () => {
      backend.removeAllListeners('error');
      this.#track(backend);
      client.pipe(backend).pipe(client);
      for (const [a, b] of [
        [client, backend],
        [backend, client],
      ] as const) {
        a.on('error', () => b.destroy());
        a.on('close', () => b.destroy());
      }
    });
  }

  #track(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
