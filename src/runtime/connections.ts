// The open connections of an HTTPS server. Limits the time of a handshake, destroys connections that never send
// HTTP, and closes the least useful connection when there are too many. Knows no path, no caller and no kind.
import type { Server } from 'node:https';
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  /** Maximum number of open connections. */
  most: number;
  /** Time limit of a TLS handshake, in ms. Node's default is two minutes. */
  handshakeMs: number;
}

export const connectionLimits: ConnectionLimits = { most: 2000, handshakeMs: 5000 };

/**
 * The bytes to send to a client that completed TLS and then sent no HTTP. Empty: send nothing and destroy the
 * connection.
 */
export type AnswerToNoHttp = (error: NodeJS.ErrnoException) => string;

export class Connections {
  readonly #most: number;
  /** Connections for which nobody called `trust`, by the client's address and port. Oldest first. */
  readonly #strangers = new Map<string, Socket>();
  /** Connections for which `trust` was called. The most recently used one is last. */
  readonly #trusted = new Map<string, Socket>();
  /** The key of each TLS socket. Node does not publish the raw socket below it. */
  readonly #keyOfTlsSocket = new WeakMap<object, string>();

  constructor(server: Server, { most }: ConnectionLimits, answer: AnswerToNoHttp) {
    this.#most = most;
    server.on('connection', (socket: Socket) => this.#add(socket));
    server.on('secureConnection', (socket: Socket) => this.#keyOfTlsSocket.set(socket, keyOf(socket)));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // A socket whose handshake is not over can only be destroyed: `end` would wait for the handshake for ever.
      const text = socket.writable && this.#keyOfTlsSocket.has(socket) ? answer(error) : '';
      if (text) socket.end(text);
      else socket.destroy();
    });
  }

  get size(): number {
    return this.#strangers.size + this.#trusted.size;
  }

  *[Symbol.iterator](): Iterator<Socket> {
    yield* this.#strangers.values();
    yield* this.#trusted.values();
  }

  /** Call it when this client has sent a valid request. It must be cheap, because it runs for every request. */
  trust(tlsSocket: object): void {
    const key = this.#keyOfTlsSocket.get(tlsSocket);
    if (key === undefined) return;
    const socket = this.#trusted.get(key) ?? this.#strangers.get(key);
    if (!socket) return;
    this.#strangers.delete(key);
    this.#trusted.delete(key);
    this.#trusted.set(key, socket);
  }

  #add(socket: Socket): void {
    const key = keyOf(socket);
    if (this.size >= this.#most) this.#makeRoom();
    this.#strangers.set(key, socket);
    socket.once('close', () => {
      if (this.#strangers.get(key) === socket) this.#strangers.delete(key);
      if (this.#trusted.get(key) === socket) this.#trusted.delete(key);
    });
  }

  /** Closes the oldest untrusted connection. If there is none, closes the trusted one that has been idle longest. */
  #makeRoom(): void {
    for (const connections of [this.#strangers, this.#trusted]) {
      for (const [key, socket] of connections) {
        connections.delete(key);
        socket.destroy();
        return;
      }
    }
  }
}

const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
