// Who may create orders can name what does not exist, each time something new, and each such order makes admission ask the
// API server. A user's refused orders may cost a bounded number of reads; then they get 429, and nobody else notices.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { uidOf } from '../contract/reviews.ts';
import { goods } from '../refusals/scenario.ts';
import { Shop } from './shop.ts';

/** The default of --refused-per-second, and what may come at once. */
const [perSecond, burst] = [20, 200];

describe('a user whose orders are refused', () => {
  let shop: Shop;
  before(async () => {
    shop = await Shop.open();
  });
  after(() => shop[Symbol.asyncDispose]());

  let made = 0;
  const of = (spec: object, name = `mallory-${++made}`) => {
    const example = shop.exampleOrder() as { spec: object; metadata: object };
    const metadata = { ...example.metadata, name, uid: uidOf(5_000_000 + ++made) };
    return { ...example, metadata, spec: { ...example.spec, ...spec } };
  };
  const unknown = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`nothing-${++made}-${i}`, 1]));
  const judge = (object: object, user = 'mallory') => shop.judge(object, { user });
  const reads = async (act: () => Promise<unknown>) => {
    const earlier = shop.world.liveReads;
    await act();
    return shop.world.liveReads - earlier;
  };

  it('costs one read with 64 goods that do not exist, as with one, and one with a buyer besides', async () => {
    for (const spec of [
      { goodsMap: unknown(64) },
      { goodsMap: unknown(1) },
      { goodsMap: unknown(64), buyerId: 'nobody' },
    ])
      assert.equal(await reads(() => judge(of(spec), 'trent')), 1);
  });

  it('gets 429 when they have cost too many reads, and costs no more', async (t) => {
    const answers: Awaited<ReturnType<typeof judge>>[] = [];
    const cost = await reads(async () => {
      for (let i = 0; i < 500; i++) answers.push(await judge(of({ goodsMap: unknown(64) })));
    });
    t.diagnostic(`500 refused orders cost ${cost} reads`);
    assert.equal(cost, burst);
    const codes = answers.map(({ status }) => status?.code);
    assert.deepEqual(new Set(codes.slice(0, burst)), new Set([403]));
    assert.deepEqual(new Set(codes.slice(burst)), new Set([429]));
    assert.equal(answers.at(-1)?.status?.details?.retryAfterSeconds, 1);
  });

  it('is refused as before for what needs no read, and ordered as before what is there', async () => {
    const known = await judge(of({ goodsMap: { goods1: 1 } }));
    assert.equal(known.allowed, true, known.status?.message);
    await shop.world.create(goods('scarce', { stockCount: 1 }));
    const short = await judge(of({ goodsMap: { scarce: 2 } }));
    assert.equal(short.status?.reason, 'InsufficientStock');
  });

  it('takes nothing from another user', async () => {
    const other = await judge(of({ goodsMap: unknown(1) }), 'ann');
    assert.equal(other.status?.code, 403);
    const { failed } = await shop.sell(
      30,
      (async () => {
        for (let i = 0; i < 300; i++) await judge(of({ goodsMap: unknown(64) }));
      })(),
    );
    assert.deepEqual(failed, []);
  });

  it('may ask again after a while', async () => {
    await shop.world.clock.advance(1000);
    const cost = await reads(async () => {
      for (let i = 0; i < 100; i++) await judge(of({ goodsMap: unknown(1) }));
    });
    assert.equal(cost, perSecond);
  });

  it('is bounded for names that are taken too', async () => {
    await shop.world.create({
      apiVersion: 'myapp.spike.com/v1',
      kind: 'SpikeOrder',
      metadata: { name: 'taken' },
      spec: { buyerId: 'buyer1', goodsMap: { goods1: 1 } },
    });
    const codes: (number | undefined)[] = [];
    const cost = await reads(async () => {
      for (let i = 0; i < 300; i++)
        codes.push((await judge(of({ goodsMap: { goods1: 1 } }, 'taken'), 'oscar')).status?.code);
    });
    assert.equal(cost, burst);
    assert.deepEqual([codes[0], codes.at(-1)], [409, 429]);
  });
});
