// What a DataService's children are, and when: the defects of the original operator cannot come back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Component,
  type DataService,
  type DataServiceSpec,
  kindOf,
  portsOf,
} from '../../../../src/api/data-service.ts';
import { addressOf } from '../../../../src/api/data-service-parts.ts';
import { planOf, type Situation } from '../../../../src/controllers/data-service/children.ts';
import { prefixOf } from '../../../../src/controllers/data-service/names.ts';
import { render } from '../../../../src/controllers/data-service/templates.ts';

function dataService(spec: DataServiceSpec, name = 'data', more: Partial<DataService> = {}): DataService {
  return {
    apiVersion: 'd3os-product.com.d3os/v1',
    kind: 'DataService',
    spec,
    metadata: {
      name,
      namespace: 'shop',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    ...more,
  };
}

const service = { image: 'shop/any:1.0' };
const all: DataServiceSpec = { mysql: { kind: 1 }, eureka: {}, auth: service, proxy: service, web: service };
const up: Situation = {
  prefix: '',
  isUsable: () => true,
  isThere: () => true,
  isKnown: () => true,
  passwordOf: () => 'cGFzcw==',
};
const plan = (spec: DataServiceSpec, situation: Partial<Situation> = {}) =>
  planOf(dataService(spec), { ...up, ...situation });
const names = (spec: DataServiceSpec, situation: Partial<Situation> = {}) =>
  plan(spec, situation).desired.map(({ kind, name }) => `${kind.kind} ${name}`);
const files = (spec: DataServiceSpec, situation: Partial<Situation> = {}) =>
  plan(spec, situation)
    .desired.filter(({ kind }) => kind.kind === 'ConfigMap')
    .flatMap(({ body }) => Object.values((body as { data: Record<string, string> }).data));

describe('the children of a DataService', () => {
  it('come in order: middleware, services, the front end', () => {
    const usable = (...those: Component[]): Partial<Situation> => ({
      isThere: () => false,
      isKnown: () => true,
      isUsable: (name) => those.includes(name),
    });
    const makers = (situation: Partial<Situation>) =>
      names(all, situation).filter((it) => /^(Deployment|StatefulSet)/.test(it));
    assert.deepEqual(makers(usable()), ['StatefulSet mysql-dataservice', 'Deployment eureka']);
    assert.deepEqual(plan(all, usable()).waiting.get('auth'), ['mysql', 'eureka']);
    assert.deepEqual(makers(usable('mysql')).length, 2);
    assert.deepEqual(makers(usable('mysql', 'eureka')).slice(2), ['Deployment auth', 'Deployment proxy']);
    assert.deepEqual(makers(usable('mysql', 'eureka', 'auth', 'proxy')).at(-1), 'Deployment web');
  });

  it('stay when what they once waited for fails', () => {
    assert.deepEqual(names(all, { isUsable: () => false }), names(all));
  });

  it('are only those of the components that are there', () => {
    assert.deepEqual(names({ auth: service }), ['ConfigMap auth', 'Deployment auth', 'Service auth']);
    assert.deepEqual(names({}), []);
  });

  it('share no name and no selector with those of another', () => {
    const one = plan(all).desired;
    const two = planOf(dataService(all, 'two'), { ...up, prefix: 'two-' }).desired;
    const both = [...one, ...two].map(({ kind, name }) => `${kind.kind} ${name}`);
    assert.equal(new Set(both).size, both.length);
    const text = JSON.stringify(two.map(({ body }) => body));
    assert.ok(!text.includes('"app.kubernetes.io/instance":"data"'));
    assert.ok(text.includes('two-mysql-dataservice.shop.svc:3306'));
  });

  it('have no password in a ConfigMap, and the database a volume', () => {
    const spec: DataServiceSpec = {
      ...all,
      mysql: { kind: 3, thirdParty: { url: 'db:3307', username: 'u', password: 'topsecret' } },
    };
    assert.ok(!files(spec).join('').includes('topsecret'));
    assert.ok(files(spec).some((text) => text.includes('jdbc:mysql://db:3307/')));
    assert.ok(names(spec).includes('Secret mysql-third-party'));
    const mysql = plan(all).desired.find(({ kind }) => kind.kind === 'StatefulSet');
    assert.match(JSON.stringify(mysql?.body), /"volumeClaimTemplates":\[\{"metadata":\{"name":"data"\}/);
  });

  it('are made anew only where a file or a password that they read is another', () => {
    const hashes = (spec: DataServiceSpec, password = 'a') =>
      Object.fromEntries(
        plan(spec, { passwordOf: () => password }).desired.flatMap(({ body, component }) => {
          const found = /"spikegate.io\/config":"(\w+)"/.exec(JSON.stringify(body));
          return found ? [[component, found[1]]] : [];
        }),
      );
    const before = hashes(all);
    const changed = (after: Record<string, string | undefined>) =>
      Object.keys(before).filter((it) => before[it] !== after[it]);
    assert.deepEqual(changed(hashes({ ...all, auth: { ...service, config: { 'application.yml': 'x' } } })), [
      'auth',
    ]);
    assert.deepEqual(changed(hashes(all, 'b')), ['mysql', 'auth', 'proxy']);
    assert.deepEqual(changed(hashes({ ...all, mysql: { kind: 1, config: { '99-more.sql': 'x' } } })), []);
  });
});

describe('the shapes of a DataService', () => {
  it('port is a number or a list', () => {
    assert.deepEqual(portsOf(80), [{ port: 80 }]);
    assert.deepEqual(portsOf([80, { name: 'b', port: 81, nodePort: 30081 }]), [
      { port: 80 },
      { name: 'b', port: 81, nodePort: 30081 },
    ]);
    assert.deepEqual(portsOf(undefined), []);
    for (const wrong of ['80', 0, 65_536, 1.5, [80, '81'], { port: 80, x: 1 }, [[80]], true]) {
      assert.equal(portsOf(wrong), undefined, JSON.stringify(wrong));
    }
  });

  it('kind is a number or a name', () => {
    const kinds = [0, 1, 2, 3, 'statefulSet', 'StatefulSet'].map((kind) => kindOf('eureka', { kind }));
    assert.deepEqual(kinds, [
      'deployment',
      'statefulSet',
      'daemonSet',
      'thirdParty',
      'statefulSet',
      'statefulSet',
    ]);
    assert.equal(kindOf('uuc', { thirdParty: { url: 'x' } }), 'thirdParty');
    assert.equal(kindOf('mysql', {}), 'statefulSet');
  });

  it('an address is host:port, a URL, or one of JDBC, and nothing else', () => {
    assert.deepEqual(addressOf('db', 3306), { host: 'db', port: 3306 });
    assert.deepEqual(addressOf('jdbc:mysql://db:3307/x?y=1', 3306), { host: 'db', port: 3307 });
    assert.deepEqual(addressOf('[::1]:3307', 3306), { host: '::1', port: 3307 });
    assert.deepEqual(addressOf('https://u/health', 80), {
      host: 'u',
      port: 443,
      http: { secure: true, path: '/health' },
    });
    for (const wrong of ['$(id)', 'a b', 'db:99999', '; rm -rf /', ''])
      assert.equal(addressOf(wrong, 1), undefined, wrong);
  });

  it('placeholders that nobody knows stay', () => {
    assert.equal(
      render('{{namespace}} {{ namespace }} {{other}} {{1}}', { namespace: 'shop' }),
      'shop shop {{other}} {{1}}',
    );
  });
});

describe('the names of a DataService', () => {
  const older = dataService({}, 'older');
  const younger = dataService({}, 'younger', {
    metadata: {
      ...dataService({}).metadata,
      name: 'younger',
      uid: 'y',
      creationTimestamp: '2026-01-02T00:00:00Z',
    },
  });

  it('are plain for the oldest, prefixed for the others', () => {
    assert.equal(prefixOf(older, [younger], []), '');
    assert.equal(prefixOf(younger, [older], []), 'younger-');
    assert.equal(prefixOf(younger, [], []), '');
  });

  it('stay as they were decided', () => {
    const decided = { ...younger, status: { namePrefix: '' } };
    assert.equal(prefixOf(decided, [older], []), '');
    assert.equal(prefixOf(older, [decided], []), 'older-');
  });

  it('are plain for one alone, even while its status does not say so yet', () => {
    const given = (it: DataService) => it === younger;
    assert.equal(prefixOf(younger, [older], [], given), '');
    assert.equal(prefixOf(older, [younger], [], given), 'older-');
  });

  it('are those of the children that exist, whatever the status says', () => {
    const children = [{ name: 'mine-auth', component: 'auth' }];
    assert.equal(prefixOf({ ...older, status: { namePrefix: '' } }, [], children), 'mine-');
  });

  it('may be chosen, and then leave the plain ones free', () => {
    const chosen = dataService({ namePrefix: 'blue-' }, 'blue');
    assert.equal(prefixOf(chosen, [], []), 'blue-');
    assert.equal(prefixOf(younger, [chosen], []), '');
  });
});
