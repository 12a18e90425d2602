// Lowering spec.stockCount while replicas hold lots: a lot is nobody's order, and no message counts it as one.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { SpikeGoods } from '../../../src/api/spike-goods.ts';
import { spikeGoodsWebhooks } from '../../../webhooks/spike-goods.ts';
import type { Call } from '../../../webhooks/webhook.ts';
import { goodsOf } from '../../simulation/manual-store.ts';

const time = '2026-01-01T00:00:00.000Z';
const old = goodsOf('apple', 100, {
  num: 5,
  holds: [
    { uid: 'o1', order: 'o1', quantity: 2, time },
    { uid: 'lot-r1', order: 'pod-1', quantity: 20, time },
  ],
});

function lowered(stockCount: number) {
  const object = { ...old, spec: { ...old.spec, stockCount } };
  const call = {
    object,
    old,
    namespace: 'shop',
    now: Date.parse(time),
    deadline: 0,
    request: { operation: 'UPDATE', name: 'apple', userInfo: {} },
    context: { catalogue: { findGoods: () => old } },
  } as unknown as Call<SpikeGoods>;
  for (const rule of spikeGoodsWebhooks.rules.UPDATE ?? []) {
    const refusal = rule(call);
    if (refusal) return refusal;
  }
  return undefined;
}

it('stock may be lowered to what is sold, reserved and held; into a lot a moment later; below it not', () => {
  assert.equal(lowered(27), undefined);
  assert.equal(lowered(26)?.reason, 'TooManyRequests');
  assert.equal(lowered(7)?.reason, 'TooManyRequests');
  const refusal = lowered(6);
  assert.equal(refusal?.reason, 'StockBelowCommitted');
  assert.match(refusal?.message ?? '', /sold and reserved \(7\), got 6/);
});
