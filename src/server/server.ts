// The HTTPS server around the application: TLS without restarts, limits, readiness by its own port, draining.
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
  /** 0 takes a free one. */
  port: number;
  certs: CertSource;
  clock: Clock;
  log: Log;
  /** CAs (PEM) of the clients whose certificates are asked for and looked at; absent: none is asked for. */
  clientAuthorities?: { current(): string; onChange(listener: () => void): () => void };
  /** Default: connectionLimits. */
  limits?: ConnectionLimits;
  /** How long a stopping server goes on answering while it says that it is not ready, in ms. */
  drainMs: number;
}

// The API server keeps idle connections for 90 s; who closes first loses requests, so it must not be us.
const keepAliveMs = 120_000;
// A header that takes longer than any webhook's time limit (30 s) is of no use to anybody.
const headersMs = 32_000;
const requestMs = 40_000;
/** How long 503 is answered after the drain, so that clients hear where not to go. */
const refuseMs = 500;
/** For answers that are under way when the drain ends; a webhook has no longer to answer (timeoutSeconds). */
const lastAnswersMs = 4000;

function answerToNoHttp({ code }: NodeJS.ErrnoException): string {
  const status = code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}

export class AdmissionServer implements Component {
  readonly name = 'admission server';
  readonly #options: AdmissionServerOptions;
  #connections: Connections | undefined;
  /** The last answer of each connection, given or under way; earlier ones of the same connection leave before it. */
  readonly #answers = new Map<Socket, ServerResponse>();
  #server: Server | undefined;
  #state: 'new' | 'serving' | 'draining' | 'refusing' | 'closed' = 'new';
  #app: Express | undefined;
  #drained: Promise<void> | undefined;

  constructor(options: AdmissionServerOptions) {
    this.#options = options;
  }

  /** The application needs the server's state, the server the application; so it comes second. */
  use(app: Express): void {
    this.#app = app;
  }

  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Connections that are open, those in their handshake included. */
  get connections(): number {
    return this.#connections?.size ?? 0;
  }

  /** The caller of this connection may call: when connections are short, others go first. */
  trust = (socket: Socket): void => this.#connections?.trust(socket);

  isRefusing = (): boolean => this.#state === 'refusing' || this.#state === 'closed';

  async start(_signal: AbortSignal): Promise<void> {
    const { certs, clientAuthorities, host, port, log, limits = connectionLimits } = this.#options;
    const server = createServer(
      {
        ...this.#context(),
        // Who has no certificate may still ask for health; who may call a webhook is callers.ts' to say.
        ...(clientAuthorities ? { requestCert: true, rejectUnauthorized: false } : {}),
        keepAliveTimeout: keepAliveMs,
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        handshakeTimeout: limits.handshakeMs,
        noDelay: true,
      },
      this.#app,
    );
    this.#connections = new Connections(server, limits, answerToNoHttp);
    server.on('secureConnection', (socket: Socket) => {
      socket.once('close', () => this.#answers.delete(socket));
    });
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      // Not a listener for each answer's end: that would be a tenth of all that a review costs.
      this.#answers.set(socket, response);
      // Whoever closes a connection that looks idle may meet a request that is just coming, and the API server does
      // not send a POST twice. So it is asked to take its connections elsewhere, with the answer, while there is time.
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
      ...{ cert: current.cert, key: current.key, minVersion: 'TLSv1.2' },
      // A ticket would let a session live on that was opened under CAs which are gone. API servers resume none.
      ...(clientAuthorities
        ? { ca: clientAuthorities.current(), secureOptions: constants.SSL_OP_NO_TICKET }
        : {}),
    };
  }

  /** Connections that are open keep what they were opened with; new ones get the new pair. */
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

  /** Why a new connection would not be served; it is tried, because only that proves it. */
  async whyNotReady(): Promise<string[]> {
    if (this.#state !== 'serving') return [`admission server is ${this.#state}`];
    const failure = await this.#dial();
    return failure ? [`admission server: ${failure}`] : [];
  }

  #dial(): Promise<string | undefined> {
    const { host } = this.#options;
    const target = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    return new Promise((resolve) => {
      // Whether the certificate is right is for clients to judge; here only that the port speaks TLS.
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
   * Endpoints learn late that a pod is going: so at first it only says that it is not ready, answers as ever, and has
   * each connection closed after its next answer. Everything that answers need must still run meanwhile.
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

  /** Drains, then answers 503, then closes; answers that are under way are finished. */
  async stop(): Promise<void> {
    const { clock } = this.#options;
    const server = this.#server;
    if (!server || this.#state === 'closed') return;
    await this.drain();
    this.#state = 'refusing';
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    await Promise.race([closed, sleep(clock, refuseMs)]);
    await Promise.race([this.#answered(), sleep(clock, lastAnswersMs)]);
    this.#state = 'closed';
    for (const socket of this.#connections ?? []) socket.destroy();
    await closed;
  }

  async #answered(): Promise<void> {
    const under = [...this.#answers.values()].filter(({ closed }) => !closed);
    await Promise.all(under.map((response) => new Promise((resolve) => response.once('close', resolve))));
  }
}
