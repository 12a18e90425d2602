// The fixed facts about each component of a DataService: its port, its files and where they are mounted, and the
// components that it needs. Data; knows no Kubernetes objects.
import { type Component, middleware } from './data-service.ts';
import type { Destination } from './reach.ts';

export interface BuiltIn {
  /** Name of the component's Deployment and Service. */
  object: string;
  port: number;
  /** The image when the spec names none. Absent for a component without a public image: its spec must name one. */
  image?: string;
  configMaps: readonly ConfigMapPart[];
  /** The files of all its ConfigMaps. */
  files: readonly string[];
  /** Components that must be ready before this one is first created, if the spec has them. */
  needs: readonly Component[];
}

interface ConfigMapPart {
  /** Name of the ConfigMap without the object's `namePrefix`. */
  name: string;
  files: readonly string[];
  /** A folder, or with `isFile` the path of the only file. */
  mountPath: string;
  isFile?: true;
}

/** SQL files. Each one creates the database with its name. mysql runs them in the order of their numbers. */
export const initScripts = [
  '01-api-manager.sql',
  '02-auth.sql',
  '03-ds-adapter.sql',
  '04-es-adapter.sql',
  '05-trd-adapter.sql',
  '06-gateway.sql',
] as const;

const part = (
  object: string,
  port: number,
  needs: readonly Component[],
  configMaps: readonly ConfigMapPart[] = [],
  image?: string,
): BuiltIn => ({
  object,
  port,
  needs,
  configMaps,
  files: configMaps.flatMap(({ files }) => files),
  ...(image === undefined ? {} : { image }),
});

const application = (name: string): ConfigMapPart => ({
  name,
  files: ['application.yml'],
  mountPath: `/dataservice/${name}/config`,
});

const service = (name: string, port: number, more: readonly ConfigMapPart[] = []): BuiltIn =>
  part(name, port, middleware, [application(name), ...more]);

const backEnd = [
  'api-manager',
  'auth',
  'ds-adapter',
  'es-adapter',
  'trd-adapter',
  'gateway-master',
  'gateway-web',
  'proxy',
] as const;

export const builtIn: Record<Component, BuiltIn> = {
  mysql: part(
    'mysql-dataservice',
    3306,
    [],
    [
      { name: 'mysql-dataservice', files: ['my.cnf'], mountPath: '/etc/mysql/conf.d' },
      { name: 'mysql-dataservice-init', files: initScripts, mountPath: '/docker-entrypoint-initdb.d' },
    ],
    'mysql:8.0',
  ),
  uuc: part('uuc', 8080, ['mysql']),
  eureka: part('eureka', 8761, [], [], 'steeltoeoss/eureka-server:4.1.1'),
  'api-manager': service('api-manager', 9085),
  auth: service('auth', 9081),
  'ds-adapter': service('ds-adapter', 9086),
  'es-adapter': service('es-adapter', 9087),
  'trd-adapter': service('trd-adapter', 9088, [
    { name: 'trd-adapter-py', files: ['config.py'], mountPath: '/dataservice/trd-adapter/py' },
  ]),
  'gateway-master': service('gateway-master', 9184),
  'gateway-web': service('gateway-web', 9084),
  proxy: service('proxy', 9094),
  web: part(
    'web',
    80,
    [...middleware, ...backEnd],
    [
      {
        name: 'web',
        files: ['app.config.js'],
        mountPath: '/usr/share/nginx/html/app.config.js',
        isFile: true,
      },
      {
        name: 'web-template',
        files: ['default.conf.template'],
        mountPath: '/etc/nginx/templates/default.conf.template',
        isFile: true,
      },
    ],
  ),
};

export interface Address {
  host: string;
  port: number;
  /** Set when an HTTP request checks the address. */
  http?: { secure: boolean; path: string };
}

/**
 * Characters that an address must not have: white space, control characters, quotes, and those that begin a
 * placeholder. A configuration file with such an address would have another meaning.
 */
const unsafeCharacters = /[\s\p{Cc}"'`\\<>{}$|^]/u;

/** Parses `host`, `host:port`, a URL, or a JDBC URL. Undefined when it is none of these. */
export function addressOf(url: string, defaultPort: number): Address | undefined {
  const bare = url.trim().replace(/^jdbc:/, '');
  if (unsafeCharacters.test(bare)) return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(bare) ? bare : `tcp://${bare}`;
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, pathname, search, hash } = new URL(text);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (!/^[a-zA-Z0-9:._-]+$/.test(host)) return undefined;
  const isHttp = protocol === 'http:' || protocol === 'https:';
  if (!isHttp) return { host, port: port ? Number(port) : defaultPort };
  if (search || hash) return undefined;
  const secure = protocol === 'https:';
  return {
    host,
    port: port ? Number(port) : secure ? 443 : 80,
    http: { secure, path: pathname },
  };
}

/** The destination of an address. `path` replaces the address' own path. */
export function destinationAt({ host, port, http }: Address, path = http?.path ?? '/'): Destination {
  if (!http) return { host, port };
  const url = new URL(
    `${http.secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
  );
  // Assign the path to a URL, so that nothing in it can become a host.
  const [pathname = '/', ...search] = path.split('?');
  url.pathname = pathname;
  url.search = search.join('?');
  return { host, port, url };
}
