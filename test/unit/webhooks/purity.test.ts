// Defaults and rules read shared objects (the cache's, the review's): they never change one, and what they
// fill in is taken from the call alone.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kinds } from '../../../src/api/kinds.ts';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { registry } from '../../../webhooks/registry.ts';
import { fillIn, keep, overwrite } from '../../../webhooks/shared-rules.ts';
import type { Call, Webhooks } from '../../../webhooks/webhook.ts';
import { review } from '../../contract/reviews.ts';
import { World } from '../../contract/world.ts';
import { buyer, goods, order, seller } from '../../refusals/scenario.ts';

const sale = [seller(), buyer(), goods(), order(), order('order2', { isPay: true })];

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) frozen(part);
    Object.freeze(value);
  }
  return value;
}

function callsOf(world: World, webhooks: Webhooks<KubeObject>, object: KubeObject): Call<KubeObject>[] {
  const { kind } = webhooks;
  return (['CREATE', 'UPDATE', 'DELETE'] as const).map((operation) => {
    const old = operation === 'CREATE' ? undefined : frozen(structuredClone(object));
    const { request } = review({ kind, operation, object, oldObject: old ?? null });
    return {
      request,
      namespace: 'default',
      object,
      old,
      now: world.clock.now(),
      deadline: 1e9,
      context: world.context,
    };
  });
}

describe('defaults and rules', () => {
  it('change no object that they are given', async () => {
    await using world = new World();
    for (const manifest of sale) await world.create(manifest);
    for (const kind of ['SpikeGoods', 'SpikeOrder', 'Buyer', 'Seller']) frozen(world.all(kind));
    for (const manifest of sale) {
      const webhooks = registry.find((it) => it.kind.kind === manifest.kind);
      assert.ok(webhooks);
      const stored = world.get(manifest.kind, manifest.metadata.name ?? '');
      for (const object of [frozen(structuredClone(manifest)), stored] as KubeObject[]) {
        for (const call of callsOf(world, webhooks, object)) {
          if (call.request.operation !== 'DELETE') {
            webhooks.default(call);
            webhooks.defaultStatus?.(call);
          }
          for (const rule of webhooks.rules[call.request.operation as 'CREATE']) rule(call);
          for (const warn of webhooks.warnings ?? []) warn(call);
        }
      }
    }
  });

  it('are there for every kind', () => {
    assert.deepEqual(registry.map(({ kind }) => kind.kind).sort(), kinds.map(({ kind }) => kind).sort());
  });
});

describe('the pieces of a default', () => {
  const object = frozen({ ...goods(), spec: { a: 1, b: '', c: null } }) as unknown as KubeObject & {
    spec: Record<string, unknown>;
  };

  it('fill what is absent or empty, and nothing else', () => {
    assert.equal(fillIn(object, { a: 2, c: 3, d: undefined }), object);
    assert.deepEqual(fillIn(object, { a: 2, b: 2, d: 4 }).spec, { a: 1, b: 2, c: null, d: 4 });
  });

  it('overwrite and keep by name', () => {
    assert.deepEqual(overwrite(object, { a: 2 }).spec, { a: 2, b: '', c: null });
    assert.deepEqual(keep({ a: 1, b: 2 }, ['a']), { a: 1 });
  });
});
