// The verbs of the API server as HTTP calls: paths, queries, bodies, refusals, warnings. Does not know connections
// and retries (transport.ts). Caches no answers.

import { systemClock } from '../runtime/clock.ts';
import type {
  ApplyOptions,
  CallOptions,
  Client,
  ClientOptions,
  DeleteOptions,
  KeyLike,
  ListOptions,
  ListResult,
  PatchOptions,
  RawOptions,
  RawResponse,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import type { ConnectionConfig, Headers } from './config.ts';
import { ConnectionError, refusal } from './errors.ts';
import type { Answer, HttpCall } from './exchange.ts';
import { apiVersionOf, type Draft, type KubeObject, type Resource } from './objects.ts';
import { resourcePath, withQuery } from './paths.ts';
import { retryAfter, Transport } from './transport.ts';
import { readWatch } from './watch.ts';

const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  // The media type says YAML. JSON is YAML.
  apply: 'application/apply-patch+yaml',
};

class JsonClient implements Client {
  readonly server: string;
  readonly #transport: Transport;
  readonly #userAgent: string;
  readonly #timeoutMs: number;
  readonly #onWarning: ClientOptions['onWarning'];

  constructor(config: ConnectionConfig, opts: ClientOptions) {
    this.server = config.server;
    this.#userAgent = opts.userAgent ?? `spikegate (${process.platform}/${process.arch})`;
    this.#timeoutMs = opts.timeoutMs ?? 30_000;
    this.#onWarning = opts.onWarning;
    this.#transport = new Transport(config, {
      clock: opts.clock ?? systemClock,
      maxSockets: opts.maxSockets ?? 64,
      onRequest: opts.onRequest,
      onDate: opts.onDate,
    });
  }

  get<T extends KubeObject>(r: Resource<T>, key: KeyLike, opts: CallOptions = {}): Promise<T> {
    return this.#json('GET', 'get', r, resourcePath(r, key.namespace, key.name), opts);
  }

  async list<T extends KubeObject>(r: Resource<T>, opts: ListOptions = {}): Promise<ListResult<T>> {
    const { namespace, labelSelector, fieldSelector, limit, resourceVersion, resourceVersionMatch } = opts;
    const query = { labelSelector, fieldSelector, limit, continue: opts.continue };
    const path = withQuery(resourcePath(r, namespace), { ...query, resourceVersion, resourceVersionMatch });
    const list = await this.#json<ListResult<T>>('GET', 'list', r, path, opts);
    const items = list.items ?? [];
    // In a list of a built-in kind, the items come without kind and apiVersion.
    for (const item of items) {
      item.apiVersion ??= apiVersionOf(r);
      item.kind ??= r.kind;
    }
    return { items, metadata: list.metadata };
  }

  create<T extends KubeObject>(r: Resource<T>, object: Draft<T>, opts: WriteOptions = {}): Promise<T> {
    const path = withQuery(resourcePath(r, namespaceOf(r, object)), writeQuery(opts));
    return this.#json('POST', 'create', r, path, opts, object);
  }

  replace<T extends KubeObject>(
    r: Resource<T>,
    object: T,
    opts: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    const path = resourcePath(r, namespaceOf(r, object), object.metadata.name, opts.subresource);
    return this.#json('PUT', 'update', r, withQuery(path, writeQuery(opts)), opts, object);
  }

  patch<T extends KubeObject>(r: Resource<T>, key: KeyLike, patch: unknown, opts: PatchOptions): Promise<T> {
    const path = withQuery(resourcePath(r, key.namespace, key.name, opts.subresource), writeQuery(opts));
    return this.#json('PATCH', 'patch', r, path, opts, patch, patchTypes[opts.type]);
  }

  apply<T extends KubeObject>(r: Resource<T>, object: Draft<T>, opts: ApplyOptions): Promise<T> {
    const path = resourcePath(r, namespaceOf(r, object), object.metadata.name ?? '', opts.subresource);
    const query = { ...writeQuery(opts), force: opts.force };
    return this.#json('PATCH', 'apply', r, withQuery(path, query), opts, object, patchTypes.apply);
  }

  async delete(r: Resource, key: KeyLike, opts: DeleteOptions = {}): Promise<void> {
    const { preconditions, propagationPolicy, gracePeriodSeconds, dryRun } = opts;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions,
      propagationPolicy,
      gracePeriodSeconds,
      dryRun: dryRun ? ['All'] : undefined,
    };
    await this.#json('DELETE', 'delete', r, resourcePath(r, key.namespace, key.name), opts, body);
  }

  async watch<T extends KubeObject>(r: Resource<T>, opts: WatchOptions<T>): Promise<void> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds } = opts;
    const query = { watch: true, labelSelector, fieldSelector, resourceVersion, timeoutSeconds };
    const path = withQuery(resourcePath(r, namespace), {
      ...query,
      allowWatchBookmarks: opts.allowWatchBookmarks,
    });
    const { timeoutMs, signal } = opts;
    const call = this.#call('GET', 'watch', r.plural, path, {
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal && { signal }),
    });
    const response = await this.#transport.stream(call);
    if ('text' in response) throw this.#refusal(call, response);
    this.#warn(call, response.headers.warning);
    opts.onOpen?.();
    await readWatch(response, `GET ${path}`, opts);
  }

  async request(method: string, path: string, opts: RawOptions = {}): Promise<RawResponse> {
    const { body } = opts;
    const call = this.#call(method, 'raw', '', withQuery(path, opts.query ?? {}), opts, body);
    Object.assign(call.headers, opts.headers);
    const { status, headers, text } = await this.#transport.send(call);
    const isJson = /\bjson\b/.test(headers['content-type'] ?? '');
    return { status, headers, body: isJson && text ? JSON.parse(text) : text };
  }

  close(): void {
    this.#transport.close();
  }

  async #json<R>(
    method: string,
    verb: string,
    r: Resource,
    path: string,
    opts: CallOptions,
    body?: unknown,
    contentType?: string,
  ): Promise<R> {
    const call = this.#call(method, verb, r.plural, path, opts, body, contentType);
    const answer = await this.#transport.send(call);
    if (answer.status < 200 || answer.status > 299) throw this.#refusal(call, answer);
    this.#warn(call, answer.headers.warning);
    try {
      return JSON.parse(answer.text) as R;
    } catch (cause) {
      // For example the login page of a proxy. Nobody can tell whether the API server saw the request.
      const message = `${method} ${path}: HTTP ${answer.status} with a body that is not JSON`;
      throw new ConnectionError('network', message, { ambiguous: true, cause });
    }
  }

  #call(
    method: string,
    verb: string,
    resource: string,
    path: string,
    opts: CallOptions,
    body?: unknown,
    contentType = 'application/json',
  ): HttpCall {
    const headers: Headers = { accept: 'application/json', 'user-agent': this.#userAgent };
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    if (text !== undefined) {
      headers['content-type'] = contentType;
      headers['content-length'] = String(Buffer.byteLength(text));
    }
    const { timeoutMs = this.#timeoutMs, signal, retry = true } = opts;
    return { method, verb, resource, path, headers, body: text, timeoutMs, signal, retry };
  }

  #refusal(call: HttpCall, answer: Answer): Error {
    this.#warn(call, answer.headers.warning);
    return refusal(answer.status, answer.text, `${call.method} ${call.path}`, retryAfter(answer));
  }

  #warn(call: HttpCall, header: string | string[] | undefined): void {
    if (!this.#onWarning || !header) return;
    // RFC 7234: 299 agent "text". One header may have several, separated by commas.
    for (const [, text] of String(header).matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
      this.#onWarning(text!.replace(/\\(.)/g, '$1'), { verb: call.verb, resource: call.resource });
    }
  }
}

function namespaceOf(
  r: Resource,
  object: { metadata: { namespace?: string | undefined } },
): string | undefined {
  const { namespace } = object.metadata;
  if (r.namespaced && !namespace) throw new TypeError(`${r.kind}: metadata.namespace must be set`);
  return namespace;
}

function writeQuery({ dryRun, fieldManager }: WriteOptions): Record<string, string | undefined> {
  return { dryRun: dryRun ? 'All' : undefined, fieldManager };
}

export function createClient(config: ConnectionConfig, opts: ClientOptions = {}): Client {
  return new JsonClient(config, opts);
}
