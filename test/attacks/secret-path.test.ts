// Whoever reaches the admission port without rights on webhook configurations does not know the path, and gets no answer
// of a webhook: no hold, no word about goods, and no failed order beside it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { holdsOf } from '../../src/api/holds.ts';
import { webhookBehind } from '../../src/server/secret-path.ts';
import { review, uidOf } from '../contract/reviews.ts';
import { kindOf } from '../contract/things.ts';
import { orderPaths, Shop } from './shop.ts';

const token = randomBytes(32).toString('hex');
const old = randomBytes(32).toString('hex');
const tokens = () => [token, old].map((it) => Buffer.from(it));

describe('a caller who does not know the secret in the path', () => {
  let shop: Shop;
  before(async () => {
    shop = await Shop.open({}, { webhookAt: webhookBehind(tokens), pathPrefix: `/${token}` });
  });
  after(() => shop?.[Symbol.asyncDispose]());

  const asked = (number: number) =>
    JSON.stringify(
      review({
        kind: kindOf('SpikeOrder'),
        operation: 'CREATE',
        object: {
          ...shop.exampleOrder(),
          metadata: { name: `forged-${number}`, namespace: 'default', uid: uidOf(number) },
        },
      }),
    );

  const guesses = [
    '',
    '/',
    '//',
    `/${token}/`,
    `/${token.slice(1)}`,
    `/${token}x`,
    `/%20${token}`,
    `/${token.toUpperCase()}`,
    `/${'0'.repeat(64)}`,
    `/${token}/${token}`,
    `/./${token}`,
    `/%${token}`,
    '/__proto__',
    '/constructor',
  ];

  it('gets no answer of a webhook, at any guess, and holds no stock', async () => {
    for (const [number, guess] of guesses.entries()) {
      const { code, text } = await shop.post(`${guess}${orderPaths.validate}`, asked(number));
      assert.equal(code, 404, guess);
      assert.equal(JSON.parse(text).message, 'no webhook at this path');
    }
    assert.equal(shop.world.strangers.length, guesses.length);
    assert.deepEqual(holdsOf(shop.world.get('SpikeGoods', 'goods1')?.status), []);
  });

  it('does not fail a legitimate order beside hundreds of guesses', async () => {
    const attack = async () => {
      for (let i = 0; i < 300; i++) {
        const guess = randomBytes(32).toString('hex');
        const { code } = await shop.post(`/${guess}${orderPaths.validate}`, asked(2000 + i));
        assert.equal(code, 404);
      }
    };
    const { failed, orders } = await shop.sell(50, attack());
    assert.deepEqual(failed, []);
    assert.ok(orders >= 50);
    const held = holdsOf(shop.world.get('SpikeGoods', 'goods1')?.status);
    assert.ok(held.every(({ order }) => order.startsWith('legitimate-')));
  });

  it('is let in with any token that is accepted, and its health is anybody\u2019s', async () => {
    for (const it of [token, old]) {
      const { code } = await shop.post(`/${it}${orderPaths.mutate}?timeout=5s`, asked(1));
      assert.equal(code, 200);
    }
    const { code } = await shop.get('/healthz');
    assert.equal(code, 200);
  });
});
