// The HTTPS server around the application: certificate reload without restart, limits, a readiness check through
// its own port, draining.
import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { connect, type SecureContextOptions } from 'node:tls';
import type { Express } from 'express';
import type { CertSource } from '../../certs/source.ts';
import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/clock.ts';
import { type ConnectionLimits, Connections, connectionLimits } from '../runtime/connections.ts';
import type { Log } from '../runtime/log.ts';
import type { Component } from '../runtime/manager.ts';

export interface AdmissionServerOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  certs: CertSource;
  clock: Clock;
  log: Log;
  /** CAs (PEM) whose client certificates are accepted. Absent: the server asks for no client certificate. */
  clientAuthorities?: { current(): string; onChange(listener: () => void): () => void };
  /** Default: connectionLimits. */
  limits?: ConnectionLimits;
  /** How long a stopping server still answers, in ms. Meanwhile it reports that it is not ready. */
  drainMs: number;
}

// The API server keeps idle connections for 90 s. The side that closes first may lose a request, so it must not be
// us.
const keepAliveMs = 120_000;
// Kubernetes ends a webhook call after 30 s at the latest, so a request that arrives more slowly is useless.
const headersMs = 32_000;
const requestMs = 40_000;
/** How long the server answers 503 after the drain, so that clients go to other replicas. */
const refuseMs = 500;
/**
 * After `refuseMs`, how long the server waits for unfinished answers. Both together are almost the `timeoutSeconds` (5)
 * of our webhooks, after which nobody waits for an answer.
 */
const lastAnswersMs = 4000;

function answerToInvalidHttp({ code }: NodeJS.ErrnoException): string {
  const status = code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}

export class AdmissionServer implements Component {
  readonly name = 'admission server';
  readonly #options: AdmissionServerOptions;
  #connections: Connections | undefined;
  /** The last response of each connection, finished or not. The earlier responses of a connection finish first. */
  readonly #answers = new Map<Socket, ServerResponse>();
  #server: Server | undefined;
  #state: 'new' | 'serving' | 'draining' | 'refusing' | 'closed' = 'new';
  #app: Express | undefined;
  #drained: Promise<void> | undefined;

  constructor(options: AdmissionServerOptions) {
    this.#options = options;
  }

  /** Application and server need each other, so the application is set after construction. */
  use(app: Express): void {
    this.#app = app;
  }

  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Number of open connections, including those in their TLS handshake. */
  get connections(): number {
    return this.#connections?.size ?? 0;
  }

  /** Marks the connection of a valid caller. When there are too many connections, others are closed first. */
  trust = (socket: Socket): void => this.#connections?.trust(socket);

  isRefusing = (): boolean => this.#state === 'refusing' || this.#state === 'closed';

  async start(_signal: AbortSignal): Promise<void> {
    const { certs, clientAuthorities, host, port, log, limits = connectionLimits } = this.#options;
    const server = createServer(
      {
        ...this.#context(),
        // A client without a certificate may still use the health checks; callers.ts decides who may call a
        // webhook.
        ...(clientAuthorities ? { requestCert: true, rejectUnauthorized: false } : {}),
        keepAliveTimeout: keepAliveMs,
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        handshakeTimeout: limits.handshakeMs,
        noDelay: true,
      },
      this.#app,
    );
    this.#connections = new Connections(server, limits, answerToInvalidHttp);
    server.on('secureConnection', (socket: Socket) => {
      socket.once('close', () => this.#answers.delete(socket));
    });
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      // Do not listen for the end of each response: that would take a tenth of the time of a review.
      this.#answers.set(socket, response);
      // Closing an idle connection can hit a request that is just arriving, and the API server does not send a POST
      // twice. So from the drain on, each answer asks the API server to close the connection itself.
      if (this.#state !== 'serving') response.setHeader('Connection', 'close');
    });
    server.on('tlsClientError', (error) => log.debug({ err: error.message }, 'TLS handshake failed'));
    certs.onChange(() => this.#reload(server));
    clientAuthorities?.onChange(() => this.#reload(server));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    this.#server = server;
    this.#state = 'serving';
    log.info({ host, port: this.port }, 'admission server listens');
  }

  #context(): SecureContextOptions {
    const { certs, clientAuthorities } = this.#options;
    const current = certs.current();
    if (!current) throw new Error('there is no serving certificate');
    return {
      cert: current.cert,
      key: current.key,
      minVersion: 'TLSv1.2',
      // With a session ticket a client could resume a session that began under CAs which are no longer trusted. API
      // servers do not resume sessions.
      ...(clientAuthorities
        ? { ca: clientAuthorities.current(), secureOptions: constants.SSL_OP_NO_TICKET }
        : {}),
    };
  }

  /** Existing connections keep their certificate; new ones get the new pair. */
  #reload(server: Server): void {
    try {
      server.setSecureContext(this.#context());
      this.#options.log.info(
        { notAfter: this.#options.certs.current()?.notAfter },
        'serving certificate loaded',
      );
    } catch (error) {
      this.#options.log.error({ err: error }, 'serving certificate not loaded; the old one stays');
    }
  }

  /** Returns why a new connection would fail. It opens a connection, because only that proves that one can be opened. */
  async whyNotReady(): Promise<string[]> {
    if (this.#state !== 'serving') return [`admission server is ${this.#state}`];
    const failure = await this.#dial();
    return failure ? [`admission server: ${failure}`] : [];
  }

  #dial(): Promise<string | undefined> {
    const { host } = this.#options;
    const target = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    return new Promise((resolve) => {
      // Clients verify the certificate. This check only needs to know that the port speaks TLS.
      const socket = connect({ host: target, port: this.port, rejectUnauthorized: false, timeout: 2000 });
      const done = (failure?: string) => {
        socket.destroy();
        resolve(failure);
      };
      socket.once('secureConnect', () => done());
      socket.once('timeout', () => done('its own port does not answer'));
      socket.once('error', (error) => done(error.message));
    });
  }

  /**
   * Endpoints learn late that a pod is stopping. So the server first reports that it is not ready, but still answers.
   * Each connection is closed after its next answer. Caches and other parts that an answer needs must still run.
   */
  drain(): Promise<void> {
    const { clock, drainMs, log } = this.#options;
    if (!this.#server || this.#state === 'closed') return Promise.resolve();
    if (!this.#drained) {
      this.#state = 'draining';
      log.info({ ms: drainMs }, 'draining');
      this.#drained = sleep(clock, drainMs);
    }
    return this.#drained;
  }

  /** Drains, then answers 503, then closes. Answers that have begun are finished. */
  async stop(): Promise<void> {
    const { clock } = this.#options;
    const server = this.#server;
    if (!server || this.#state === 'closed') return;
    await this.drain();
    this.#state = 'refusing';
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    await Promise.race([closed, sleep(clock, refuseMs)]);
    await Promise.race([this.#whenAnswered(), sleep(clock, lastAnswersMs)]);
    this.#state = 'closed';
    for (const socket of this.#connections ?? []) socket.destroy();
    await closed;
  }

  async #whenAnswered(): Promise<void> {
    const unfinished = [...this.#answers.values()].filter(({ closed }) => !closed);
    await Promise.all(
      unfinished.map((response) => new Promise((resolve) => response.once('close', resolve))),
    );
  }
}
