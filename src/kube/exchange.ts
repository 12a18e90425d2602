// One HTTP request with its answer on one connection: time limit, abort, and whether anything was sent before it
// failed. Knows nothing of retries, credentials or Kubernetes.

import http from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../runtime/clock.ts';
import type { Headers } from './config.ts';
import { ConnectionError } from './errors.ts';

export interface HttpCall {
  method: string;
  /** With the query. */
  path: string;
  headers: Headers;
  body?: string | undefined;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Whether to retry when the API server asks the client to wait (`waitBeforeRetry` in transport.ts). */
  retry: boolean;
  /** `verb` and `resource` are labels of metrics. */
  verb: string;
  resource: string;
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

/** Connections that have carried a request before. */
const established = new WeakSet<TLSSocket>();

/** One request and its answer, on one connection. */
export class Exchange {
  readonly #call: HttpCall;
  readonly #request: http.ClientRequest;
  #sent = false;
  #answered = false;

  constructor(call: HttpCall, base: URL, headers: Headers, agent: http.Agent) {
    this.#call = call;
    this.#request = (base.protocol === 'http:' ? http : https).request({
      // URL keeps the brackets of an IPv6 address; the resolver does not accept them.
      host: base.hostname.replace(/^\[|\]$/g, ''),
      port: base.port,
      path: base.pathname.replace(/\/$/, '') + call.path,
      method: call.method,
      headers: { ...headers, ...call.headers },
      agent,
    });
    this.#request.on('socket', (socket) => this.#watchSocket(socket as TLSSocket));
  }

  /** Whether the request went out on a connection that had been idle, and no answer came. */
  get onKeptConnection(): boolean {
    return this.#request.reusedSocket && !this.#answered;
  }

  /** Sends the request. Resolves as soon as `read` does, and rejects when that takes longer than `ms`. */
  run<R>(ms: number, clock: Clock, read: (response: http.IncomingMessage) => Promise<R>): Promise<R> {
    const request = this.#request;
    const { signal, body } = this.#call;
    return new Promise<R>((resolve, reject) => {
      const fail = (error: unknown) => {
        finish();
        reject(this.#failure(error));
        request.destroy();
      };
      const stop = () => fail(this.#error('aborted', 'aborted', signal?.reason));
      const cancel = clock.after(ms, () =>
        fail(this.#error('timeout', `no answer within ${Math.round(ms)} ms`)),
      );
      const finish = () => {
        cancel();
        signal?.removeEventListener('abort', stop);
      };
      request.on('error', fail);
      request.on('response', (response) => {
        this.#answered = true;
        read(response).then((result) => {
          finish();
          resolve(result);
        }, fail);
      });
      // The signal may have aborted before this call. Then nothing is sent.
      if (signal?.aborted) return stop();
      signal?.addEventListener('abort', stop, { once: true });
      request.end(body);
    });
  }

  #watchSocket(socket: TLSSocket): void {
    const open = () => {
      established.add(socket);
      this.#sent = true;
    };
    // Node writes the request as soon as the connection is open. Before that nothing can have been stored.
    if (established.has(socket)) open();
    else socket.once(socket.encrypted ? 'secureConnect' : 'connect', open);
  }

  #failure(error: unknown): ConnectionError {
    if (error instanceof ConnectionError) return error;
    const { message, code } = error as NodeJS.ErrnoException;
    return this.#error('network', message || code || 'connection failed', error, code);
  }

  #error(kind: ConnectionError['kind'], text: string, cause?: unknown, code?: string): ConnectionError {
    const message = `${this.#call.method} ${this.#call.path}: ${text}`;
    return new ConnectionError(kind, message, { ambiguous: this.#sent, code, cause });
  }
}

export function readAll(response: http.IncomingMessage): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const text = (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8');
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
  });
}
