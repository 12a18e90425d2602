// The connections of an HTTPS server: a handshake has a time limit, what never becomes HTTP is destroyed, and when there
// are too many the one that is missed least goes. Knows no path, no caller and no kind.
import type { Server } from 'node:https';
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  /** Connections at once. */
  most: number;
  /** Time for a TLS handshake, in ms. Node's own is two minutes. */
  handshakeMs: number;
}

export const connectionLimits: ConnectionLimits = { most: 2000, handshakeMs: 5000 };

/** What a connection is answered that speaks TLS and no HTTP; empty: nothing, it is destroyed. */
export type AnswerToNoHttp = (error: NodeJS.ErrnoException) => string;

export class Connections {
  readonly #most: number;
  /** By the other end's address and port, oldest first. Nobody has said who they are. */
  readonly #strangers = new Map<string, Socket>();
  /** Those that `trust` was called for, the one that was used last at the end. */
  readonly #trusted = new Map<string, Socket>();
  /** TLS sockets by their key: the raw socket below is not public. */
  readonly #secured = new WeakMap<object, string>();

  constructor(server: Server, { most }: ConnectionLimits, answer: AnswerToNoHttp) {
    this.#most = most;
    server.on('connection', (socket: Socket) => this.#add(socket));
    server.on('secureConnection', (socket: Socket) => this.#secured.set(socket, keyOf(socket)));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // A socket whose handshake is not over cannot be ended, only destroyed: `end` waits for the handshake for ever.
      const text = socket.writable && this.#secured.has(socket) ? answer(error) : '';
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

  /** The other end of this TLS connection has shown that it may call; on the hot path. */
  trust(tlsSocket: object): void {
    const key = this.#secured.get(tlsSocket);
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

  /** The oldest that nobody vouches for; where there is none, the one that has been silent longest. */
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
