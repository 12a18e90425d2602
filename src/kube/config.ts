// Finds the API server and our credentials, in a kubeconfig or in the pod's service account. It loads
// @kubernetes/client-node only for kubeconfigs with a credential program (exec), an auth provider or a proxy: loading
// it costs 0.3 s and 80 MB. Nothing else of it is used: its typed clients drop unknown fields, and its informer misses
// changes.

import { existsSync, readFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Clock, systemClock } from '../runtime/clock.ts';
import {
  type Cluster,
  isInPod,
  type Kubeconfig,
  podKubeconfig,
  readKubeconfigs,
  type User,
} from './kubeconfig.ts';

/** A list stands for a header that is sent several times. */
export type Headers = Record<string, string | string[]>;

/** TLS options of a connection, and the headers of each request. */
export interface Credentials {
  tls: {
    ca?: RequestOptions['ca'];
    cert?: RequestOptions['cert'];
    key?: RequestOptions['key'];
    servername?: string;
    rejectUnauthorized?: boolean;
  };
  headers: Headers;
  /** Set when the kubeconfig names a proxy. Used instead of our own agent. */
  proxy?: Agent;
}

export interface ConnectionConfig {
  /** Without a trailing slash. May have a path (Rancher). */
  readonly server: string;
  /** The namespace of the current context, or of the pod. */
  readonly namespace: string | undefined;
  /**
   * Called before each request, so that rotated tokens and certificates are used. Caches the result for some seconds.
   * `renew`, after a 401, reads everything again.
   */
  credentials(renew?: boolean): Promise<Credentials>;
}

export interface LoadOptions {
  /** A kubeconfig file. Default: KUBECONFIG, the pod's service account, ~/.kube/config, in this order. */
  file?: string;
  context?: string;
  env?: NodeJS.ProcessEnv;
  clock?: Clock;
}

// client-go reads a mounted token at most once a minute. The files are small, so we read them more often.
const credentialsCacheMs = 20_000;

/** @throws when no cluster is configured, or the configuration cannot be read */
export function loadConfig(opts: LoadOptions = {}): ConnectionConfig {
  const clock = opts.clock ?? systemClock;
  let access = readAccess(opts);
  let cached: { credentials: Promise<Credentials>; until: number } | undefined;
  return {
    server: access.cluster.server.replace(/\/+$/, ''),
    namespace: access.namespace,
    credentials(renew = false) {
      if (!renew && cached && clock.monotonic() < cached.until) return cached.credentials;
      if (renew) access = readAccess(opts);
      const credentials = readCredentials(access);
      const entry = { credentials, until: clock.monotonic() + credentialsCacheMs };
      cached = entry;
      credentials.catch(() => {
        if (cached === entry) cached = undefined;
      });
      return credentials;
    },
  };
}

/** The configuration of a server with fixed credentials, for tests and the sandbox. */
export function staticConfig(server: string, credentials: Partial<Credentials> = {}): ConnectionConfig {
  const fixed: Credentials = { tls: {}, headers: {}, ...credentials };
  return { server: server.replace(/\/+$/, ''), namespace: undefined, credentials: async () => fixed };
}

/** The cluster and user of one context. */
interface Access {
  cluster: Cluster;
  user: User;
  namespace: string | undefined;
  /** The loaded library. It caches tokens of credential programs, so keep it until the kubeconfig is read again. */
  library?: Promise<{ applyToHTTPSOptions(options: RequestOptions): Promise<void> }>;
}

function readAccess(opts: LoadOptions): Access {
  const config = findKubeconfig(opts);
  const name = opts.context || config.currentContext;
  if (!name) throw new Error('kubeconfig: current-context is not set; name one with --context');
  const context = config.contexts.get(name);
  if (!context) throw new Error(`kubeconfig: there is no context "${name}"`);
  const cluster = config.clusters.get(context.cluster);
  if (!cluster) throw new Error(`kubeconfig: the context "${name}" names no cluster`);
  const user = config.users.get(context.user ?? '') ?? {};
  return { cluster, user, namespace: context.namespace || undefined };
}

