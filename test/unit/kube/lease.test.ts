// Leader election in simulated time: never two leaders by anybody's clock, and every term a higher epoch.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Contender, LeaseWorld } from './lease-world.ts';

let world: LeaseWorld;

beforeEach(() => {
  world = new LeaseWorld();
});
afterEach(() => assert.deepEqual(world.together, []));

const contender = (...args: Parameters<LeaseWorld['contender']>): Contender => world.contender(...args);
const risesStrictly = () => assert.ok(world.epochsRise, JSON.stringify(world.terms));

describe('two contenders', () => {
  test('one leads, the other waits and sees who it is', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.start();
    await b.start();
    await world.clock.advance(60_000);
    assert.equal(world.terms.length, 1);
    assert.equal(a.elector.isLeader !== b.elector.isLeader, true);
    assert.deepEqual([a.elector.leader, b.elector.leader], [world.terms[0]!.who, world.terms[0]!.who]);
    assert.equal(world.server.lease!.spec.leaseTransitions, world.terms[0]!.epoch);
  });

  test('the other takes over 15 s after it last saw a renewal, with a higher epoch', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.start();
    await world.clock.advance(5_000);
    await b.start();
    await world.clock.advance(5_000);
    a.line = 'cut';
    await world.clock.advance(12_000);
    assert.deepEqual(
      [...world.leading],
      [],
      'a gave up 10 s after its last renewal, before anybody may follow',
    );
    assert.ok(world.told.includes('a lost'));
    await world.clock.advance(10_000);
    assert.deepEqual([...world.leading], ['b']);
    risesStrictly();
  });

  test('a lease given back is taken at the next attempt', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.start();
    await world.clock.advance(1_000);
    await b.start();
    await world.clock.advance(5_000);
    const stopped = a.elector.stop();
    await world.clock.advance(3_300);
    await stopped;
    assert.deepEqual([...world.leading], ['b']);
    assert.deepEqual(
      world.terms.map(({ who }) => who),
      ['a', 'b'],
    );
    risesStrictly();
    assert.ok(world.told.includes('a stopped') && world.told.includes('b sees b'));
  });
});

describe('expiry', () => {
  test('is judged from when the record was seen to change, not from the times in it', async () => {
    const a = contender('a');
    await a.start();
    await world.clock.advance(5_000);
    a.line = 'hang';
    // Both walls jump; b's is hours ahead of what a wrote.
    world.clock.jump(6 * 3_600_000);
    const b = contender('b');
    await b.start();
    await world.clock.advance(14_000);
    assert.equal(world.terms.length, 1, 'b saw the record first 14 s ago');
    await world.clock.advance(4_000);
    assert.equal(world.terms.at(-1)!.who, 'b');
  });

  test('a jump of the wall clock, either way, costs no leader its term', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.start();
    await b.start();
    for (const hours of [5, -9]) {
      await world.clock.advance(7_000);
      world.clock.jump(hours * 3_600_000);
      await world.clock.advance(30_000);
    }
    assert.equal(world.terms.length, 1);
    assert.equal(world.told.filter((line) => line.endsWith('lost')).length, 0);
  });

  test('a leader whose requests hang gives up in time all the same', async () => {
    const a = contender('a');
    await a.start();
    await world.clock.advance(3_000);
    // Acquired after three exchanges of 5 ms; the renewal two seconds later is the last that succeeds.
    const renewed = 2_015;
    a.line = 'hang';
    await world.clock.advance(renewed + 10_000 - 3_000 - 1);
    assert.equal(a.elector.isLeader, true);
    await world.clock.advance(1);
    assert.equal(a.elector.isLeader, false);
    assert.deepEqual(world.told, ['a sees a', 'a lost']);
  });

  test('our own identity on a lease we do not lead by is somebody else', async () => {
    const first = contender('same');
    await first.start();
    await world.clock.advance(1_000);
    first.abort.abort();
    world.leading.clear();
    first.line = 'cut';
    const second = contender('same');
    await second.start();
    await world.clock.advance(14_000);
    assert.equal(world.terms.length, 1);
    await world.clock.advance(5_000);
    assert.equal(world.terms.length, 2);
    risesStrictly();
  });
});

