// The HTTPS server: authentication, authorization, then the verb. Every failure becomes a Status.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { Connections, connectionLimits } from '../../runtime/connections.ts';
import { own } from '../../runtime/own-keys.ts';
import type { Authenticator } from '../auth.ts';
import type { User } from '../call.ts';
import { checkEscalation } from '../escalation.ts';
import type { OpenApi } from '../openapi/serve.ts';
import type { Core } from '../operations/core.ts';
import type { Pki } from '../pki.ts';
import type { ResourceType } from '../resources.ts';
import {
  ApiError,
  badRequest,
  forbidden,
  methodNotAllowed,
  noSuchPath,
  unauthorized,
  unavailable,
} from '../status.ts';
import { StoreTrouble } from '../store/store.ts';
import { type Accepted, accepted } from './accept.ts';
import { callFor, type RequestContext } from './context.ts';
import { discover } from './discovery.ts';
import { impersonated } from './impersonation.ts';
import { patch } from './patch.ts';
import { flag } from './query.ts';
import { type Answer, errorAnswer, send, sendText, warningHeaders } from './respond.ts';
import { type Access, isReview, requestToken, review } from './reviews.ts';
import { nameSelected, type ResourceRoute, resourceRoute } from './route.ts';
import { subresource } from './subresources.ts';
import { del, deleteCollection, get, list, post, replace, watch } from './verbs.ts';
import type { WatchHub } from './watch.ts';

/**
 * The answer of /version. Names the Kubernetes version whose behaviour the sandbox copies. The sandbox serves only a
 * part of that API; discovery lists it.
 */
const version = {
  major: '1',
  minor: '37',
  gitVersion: 'v1.37.0-spikegate-sandbox',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'go1.23.0',
  compiler: 'node',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};

type Handler = (context: RequestContext) => Promise<Answer | undefined>;
const endpointsAreDeprecated = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice';

type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

const handlers: Record<Verb, Handler> = {
  get,
  list,
  watch,
  create: post,
  update: replace,
  patch,
  delete: del,
  deletecollection: deleteCollection,
};

const namedVerbs: Record<string, Verb> = {
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  POST: 'create',
};
const collectionVerbs: Record<string, Verb> = {
  GET: 'list',
  POST: 'create',
  DELETE: 'deletecollection',
};
/** Each watch needs a connection of its own, and many clients watch at once. */
const limits = { ...connectionLimits, most: 10_000 };
/** Paths that need no authentication. */
const openPaths = new Set(['/healthz', '/readyz', '/livez', '/version']);

function verbOf(method: string, route: ResourceRoute, query: URLSearchParams): Verb {
  const verb = own(route.name ? namedVerbs : collectionVerbs, method);
  if (!verb) throw methodNotAllowed();
  return (verb === 'list' || verb === 'get') && flag(query, 'watch') && !route.subresource ? 'watch' : verb;
}

export interface ServerParts {
  core: Core;
  hub: WatchHub;
  pki: Pki;
  authenticator: Authenticator;
  access: Access;
  openapi: OpenApi;
  /** Why this server is not ready; undefined when it is. */
  whyNotReady: () => string | undefined;
}