function findKubeconfig({ file, env = process.env }: LoadOptions): Kubeconfig {
  const home = join(env.HOME ?? homedir(), '.kube', 'config');
  if (file) return readKubeconfigs([file]);
  if (env.KUBECONFIG) {
    // As with kubectl, some of the files may be missing.
    const files = env.KUBECONFIG.split(delimiter).filter((it) => it && existsSync(it));
    if (files.length === 0) throw new Error(`KUBECONFIG names no file that exists: ${env.KUBECONFIG}`);
    return readKubeconfigs(files);
  }
  if (isInPod(env)) return podKubeconfig(env);
  if (existsSync(home)) return readKubeconfigs([home]);
  throw new Error(
    `no Kubernetes cluster is configured: KUBECONFIG is not set, this is not a pod, and ${home} does not exist`,
  );
}

async function readCredentials(access: Access): Promise<Credentials> {
  const { cluster, user } = access;
  // Send no credentials over plain HTTP (kubectl proxy).
  if (cluster.server.startsWith('http:')) return { tls: {}, headers: {} };
  if (user.exec || user['auth-provider'] || cluster['proxy-url']) return askLibrary(access);
  const ca = dataOrFile(cluster['certificate-authority'], cluster['certificate-authority-data']);
  const cert = dataOrFile(user['client-certificate'], user['client-certificate-data']);
  const key = dataOrFile(user['client-key'], user['client-key-data']);
  const headers: Headers = impersonation(user);
  const token = tokenOf(user);
  if (token) headers.authorization = `Bearer ${token}`;
  else if (user.username) headers.authorization = basic(`${user.username}:${user.password ?? ''}`);
  return {
    tls: {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(cluster['tls-server-name'] && { servername: cluster['tls-server-name'] }),
      ...(cluster['insecure-skip-tls-verify'] === true && { rejectUnauthorized: false }),
    },
    headers,
  };
}

/**
 * The headers for `as`, `as-uid`, `as-groups` and `as-user-extra`, as client-go sends them
 * (transport/round_trippers.go): one header for each group, and the keys of `as-user-extra` percent-encoded.
 */
function impersonation(user: User): Headers {
  if (!user.as) {
    const alone = (['as-uid', 'as-groups', 'as-user-extra'] as const).find(
      (field) => user[field] !== undefined,
    );
    if (alone) throw new Error(`kubeconfig: ${alone} needs as`);
    return {};
  }
  const extra = Object.entries(user['as-user-extra'] ?? {}).map(([key, values]) => [
    `impersonate-extra-${encodeURIComponent(key.toLowerCase())}`,
    values,
  ]);
  return {
    'impersonate-user': user.as,
    ...(user['as-uid'] ? { 'impersonate-uid': user['as-uid'] } : {}),
    ...(user['as-groups']?.length ? { 'impersonate-group': user['as-groups'] } : {}),
    ...Object.fromEntries(extra),
  };
}

/** Data in the kubeconfig takes precedence over a file (kubeconfig.v1: "Overrides CertificateAuthority"). */
const dataOrFile = (file: string | undefined, base64: string | undefined): Buffer | undefined =>
  base64 ? Buffer.from(base64, 'base64') : file ? readFileSync(file) : undefined;

/**
 * A token file takes precedence over a token (kubeconfig.v1: "TokenFile … takes precedence over Token"), because the
 * file is renewed. trim: the file may end in a newline, which a header must not contain.
 */
const tokenOf = ({ token, tokenFile }: User): string =>
  String((tokenFile ? readFileSync(tokenFile, 'utf8') : token) ?? '').trim();

const basic = (auth: string): string => `Basic ${Buffer.from(auth).toString('base64')}`;

async function askLibrary(access: Access): Promise<Credentials> {
  access.library ??= openLibrary(access);
  const options: RequestOptions = { headers: {} };
  await (await access.library).applyToHTTPSOptions(options);
  const { ca, cert, key, servername, rejectUnauthorized, auth } = options;
  const headers: Headers = impersonation(access.user);
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  if (auth && !headers.authorization) headers.authorization = basic(auth);
  return {
    tls: {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(servername && { servername }),
      ...(rejectUnauthorized === false && { rejectUnauthorized }),
    },
    headers,
    ...(access.cluster['proxy-url'] && { proxy: options.agent as Agent }),
  };
}

async function openLibrary({ cluster, user }: Access) {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const token = tokenOf(user);
  config.loadFromString(
    JSON.stringify({
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { ...user, ...(token && { token }) } }],
      contexts: [{ name: 'main', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'main',
    }),
  );
  return config;
}
