// The news of a sale: told once for all who listen, in words, and a crowd's refusals together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Buyer } from '../../../src/api/buyer.ts';
import type { Seller } from '../../../src/api/seller.ts';
import type { SpikeGoods } from '../../../src/api/spike-goods.ts';
import type { SpikeOrder } from '../../../src/api/spike-order.ts';
import { SaleNews } from '../../../src/board/news.ts';
import { ObjectCache } from '../../../src/kube/cache.ts';
import { Narrator } from '../../../src/local/narrator.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

let revision = 0;
function order(phase?: 'Unpaid' | 'Paid' | 'Expired'): SpikeOrder {
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata: {
      name: 'o1',
      namespace: 'shop',
      uid: 'uid-o1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: String(++revision),
    },
    spec: { buyerId: 'b', goodsMap: { phone: 2 }, expiredTime: '2026-01-01T00:05:00.000Z' },
    ...(phase ? { status: { phase, money: 119_980, currency: 'CNY' } } : {}),
  };
}

function open() {
  const clock = new SimulatedClock();
  const caches = {
    goods: new ObjectCache<SpikeGoods>(),
    orders: new ObjectCache<SpikeOrder>(),
    buyers: new ObjectCache<Buyer>(),
    sellers: new ObjectCache<Seller>(),
  };
  const news = new SaleNews({ clock, caches });
  const lines: string[] = [];
  const off = news.on(({ who, what, count }) => lines.push(`${who}: ${what} (${count})`));
  return { clock, caches, news, lines, off };
}

const refusal = { allowed: false, reason: 'SoldOut', name: 'o9', dryRun: undefined } as const;

test('an order is told of when its state changes, and only then', () => {
  const { caches, lines, off } = open();
  caches.orders.replaceAll([], '0');
  caches.orders.observe(order());
  caches.orders.observe(order('Unpaid'));
  caches.orders.observe(order('Unpaid'));
  caches.orders.observe(order('Paid'));
  caches.orders.apply({ type: 'DELETED', object: order('Paid') });
  assert.deepEqual(lines, [
    'order o1: reserved: phone×2 for ¥1,199.80, to be paid within 5 min (1)',
    'order o1: paid: phone×2 for ¥1,199.80 (1)',
    'order o1: deleted (1)',
  ]);
  off();
  caches.orders.observe(order('Unpaid'));
  assert.equal(lines.length, 3, 'who went away hears nothing more');
});

test('what a first list brings is no news', () => {
  const { caches, lines } = open();
  caches.orders.replaceAll([order('Paid')], '1000000');
  assert.deepEqual(lines, []);
});

test('a crowd that is refused for one reason is told of once a second; a dry run is nothing', async () => {
  const { clock, news, lines } = open();
  news.decided({ ...refusal, dryRun: true }, 'sold out: available 0');
  for (let n = 0; n < 50; n++) news.decided({ ...refusal, name: `o${n}` }, `sold out: available ${n}`);
  news.decided({ ...refusal, allowed: true }, 'allowed');
  await clock.advance(1000);
  assert.deepEqual(lines, [
    'o0: refused (SoldOut): sold out: available 0 (1)',
    'o49: refused (SoldOut): sold out: available 49 (49)',
  ]);
  await clock.advance(10_000);
  assert.equal(clock.pending, 0);
});

test('the terminal reads the same news, in lines', async () => {
  const { clock, news } = open();
  const printed: string[] = [];
  const narrator = new Narrator({ clock, print: (line) => printed.push(line) });
  narrator.follow(news);
  narrator.warn({ err: new Error('no route') }, 'list or watch failed');
  for (const name of ['o1', 'o2', 'o3']) news.decided({ ...refusal, name }, `no more for ${name}`);
  await clock.advance(1000);
  assert.deepEqual(
    printed.map((line) => line.replace(/^\S+\s+/, '')),
    [
      'warning            list or watch failed: no route',
      'o1                 refused (SoldOut): no more for o1',
      '2 more             refused (SoldOut): no more for o3',
    ],
  );
});
