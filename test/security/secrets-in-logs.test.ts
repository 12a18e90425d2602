// Nothing secret is in a log, however much is logged: keys, tokens, passwords, what is in Secrets and kubeconfigs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { DataService } from '../../src/api/data-service.ts';
import type { Draft, KubeObject, Resource } from '../../src/kube/objects.ts';
import { deployment } from '../../src/manifests/generated.ts';
import { orderManifest, saleManifest } from '../e2e/sale.ts';
import { openTarget } from '../e2e/targets.ts';
import { eventually, World } from '../e2e/world.ts';

interface Secret extends KubeObject {
  data?: Record<string, string>;
}

const secrets: Resource<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};
const password = 'correct-horse-battery-staple';

test('a serve that logs everything tells no secret', async () => {
  const target = await openTarget('sandbox');
  assert.ok('kubeconfig' in target);
  const world = await World.open(target);
  const directory = await mkdtemp(join(tmpdir(), 'secrets-'));
  try {
    const { kubeconfig, token } = await withToken(world, directory);
    world.target.kubeconfig = kubeconfig;
    await world.serve(2, { 'log-level': 'trace', 'cert-check': '200ms' });
    const namespace = await everythingThatKnowsSecrets(world);
    await world.kill(await world.leader());
    await world.leader();
    await damage(world);
    const lines = world.replicas.flatMap(({ log }) => log);
    assert.ok(lines.length < 2000, 'no line was dropped before it could be looked at');
    const text = lines.join('\n');
    assert.match(text, /"level":20/, 'debug lines are there');
    assert.match(text, /the certificate Secret is damaged/, 'and lines about secrets');
    const forbidden = new Map([...(await secretsOf(world, namespace)), ['the token', token]]);
    assert.ok(forbidden.size > 8, [...forbidden.keys()].join(', '));
    for (const [what, value] of [...forbidden, ...fromKubeconfig(kubeconfig)]) {
      assert.ok(value.length >= 16, `${what} is long enough to be told from other text`);
      assert.ok(!text.includes(value), `${what} is in the log`);
    }
    assert.doesNotMatch(text, /PRIVATE KEY|[Aa]uthorization|Bearer /);
  } finally {
    await world.close();
    await rm(directory, { recursive: true });
  }
});

const bindings: Resource = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
};

/** The admin's kubeconfig with a token beside its certificate. The token decides, so it may do everything as well. */
async function withToken({ client, target }: World, directory: string) {
  const { namespace, serviceAccount } = deployment;
  await client.create(bindings, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'secrets-test' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: serviceAccount, namespace }],
  } as Draft);
  const path = `/api/v1/namespaces/${deployment.namespace}/serviceaccounts/${deployment.serviceAccount}/token`;
  const { body } = await client.request('POST', path, {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } },
  });
  const { token } = (body as { status: { token: string } }).status;
  const config = parse(readFileSync(target.kubeconfig!, 'utf8'));
  config.users[0].user.token = token;
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  return { kubeconfig, token };
}

/** Passwords given, made and referred to; orders accepted and refused; a write that the API server refuses. */
async function everythingThatKnowsSecrets(world: World): Promise<string> {
  const { client } = world;
  const namespace = await world.namespace();
  await world.create(namespace, saleManifest({ stock: 2, price: 10, spikePrice: 8 }));
  await world.create(namespace, orderManifest({ name: 'o1', buyer: 'buyer1', goods: { goods1: 1 } }));
  await assert.rejects(
    world.create(namespace, orderManifest({ name: 'o2', buyer: 'buyer1', goods: { goods1: 9 } })),
  );
  const make = (name: string, spec: object) =>
    client.create(
      DataService as unknown as Resource,
      {
        apiVersion: DataService.apiVersion,
        kind: 'DataService',
        metadata: { name, namespace },
        spec,
      } as Draft,
    );
  const url = `127.0.0.1:${world.balancer.port}`;
  const uuc = { name: 'uuc', kind: 3, thirdParty: { url, username: 'admin', password } };
  await make('data1', { mysql: { name: 'mysql', kind: 1 }, uuc });
  await assert.rejects(make('data2', { uuc: { ...uuc, kind: 0 } }), /must be thirdParty/);
  await eventually(async () => {
    const { items } = await client.list(secrets, { namespace });
    const values = items.flatMap(({ data }) => Object.values(data ?? {}));
    assert.ok(values.includes(Buffer.from(password).toString('base64')), 'the password given is in a Secret');
    assert.ok(values.length >= 2, 'and one that was made');
  });
  return namespace;
}

/** The certificate's Secret in disorder: its content is what an error would quote. */
async function damage(world: World): Promise<void> {
  const key = { namespace: deployment.namespace, name: deployment.certSecret };
  const { data } = await world.client.get(secrets, key);
  const broken = Buffer.from(data!['ca.key']!, 'base64').toString().replace('BEGIN', 'BEGUN');
  await world.client.patch(
    secrets,
    key,
    { data: { 'ca.key': Buffer.from(broken).toString('base64') } },
    { type: 'merge' },
  );
  await eventually(() =>
    assert.match(world.replicas.flatMap(({ log }) => log).join('\n'), /Secret is damaged/),
  );
}

/** Every value of every Secret that the program reads or writes, plain and as it is stored; of PEM one line. */
async function secretsOf({ client }: World, namespace: string): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for (const place of [namespace, deployment.namespace]) {
    for (const { metadata, data } of (await client.list(secrets, { namespace: place })).items) {
      for (const [field, stored] of Object.entries(data ?? {})) {
        // Certificates and user names are public; passwords and keys are not.
        if (!/key|password|token/i.test(field)) continue;
        const plain = Buffer.from(stored, 'base64').toString();
        const name = `${metadata.name} ${field}`;
        if (stored.length >= 16) found.push([`${name} as stored`, stored.slice(0, 64)]);
        const line = plain.split('\n').find((text) => text.length >= 16 && !text.startsWith('-----'));
        if (line) found.push([name, line]);
        for (const [token] of plain.matchAll(/[0-9a-f]{64}/g)) found.push([name, token]);
      }
    }
  }
  return found;
}

function fromKubeconfig(file: string): [string, string][] {
  const key = parse(readFileSync(file, 'utf8')).users[0].user['client-key-data'] as string;
  const [, line = ''] = Buffer.from(key, 'base64').toString().split('\n');
  return [
    ["the kubeconfig's key as written", key.slice(0, 64)],
    ["the kubeconfig's key", line],
  ];
}
