// Reads kubeconfigs: clusters, users and contexts, from one file or several, or from the service account that is
// mounted into a pod. Paths in the result are absolute. Knows nothing of requests, and runs no program.
import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';

/**
 * An entry as the file has it (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/). Unknown fields are
 * kept.
 */
export interface Cluster {
  server: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
}

export interface User {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  as?: string;
  'as-uid'?: string;
  'as-groups'?: string[];
  'as-user-extra'?: Record<string, string[]>;
  exec?: object;
  'auth-provider'?: object;
}

export interface Context {
  cluster: string;
  user?: string;
  namespace?: string;
}

export interface Kubeconfig {
  clusters: Map<string, Cluster>;
  users: Map<string, User>;
  contexts: Map<string, Context>;
  currentContext: string | undefined;
}

const mountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

export const isInPod = (env: NodeJS.ProcessEnv): boolean =>
  Boolean(env.KUBERNETES_SERVICE_HOST) && existsSync(`${mountDirectory}/token`);

/** The configuration that a kubelet gives to a pod. */
export function podKubeconfig(env: NodeJS.ProcessEnv): Kubeconfig {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = env;
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const namespaceFile = `${mountDirectory}/namespace`;
  const namespace = existsSync(namespaceFile) ? readFileSync(namespaceFile, 'utf8').trim() : undefined;
  return {
    clusters: new Map([['pod', { server, 'certificate-authority': `${mountDirectory}/ca.crt` }]]),
    users: new Map([['pod', { tokenFile: `${mountDirectory}/token` }]]),
    contexts: new Map([['pod', { cluster: 'pod', user: 'pod', ...(namespace && { namespace }) }]]),
    currentContext: 'pod',
  };
}

/**
 * Merges several files as kubectl does: when two files have an entry with the same name, the first file decides. The
 * same holds for the current context.
 *
 * @throws when a file cannot be read or is not YAML, or an entry has no name or a wrong shape
 */
export function readKubeconfigs(files: readonly string[]): Kubeconfig {
  const all: Kubeconfig = {
    clusters: new Map(),
    users: new Map(),
    contexts: new Map(),
    currentContext: undefined,
  };
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    // Merge keys (<<) are YAML 1.1; kubectl reads them.
    const content = (parse(text, { merge: true }) ?? {}) as Record<string, unknown>;
    const absolute = <T extends object>(entry: T, ...fields: (keyof T)[]): T => {
      const paths = fields.filter((field) => typeof entry[field] === 'string' && entry[field] !== '');
      return {
        ...entry,
        ...Object.fromEntries(paths.map((it) => [it, resolve(dirname(file), String(entry[it]))])),
      };
    };
    const add = <T extends object>(to: Map<string, T>, entries: Map<string, T>) => {
      for (const [name, entry] of entries) if (!to.has(name)) to.set(name, entry);
    };
    const found = {
      clusters: entriesOf<Cluster>(file, content, 'clusters', 'cluster', 'server'),
      users: entriesOf<User>(file, content, 'users', 'user'),
      contexts: entriesOf<Context>(file, content, 'contexts', 'context', 'cluster'),
    };
    for (const [name, it] of found.clusters) {
      found.clusters.set(name, absolute(it, 'certificate-authority'));
    }
    for (const [name, it] of found.users) {
      found.users.set(name, absolute(it, 'client-certificate', 'client-key', 'tokenFile'));
    }
    add(all.clusters, found.clusters);
    add(all.users, found.users);
    add(all.contexts, found.contexts);
    all.currentContext ??= (content['current-context'] as string | undefined) || undefined;
  }
  return all;
}

function entriesOf<T extends object>(
  file: string,
  content: Record<string, unknown>,
  list: string,
  field: string,
  needs?: keyof T & string,
): Map<string, T> {
  const entries = (content[list] ?? []) as Record<string, unknown>[];
  const named = entries.map((entry, index): [string, T] => {
    const value = (entry[field] ?? {}) as T;
    if (typeof entry.name !== 'string' || entry.name === '') {
      throw new Error(`${file}: ${list}[${index}].name is missing`);
    }
    if (needs && !value[needs]) throw new Error(`${file}: ${list}[${index}].${field}.${needs} is missing`);
    return [entry.name, value];
  });
  // The first entry of a name decides, but a Map keeps the last one. So reverse the list.
  return new Map(named.reverse());
}
