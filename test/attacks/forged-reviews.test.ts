// Whoever reaches the admission port can write a review. What it says of an object ends up in holds, finalizers and
// paths of the API server, so a name, namespace or uid that no stored object can have is refused before any of that.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { holdsOf } from '../../src/api/holds.ts';
import { uidOf } from '../contract/reviews.ts';
import { at, minute } from '../contract/world.ts';
import { order } from '../refusals/scenario.ts';
import { Shop } from './shop.ts';

let shop: Shop;
before(async () => {
  shop = await Shop.open();
});
after(() => shop[Symbol.asyncDispose]());

const forged = (metadata: object) => ({
  ...order(),
  metadata: { name: 'order1', namespace: 'default', uid: uidOf(1), ...metadata },
  spec: {
    ...order().spec,
    orderId: uidOf(1),
    createTime: at(0),
    expiredTime: at(minute),
    isPay: false,
  },
});

describe('a forged review of an order', () => {
  const names = [
    ...['../../secrets', '..', '.', 'a/b', 'a%2fb', 'a?b', 'a#b', 'A', 'a_b', '-a', 'a.', 'a..b', 'ä'],
    ...['a b 0b000000-0000-4000-8000-000000000001:9:x', 'a:1:b', 'a\n', '\u0000', 'x'.repeat(254)],
    ...['x'.repeat(30_000), '__proto__', 'a '],
  ];
  const uids = ['lot-r1', 'u1', uidOf(1).toUpperCase().replace('0', 'A'), `${uidOf(1)} `, uidOf(1).slice(1)];

  it('is refused for a name, uid or namespace that no object can have, and leaves no hold', async () => {
    const { writes } = shop.world.store;
    const cases: [object, Record<string, string>, RegExp][] = [
      ...names.map((name): [object, Record<string, string>, RegExp] => [
        forged({ name }),
        {},
        /^request\.object\.metadata\.name must be an RFC 1123 subdomain of at most 253 characters$/,
      ]),
      ...uids.map((uid): [object, Record<string, string>, RegExp] => [
        forged({ uid }),
        {},
        /^request\.object\.metadata\.uid must be a UUID$/,
      ]),
      [forged({ namespace: 'other' }), { namespace: 'default' }, /metadata\.namespace must be request\.name/],
      [forged({}), { name: 'another' }, /metadata\.name must be request\.name$/],
      ...['../default', 'kube.system', 'x'.repeat(64), 'Default', 'a b'].map(
        (namespace): [object, Record<string, string>, RegExp] => [
          forged({ namespace }),
          { namespace },
          /^request\.namespace must be an RFC 1123 label of at most 63 characters$/,
        ],
      ),
    ];
    for (const [object, more, message] of cases) {
      const { allowed, status } = await shop.judge(object, more);
      assert.equal(allowed, false);
      assert.equal(status?.code, 400);
      assert.match(status?.message ?? '', message);
    }
    assert.equal(shop.world.store.writes, writes);
    assert.deepEqual(holdsOf(shop.world.get('SpikeGoods', 'goods1')?.status), []);
  });

  it('is let in where it is as an API server sends it', async () => {
    const { allowed, status } = await shop.judge(forged({ name: 'a.b-c.1' }));
    assert.equal(allowed, true, status?.message);
  });

  it('does not fail a legitimate order beside it', async () => {
    const attack = async () => {
      for (let i = 0; i < 200; i++)
        await shop.judge(forged({ name: names[i % names.length] })).catch(() => 0);
    };
    const { failed, orders } = await shop.sell(100, attack());
    assert.deepEqual(failed, []);
    assert.ok(orders >= 100);
  });
});
