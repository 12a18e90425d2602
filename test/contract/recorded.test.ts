// Reviews that a real API server sent (recorded/, by record.ts), answered by the application: the shape that
// our own reviews have in the other tests is not made up, and none of them is called broken.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { holdsOf } from '../../src/api/holds.ts';
import type { AdmissionReview } from '../../src/kube/admission.ts';
import { buyer, goods, order, seller } from '../refusals/scenario.ts';
import { review } from './reviews.ts';
import { kindOf } from './things.ts';
import { World } from './world.ts';

const folder = new URL('./recorded/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));

function read(name: string): { path: string; review: AdmissionReview } {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
}

/** What the rules refuse; all else is allowed. No hold of an order was recorded, so none may be paid without a state. */
const refused: Record<string, string> = {
  'order-delete-validate.json': 'PaidOrderKept',
  'order-pay-2-validate.json': 'OrderPending',
};

/** A shop at the time of the recording. */
async function shopAt(recorded: AdmissionReview): Promise<World> {
  const world = new World();
  const { spec = {}, metadata } = (recorded.request.object ?? recorded.request.oldObject) as unknown as {
    spec?: { payTime?: string; createTime?: string; startTime?: string };
    metadata: { creationTimestamp?: string };
  };
  const time = spec.payTime ?? spec.createTime ?? spec.startTime ?? metadata.creationTimestamp;
  world.clock.jump(time ? Date.parse(time) - world.clock.now() : 0);
  for (const manifest of [seller(), buyer(), goods()]) await world.create(manifest);
  return world;
}

describe('a recorded review', () => {
  for (const name of names) {
    it(`${name.replace('.json', '')} is answered`, async () => {
      const { path, review: recorded } = read(name);
      await using world = await shopAt(recorded);
      const { status } = await world.call(path.replace(/\?.*/, ''), recorded);
      assert.equal(status?.reason, refused[name], status?.message);
      assert.equal(world.panics, 0);
    });
  }

  it('of a dry run leaves no hold, that of a real one does', async () => {
    for (const [name, held] of [
      ['order-create-2-validate.json', 1],
      ['order-create-dry-run-2-validate.json', 0],
    ] as const) {
      const { path, review: recorded } = read(name);
      await using world = await shopAt(recorded);
      await world.call(path.replace(/\?.*/, ''), recorded);
      assert.equal(holdsOf(world.get('SpikeGoods', 'goods1')?.status).length, held);
    }
  });

  it('has the fields that the reviews of our tests have', () => {
    const made = {
      'order-create-1-mutate': { operation: 'CREATE', object: order() },
      'order-create-2-validate': { operation: 'CREATE', object: order() },
      'order-create-generated-1-mutate': { operation: 'CREATE', object: order(), name: '' },
      'goods-status-1-mutate': { operation: 'UPDATE', object: goods(), subResource: 'status' },
      'order-delete-validate': { operation: 'DELETE', oldObject: order() },
      'order-delete-raw-collection-validate': { operation: 'DELETE', oldObject: order(), name: '' },
    } as const;
    for (const [name, options] of Object.entries(made)) {
      const recorded = read(`${name}.json`).review;
      const kind = kindOf(recorded.request.kind.kind);
      const ours = review({ kind, ...options, operation: options.operation });
      assert.deepEqual(Object.keys(ours).sort(), Object.keys(recorded).sort());
      assert.deepEqual(Object.keys(ours.request).sort(), Object.keys(recorded.request).sort(), name);
    }
  });
});
