// Everything that is refused about DataServices.
import { type Manifest, patched, type RefusalCase, there } from './scenario.ts';

export const dataService = (name = 'data1', spec: object = {}): Manifest => ({
  apiVersion: 'd3os-product.com.d3os/v1',
  kind: 'DataService',
  metadata: { name },
  spec: { mysql: { name: 'mysql-dataservice', kind: 1 }, ...spec },
});

const auth = { image: 'shop/auth:1.0' };

/** What is wrong with a spec, however it comes to be so. */
const wrongSpecs: { what: string; spec: object; field: string; must: string }[] = [
  {
    what: 'whose auth runs elsewhere',
    spec: { auth: { ...auth, kind: 3 } },
    field: 'spec.auth.kind',
    must: 'must not be thirdParty: it is a service of this object',
  },
  {
    what: 'whose uuc is elsewhere, without saying where',
    spec: { uuc: { kind: 3 } },
    field: 'spec.uuc.thirdParty',
    must: 'is required where kind is thirdParty',
  },
  {
    what: 'whose uuc is at no address',
    spec: { uuc: { kind: 3, thirdParty: { url: '$(touch /tmp/x)' } } },
    field: 'spec.uuc.thirdParty.url',
    must: 'must be host:port or a URL, got "$(touch /tmp/x)"',
  },
  {
    what: 'whose uuc is at an address of a protocol that nobody speaks to it',
    spec: { uuc: { kind: 3, thirdParty: { url: 'ftp://uuc.shop.svc' } } },
    field: 'spec.uuc.thirdParty.url',
    must: 'must begin with tcp://, http://, https://, got ftp://',
  },
  {
    what: 'whose uuc has its password in the address',
    spec: { uuc: { kind: 3, thirdParty: { url: 'http://user:pass@uuc.shop.svc' } } },
    field: 'spec.uuc.thirdParty.url',
    must: 'must not have credentials: spec.uuc.thirdParty.username and spec.uuc.thirdParty.passwordSecret are for them',
  },
  {
    what: 'whose mysql has its password in the parameters of the address',
    spec: { mysql: { kind: 3, thirdParty: { url: 'jdbc:mysql://db.shop.svc:3306/x?password=p' } } },
    field: 'spec.mysql.thirdParty.url',
    must: 'must not have credentials: spec.mysql.thirdParty.username and spec.mysql.thirdParty.passwordSecret are for them',
  },
  {
    what: 'with a variable whose name has a blank',
    spec: { auth: { ...auth, env: { 'A B': '1' } } },
    field: 'spec.auth.env',
    must: 'must have names of environment variables, got "A B"',
  },
  {
    what: 'with a variable without a name',
    spec: { auth: { ...auth, env: { '': '1' } } },
    field: 'spec.auth.env',
    must: 'must have names of environment variables, got ""',
  },
  {
    what: 'with files that no ConfigMap has room for',
    spec: {
      mysql: {
        kind: 1,
        config: Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`${n}.sql`, 'x'.repeat(210_000)])),
      },
    },
    field: 'spec.mysql.config',
    must: 'must have at most 1032192 bytes in 01-api-manager.sql, 02-auth.sql, 03-ds-adapter.sql, 04-es-adapter.sql, 05-trd-adapter.sql, 06-gateway.sql: one ConfigMap has them, got 1050000',
  },
  {
    what: 'with a volume of no size',
    spec: { auth: { ...auth, storage: { size: 0 } } },
    field: 'spec.auth.storage.size',
    must: 'must be more than 0, got 0',
  },
  {
    what: 'with a port whose name is a number',
    spec: { auth: { ...auth, port: [{ name: '80', port: 80 }] } },
    field: 'spec.auth.port',
    must: 'must be a port (1 to 65535) or a list of at most 16, each a number or {name, port, nodePort}',
  },
  {
    what: 'with a port that the cluster does not open on its nodes',
    spec: { auth: { ...auth, nodePort: 80 } },
    field: 'spec.auth.nodePort',
    must: 'must be 0 or from 30000 to 32767 (serve --node-ports), got 80',
  },
  {
    what: 'whose uuc is both here and elsewhere',
    spec: { uuc: { kind: 0, thirdParty: { url: 'uuc:80' } } },
    field: 'spec.uuc.kind',
    must: 'must be thirdParty (3) beside thirdParty, got deployment',
  },
  {
    what: 'whose mysql is a Deployment',
    spec: { mysql: { kind: 'deployment' } },
    field: 'spec.mysql.kind',
    must: 'must be statefulSet (1) or thirdParty (3), got deployment',
  },
  {
    what: 'with two mysql that know nothing of each other',
    spec: { mysql: { kind: 1, replica: 2 } },
    field: 'spec.mysql.replica',
    must: 'must be at most 1, got 2',
  },
  {
    what: 'with a service without an image',
    spec: { auth: { port: 9081 } },
    field: 'spec.auth.image',
    must: 'is required',
  },
  {
    what: 'with a port that is none',
    spec: { auth: { ...auth, port: [9081, '9082'] } },
    field: 'spec.auth.port',
    must: 'must be a port (1 to 65535) or a list of at most 16, each a number or {name, port, nodePort}',
  },
  {
    what: 'with a port twice',
    spec: { auth: { ...auth, port: [9081, { name: 'b', port: 9081 }] } },
    field: 'spec.auth.port',
    must: 'must not have a port twice',
  },
  {
    what: 'with two ports of one name',
    spec: {
      auth: {
        ...auth,
        port: [
          { name: 'b', port: 9081 },
          { name: 'b', port: 9082 },
        ],
      },
    },
    field: 'spec.auth.port',
    must: 'must not have a name twice',
  },
  {
    what: 'with a file that auth does not have',
    spec: { auth: { ...auth, config: { 'my.cnf': 'x' } } },
    field: 'spec.auth.config',
    must: 'a file of auth is one of application.yml, got "my.cnf"',
  },
  {
    what: 'with more cpu requested than allowed',
    spec: { auth: { ...auth, resources: { limits: { cpu: 1 }, requests: { cpu: '1001m' } } } },
    field: 'spec.auth.resources.requests.cpu',
    must: 'must be at most the limit (1), got 1001m',
  },
  {
    what: 'with one port of the nodes for two services',
    spec: { auth: { ...auth, nodePort: 30160 }, web: { image: 'shop/web:1.0', nodePort: 30160 } },
    field: 'spec.web.nodePort',
    must: 'must be unique: 30160 is that of auth',
  },
];

