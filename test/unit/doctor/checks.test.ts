// The doctor's checks on observations made by hand: what a healthy one looks like, and each thing that can be wrong
// which the end-to-end scenarios do not plant in a cluster.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { issueAuthority, issueLeaf, rsaKey } from '../../../certs/authority.ts';
import { tokenLength } from '../../../certs/path-tokens.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { checks } from '../../../src/doctor/checks/index.ts';
import { differences } from '../../../src/doctor/differences.ts';
import { type Finding, findingReasons, isFinding } from '../../../src/doctor/findings.ts';
import type {
  Definition,
  EndpointSlice,
  Observation,
  WebhookConfiguration,
} from '../../../src/doctor/observation.ts';
import { outcomeOf, probes } from '../../../src/doctor/probes.ts';
import { ApiError, ConnectionError } from '../../../src/kube/errors.ts';
import { crdOf } from '../../../src/manifests/crd.ts';
import { everything } from '../../../src/manifests/extent.ts';
import { deployment } from '../../../src/manifests/generated.ts';
import {
  type WebhookConfiguration as InstalledConfiguration,
  installationsOf,
} from '../../../src/manifests/installations.ts';
import type { Manifest } from '../../../src/manifests/manifest.ts';
import { webhookConfigurations, webhookPaths } from '../../../src/manifests/webhook-configurations.ts';
import { registry } from '../../../webhooks/registry.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const day = 86_400_000;
const host = `${deployment.service}.${deployment.namespace}.svc`;

let ca: { cert: string; key: string };
let leafKey: string;
before(async () => {
  const [key, other] = await Promise.all([rsaKey(), rsaKey()]);
  ca = { key, cert: issueAuthority({ key, now: now - 60 * day, lifetime: 365 * day, random: randomBytes }) };
  leafKey = other;
});

const leaf = (from: number, lifetime: number, names = [host]): string =>
  issueLeaf({ key: leafKey, now: from, lifetime, random: randomBytes, names, authority: ca });

const secret = '5'.repeat(tokenLength);

/** As `serve` completes a configuration. */
function withPaths(manifest: Manifest): Manifest {
  const paths = webhookPaths(registry);
  const whole = structuredClone(manifest);
  const { webhooks = [] } = whole as unknown as WebhookConfiguration;
  for (const { name, clientConfig } of webhooks) {
    const path = `/${secret}${paths.get(name)}`;
    if (clientConfig.service) clientConfig.service.path = path;
    else clientConfig.url = new URL(clientConfig.url!).origin + path;
  }
  return whole;
}

function healthy(): Observation {
  const target = { service: { namespace: deployment.namespace, name: deployment.service } };
  const { namespace } = deployment;
  const [mutating, validating] = webhookConfigurations(registry, {
    target,
    namespace,
    caBundle: ca.cert,
  }).map(withPaths);
  const definitions = kinds.map((kind) => {
    const definition = crdOf(kind) as unknown as Definition;
    const conditions = [{ type: 'Established', status: 'True' }];
    return [
      definition.metadata.name,
      { value: { ...definition, status: { conditions, storedVersions: [kind.version] } } },
    ];
  });
  const spec = {
    holderIdentity: 'a',
    renewTime: new Date(now - 2000).toISOString(),
    leaseDurationSeconds: 15,
  };
  const object = <T>(value: unknown) => ({ value: value as T });
  const metadata = { managedFields: [{ time: new Date(now - 2000).toISOString() }] };
  return {
    expected: {
      ...deployment,
      ...everything,
      probeNamespace: 'default',
      holdLimit: 120_000,
      paymentWindow: 300_000,
      grace: 30_000,
    },
    now,
    version: 'v1.37.2',
    denied: [],
    definitions: new Map(definitions as [string, { value: Definition }][]),
    mutating: object(mutating),
    validating: object(validating),
    installations: object(installationsOf([mutating, validating] as unknown as InstalledConfiguration[])),
    service: {
      name: `${deployment.namespace}/${deployment.service}`,
      object: object({}),
      endpoints: object([{ endpoints: null }, { endpoints: [{ conditions: { ready: true } }] }]),
    },
    answers: kinds.map(({ kind }) => ({ kind, outcome: { is: 'answered' } })),
    served: { value: { chain: [leaf(now - day, 30 * day)], from: 'secret/x', host } },
    lease: object({ metadata, spec }),
    leaseMoves: false,
    goods: object([]),
    orders: object([]),
    steady: new Set<string>(),
    namespaces: object([]),
    stuck: object([]),
    deployments: object([]),
    pods: object([]),
    apiServers: object([]),
  };
}

const all = (seen: Observation) => checks.flatMap((check) => check.run(seen));
const findings = (seen: Observation): Finding[] => all(seen).filter(isFinding);

