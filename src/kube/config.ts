// Where the API server is and how to prove who we are: kubeconfig files and the service account of a pod, read
// by @kubernetes/client-node's KubeConfig. Nothing else of that library is used (its typed clients drop
// fields they do not know, its informer loses track). Knows nothing of requests.

import { existsSync } from 'node:fs';
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { type Clock, systemClock } from '../runtime/clock.ts';

/** What a connection is opened with, and what each request carries. */
export interface Credentials {
  tls: {
    ca?: RequestOptions['ca'];
    cert?: RequestOptions['cert'];
    key?: RequestOptions['key'];
    servername?: string;
    rejectUnauthorized?: boolean;
  };
  headers: Record<string, string>;
  /** Only where the kubeconfig names a proxy: it takes the place of our own agent. */
  proxy?: Agent;
}

export interface ConnectionConfig {
  /** Without a slash at the end; may have a path (Rancher). */
  readonly server: string;
  /** Of the current context, or of the pod. */
  readonly namespace: string | undefined;
  /**
   * Asked before each request, so that rotated tokens and certificates are taken up. Cached for some
   * seconds; `renew` reads everything anew, after a 401.
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

const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

// client-go too reads a mounted token at most once a minute; the files are small, so ours may be fresher.
const credentialsLive = 20_000;

export function loadConfig(opts: LoadOptions = {}): ConnectionConfig {
  return connectionConfig(() => readKubeConfig(opts), opts.clock);
}

/** `read` is called once, and again when the credentials are renewed. */
export function connectionConfig(read: () => KubeConfig, clock: Clock = systemClock): ConnectionConfig {
  let config = read();
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error(`kubeconfig: the context "${config.getCurrentContext()}" names no cluster`);
  let cached: { credentials: Promise<Credentials>; until: number } | undefined;
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace || undefined,
    credentials(renew = false) {
      if (!renew && cached && clock.monotonic() < cached.until) return cached.credentials;
      if (renew) config = read();
      const credentials = readCredentials(config);
      const entry = { credentials, until: clock.monotonic() + credentialsLive };
      cached = entry;
      credentials.catch(() => {
        if (cached === entry) cached = undefined;
      });
      return credentials;
    },
  };
}

/** A server that asks for nothing but a token or a client certificate given here: for tests and the sandbox. */
export function staticConfig(server: string, credentials: Partial<Credentials> = {}): ConnectionConfig {
  const fixed: Credentials = { tls: {}, headers: {}, ...credentials };
  return { server: server.replace(/\/+$/, ''), namespace: undefined, credentials: async () => fixed };
}

function readKubeConfig({ file, context, env = process.env }: LoadOptions): KubeConfig {
  const config = new KubeConfig();
  const home = join(env.HOME ?? homedir(), '.kube', 'config');
  if (file) config.loadFromFile(file);
  else if (env.KUBECONFIG) loadFiles(config, env.KUBECONFIG);
  else if (env.KUBERNETES_SERVICE_HOST && existsSync(serviceAccountToken)) config.loadFromCluster();
  else if (existsSync(home)) config.loadFromFile(home);
  else {
    throw new Error(
      `no Kubernetes cluster is configured: KUBECONFIG is not set, this is not a pod, and ${home} does not exist`,
    );
  }
  if (context) {
    if (!config.getContextObject(context)) throw new Error(`kubeconfig: there is no context "${context}"`);
    config.setCurrentContext(context);
  }
  return config;
}

/** KUBECONFIG may list files; as with kubectl the first that names a current context decides, and some may be missing. */
function loadFiles(config: KubeConfig, list: string): void {
  const files = list.split(delimiter).filter((file) => file && existsSync(file));
  if (files.length === 0) throw new Error(`KUBECONFIG names no file that exists: ${list}`);
  config.loadFromFile(files[0]!);
  for (const file of files.slice(1)) {
    const next = new KubeConfig();
    next.loadFromFile(file);
    config.mergeConfig(next, Boolean(config.currentContext));
  }
}

async function readCredentials(config: KubeConfig): Promise<Credentials> {
  // Over plain HTTP (kubectl proxy) nothing secret is sent.
  if (config.getCurrentCluster()?.server.startsWith('http:')) return { tls: {}, headers: {} };
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, servername, rejectUnauthorized, auth } = options;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file may end in a newline, which no header may hold.
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  if (auth && !headers.authorization) headers.authorization = `Basic ${Buffer.from(auth).toString('base64')}`;
  return {
    tls: {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(servername && { servername }),
      ...(rejectUnauthorized === false && { rejectUnauthorized }),
    },
    headers,
    ...(config.getCurrentCluster()?.proxyUrl && { proxy: options.agent as Agent }),
  };
}