const message = (field: string, must: string): string =>
  must.startsWith('a file') ? `${field}: ${must}` : `${field} ${must}`;

/** What Spikegate must ask for nobody, and in which words. */
const forbidden: [url: string, what: string][] = [
  ['http://169.254.169.254/latest/meta-data', '169.254.169.254:80 is 169.254.169.254'],
  ['169.254.1.2:3306', '169.254.1.2:3306 is 169.254.1.2'],
  ['http://2852039166/', '169.254.169.254:80 is 169.254.169.254'],
  ['http://[::ffff:169.254.169.254]', '::ffff:a9fe:a9fe:80 is ::ffff:a9fe:a9fe'],
  ['tcp://0.0.0.0:22', '0.0.0.0:22 is 0.0.0.0'],
];

const tooLong = `d${'x'.repeat(40)}`;

export const dataServices: RefusalCase[] = [
  ...wrongSpecs.flatMap(({ what, spec, field, must }): RefusalCase[] => [
    {
      name: `a DataService ${what}`,
      reason: 'Invalid',
      field,
      message: message(field, must),
      setup: [],
      action: { create: dataService('data1', spec) },
    },
    {
      name: `a change to a DataService ${what}`,
      reason: 'Invalid',
      field,
      message: message(field, must),
      setup: there(dataService()),
      action: patched('DataService', 'data1', spec),
    },
  ]),
  ...forbidden.map(([url, what]): RefusalCase => {
    const field = 'spec.uuc.thirdParty.url';
    return {
      name: `a DataService that has ${url} asked`,
      reason: 'PlaceNotAllowed',
      field,
      setup: [],
      message: `${field}: ${what}, which is never asked (serve --third-party-allow)`,
      action: { create: dataService('data1', { uuc: { kind: 3, thirdParty: { url } } }) },
    };
  }),
  {
    name: 'a DataService that turns to a metadata service',
    reason: 'PlaceNotAllowed',
    field: 'spec.uuc.thirdParty.url',
    message:
      'spec.uuc.thirdParty.url: 169.254.169.254:80 is 169.254.169.254, which is never asked (serve --third-party-allow)',
    setup: there(dataService('data1', { uuc: { kind: 3, thirdParty: { url: 'uuc.example.com:80' } } })),
    action: patched('DataService', 'data1', { uuc: { thirdParty: { url: 'http://169.254.169.254' } } }),
  },
  {
    name: 'a DataService of an unknown kind',
    reason: 'Invalid',
    field: 'spec.mysql.kind',
    message:
      'spec.mysql.kind must be one of 0, 1, 2, 3, deployment, statefulSet, daemonSet, thirdParty, Deployment, StatefulSet, DaemonSet, ThirdParty, got 4',
    setup: [],
    action: { create: dataService('data1', { mysql: { kind: 4 } }) },
    contractOnly: 'the API server refuses it by the schema, in its own words',
  },
  {
    name: 'a DataService whose Services would have names that are too long',
    reason: 'Invalid',
    field: 'metadata.name',
    message: `metadata.name must have at most 34 characters (the statefulSet ${tooLong}-mysql-dataservice would have more than 52), got ${tooLong.length}`,
    setup: [],
    action: { create: dataService(tooLong) },
  },
  {
    name: 'a DataService that is called what no Service can be',
    reason: 'Invalid',
    field: 'metadata.name',
    message:
      'metadata.name must be a DNS label of at most 62 characters that begins with a letter, because Services are called after it, got "1data"',
    setup: [],
    action: { create: dataService('1data') },
  },
  {
    name: 'a DataService with a prefix that leaves no room for the name of its StatefulSet',
    reason: 'Invalid',
    field: 'spec.namePrefix',
    message: `spec.namePrefix must have at most 35 characters (the statefulSet ${'p'.repeat(40)}-mysql-dataservice would have more than 52), got 41`,
    setup: [],
    action: { create: dataService('data1', { namePrefix: `${'p'.repeat(40)}-` }) },
  },
  {
    name: 'a StatefulSet for which the prefix of a DataService leaves no room',
    reason: 'Invalid',
    field: 'spec.namePrefix',
    message: `spec.namePrefix must have at most 38 characters (the statefulSet ${'p'.repeat(40)}-gateway-master would have more than 52), got 41`,
    setup: there(
      dataService('data1', { namePrefix: `${'p'.repeat(40)}-`, mysql: undefined, 'gateway-master': auth }),
    ),
    action: patched('DataService', 'data1', { 'gateway-master': { kind: 1 } }),
  },
  {
    name: 'other names for the children of a DataService',
    reason: 'Immutable',
    field: 'spec.namePrefix',
    message: 'spec.namePrefix cannot change, because the names of children begin with it: it is unset',
    setup: there(dataService()),
    action: patched('DataService', 'data1', { namePrefix: 'blue-' }),
  },
  {
    name: 'another volume for the mysql of a DataService',
    reason: 'Immutable',
    field: 'spec.mysql.storage',
    message: 'spec.mysql.storage cannot change: Kubernetes does not change the claim of a volume',
    setup: there(dataService()),
    action: patched('DataService', 'data1', { mysql: { storage: { size: '20Gi' } } }),
  },
];
