// Calls one webhook over HTTPS: a connection pool per CA, a deadline, and Go's error texts. Knows nothing of
// admission: it sends a body and returns a JSON body.

import { Agent, request } from 'node:https';
import { asObj, asString, type Obj } from '../types.ts';

/** kube-apiserver keeps this many idle connections per host, for about this time. */
const idleConnections = 25;
const idleMs = 90_000;

export class WebhookClient {
  readonly #agents = new Map<string, Agent>();
  readonly #pair: { cert: string; key: string };

  /** `pair`: the client certificate, PEM. It is sent to a webhook that asks for one. */
  constructor(pair: { cert: string; key: string }) {
    this.#pair = pair;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /**
   * Posts `body` and returns the parsed answer. Throws an Error with the message that kube-apiserver would print.
   */
  async post(clientConfig: Obj, body: string, timeoutSeconds: number): Promise<Obj> {
    const url = target(clientConfig, timeoutSeconds);
    const shown = `Post ${JSON.stringify(url)}`;
    if (clientConfig.url === undefined) {
      throw new Error(`${shown}: service ${JSON.stringify(asObj(clientConfig.service).name)} not found`);
    }
    const { code, text } = await this.#send(
      url,
      asString(clientConfig.caBundle),
      body,
      timeoutSeconds * 1000,
    ).catch((error: Error) => {
      throw new Error(`${shown}: ${goText(error)}`);
    });
    if (code !== 200) throw new Error(serverSaid(code, text));
    try {
      return JSON.parse(text) as Obj;
    } catch {
      throw new Error(`couldn't get version/kind; json parse error: invalid response`);
    }
  }

  #agent(caBundle: string): Agent {
    let agent = this.#agents.get(caBundle);
    if (!agent) {
      agent = new Agent({
        keepAlive: true,
        maxFreeSockets: idleConnections,
        timeout: idleMs,
        scheduling: 'lifo',
        ...this.#pair,
        ...(caBundle ? { ca: Buffer.from(caBundle, 'base64') } : {}),
      });
      this.#agents.set(caBundle, agent);
    }
    return agent;
  }

  #send(
    url: string,
    caBundle: string,
    body: string,
    timeoutMs: number,
  ): Promise<{ code: number; text: string }> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, */*',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'kube-apiserver-admission',
      };
      const call = request(
        url,
        { method: 'POST', agent: this.#agent(caBundle), headers, signal },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({ code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
          );
        },
      );
      call.on('error', (error: NodeJS.ErrnoException) => {
        // The server closed an idle connection just when it was used again. Retry on another connection.
        if (call.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted) {
          this.#send(url, caBundle, body, timeoutMs).then(resolve, reject);
        } else reject(error);
      });
      call.end(body);
    });
  }
}

/** The URL as a string. A URL object would drop a default port, which the error messages must show. */
function target(clientConfig: Obj, timeoutSeconds: number): string {
  const service = asObj(clientConfig.service);
  const base =
    asString(clientConfig.url) ||
    `https://${service.name}.${service.namespace}.svc:${service.port ?? 443}${service.path ?? ''}`;
  return `${base}${base.includes('?') ? '&' : '?'}timeout=${timeoutSeconds}s`;
}

/** The text that Go's HTTP client has for this error. */
function goText(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  const where = `${error.address}:${error.port}`;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'context deadline exceeded';
  if (error.code === 'ECONNREFUSED') return `dial tcp ${where}: connect: connection refused`;
  if (error.code === 'ENOTFOUND')
    return `dial tcp: lookup ${asString((error as unknown as Obj).hostname)}: no such host`;
  if (error.code === 'ECONNRESET') return 'EOF';
  if (/certificate|self.signed|issuer/i.test(error.message) || error.code?.startsWith('ERR_TLS'))
    return `x509: ${error.code === 'DEPTH_ZERO_SELF_SIGNED_CERT' || /issuer|self.signed|unable to verify/i.test(error.message) ? 'certificate signed by unknown authority' : error.message}`;
  return error.message;
}

function serverSaid(code: number, text: string): string {
  const body = text.trim();
  if (code === 404) return 'the server could not find the requested resource';
  if (code >= 500 && body)
    return `an error on the server (${JSON.stringify(body)}) has prevented the request from succeeding`;
  return `the server responded with the status code ${code} but did not return more information`;
}
