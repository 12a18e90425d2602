// A light HTTP/1.1 client over one kept TLS connection, one request at a time: node:https' own costs as much
// CPU as the servers it would measure. Knows status, Content-Length, chunks and Retry-After, and nothing more.
import { connect, type TLSSocket } from 'node:tls';

export interface Endpoint {
  port: number;
  /** PEM of the CA that signed the server. */
  ca: string;
}

export interface Answer {
  status: number;
  body: string;
  /** Seconds, when the server named any. */
  retryAfter: number | undefined;
}

const endOfHead = Buffer.from('\r\n\r\n');

export class Connection {
  readonly #socket: TLSSocket;
  #read: Buffer = Buffer.alloc(0);
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #broken: Error | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open({ port, ca }: Endpoint): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['http/1.1'] });
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    socket.removeAllListeners('error');
    return new Connection(socket);
  }

  /** @param head request line and headers (see `headOf`), without Content-Length and the empty line */
  send(head: string, body: string): Promise<Answer> {
    if (this.#broken) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  close(): void {
    this.#broken = new Error('closed');
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #take(chunk: Buffer): void {
    this.#read = this.#read.length === 0 ? chunk : Buffer.concat([this.#read, chunk]);
    const end = this.#read.indexOf(endOfHead);
    if (end < 0) return;
    const head = this.#read.toString('latin1', 0, end).toLowerCase();
    const rest = this.#read.subarray(end + endOfHead.length);
    const length = numberAfter(head, '\r\ncontent-length:');
    const body =
      length === undefined
        ? unchunked(rest)
        : rest.length < length
          ? undefined
          : rest.toString('utf8', 0, length);
    if (body === undefined) return;
    this.#read = Buffer.alloc(0);
    const { resolve } = this.#waiting ?? {};
    this.#waiting = undefined;
    resolve?.({ status: Number(head.slice(9, 12)), body, retryAfter: numberAfter(head, '\r\nretry-after:') });
  }
}

export const headOf = (method: string, path: string, headers: Record<string, string> = {}): string =>
  [
    `${method} ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    'Accept: application/json',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
  ].join('\r\n');

function numberAfter(head: string, name: string): number | undefined {
  const at = head.indexOf(name);
  return at < 0 ? undefined : Number.parseInt(head.slice(at + name.length), 10);
}

/** The body of a chunked answer, undefined while it is not all here. */
function unchunked(bytes: Buffer): string | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const endOfLine = bytes.indexOf('\r\n', at);
    if (endOfLine < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, endOfLine), 16);
    const begin = endOfLine + 2;
    if (bytes.length < begin + size + 2) return undefined;
    if (size === 0) return Buffer.concat(parts).toString('utf8');
    parts.push(bytes.subarray(begin, begin + size));
    at = begin + size + 2;
  }
}
