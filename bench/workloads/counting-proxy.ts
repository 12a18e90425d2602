// Stands between `serve` and the API server, a process of its own, and counts what passes: by namespace, verb and
// resource. What a client says of itself is not taken for it. Plain HTTP on one side, the target's TLS and credentials
// on the other.
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { loadConfig } from '../../src/kube/config.ts';
import { answerParent } from '../worker.ts';

export interface Counts {
  /** Requests by what they do, such as `apply deployments.apps`. */
  requests: Record<string, number>;
  /** Answers of 400 and above, by status. */
  refused: Record<string, number>;
  /** Of the last request, by Date.now(); 0 for none. */
  lastAt: number;
}

export interface Seen {
  /** By namespace; `''` for what has none. */
  namespaces: Record<string, Counts>;
  /** The last requests that were no watch and not about a lease, oldest first. */
  recent: readonly string[];
}

const maxRecent = 40;
const namespaces = new Map<string, Counts>();
const recent: string[] = [];

async function start({ kubeconfig }: { kubeconfig: string }): Promise<number> {
  const config = loadConfig({ file: kubeconfig });
  const { tls, headers } = await config.credentials();
  const agent = new https.Agent({ ...tls, keepAlive: true, timeout: 60_000 });
  const server = http.createServer({ keepAliveTimeout: 120_000, noDelay: true }, (request, response) => {
    const counts = count(request);
    const onward = https.request(
      new URL(request.url!, config.server),
      { agent, method: request.method!, headers: { ...request.headers, ...headers } },
      (answer) => {
        const { statusCode = 0 } = answer;
        if (statusCode >= 400) add(counts.refused, String(statusCode));
        response.writeHead(statusCode, answer.headers).flushHeaders();
        answer.pipe(response);
        answer.once('close', () => {
          if (!answer.complete) response.destroy();
        });
      },
    );
    onward.once('error', () => response.destroy());
    response.once('close', () => onward.destroy());
    request.pipe(onward);
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function count(request: http.IncomingMessage): Counts {
  const { pathname, searchParams } = new URL(request.url!, 'http://proxy');
  const { namespace, resource, name } = parsed(pathname);
  const verb = verbOf(request, name !== undefined, searchParams.has('watch'));
  let counts = namespaces.get(namespace);
  if (!counts) {
    counts = { requests: {}, refused: {}, lastAt: 0 };
    namespaces.set(namespace, counts);
  }
  add(counts.requests, `${verb} ${resource}`);
  counts.lastAt = Date.now();
  if (verb !== 'watch' && !resource.startsWith('leases.')) {
    const time = new Date().toISOString().slice(11, 19);
    if (recent.push(`${time} ${request.method} ${request.url}`) > maxRecent) recent.shift();
  }
  return counts;
}

/** `/apis/GROUP/VERSION[/namespaces/NAME]/PLURAL[/NAME[/SUBRESOURCE]]`; anything else is a resource by its path. */
function parsed(pathname: string): { namespace: string; resource: string; name?: string } {
  const parts = pathname.split('/').slice(1);
  const isCore = parts[0] === 'api';
  const rest = parts.slice(isCore ? 2 : 3);
  if ((!isCore && parts[0] !== 'apis') || rest.length === 0) return { namespace: '', resource: pathname };
  const isInside = rest[0] === 'namespaces' && rest.length > 2;
  const namespace = isInside ? rest[1]! : '';
  const [plural, name, subresource] = isInside ? rest.slice(2) : rest;
  const group = isCore ? '' : `.${parts[1]}`;
  const resource = `${plural}${group}${subresource ? `/${subresource}` : ''}`;
  return { namespace, resource, ...(name ? { name } : {}) };
}

function verbOf({ method, headers }: http.IncomingMessage, isNamed: boolean, isWatch: boolean): string {
  switch (method) {
    case 'GET':
      return isWatch ? 'watch' : isNamed ? 'get' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return headers['content-type']?.includes('apply-patch') ? 'apply' : 'patch';
    default:
      return String(method).toLowerCase();
  }
}

function add(to: Record<string, number>, key: string): void {
  to[key] = (to[key] ?? 0) + 1;
}

answerParent({
  start,
  seen: (): Seen => ({ namespaces: Object.fromEntries(namespaces), recent }),
});
