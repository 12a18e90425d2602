// What happens to a write while no replica answers: which webhooks may be passed by, and why nothing is lost then.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Kind } from '../../../src/api/define-kind.ts';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { deployment } from '../../../src/manifests/names.ts';
import { webhookConfigurations } from '../../../src/manifests/webhook-configurations.ts';
import { registry } from '../../../webhooks/registry.ts';
import type { Call, Webhooks } from '../../../webhooks/webhook.ts';

interface Schema {
  default?: unknown;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
}

/** Structural defaulting, as the API server does it before it asks anybody. */
function defaulted(value: unknown, schema: Schema | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => defaulted(item, schema?.items));
  if (typeof value !== 'object' || value === null) return value;
  const filled: Record<string, unknown> = { ...value };
  for (const [name, property] of Object.entries(schema?.properties ?? {})) {
    if (filled[name] === undefined && property.default !== undefined)
      filled[name] = structuredClone(property.default);
  }
  const entries = Object.entries(filled).map(([name, child]) => [
    name,
    defaulted(child, schema?.properties?.[name] ?? schema?.additionalProperties),
  ]);
  return Object.fromEntries(entries);
}

const least: Record<string, object> = {
  ElasticWeb: { image: 'shop:1.0', port: 80, podPort: 8080, singlePodQPS: 100, totalQPS: 300 },
  ImoocPod: {},
  Seckill: { services: { goService: { enabled: true, image: 'shop/go:1.0', ports: [{ port: 80 }] } } },
  DataService: { mysql: { kind: 1, port: 3306 }, portal: { image: 'shop/portal:1.0', port: 8080 } },
};

const byDefaulting = (defaulting: string) => registry.filter((it) => it.defaulting === defaulting);

function fill(webhooks: Webhooks<KubeObject>, kind: Kind, spec: unknown): KubeObject {
  const object = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: 'x' }, spec };
  assert.equal(kind.validate(object), undefined);
  const call = { object, old: undefined, namespace: 'shop', now: 0, deadline: 0 };
  return webhooks.default(call as unknown as Call<KubeObject>);
}

describe('while no replica answers', () => {
  for (const webhooks of byDefaulting('assumed')) {
    const { kind } = webhooks;
    it(`a ${kind.kind} needs no webhook's defaults: the schema's are all there are`, () => {
      const spec = least[kind.kind];
      assert.ok(spec, `a least ${kind.kind} is needed here`);
      const byServer = defaulted(spec, kind.specSchema as Schema);
      assert.deepEqual((fill(webhooks, kind, byServer) as KubeObject & { spec: unknown }).spec, byServer);
    });
  }

  it('what has allocated fields is refused, and so is whatever breaks a rule', () => {
    assert.deepEqual(
      byDefaulting('allocated').map(({ kind }) => kind.kind),
      ['SpikeGoods', 'SpikeOrder', 'Buyer', 'Seller'],
    );
    const [mutating, validating] = webhookConfigurations(registry, {
      target: { url: 'https://127.0.0.1' },
      namespace: deployment.namespace,
    }) as unknown as { webhooks: { name: string; failurePolicy: string }[] }[];
    const ignored = mutating!.webhooks.filter(({ failurePolicy }) => failurePolicy === 'Ignore');
    assert.deepEqual(
      ignored.map(({ name }) => name),
      byDefaulting('assumed').map(({ kind }) => `mutate.${kind.singular}.spikegate.io`),
    );
    assert.ok(validating!.webhooks.every(({ failurePolicy }) => failurePolicy === 'Fail'));
  });

  it('nothing that has no rule about its deletion keeps a namespace from going', () => {
    const [, validating] = webhookConfigurations(registry, {
      target: { url: 'https://127.0.0.1' },
      namespace: deployment.namespace,
    }) as unknown as { webhooks: { name: string; rules: { operations: string[] }[] }[] }[];
    const deletions = validating!.webhooks.filter(({ rules }) => rules[0]!.operations.includes('DELETE'));
    assert.deepEqual(
      deletions.map(({ name }) => name),
      registry
        .filter(({ rules }) => rules.DELETE.length > 0)
        .map(({ kind }) => `validate.${kind.singular}.spikegate.io`),
    );
    assert.equal(deletions.length, 4);
  });
});
