// Ten thousand hostile reviews: valid ones of every kind and operation, damaged at every level, while a legitimate
// client orders. No legitimate order fails, what the reviews took of memory comes back, and the stock adds up.
// SPIKEGATE_SEED repeats a run, SPIKEGATE_HOSTILE changes how many.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { heldUnits, holdsOf } from '../../src/api/holds.ts';
import { mutatePath, registry, validatePath } from '../../webhooks/registry.ts';
import { damaged } from '../contract/mutations.ts';
import { type ReviewOptions, review } from '../contract/reviews.ts';
import { kindOf, merge, type Thing } from '../contract/things.ts';
import { Random } from '../simulation/random.ts';
import { Shop } from './shop.ts';

const seed = Number(process.env.SPIKEGATE_SEED ?? 20261129);
const count = Number(process.env.SPIKEGATE_HOSTILE ?? 10_000);
const paths = registry.flatMap(({ kind }) => [mutatePath(kind), validatePath(kind)]);

interface Case {
  path: string;
  review: object;
}

/** About the goods and the buyer of the shop, and an order of them. */
function validReviews(shop: Shop, order: object): Case[] {
  const things = [
    shop.world.get('SpikeGoods', 'goods1'),
    shop.world.get('Buyer', 'buyer1'),
    order,
  ] as Thing[];
  return things.flatMap((object) => {
    const kind = kindOf(object.kind);
    const about = (options: Omit<ReviewOptions, 'kind'>) =>
      [mutatePath(kind), validatePath(kind)].map((path) => ({ path, review: review({ kind, ...options }) }));
    const changed = merge(object, { spec: { stockCount: 9, isPay: true, address: 'x' } });
    return [
      ...about({ operation: 'CREATE', object }),
      ...about({ operation: 'CREATE', object: merge(object, { metadata: { uid: null, name: null } }) }),
      ...about({ operation: 'UPDATE', object: changed, oldObject: object }),
      ...about({ operation: 'UPDATE', object: changed, oldObject: object, subResource: 'status' }),
      ...about({ operation: 'DELETE', oldObject: object, name: '' }),
      ...about({ operation: 'CONNECT' }),
    ];
  });
}

function stockAddsUp(shop: Shop): void {
  const { spec, status } = shop.world.get('SpikeGoods', 'goods1') as Thing;
  const taken = heldUnits(status) + (status.num ?? 0) + (status.reserved ?? 0);
  assert.equal(status.lastStockCount, spec.stockCount - taken);
  for (const { uid, order, quantity } of holdsOf(status)) {
    assert.match(uid, /^[0-9a-f-]{36}$/);
    assert.match(order, /^[a-z0-9.-]{1,253}$/);
    assert.ok(Number.isInteger(quantity) && quantity >= 1);
  }
}

it(`${count} hostile reviews and a legitimate client (SPIKEGATE_SEED=${seed})`, async (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  await using shop = await Shop.open();
  const valid = validReviews(shop, shop.exampleOrder());
  const random = new Random(seed);
  const codes: Record<string, number> = {};
  const one = async () => {
    const { path, review: asked } = random.pick(valid);
    const to = random.chance(0.05) ? random.pick(paths) : path;
    const { code } = await shop.post(to, damaged(asked, random)).catch(() => ({ code: 0 }));
    assert.ok(code === 0 || code === 200 || (code >= 400 && code < 500), `${code}`);
    codes[code] = (codes[code] ?? 0) + 1;
  };
  const attack = async (reviews: number) => {
    let left = reviews;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (left-- > 0) await one();
      }),
    );
  };
  // The first of them fill caches that stay: compiled code, connections.
  await shop.sell(60, attack(Math.min(500, count)));
  const quiet = await shop.sell(60);
  collect();
  const before = process.memoryUsage().heapUsed;
  const attacked = await shop.sell(60, attack(count));
  stockAddsUp(shop);
  await shop.sell(60);
  collect();
  const after = process.memoryUsage().heapUsed;
  const figures = { codes, orders: attacked.orders, p95: attacked.p95 / quiet.p95, memory: after / before };
  t.diagnostic(JSON.stringify(figures));
  assert.deepEqual(attacked.failed, []);
  assert.equal(shop.world.panics, 0);
  assert.ok(after < before * 1.1, `memory is ${after / before} of before`);
  stockAddsUp(shop);
});
