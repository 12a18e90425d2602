// What is told of a decision: one line in the log, and one count that dry runs are not in.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import supertest from 'supertest';
import { silentLog } from '../../src/runtime/log.ts';
import { validatePath } from '../../webhooks/registry.ts';
import { buyer, goods, order } from '../refusals/scenario.ts';
import { review, uidOf } from './reviews.ts';
import { kindOf } from './things.ts';
import { World } from './world.ts';

type Line = Record<string, unknown> & { level: string; message: string };

function open(debugging: boolean) {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ ...JSON.parse(JSON.stringify(fields)), level, message });
  const log = { ...silentLog, info: at('info'), debug: at('debug'), isLevelEnabled: () => debugging };
  const world = new World({ log });
  return { world, lines };
}

async function sale(world: World): Promise<void> {
  await world.create(buyer());
  await world.create(goods('goods1', { stockCount: 3 }));
}

describe('a decision', () => {
  it('has one line, with the object, the request, the reason and the time', async () => {
    const { world, lines } = open(false);
    await using _ = world;
    await sale(world);
    lines.length = 0;
    await world.create(order('order1'), { uid: uidOf(1) });
    await world.create(order('order2'), { uid: uidOf(2) });
    const told = lines.map(({ requestID, ms, message, ...line }) => {
      assert.match(String(requestID), /^5c0ffee0-/);
      assert.equal(typeof ms, 'number');
      return { ...line, message: message.split(':').at(-1)?.trim() };
    });
    const asked = {
      step: 'validate',
      kind: 'SpikeOrder',
      namespace: 'default',
      operation: 'CREATE',
      level: 'info',
    };
    assert.deepEqual(told, [
      { ...asked, name: 'order1', uid: uidOf(1), allowed: true, message: 'allowed' },
      {
        ...{ ...asked, name: 'order2', uid: uidOf(2), allowed: false, reason: 'InsufficientStock' },
        message: 'requested 2, available 1',
      },
    ]);
  });

  it('is not what fills in: that has a line for debugging only', async () => {
    const { world, lines } = open(true);
    await using _ = world;
    await sale(world);
    assert.deepEqual(
      lines.filter(({ kind }) => kind === 'SpikeGoods').map(({ step, level }) => `${step} ${level}`),
      ['mutate debug', 'validate info'],
    );
  });

  it('is counted by kind, operation and reason, unless it is a dry run', async () => {
    const { world } = open(false);
    await using _ = world;
    await sale(world);
    world.decided.length = 0;
    await world.create(order('order0'), { dryRun: true });
    await world.create(order('order1'));
    await world.create(order('order2'));
    await world.patch('SpikeOrder', 'order1', { spec: { buyerId: 'somebody' } });
    assert.deepEqual(world.decided, [
      'SpikeOrder CREATE Accepted',
      'SpikeOrder CREATE InsufficientStock',
      'SpikeOrder UPDATE Immutable',
    ]);
  });

  it('names the trace of the API server, where it sends one', async () => {
    const { world, lines } = open(false);
    await using _ = world;
    const kind = kindOf('Buyer');
    const object = {
      ...buyer(),
      metadata: { name: 'b', namespace: 'default', uid: uidOf(1), creationTimestamp: '' },
    };
    const call = (traceparent: string) =>
      supertest(world.server)
        .post(validatePath(kind))
        .set('traceparent', traceparent)
        .send(review({ kind, operation: 'CREATE', object }))
        .expect(200);
    const trace = '0af7651916cd43dd8448eb211c80319c';
    await call(`00-${trace}-b7ad6b7169203331-01`);
    await call(`${trace} is no trace`);
    assert.deepEqual(
      lines.map(({ traceID }) => traceID),
      [trace, undefined],
    );
  });
});
