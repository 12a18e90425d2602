// Which requests our webhook configurations send us at all. An update that they keep from us must be one that our
// defaults leave alone and that breaks no rule.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { deployment } from '../../../src/manifests/names.ts';
import { webhookConfigurations } from '../../../src/manifests/webhook-configurations.ts';
import { matchConditions } from '../../../src/sandbox/admission/conditions.ts';
import { registry } from '../../../webhooks/registry.ts';
import type { Call } from '../../../webhooks/webhook.ts';

interface Configuration {
  webhooks: { name: string; matchConditions: { name: string; expression: string }[] }[];
}

const { namespace, service: name } = deployment;
const configurations = webhookConfigurations(registry, {
  target: { service: { namespace, name } },
  namespace,
}) as unknown as Configuration[];

const entryOf = (called: string) =>
  configurations.flatMap(({ webhooks }) => webhooks).find((it) => it.name === called)!;

interface Asked {
  operation?: string;
  subResource?: string;
  username?: string;
  object?: object | null;
  oldObject?: object | null;
}

function isAsked(
  called: string,
  { operation = 'UPDATE', subResource, username = 'alice', ...objects }: Asked,
) {
  const request = { operation, ...(subResource ? { subResource } : {}), userInfo: { username, groups: [] } };
  const { object = null, oldObject = null } = objects;
  const outcome = matchConditions(entryOf(called) as never, () => ({ request, object, oldObject }) as never);
  assert.ok('matches' in outcome, JSON.stringify(outcome));
  return outcome.matches;
}

const goods = (spec: object, metadata: object = {}) => ({ metadata: { name: 'g', ...metadata }, spec });
const ours = `system:serviceaccount:${namespace}:${deployment.serviceAccount}`;
const whole = { price: 10, spikePrice: 8, day: 1, stockCount: 5, goodsId: 'i', startTime: 's', endTime: 'e' };

describe('the webhooks', () => {
  it('are asked about what is made and what is deleted', () => {
    for (const { kind } of registry) {
      for (const verb of ['mutate', 'validate']) {
        const called = `${verb}.${kind.singular}.spikegate.io`;
        assert.ok(isAsked(called, { operation: 'CREATE', object: { spec: {} } }), called);
        assert.ok(isAsked(called, { operation: 'DELETE', oldObject: { spec: {} } }), called);
      }
    }
  });

  it('are asked about a changed spec, not about labels and finalizers', () => {
    const oldObject = goods(whole);
    for (const called of ['mutate.spikegoods.spikegate.io', 'validate.spikegoods.spikegate.io']) {
      assert.ok(isAsked(called, { oldObject, object: goods({ ...whole, stockCount: 6 }) }), called);
      assert.ok(!isAsked(called, { oldObject, object: goods(whole, { labels: { a: 'b' } }) }), called);
      assert.ok(isAsked(called, { oldObject: { metadata: {} }, object: goods(whole) }), 'without a spec');
    }
  });

  it('complete what got past admission, with its next update', () => {
    const { goodsId, ...lacking } = whole;
    const same = { oldObject: goods(lacking), object: goods(lacking) };
    assert.ok(goodsId && isAsked('mutate.spikegoods.spikegate.io', same));
    const emptied = { ...whole, goodsId: '' };
    const empty = { oldObject: goods(emptied), object: goods(emptied) };
    assert.ok(isAsked('mutate.spikegoods.spikegate.io', empty));
  });

  it('are asked about a status that somebody else writes, not about our own', () => {
    const object = { oldObject: goods(whole), object: goods(whole) };
    const called = 'mutate.spikegoods.spikegate.io';
    assert.ok(isAsked(called, { ...object, subResource: 'status' }));
    assert.ok(!isAsked(called, { ...object, subResource: 'status', username: ours }));
    const changed = { ...object, object: goods({ ...whole, stockCount: 9 }) };
    assert.ok(
      isAsked(called, { ...changed, username: ours }),
      'our own account may not change a spec unseen',
    );
  });

  // Every subset of what is allocated, present or empty or absent: where we are not asked, our defaults change nothing.
  const fields: Record<string, Record<string, readonly unknown[]>> = {
    SpikeGoods: {
      day: [1, undefined],
      goodsId: ['id', '', undefined],
      startTime: ['2026-01-01T00:00:00.000Z', '', undefined],
      endTime: ['2026-01-02T00:00:00.000Z', '', undefined],
    },
    SpikeOrder: {
      isPay: [true, false, undefined],
      orderId: ['id', '', undefined],
      createTime: ['2026-01-01T00:00:00.000Z', undefined],
      expiredTime: ['2026-01-01T00:05:00.000Z', '', undefined],
      payTime: ['2026-01-01T00:00:01.000Z', '', undefined],
    },
    Buyer: { buyerId: ['id', '', undefined] },
    Seller: { sellerId: ['id', '', undefined] },
  };
  const base: Record<string, object> = {
    SpikeGoods: { price: 10, spikePrice: 8, stockCount: 5 },
    SpikeOrder: { buyerId: 'b', goodsMap: { g: 1 } },
  };

  for (const webhooks of registry.filter(({ defaulting }) => defaulting === 'allocated')) {
    const { kind } = webhooks;
    it(`of ${kind.kind} miss no update that would fill something in`, () => {
      let skipped = 0;
      for (const chosen of subsets(fields[kind.kind]!)) {
        const spec = { ...base[kind.kind], ...chosen };
        const object = {
          apiVersion: kind.apiVersion,
          kind: kind.kind,
          spec,
          metadata: { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z', uid: 'u', resourceVersion: '1' },
        };
        if (isAsked(`mutate.${kind.singular}.spikegate.io`, { object, oldObject: object })) continue;
        skipped++;
        const call = {
          object,
          old: object,
          namespace: 'shop',
          now: Date.parse('2026-01-01T00:01:00Z'),
          deadline: 0,
          request: { operation: 'UPDATE', userInfo: { username: 'alice' } },
          context: { newId: () => 'new', ids: { of: () => 'new' }, policy: { paymentWindowMs: 300_000 } },
        };
        assert.deepEqual(webhooks.default(call as unknown as Call<KubeObject>), object);
      }
      assert.ok(skipped > 0);
    });
  }
});

function* subsets(fields: Record<string, readonly unknown[]>): Generator<Record<string, unknown>> {
  const [first, ...others] = Object.entries(fields);
  if (!first) return yield {};
  for (const rest of subsets(Object.fromEntries(others))) {
    for (const value of first[1]) yield value === undefined ? rest : { ...rest, [first[0]]: value };
  }
}
