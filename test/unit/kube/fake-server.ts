// A scripted API server on 127.0.0.1: real HTTP, answers as the test says. Knows the frames of Kubernetes'
// answers; stores nothing.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { KubeObject, Resource } from '../../../src/kube/objects.ts';

export interface Request {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  /** Parsed where there was one. */
  body: unknown;
}

export type Script = (request: Request, response: http.ServerResponse) => void;

export class FakeServer {
  readonly requests: Request[] = [];
  script: Script = (request, response) => refuse(response, 404, 'NotFound', `${request.path} not found`);
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();

  static async start(script?: Script): Promise<FakeServer> {
    const server = new FakeServer();
    if (script) server.script = script;
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  private constructor() {
    this.#server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk) => {
        text += chunk;
      });
      request.on('end', () => {
        const url = new URL(request.url ?? '', 'http://fake');
        const seen: Request = {
          method: request.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body: text ? JSON.parse(text) : undefined,
        };
        this.requests.push(seen);
        this.script(seen, response);
      });
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Ends every connection, as a server that restarts does. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.drop();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export function answer(response: http.ServerResponse, body: unknown, code = 200, headers = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function refuse(
  response: http.ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers = {},
): void {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code };
  answer(response, status, code, headers);
}

export function listOf(items: unknown[], resourceVersion: string, next?: string): object {
  return { kind: 'ThingList', metadata: { resourceVersion, ...(next && { continue: next }) }, items };
}

/** The body of a watch that the test writes by hand. */
export class FakeWatch {
  readonly request: Request;
  readonly response: http.ServerResponse;

  constructor(request: Request, response: http.ServerResponse) {
    this.request = request;
    this.response = response;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
  }

  event(type: string, object: unknown): void {
    this.raw(`${JSON.stringify({ type, object })}\n`);
  }

  bookmark(resourceVersion: string): void {
    this.event('BOOKMARK', { kind: 'Thing', metadata: { resourceVersion } });
  }

  raw(bytes: string | Buffer): void {
    this.response.write(bytes);
  }

  end(): void {
    this.response.end();
  }

  /** The connection breaks without an end. */
  break(): void {
    this.response.destroy();
  }
}

export interface Thing extends KubeObject {
  spec?: { owner?: string; note?: string };
}

export const things: Resource<Thing> = {
  group: 'test.spikegate.io',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
};

export function thing(name: string, resourceVersion: number | string, more: Partial<ThingParts> = {}): Thing {
  return {
    apiVersion: 'test.spikegate.io/v1',
    kind: 'Thing',
    metadata: {
      name,
      namespace: 'default',
      uid: more.uid ?? `uid-${name}`,
      resourceVersion: String(resourceVersion),
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    ...(more.spec && { spec: more.spec }),
  };
}

interface ThingParts {
  uid: string;
  spec: NonNullable<Thing['spec']>;
}

/** Waits in real time, for what happens on sockets. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited 5 s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
