// Bytes to the API server and back: connections, time limits, and which requests may be sent a second time. Knows
// HTTP and TLS. Knows no resource, no verb of Kubernetes, and no JSON except that of refusals.

import http from 'node:http';
import https from 'node:https';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { ConnectionConfig, Credentials } from './config.ts';
import { ConnectionError, type Status } from './errors.ts';
import { type Answer, Exchange, type HttpCall, readAll } from './exchange.ts';

/** One HTTP exchange, for rest_client_requests_total and rest_client_request_duration_seconds. */
export interface RequestInfo {
  method: string;
  verb: string;
  resource: string;
  host: string;
  /** The HTTP status, or '<error>' (client-go's label) for a request without an answer. */
  code: string;
  /** Until the body was read; for a watch, until the headers arrived. */
  seconds: number;
}

export interface TransportOptions {
  clock: Clock;
  maxSockets: number;
  onRequest?: ((info: RequestInfo) => void) | undefined;
  onDate?: OnDate | undefined;
}

/** The Date header of an answer, and when (monotonic) its request was sent and its headers arrived. */
export type OnDate = (date: string | undefined, sentAt: number, answeredAt: number) => void;

// How often an answer with Retry-After is retried, as in client-go.
const maxRetries = 10;
// How often a read is sent again because the server had closed an idle connection.
const maxReconnects = 5;

// The API server closes a connection after 90 s of idleness (net/http IdleTimeout in
// apiserver/pkg/server/secure_serving.go). Closing it first avoids writing into a closing connection.
const idleTimeout = 60_000;
// First TCP keep-alive probe on an idle connection.
const keepAliveProbe = 30_000;

// Minimum time between two renewals of credentials. A server that answers 401 to everything must not make this
// process read files or run an exec plugin for each request.
const renewInterval = 10_000;

interface Agents {
  credentials: Credentials;
  calls: http.Agent;
  /** Watches last for minutes. Their own agent keeps them from taking sockets of calls. */
  streams: http.Agent;
}

