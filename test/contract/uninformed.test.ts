// A replica that has just started is called before its caches are filled, where the endpoints of the service are old:
// its pod was ready before its container ended. Nothing may be decided by caches that are empty.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buyer, goods, order, seller } from '../refusals/scenario.ts';
import { World } from './world.ts';

async function shop(): Promise<World> {
  const world = new World();
  for (const manifest of [seller(), buyer(), goods(), order()]) {
    const { response } = await world.create(manifest);
    assert.equal(response.allowed, true, response.status?.message);
  }
  world.isInformed = false;
  return world;
}

describe('a replica whose caches are not filled', () => {
  it('tells those to try again whom it cannot judge', async () => {
    await using world = await shop();
    const asked = {
      'a new order': () => world.create(order('order2')),
      'an order of nobody': () => world.create(order('order3', { buyerId: 'nobody' })),
      'new goods': () => world.create(goods('goods2')),
      'more goods': () => world.patch('SpikeGoods', 'goods1', { spec: { stockCount: 50 } }),
      'a payment': () => world.patch('SpikeOrder', 'order1', { spec: { isPay: true } }),
      'a deletion of what others refer to': () => world.deleteOnce('Buyer', 'buyer1'),
    };
    for (const [what, ask] of Object.entries(asked)) {
      const { response } = await ask();
      assert.equal(response.status?.reason, 'TooManyRequests', what);
      assert.equal(response.status?.details?.retryAfterSeconds, 1, what);
    }
    world.isInformed = true;
    assert.equal((await world.create(order('order2'))).response.allowed, true);
  });

  it('lets pass what it need not judge, so that the others can lead and settle', async () => {
    await using world = await shop();
    const { status } = world.get('SpikeGoods', 'goods1')!;
    const passed = [
      await world.patchStatus('SpikeGoods', 'goods1', { ...status, ledgerEpoch: 7 }),
      await world.patch('SpikeGoods', 'goods1', { metadata: { labels: { a: 'b' } } }),
      await world.patch('SpikeOrder', 'order1', { metadata: { finalizers: ['example.com/a'] } }),
    ];
    for (const { response } of passed) assert.equal(response.allowed, true, response.status?.message);
  });
});
