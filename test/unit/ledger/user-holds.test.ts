// What one user may hold in requests that are not stored yet: a share, more for who is stored, less for who lapses.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserHolds } from '../../../src/ledger/user-holds.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

const decidedAfterMs = 41_000;
const limits = { share: 1 / 4, holds: 20, decidedAfterMs };

function setUp() {
  const clock = new SimulatedClock();
  const users = new UserHolds(clock, limits);
  let made = 0;
  /** Asks for units of a goods with a stock of 64; undefined when it must wait. */
  const ask = (user: string, units = 1, { goods = 'apple', name = `o${made}` } = {}) => {
    const uid = `u${made++}`;
    const lines = [{ key: `shop/${goods}`, units, stockCount: 64 }];
    return users.begin(uid, { user, name: `shop/${name}`, lines })
      ? undefined
      : { uid, name: `shop/${name}` };
  };
  /** As many single units as may be held at once. */
  const most = (user: string, goods?: string) => {
    const taken = [];
    for (let one = ask(user, 1, { goods }); one; one = ask(user, 1, { goods })) taken.push(one);
    return taken;
  };
  return { clock, users, ask, most };
}

describe('a user', () => {
  it('has half of a share when he is new, of each goods, and half of the number in all', () => {
    const { most } = setUp();
    assert.equal(most('ann').length, 8);
    assert.equal(most('ann', 'berry').length, 2);
    assert.equal(most('bob').length, 8);
  });

  it('has more when his orders are stored, up to the share, and what is stored counts no more', () => {
    const { users, most } = setUp();
    for (let round = 0; round < 10; round++) {
      const taken = most('ann');
      if (round === 9) assert.equal(taken.length, 16);
      for (const { uid, name } of taken) users.stored(uid, name);
    }
  });

  it('has less when his orders are never stored, and regains it as others are', async () => {
    const { clock, users, most } = setUp();
    assert.equal(most('ann').length, 8);
    await clock.advance(decidedAfterMs);
    const [one, ...others] = most('ann');
    assert.deepEqual([one !== undefined, others.length], [true, 0]);
    users.stored(one!.uid, one!.name);
    for (let orders = 0; orders < 100; orders++)
      for (const { uid, name } of most('ann')) users.stored(uid, name);
    assert.equal(most('ann').length, 16);
  });

  it('is not charged for what we refused, nor for a second request of a name that is stored', async () => {
    const { clock, users, ask, most } = setUp();
    for (let turn = 0; turn < 50; turn++) users.forget(ask('ann')!.uid);
    const first = ask('ann', 1, { name: 'twice' })!;
    ask('ann', 1, { name: 'twice' });
    users.stored(first.uid, first.name);
    await clock.advance(decidedAfterMs);
    assert.equal(most('ann').length, 8);
  });

  it('may have one large order, but not when one was refused after us', async () => {
    const { clock, ask } = setUp();
    assert.ok(ask('ann', 40));
    assert.equal(ask('ann', 1), undefined);
    await clock.advance(decidedAfterMs);
    assert.equal(ask('ann', 40), undefined);
    assert.ok(ask('ann', 1));
  });

  it('counts a request once, however often it is asked about', () => {
    const { users } = setUp();
    const lines = [{ key: 'shop/apple', units: 8, stockCount: 64 }];
    for (let call = 0; call < 3; call++)
      assert.equal(users.begin('u', { user: 'ann', name: 'shop/o', lines }), undefined);
  });

  it('is told the number that he passed', () => {
    const { users, most } = setUp();
    most('ann');
    const lines = [{ key: 'shop/apple', units: 2, stockCount: 64 }];
    const refusal = users.begin('u', { user: 'ann', name: 'shop/o', lines });
    assert.equal(refusal?.reason, 'TooManyRequests');
    assert.match(
      refusal?.message ?? '',
      /8 units of apple are held .* with these 2 the limit of 8 is passed; try again/,
    );
  });
});