/** Exactly this is found. */
function assertFinds(
  change: (seen: Observation) => Partial<Observation>,
  reason: string,
  what: RegExp,
  remedy: RegExp,
) {
  const seen = healthy();
  const found = findings({ ...seen, ...change(seen) });
  assert.deepEqual(
    found.map((it) => it.reason),
    [reason],
  );
  assert.match(`${found[0]!.where}: ${found[0]!.what}`, what);
  assert.match(found[0]!.remedy, remedy);
}

function editConfiguration(
  seen: Observation,
  change: (entry: WebhookConfiguration) => void,
): Partial<Observation> {
  const value = structuredClone((seen.validating as { value: WebhookConfiguration }).value);
  change(value);
  return { validating: { value } };
}

describe('the doctor', () => {
  it('finds nothing on what this version generates', () => assert.deepEqual(all(healthy()), []));

  it('finds an API server that is too old', () => {
    assertFinds(() => ({ version: 'v1.30.14' }), 'ServerTooOld', /Kubernetes v1\.30\.14/, /upgrade/);
  });

  it('finds a Service of whose endpoints none is ready, and counts them over all slices', () => {
    const endpoints = {
      value: [
        { endpoints: [{ conditions: { ready: false } }, { conditions: { ready: false } }] },
        { endpoints: [{ conditions: { ready: false } }] },
      ] as EndpointSlice[],
    };
    assertFinds(
      ({ service }) => ({ service: { ...service!, endpoints } }),
      'ServiceWithoutEndpoints',
      /no endpoint that is ready \(3 not ready\)/,
      /kubectl -n spikegate-system describe service/,
    );
  });

  it('takes an endpoint that says nothing of its readiness for ready, as Kubernetes does', () => {
    const seen = healthy();
    const endpoints = { value: [{ endpoints: [{}] }] as EndpointSlice[] };
    assert.deepEqual(findings({ ...seen, service: { ...seen.service!, endpoints } }), []);
  });

  it('says what it was not allowed to look at', () => {
    const access = { verb: 'get', group: '', resource: 'secrets', namespace: 'a', name: 'b' };
    assertFinds(
      () => ({ denied: [access] }),
      'PermissionsMissing',
      /may not get secrets b in a/,
      /^kubectl auth can-i get secrets\/b -n a/,
    );
  });

  it('tells what it could not read from what is not there', () => {
    const unreadable = { unreadable: 'these credentials may not' };
    const seen = {
      ...healthy(),
      lease: unreadable,
      goods: unreadable,
      pods: unreadable,
      namespaces: unreadable,
    };
    assert.deepEqual(findings(seen), []);
    assert.ok(all(seen).length >= 4);
  });

  it('finds a CRD that is not there, or not served', () => {
    const name = 'imoocpods.batch.tutorial.kubebuilder.io';
    const replaced = (seen: Observation, value: object) => ({
      definitions: new Map([...seen.definitions, [name, value as { missing: true }]]),
    });
    assertFinds(
      (seen) => replaced(seen, { missing: true }),
      'DefinitionMissing',
      /imoocpods/,
      /manifests --install/,
    );
    const { value } = healthy().definitions.get(name) as { value: Definition };
    const conditions = [
      { type: 'NamesAccepted', status: 'False', message: 'ip is taken' },
      { type: 'Established', status: 'False', message: 'not all names are accepted' },
    ];
    assertFinds(
      (seen) => replaced(seen, { value: { ...value, status: { conditions, storedVersions: [] } } }),
      'DefinitionNotEstablished',
      /not served: ip is taken/,
      /kubectl describe crd imoocpods/,
    );
  });

  it('finds a webhook whose path has no secret, or another path behind it, and never shows the secret', () => {
    const wrongPaths = ['/validate-myapp-spike-com-v1-spikegoods', '', `/${secret}/other`, `/${secret}`];
    for (const path of wrongPaths) {
      assertFinds(
        (seen) =>
          editConfiguration(seen, ({ webhooks }) => {
            webhooks![0]!.clientConfig.service!.path = path;
          }),
        'WebhookPathWithoutSecret',
        /^webhook validate\.spikegoods\.spikegate\.io: its path must be \/SECRET\/verb-kind/,
        /logs -l/,
      );
    }
    const url = `https://10.0.0.9:9443/${secret}/validate-myapp-spike-com-v1-spikegoods`;
    const seen = healthy();
    const change = editConfiguration(seen, ({ webhooks }) => {
      webhooks![0]!.clientConfig = { url, caBundle: webhooks![1]!.clientConfig.caBundle! };
    });
    assert.doesNotMatch(JSON.stringify(all({ ...seen, ...change })), new RegExp(secret));
  });

  it('finds that a certificate could be required of the API server', () => {
    const apiServers = (command: string[]) => ({
      apiServers: {
        value: [{ metadata: { name: 'kube-apiserver-a' }, spec: { containers: [{ command }] } }],
      } as unknown as Observation['apiServers'],
    });
    const deployments = (args: string[]) => ({
      deployments: {
        value: [
          {
            metadata: { namespace: 'spikegate-system', name: 'spikegate' },
            spec: { replicas: 0, template: { spec: { containers: [{ args }] } } },
          },
        ],
      } as unknown as Observation['deployments'],
    });
    const flag = '--admission-control-config-file=/etc/kubernetes/admission.yaml';
    assertFinds(
      () => ({ ...apiServers(['kube-apiserver', flag]), ...deployments(['serve']) }),
      'CallersUncertified',
      /^deployment\/spikegate-system\/spikegate: pod kube-apiserver-a has/,
      /callers\.authorities/,
    );
    for (const [command, args] of [
      [['kube-apiserver'], ['serve']],
      [
        ['kube-apiserver', flag],
        ['serve', '--client-ca-file=/ca.crt'],
      ],
    ] as const)
      assert.deepEqual(
        findings({ ...healthy(), ...apiServers([...command]), ...deployments([...args]) }),
        [],
      );
  });

  it('finds webhooks without a CA, and such with different ones', async () => {
    const key = await rsaKey();
    const other = issueAuthority({ key, now, lifetime: day, random: randomBytes });
    assertFinds(
      (seen) => editConfiguration(seen, ({ webhooks }) => delete webhooks![0]!.clientConfig.caBundle),
      'CaBundleMissing',
      /validate\.spikegoods\.spikegate\.io: it has no caBundle/,
      /rollout restart/,
    );
    assertFinds(
      (seen) =>
        editConfiguration(seen, ({ webhooks }) => {
          webhooks![0]!.clientConfig.caBundle = Buffer.from(ca.cert + other).toString('base64');
        }),
      'CaBundlesDiffer',
      /trust 2 different bundles/,
      /rollout restart/,
    );
  });

  it('finds a certificate that is over, and one that should have been renewed', () => {
    const serves = (chain: string[]) => ({ served: { value: { chain, from: 'secret/x', host } } });
    const remedy = /delete secret spikegate-serving-cert.*cert-manager/;
    assertFinds(
      () => serves([leaf(now - 2 * day, day)]),
      'CertificateExpired',
      /and it is 2026-03-01T12:00:00Z/,
      remedy,
    );
    assertFinds(() => serves([leaf(now - 26 * day, 30 * day)]), 'CertificateExpiring', /in 4 days/, remedy);
    assert.deepEqual(findings({ ...healthy(), ...serves([leaf(now - 24 * day, 30 * day)]) }), []);
  });

  it("finds that the clock of the leader's machine is wrong, by when the API server stored its renewal", () => {
    const leads = (offMs: number) => {
      const spec = { holderIdentity: 'a', renewTime: new Date(now + offMs).toISOString() };
      const managedFields = [
        { time: new Date(now - day).toISOString() },
        { time: new Date(now).toISOString() },
      ];
      return { lease: { value: { spec, metadata: { managedFields } } } as unknown as Observation['lease'] };
    };
    assertFinds(() => ({ ...leads(-130_000), leaseMoves: true }), 'ClockWrong', /is 130 s behind/, /NTP/);
    assertFinds(() => leads(60_000), 'ClockWrong', /is 60 s ahead of/, /NTP/);
    assert.deepEqual(findings({ ...healthy(), ...leads(-2000) }), []);
  });

  it('finds a term that the lease never gave', () => {
    const [apple, berry] = [7, 2 ** 40].map((ledgerEpoch, index) => ({
      metadata: { name: ['apple', 'berry'][index], namespace: 'shop' },
      spec: { stockCount: 0 },
      status: { ledgerEpoch },
    }));
    const led = (seen: Observation) => {
      const lease = structuredClone(seen.lease) as { value: { spec: { leaseTransitions?: number } } };
      lease.value.spec.leaseTransitions = 7;
      return { lease, goods: { value: [apple, berry] } } as unknown as Partial<Observation>;
    };
    assertFinds(
      led,
      'TermUnknown',
      /shop\/berry.*it is 1099511627776, and the lease has given 7/,
      /managed-fields/,
    );
  });

  it('waits for a Lease only where there must be one', () => {
    const missing = { missing: true } as const;
    assertFinds(() => ({ lease: missing }), 'NoLeader', /no replica has ever led/, /get pods/);
    const spec = { holderIdentity: '', renewTime: new Date(now).toISOString() };
    const released = { value: { metadata: {}, spec } } as Observation['lease'];
    assertFinds(() => ({ lease: released }), 'NoLeader', /nobody holds it/, /get pods/);
    assert.deepEqual(findings({ ...healthy(), lease: released, leaseMoves: true }), []);
    const url = 'https://127.0.0.1:9443';
    const [mutating, validating] = webhookConfigurations(registry, {
      target: { url },
      namespace: deployment.namespace,
      caBundle: ca.cert,
    }).map(withPaths);
    const outside = {
      mutating: { value: mutating } as unknown as Observation['mutating'],
      validating: { value: validating } as unknown as Observation['validating'],
      served: { value: { chain: [leaf(now, day, ['127.0.0.1'])], from: 'x', host: '127.0.0.1' } },
      service: undefined,
    };
    assert.deepEqual(all({ ...healthy(), ...outside, lease: missing }).map(isFinding), [false]);
  });
});

