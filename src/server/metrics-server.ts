// Serves /metrics on its own port, over plain HTTP, apart from admission.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Component } from '../runtime/manager.ts';

// Scrapers and browsers send their request at once. A client that only holds a connection open must not use up the
// file descriptors that admission needs.
const limits = { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 5000 };
const maxConnections = 1000;

export interface MetricsServerOptions {
  host: string;
  port: number;
  registry: Registry;
  /** More pages on this port. Returns true when it has handled the request. */
  pages?(request: IncomingMessage, response: ServerResponse): boolean;
}

export class MetricsServer implements Component {
  readonly name = 'metrics server';
  readonly #server: Server;
  readonly #host: string;
  readonly #port: number;

  constructor(options: MetricsServerOptions) {
    this.#host = options.host;
    this.#port = options.port;
    this.#server = createServer(limits, async (request, response) => {
      if (options.pages?.(request, response)) return;
      if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      try {
        const body = await options.registry.metrics();
        response.writeHead(200, { 'Content-Type': options.registry.contentType }).end(body);
      } catch {
        // This port asks for no credentials, so the error must tell nothing about the inside.
        response.writeHead(500).end('internal error\n');
      }
    });
    this.#server.maxConnections = maxConnections;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
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