export class ApiServer {
  readonly server: Server;
  readonly connections: Connections;
  readonly #parts: ServerParts;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    const { pki } = parts;
    this.server = createServer(
      {
        key: pki.key,
        cert: pki.cert,
        ca: pki.ca,
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
        handshakeTimeout: limits.handshakeMs,
      },
      (req, res) => void this.#handle(req, res),
    );
    // Clients keep idle connections for minutes. If the server closes one first, a request on its way is lost.
    this.server.keepAliveTimeout = 180_000;
    this.server.headersTimeout = 185_000;
    this.server.requestTimeout = 60_000;
    this.server.maxHeadersCount = 200;
    // Bytes that are not HTTP, or an unknown method, never reach #handle. This callback returns the whole answer.
    this.connections = new Connections(this.server, limits, (error) => {
      if (error.code === 'ECONNRESET') return '';
      const apiError = error.code === 'HPE_INVALID_METHOD' ? methodNotAllowed() : badRequest(error.message);
      const body = JSON.stringify(apiError.status);
      const head = `HTTP/1.1 ${apiError.code} ${apiError.reason}\r\nContent-Type: application/json\r\n`;
      return `${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
    });
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const warnings: string[] = [];
    let accept: Accepted | undefined;
    res.on('error', () => res.destroy());
    try {
      const raw = req.url ?? '/';
      const cut = raw.indexOf('?');
      const path = cut < 0 ? raw : raw.slice(0, cut);
      const user = impersonated(req, this.#parts.authenticator.user(req), this.#parts.access.authorizer);
      if (!user && !openPaths.has(path.replace(/^(\/(?:healthz|readyz|livez)).*/, '$1')))
        throw unauthorized();
      // Under load, connections without an authenticated user are closed first.
      if (user) this.connections.trust(req.socket);
      const query = new URLSearchParams(cut < 0 ? '' : raw.slice(cut + 1));
      const route = user ? resourceRoute(path) : undefined;
      accept = path.startsWith('/openapi') ? undefined : accepted(req.headers.accept);
      if (route && user)
        await this.#resource(req, res, route, query, user, accept ?? accepted(undefined), warnings);
      else this.#serverPath(req, res, path, user, accept ?? accepted(undefined));
    } catch (error) {
      this.#fail(req, res, error, accept, warnings);
    }
  }

  async #resource(
    req: IncomingMessage,
    res: ServerResponse,
    route: ResourceRoute,
    query: URLSearchParams,
    user: User,
    accept: Accepted,
    warnings: string[],
  ): Promise<void> {
    const { core, hub } = this.#parts;
    // Kubernetes' deprecated paths /api/v1/watch/… are not served.
    const legacyWatch = route.plural === 'watch' && !core.registry.get(route.group, route.version, 'watch');
    if (legacyWatch) throw noSuchPath();
    const type = core.registry.get(route.group, route.version, route.plural);
    const isKnownGroup = core.registry.groups().includes(route.group);
    if (!type || route.extra) throw isKnownGroup ? noSuchPath() : new NoRoute();
    const scopeFits = type.namespaced || route.namespace === '';
    if (!scopeFits || (type.namespaced && route.name && !route.namespace)) throw noSuchPath();
    const verb = verbOf(req.method ?? '', route, query);
    this.#authorize(user, verb, { ...route, name: route.name || nameSelected(query) });
    const call = callFor(req, query, user);
    call.warnings = warnings;
    // Nobody may grant permissions that she lacks herself.
    call.guard = (type, item, old) => checkEscalation(this.#parts.access.authorizer, user, type, item, old);
    if (type.kind === 'Endpoints' && type.builtin) {
      warnings.push(endpointsAreDeprecated);
      // Lists and watches do not use `send`, which would set the header.
      res.setHeader('warning', warningHeaders(warnings));
    }
    const context: RequestContext = { core, hub, req, res, query, route, type, accept, call };
    const answer = await this.#run(context, verb, type);
    if (answer) send(res, answer, accept, warnings);
  }

  #run(context: RequestContext, verb: Verb, type: ResourceType): Promise<Answer | undefined> {
    const { route } = context;
    if (isReview(type.kind) && type.builtin) {
      if (verb !== 'create' || route.name) throw methodNotAllowed();
      return review(this.#parts.access, context);
    }
    if (route.subresource && !(route.subresource === 'status' && type.status)) {
      const token = (c: RequestContext) => requestToken(this.#parts.access, c);
      return subresource(context, { '/serviceaccounts/token': token })(context);
    }
    const misplacedCreate =
      verb === 'create' && (route.name !== '' || (type.namespaced && route.namespace === ''));
    const deletesSubresource = verb === 'delete' && route.subresource !== '';
    const deletesInAllNamespaces = verb === 'deletecollection' && type.namespaced && route.namespace === '';
    const isUnserved = route.subresource === '' && !type.verbs.includes(verb);
    if (misplacedCreate || deletesSubresource || deletesInAllNamespaces || isUnserved)
      throw methodNotAllowed();
    return handlers[verb](context);
  }

  #authorize(
    user: User,
    verb: Verb,
    { group, plural, subresource: part, namespace, name }: ResourceRoute,
  ): void {
    const wanted = { verb, group, resource: plural, subresource: part, namespace, name };
    if (this.#parts.access.authorizer.resource(user, wanted).allowed) return;
    const full = part ? `${plural}/${part}` : plural;
    const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
    throw forbidden(
      { group, plural },
      name,
      `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`,
    );
  }

  /** Answers all paths that are not resources: discovery, OpenAPI, health. */
  #serverPath(
    req: IncomingMessage,
    res: ServerResponse,
    path: string,
    user: User | undefined,
    accept: Accepted,
  ): void {
    const { core, openapi, whyNotReady } = this.#parts;
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      if (path.startsWith('/api')) throw methodNotAllowed();
      throw new NoRoute();
    }
    if (/^\/(healthz|readyz|livez)(\/|$)/.test(path)) {
      const why = path.startsWith('/livez') ? undefined : whyNotReady();
      sendText(res, why ? 500 : 200, why ? `not ready: ${why}` : 'ok');
    } else if (path === '/version' || path === '/version/') {
      send(res, { code: 200, json: JSON.stringify(version, null, 2) }, undefined, []);
    } else if (user && path.startsWith('/openapi/')) {
      if (!openapi.serve(req, res, path)) throw new NoRoute();
    } else if (user && path === '/') {
      send(res, { code: 200, json: JSON.stringify({ paths: openapi.paths() }) }, accept, []);
    } else {
      this.#discovery(req, res, path, accept, core);
    }
  }

  #discovery(req: IncomingMessage, res: ServerResponse, path: string, accept: Accepted, core: Core): void {
    const root = path === '/api' || path === '/apis';
    /** v2 or v2beta1 when the client asks for aggregated discovery. */
    const aggregated = root ? accept.discovery : '';
    const found = discover(core.registry, path, aggregated, req.headers.host ?? '');
    if (!found) throw new NoRoute();
    const etag = `"${core.registry.generation}"`;
    const type = aggregated
      ? `application/json;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`
      : 'application/json';
    const headers = { etag, vary: 'Accept', ...(accept.yaml ? {} : { 'content-type': type }) };
    if (aggregated && req.headers['if-none-match'] === etag) {
      res.writeHead(304, { etag });
      res.end();
    } else send(res, { code: 200, json: JSON.stringify(found), headers }, accept, []);
  }

  #fail(
    req: IncomingMessage,
    res: ServerResponse,
    error: unknown,
    accept: Accepted | undefined,
    warnings: string[],
  ): void {
    if (error instanceof NoRoute) {
      sendText(res, 404, '404 page not found\n');
      return;
    }
    let apiError: ApiError;
    if (error instanceof ApiError) apiError = error;
    else if (error instanceof StoreTrouble) apiError = unavailable(error.message);
    else {
      this.#parts.core.log.error({ err: error, method: req.method, url: req.url }, 'request failed');
      apiError = new ApiError(
        500,
        'InternalError',
        `Internal error occurred: ${(error as Error)?.message ?? 'unknown'}`,
        {
          causes: [{ message: String((error as Error)?.message ?? error) }],
        },
      );
    }
    if (res.headersSent) res.destroy();
    else send(res, errorAnswer(apiError), accept, warnings);
    req.resume();
  }
}

/** An unknown path. Like kube-apiserver, the sandbox answers it in plain text. */
class NoRoute extends Error {}