it('the remedy for a server outside the cluster that is gone names its address, and no pods', () => {
  const url = 'https://127.0.0.1:9443';
  const [mutating, validating] = webhookConfigurations(registry, {
    target: { url },
    namespace: deployment.namespace,
    caBundle: ca.cert,
  }).map(withPaths);
  const cause = 'dial tcp 127.0.0.1:9443: connect: connection refused';
  const outcome = { is: 'failed' as const, webhook: 'mutate.buyer.spikegate.io', cause };
  const [found, ...others] = findings({
    ...healthy(),
    mutating: { value: mutating } as unknown as Observation['mutating'],
    validating: { value: validating } as unknown as Observation['validating'],
    served: { value: { chain: [leaf(now, 365 * day, ['127.0.0.1'])], from: 'x', host: '127.0.0.1' } },
    service: undefined,
    answers: [{ kind: 'Buyer', outcome }],
  });
  assert.deepEqual(others, []);
  assert.equal(found?.reason, 'WebhookNotAnswering');
  assert.match(
    found.remedy,
    /start the program at https:\/\/127\.0\.0\.1:9443 again; .*kubectl delete mutating/,
  );
  assert.doesNotMatch(found.remedy, /pods/);
});

describe('how the API server answers a dry run', () => {
  const refused = (code: number, message: string) => outcomeOf(new ApiError(code, { message }));

  it('is read in the words of every version', () => {
    const failed = (cause: string) => ({ is: 'failed', webhook: 'mutate.buyer.spikegate.io', cause });
    const call = 'failed calling webhook "mutate.buyer.spikegate.io":';
    const post = 'Post "https://a.b.svc:443/mutate-x?timeout=5s":';
    const cause = 'x509: certificate signed by unknown authority';
    assert.deepEqual(refused(500, `Internal error occurred: ${call} ${post} ${cause}`), failed(cause));
    assert.deepEqual(
      refused(500, `Internal error occurred: ${call} failed to call webhook: ${post} ${cause}`),
      failed(cause),
    );
    const denied = (webhook: string) =>
      refused(403, `admission webhook "${webhook}" denied the request: no`).is;
    assert.equal(denied('validate.buyer.spikegate.io'), 'answered');
    assert.equal(denied('gatekeeper.example.com'), 'unclear');
    assert.equal(
      refused(500, 'Internal error occurred: failed calling webhook "other.example.com": EOF').is,
      'unclear',
    );
    assert.equal(outcomeOf(new ConnectionError('timeout', 'no answer', { ambiguous: true })).is, 'unclear');
  });

  it('can be asked for every kind', () => {
    assert.deepEqual(Object.keys(probes).sort(), kinds.map(({ kind }) => kind).sort());
    for (const kind of kinds) {
      const object = {
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        metadata: {},
        spec: probes[kind.kind]!.spec,
      };
      assert.equal(
        kind.validate(object),
        undefined,
        `${kind.kind} passes its schema, so that a rule decides`,
      );
    }
  });
});

describe('differences', () => {
  it('leave out what API servers leave out, and what they add', () => {
    const wanted = { a: 1, b: [], c: { d: 'x' }, e: undefined };
    assert.deepEqual(differences(wanted, { a: 1, c: { d: 'x', added: 1 } }, { extras: 'allowed' }), []);
    assert.deepEqual(
      differences(wanted, { a: 1, c: { d: 'x', added: 1 } }, { extras: 'refused', path: 's' }),
      ['s.c.added must be absent, is 1'],
    );
    assert.deepEqual(differences([1, { a: 2 }], [1, { a: 3 }], { extras: 'allowed', path: 's' }), [
      's[1].a must be 2, is 3',
    ]);
  });
});

it('docs/doctor.md names every finding', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'doctor.md'), 'utf8');
  const named = [...text.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(([, reason, what]) => [
    reason,
    what!.trim(),
  ]);
  assert.deepEqual(named, Object.entries(findingReasons));
});
