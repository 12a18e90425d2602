// Serves /metrics and the live page on a port of their own, over plain HTTP.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Component } from '../runtime/manager.ts';
import type { HostCheck } from './hosts.ts';
import type { PageAccess } from './metrics-access.ts';

// Scrapers and browsers send their request at once. A client that only holds a connection open must not use up the
// file descriptors that admission needs.
const limits = { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 5000 };
const maxConnections = 1000;

export interface MetricsServerOptions {
  host: string;
  port: number;
  registry: Registry;
  /** Whether a request may name this host. */
  isOwnHost: HostCheck;
  /** Who may read a page. Default: everybody. */
  access?: PageAccess | undefined;
  /**
   * Serves the other pages of this port. Returns true when it has handled the request. `user`: the name of the caller;
   * undefined without `access`.
   */
  pages?(request: IncomingMessage, response: ServerResponse, user: string | undefined): boolean;
}

/** The path for which the user needs a right: /metrics, or /board for all other pages. */
function pageOf(url: string | undefined): string {
  const path = (url ?? '').split('?', 1)[0]!;
  return path === '/metrics' ? path : '/board';
}

export class MetricsServer implements Component {
  readonly name = 'metrics server';
  readonly #server: Server;
  readonly #host: string;
  readonly #port: number;

  constructor(options: MetricsServerOptions) {
    this.#host = options.host;
    this.#port = options.port;
    this.#server = createServer(limits, (request, response) => {
      void this.#answer(options, request, response).catch(() => {
        // Do not send the error: it could reveal internals.
        refuse(response, 500, 'internal error');
      });
    });
    this.#server.maxConnections = maxConnections;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  async #answer(
    { registry, isOwnHost, access, pages }: MetricsServerOptions,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { host } = request.headers;
    if (!isOwnHost(host)) {
      refuse(response, 421, `this port is not ${(host ?? 'without a name').slice(0, 253)} (--metrics-names)`);
      return;
    }
    const allowed = await access?.(request, pageOf(request.url));
    if (allowed && 'code' in allowed) {
      // The Basic challenge makes a browser ask the user for the token.
      if (allowed.code === 401)
        response.setHeader('WWW-Authenticate', ['Bearer', 'Basic realm="a token as password"']);
      if (allowed.code === 503) response.setHeader('Retry-After', '1');
      refuse(response, allowed.code, allowed.message);
      return;
    }
    if (pages?.(request, response, allowed?.user)) return;
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    const body = await registry.metrics();
    response.writeHead(200, { 'Content-Type': registry.contentType }).end(body);
  }

  start(_signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#host, resolve);
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function refuse(response: ServerResponse, code: number, message: string): void {
  if (response.headersSent) return;
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}
