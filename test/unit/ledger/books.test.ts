// The books: what the orders add up to, kept up with every change, and always what a fresh sum would give.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OrderPhase, SpikeOrder } from '../../../src/api/spike-order.ts';
import { Books } from '../../../src/ledger/books.ts';
import { Random } from '../../simulation/random.ts';

function orderOf(uid: string, goodsMap: Record<string, number>, phase?: OrderPhase): SpikeOrder {
  return {
    apiVersion: 'myapp.spike.com/v1',
    kind: 'SpikeOrder',
    metadata: {
      name: `order-${uid}`,
      namespace: 'shop',
      uid,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { buyerId: 'buyer', goodsMap },
    ...(phase ? { status: { phase } } : {}),
  };
}

const apple = (books: Books) => books.totals('shop', 'apple', 'id-of-apple');

describe('the books', () => {
  it('count Unpaid as reserved and Paid as num, and nothing else', () => {
    const books = new Books();
    books.put(orderOf('1', { apple: 1 }));
    books.put(orderOf('2', { apple: 2 }, 'Unpaid'));
    books.put(orderOf('3', { apple: 4 }, 'Paid'));
    books.put(orderOf('4', { apple: 8 }, 'Expired'));
    books.put(orderOf('5', { apple: 16 }, 'Rejected'));
    assert.deepEqual(apple(books), { reserved: 2, num: 4 });
    assert.deepEqual(books.totals('elsewhere', 'apple', 'id-of-apple'), { reserved: 0, num: 0 });
  });

  it('follow an order from state to state', () => {
    const books = new Books();
    books.put(orderOf('1', { apple: 3 }));
    books.put(orderOf('1', { apple: 3 }, 'Unpaid'));
    assert.deepEqual(apple(books), { reserved: 3, num: 0 });
    books.put(orderOf('1', { apple: 3 }, 'Unpaid'));
    assert.deepEqual(apple(books), { reserved: 3, num: 0 }, 'told twice');
    books.put(orderOf('1', { apple: 3 }, 'Paid'));
    assert.deepEqual(apple(books), { reserved: 0, num: 3 });
  });

  it('add up what orders name by name and by id, also within one order', () => {
    const books = new Books();
    books.put(orderOf('1', { apple: 1, 'id-of-apple': 2, berry: 9 }, 'Unpaid'));
    books.put(orderOf('2', { 'id-of-apple': 4 }, 'Paid'));
    assert.deepEqual(apple(books), { reserved: 3, num: 4 });
    assert.deepEqual(books.totals('shop', 'apple', undefined), { reserved: 1, num: 0 });
    assert.deepEqual(books.totals('shop', 'apple', 'apple'), { reserved: 1, num: 0 });
  });

  it('say that a hold has done its work once its order has any state, or is gone', () => {
    const books = new Books();
    assert.equal(books.isAccounted('1'), false, 'not seen yet');
    books.put(orderOf('1', { apple: 1 }));
    assert.equal(books.isAccounted('1'), false, 'seen, not judged');
    for (const phase of ['Unpaid', 'Paid', 'Expired', 'Rejected'] as const) {
      books.put(orderOf(phase, { apple: 1 }, phase));
      assert.equal(books.isAccounted(phase), true, phase);
    }
    books.remove(orderOf('1', { apple: 1 }));
    assert.equal(books.isAccounted('1'), true, 'deleted');
    assert.equal(books.has('1'), false);
  });

  it('count an order that comes back after a restore of etcd, and no more when it goes again', () => {
    const books = new Books();
    books.put(orderOf('1', { apple: 2 }, 'Unpaid'));
    books.remove(orderOf('1', { apple: 2 }, 'Unpaid'));
    books.put(orderOf('1', { apple: 2 }, 'Unpaid'));
    books.remove(orderOf('1', { apple: 2 }, 'Unpaid'));
    assert.deepEqual(apple(books), { reserved: 0, num: 0 });
    books.remove(orderOf('never seen', { apple: 2 }, 'Unpaid'));
    assert.equal(books.isAccounted('never seen'), true);
  });

  it('touch no other order when one changes', () => {
    const books = new Books();
    const { proxy, revoke } = Proxy.revocable(orderOf('1', { apple: 5 }, 'Unpaid'), {});
    books.put(proxy);
    // From here on any look at the first order throws.
    revoke();
    books.put(orderOf('2', { apple: 1 }, 'Unpaid'));
    books.remove(orderOf('2', { apple: 1 }));
    assert.deepEqual(apple(books), { reserved: 5, num: 0 });
  });

  it('are what a fresh sum gives, after any history', () => {
    const phases = [undefined, 'Unpaid', 'Paid', 'Expired', 'Rejected'] as const;
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed);
      const books = new Books();
      const stored = new Map<string, SpikeOrder>();
      for (let step = 0; step < 60; step++) {
        const uid = String(random.int(1, 12));
        const known = stored.get(uid);
        if (known && random.chance(0.2)) {
          books.remove(known);
          stored.delete(uid);
          continue;
        }
        const goodsMap = known?.spec.goodsMap ?? {
          [random.pick(['apple', 'id-of-apple'])]: random.int(1, 3),
        };
        const order = orderOf(uid, goodsMap, random.pick(phases));
        books.put(order);
        // An order that is back after a restore of etcd counts again.
        stored.set(uid, order);
        assert.equal(books.isAccounted(uid), order.status !== undefined);
      }
      const sum = (phase: OrderPhase) =>
        [...stored.values()]
          .filter((order) => order.status?.phase === phase)
          .reduce((units, order) => units + Object.values(order.spec.goodsMap).reduce((a, b) => a + b), 0);
      assert.deepEqual(apple(books), { reserved: sum('Unpaid'), num: sum('Paid') }, `seed ${seed}`);
    }
  });
});
