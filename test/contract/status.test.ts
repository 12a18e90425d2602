// Writes of the status subresource: the remainder beside the counters is always right, whoever writes them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHolds } from '../../src/api/holds.ts';
import { goods, order } from '../refusals/scenario.ts';
import { kindOf, merge } from './things.ts';
import { at, World } from './world.ts';

const hold = (uid: string, quantity: number) => ({ uid, order: uid, quantity, time: at(0) });

async function remainderOf(status: object, spec: object = {}): Promise<unknown> {
  await using world = new World();
  await world.create(goods('goods1', spec));
  const { object, response } = await world.patchStatus('SpikeGoods', 'goods1', status);
  assert.equal(response.allowed, true);
  return object?.status.lastStockCount;
}

describe('lastStockCount', () => {
  it('is what is neither sold, nor reserved, nor held', async () => {
    assert.equal(await remainderOf({ num: 1 }), 4);
    assert.equal(
      await remainderOf({ num: 1, reserved: 1, holds: formatHolds([hold('a', 1), hold('b', 1)]) }),
      1,
    );
    assert.equal(await remainderOf({ reserved: 5 }), 0);
    assert.equal(await remainderOf({ reserved: 0 }, { stockCount: 0 }), 0);
  });

  it('is not what a client says', async () => {
    assert.equal(await remainderOf({ num: 1, lastStockCount: 5 }), 4);
    assert.equal(await remainderOf({ num: 5, lastStockCount: 3 }), 0);
  });

  it('is reckoned from the stock that is stored, not from a spec that came with the status', async () => {
    await using world = new World();
    await world.create(goods());
    for (const spec of [{ stockCount: 1000 }, { stockCount: 'many' }, { price: null }]) {
      const { object } = await world.patchStatus(
        'SpikeGoods',
        'goods1',
        { num: 2, lastStockCount: 998 },
        { spec },
      );
      assert.equal(object?.status.lastStockCount, 3);
      assert.equal(object?.spec.stockCount, 5);
    }
  });

  it('is 0 when the orders are more than the stock, and below 0 when holds are: that cannot be stored', async () => {
    assert.equal(await remainderOf({ num: 4, reserved: 4 }), 0);
    assert.equal(await remainderOf({ num: 4, holds: formatHolds([hold('a', 3)]) }), -2);
  });

  it('is left alone in a status that the API server is going to refuse', async () => {
    await using world = new World();
    const stored = (await world.create(goods())).object;
    const odd = [
      ...[5, 'x', {}, [null], [5], [{ uid: 'a' }], [formatHolds([hold('a', 1)])]].map((holds) => ({ holds })),
      ...['1', -1, 1.5, null, {}].map((num) => ({ num })),
      { lastStockCount: -1 },
    ];
    for (const status of [...odd, 5, 'x', null, []]) {
      const object = { ...stored, status };
      const asked = { kind: kindOf('SpikeGoods'), operation: 'UPDATE', subResource: 'status' } as const;
      const response = await world.mutate({ ...asked, object, oldObject: stored ?? null });
      assert.equal(response.allowed, true, JSON.stringify(status));
      assert.equal(response.patch, undefined, JSON.stringify(status));
    }
    assert.equal(world.panics, 0);
  });

  it('is only for goods, and only for /status', async () => {
    await using world = new World();
    const stored = (await world.create(goods())).object;
    assert.ok(stored);
    const object = merge(stored, { status: { num: 1 } });
    const asked = { operation: 'UPDATE', object, oldObject: stored } as const;
    for (const subResource of [undefined, 'scale', 'toString']) {
      const more = subResource ? { subResource } : {};
      const response = await world.mutate({ ...asked, kind: kindOf('SpikeGoods'), ...more });
      assert.equal(response.patch, undefined);
    }
    const paid = { ...order(), status: { phase: 'Paid' } };
    const kind = kindOf('SpikeOrder');
    const response = await world.mutate({
      ...asked,
      kind,
      object: paid,
      oldObject: paid,
      subResource: 'status',
    });
    assert.equal(response.patch, undefined);
  });
});