export class Transport {
  readonly #base: URL;
  readonly #config: ConnectionConfig;
  readonly #clock: Clock;
  readonly #maxSockets: number;
  readonly #onRequest: ((info: RequestInfo) => void) | undefined;
  readonly #onDate: OnDate | undefined;
  #agents: Agents | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(config: ConnectionConfig, opts: TransportOptions) {
    this.#base = new URL(config.server);
    this.#config = config;
    this.#clock = opts.clock;
    this.#maxSockets = opts.maxSockets;
    this.#onRequest = opts.onRequest;
    this.#onDate = opts.onDate;
  }

  /** Resolves to the whole answer, whatever its status. `call.timeoutMs` covers retries and waits. */
  async send(call: HttpCall): Promise<Answer> {
    const end = this.#clock.monotonic() + call.timeoutMs;
    for (let retries = 0; ; retries++) {
      const answer = await this.#attempt(call, end, false, readAll);
      const wait = call.retry && retries < maxRetries ? waitBeforeRetry(call, answer) : undefined;
      if (wait === undefined || this.#clock.monotonic() + wait > end) return answer;
      await sleep(this.#clock, wait, call.signal);
    }
  }

  /**
   * After a 200, resolves to the response as soon as its headers arrive; the caller must read and destroy it. After
   * any other status, resolves to the whole answer.
   */
  stream(call: HttpCall): Promise<http.IncomingMessage | Answer> {
    const end = this.#clock.monotonic() + call.timeoutMs;
    return this.#attempt(call, end, true, async (response) =>
      response.statusCode === 200 ? response : readAll(response),
    );
  }

  close(): void {
    if (this.#agents) closeIdle(this.#agents);
  }

  async #attempt<R>(
    call: HttpCall,
    end: number,
    stream: boolean,
    read: (response: http.IncomingMessage) => Promise<R>,
  ): Promise<R> {
    let renew = false;
    for (let reconnects = 0; ; reconnects++) {
      const agents = await this.#connect(renew, call);
      const agent = stream ? agents.streams : agents.calls;
      const exchange = new Exchange(call, this.#base, agents.credentials.headers, agent);
      const began = this.#clock.monotonic();
      let code = '<error>';
      try {
        const response = await exchange.run(Math.max(0, end - began), this.#clock, async (response) => {
          code = String(response.statusCode);
          this.#onDate?.(response.headers.date, began, this.#clock.monotonic());
          if (response.statusCode === 401 && !renew && this.#mayRenew()) {
            response.resume();
            return undefined;
          }
          return read(response);
        });
        if (response !== undefined) return response;
        // After a 401, try once more with renewed credentials.
        renew = true;
      } catch (error) {
        // The server had closed an idle connection. Only a read may be sent again.
        const wasIdle =
          exchange.onKeptConnection && error instanceof ConnectionError && error.kind === 'network';
        if (!wasIdle || call.method !== 'GET' || reconnects >= maxReconnects) throw error;
      } finally {
        const { method, verb, resource } = call;
        const seconds = (this.#clock.monotonic() - began) / 1000;
        this.#onRequest?.({ method, verb, resource, host: this.#base.host, code, seconds });
      }
    }
  }

  #mayRenew(): boolean {
    return this.#clock.monotonic() - this.#renewedAt >= renewInterval;
  }

  async #connect(renew: boolean, call: HttpCall): Promise<Agents> {
    if (renew) this.#renewedAt = this.#clock.monotonic();
    let credentials: Credentials;
    try {
      credentials = await this.#config.credentials(renew);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `${call.method} ${call.path}: no credentials: ${why}`;
      throw new ConnectionError('network', message, { ambiguous: false, cause });
    }
    const old = this.#agents;
    if (old?.credentials === credentials) return old;
    if (old && sameTls(old.credentials, credentials)) {
      this.#agents = { ...old, credentials };
    } else {
      // A client certificate or CA was rotated. Connections in use end by themselves.
      if (old) closeIdle(old);
      this.#agents = {
        credentials,
        calls: this.#agent(credentials, this.#maxSockets),
        streams: this.#agent(credentials, Number.POSITIVE_INFINITY),
      };
    }
    return this.#agents;
  }

  #agent(credentials: Credentials, maxSockets: number): http.Agent {
    if (credentials.proxy) return credentials.proxy;
    const options = { keepAlive: true, keepAliveMsecs: keepAliveProbe, timeout: idleTimeout, maxSockets };
    if (this.#base.protocol === 'http:') return new http.Agent(options);
    return new https.Agent({ ...options, ...credentials.tls });
  }
}

/**
 * Milliseconds to wait before a retry; undefined when the request must not be retried. The API server and admission
 * webhooks answer 429 before anything is stored, so any verb may be retried. A 5xx with Retry-After may come after a
 * write, so only reads are retried.
 */
function waitBeforeRetry(call: HttpCall, answer: Answer): number | undefined {
  const retryable = answer.status === 429 || (answer.status >= 500 && call.method === 'GET');
  const seconds = retryable ? retryAfter(answer) : undefined;
  return seconds === undefined ? undefined : seconds * 1000;
}

/** The seconds to wait, from the Retry-After header or else from the Status in the body. */
export function retryAfter(answer: Answer): number | undefined {
  const header = answer.headers['retry-after'];
  if (header !== undefined && /^\d+$/.test(header)) return Number(header);
  if (!answer.text.includes('retryAfterSeconds')) return undefined;
  try {
    return (JSON.parse(answer.text) as Status).details?.retryAfterSeconds;
  } catch {
    return undefined;
  }
}

function sameTls(a: Credentials, b: Credentials): boolean {
  const text = ({ tls: { ca, cert, key, ...rest } }: Credentials) =>
    JSON.stringify([[ca, cert, key].map((part) => part?.toString()), rest]);
  return a.proxy === b.proxy && text(a) === text(b);
}

function closeIdle(agents: Agents): void {
  for (const agent of [agents.calls, agents.streams]) {
    for (const sockets of Object.values(agent.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
  }
}