describe('answers that get lost', () => {
  test('of the acquisition: the term begins at the next attempt, with the same epoch', async () => {
    const a = contender('a');
    a.line = 'lost';
    await a.start();
    await world.clock.advance(100);
    assert.equal(world.server.lease!.spec.holderIdentity, 'a');
    assert.equal(world.terms.length, 0);
    a.line = 'open';
    await world.clock.advance(4_000);
    assert.deepEqual(world.terms, [{ who: 'a', epoch: world.server.lease!.spec.leaseTransitions }]);
  });

  test('of renewals: the leader goes on, since what it finds is its own', async () => {
    const a = contender('a');
    await a.start();
    await world.clock.advance(1_000);
    for (let i = 0; i < 5; i++) {
      a.line = 'lost';
      await world.clock.advance(6_000);
      a.line = 'open';
      await world.clock.advance(4_000);
    }
    assert.deepEqual([...world.leading], ['a']);
  });

  test('a label on the lease is no reason to stop', async () => {
    const a = contender('a');
    await a.start();
    await world.clock.advance(1_000);
    const lease = world.server.read();
    lease.metadata.labels = { touched: 'yes' };
    world.server.write(lease);
    await world.clock.advance(30_000);
    assert.deepEqual([...world.leading], ['a']);
    assert.deepEqual(world.server.lease!.metadata.labels, { touched: 'yes' });
  });
});

describe('a term', () => {
  test('ends at once when the lease shows another holder', async () => {
    const a = contender('a');
    await a.start();
    await world.clock.advance(1_000);
    const lease = world.server.read();
    lease.spec.holderIdentity = 'thief';
    world.server.write(lease);
    await world.clock.advance(2_000);
    assert.deepEqual(world.told, ['a sees a', 'a sees thief', 'a lost']);
  });

  test('ends when the lease is deleted, and the next has a higher epoch although the lease is new', async () => {
    const a = contender('a');
    await a.start();
    await world.clock.advance(1_000);
    world.server.lease = undefined;
    await world.clock.advance(2_000);
    assert.ok(world.told.includes('a lost'));
    const b = contender('b');
    await b.start();
    await world.clock.advance(5_000);
    assert.equal(world.terms.at(-1)!.who, 'b');
    risesStrictly();
  });

  test('has a higher epoch also where somebody set the count back', async () => {
    const a = contender('a');
    await a.start();
    await world.clock.advance(1_000);
    const stopped = a.elector.stop();
    await world.clock.advance(1_000);
    await stopped;
    const lease = world.server.read();
    lease.spec.leaseTransitions = 3;
    world.server.write(lease);
    const b = contender('b');
    await b.start();
    await world.clock.advance(5_000);
    assert.equal(world.terms.length, 2);
    risesStrictly();
  });

  test('has a higher epoch also when the wall clock was set back, as long as the lease is there', async () => {
    const a = contender('a');
    await a.start();
    await world.clock.advance(1_000);
    const stopped = a.elector.stop();
    await world.clock.advance(1_000);
    await stopped;
    world.clock.jump(-24 * 3_600_000);
    const b = contender('b');
    await b.start();
    await world.clock.advance(5_000);
    assert.equal(world.terms[1]!.epoch, world.terms[0]!.epoch + 1);
  });

  test('whose work fails is given up', async () => {
    const a = contender('a', { onStartedLeading: () => Promise.reject(new Error('boom')) });
    await a.start();
    await world.clock.advance(100);
    assert.deepEqual(world.told, ['a sees a', 'a lost']);
    assert.equal(
      world.server.lease!.spec.holderIdentity,
      'a',
      'not given back: something of it may still run',
    );
  });

  test('is given back only when its work has ended, and renewed until then', async () => {
    const [a, b] = [
      contender('a', {
        onStartedLeading: (epoch, signal) => {
          world.lead('a', epoch);
          return new Promise((resolve) => {
            signal.addEventListener('abort', () =>
              world.clock.after(30_000, () => {
                world.leading.delete('a');
                resolve();
              }),
            );
          });
        },
      }),
      contender('b'),
    ];
    await a.start();
    await world.clock.advance(1_000);
    await b.start();
    const stopped = a.elector.stop();
    await world.clock.advance(29_000);
    assert.deepEqual([...world.leading], ['a']);
    await world.clock.advance(6_000);
    await stopped;
    assert.deepEqual([...world.leading], ['b']);
  });
});

test('stopping while it waits, or while it is about to acquire, leaves no lease behind', async () => {
  const a = contender('a');
  await a.start();
  const stopped = a.elector.stop();
  await world.clock.advance(1_000);
  await stopped;
  assert.equal(world.terms.length, 0);
  assert.equal(world.server.lease?.spec.holderIdentity || '', '');
  assert.equal(world.clock.pending, 0);
});
