// One server as the differential test speaks to it: raw requests and watches over one connection pool.

import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { parse as parseYaml } from 'yaml';
import type { Answer, Json } from './types.ts';

export interface Credentials {
  server: string;
  ca: string;
  cert: string;
  key: string;
}

/** Headers that clients act on. */
const telling = ['content-type', 'warning', 'retry-after', 'allow', 'www-authenticate', 'location'];
const watchWithinMs = 5_000;
const answerWithinMs = 20_000;

export interface Watch {
  /** Resolves with so many events, counted from those not taken yet, or with all when the server has ended. */
  take(count: number): Promise<Answer>;
  stop(): void;
}

export class Client {
  readonly #agent: Agent;
  readonly #stranger: Agent;
  readonly #server: URL;

  constructor({ server, ca, cert, key }: Credentials) {
    this.#server = new URL(server);
    this.#agent = new Agent({ keepAlive: true, ca, cert, key });
    this.#stranger = new Agent({ keepAlive: true, ca });
  }

  close(): void {
    this.#agent.destroy();
    this.#stranger.destroy();
  }

  #open(method: string, path: string, given: Record<string, string>, body: string | undefined) {
    const all: Record<string, string> = { 'user-agent': 'differential/1', ...given };
    const { 'x-certificate': certificate, ...headers } = all;
    // A bearer token speaks only where no certificate does.
    const agent = certificate === 'none' || headers.authorization ? this.#stranger : this.#agent;
    const { hostname, port } = this.#server;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const call = request({ hostname, port, method, path, agent, headers: { ...length, ...headers } });
    call.end(body);
    return call;
  }

  send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = this.#open(method, path, headers, body);
      call.setTimeout(answerWithinMs, () =>
        call.destroy(new Error(`${method} ${path}: no answer in ${answerWithinMs} ms`)),
      );
      call.on('error', reject);
      call.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve(answerOf(response, Buffer.concat(chunks).toString())));
      });
    });
  }

  watch(path: string, headers: Record<string, string>): Watch {
    return new OpenWatch(this.#open('GET', path, headers, undefined));
  }
}

function answerOf(response: IncomingMessage, text: string): Answer {
  const headers: Record<string, string> = {};
  for (const name of telling) {
    const value = response.headers[name];
    if (value !== undefined) headers[name] = String(value);
  }
  const type = headers['content-type'] ?? '';
  let body: Json = text;
  if (type.includes('json') && text !== '') body = JSON.parse(text);
  else if (type.includes('yaml')) body = parseYaml(text);
  return { code: response.statusCode ?? 0, headers, body };
}

class OpenWatch implements Watch {
  #events: Json[] = [];
  #wake = () => {};
  #answer: Answer | undefined;
  #plain = '';
  #ended = false;
  #failed: Error | undefined;
  readonly #call: ClientRequest;

  constructor(call: ClientRequest) {
    this.#call = call;
    let rest = '';
    call.on('error', (error) => {
      this.#failed = error;
      this.#wake();
    });
    call.on('response', (response) => {
      this.#answer = answerOf(response, '');
      response.setEncoding('utf8');
      response.on('error', () => {});
      response.on('data', (chunk: string) => {
        this.#plain += chunk;
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        if (response.statusCode === 200)
          for (const line of lines.filter((l) => l !== '')) this.#events.push(JSON.parse(line));
        this.#wake();
      });
      response.on('end', () => {
        this.#ended = true;
        if (response.statusCode !== 200) this.#answer = answerOf(response, this.#plain);
        this.#wake();
      });
      this.#wake();
    });
  }

  async take(count: number): Promise<Answer> {
    const timer = setTimeout(() => {
      this.#ended = true;
      this.#events.push('(no further event came)');
      this.#wake();
    }, watchWithinMs);
    while (!this.#failed && !this.#ended && this.#events.length < count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    clearTimeout(timer);
    if (this.#failed) throw this.#failed;
    if (!this.#answer) throw new Error('the watch got no answer');
    if (this.#answer.code !== 200) return this.#answer;
    const events = this.#events.splice(0, count);
    return { ...this.#answer, body: { events, ended: events.length < count } };
  }

  stop(): void {
    this.#call.on('error', () => {});
    this.#call.destroy();
  }
}
