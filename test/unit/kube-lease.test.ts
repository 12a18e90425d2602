// Leader election in simulated time: never two leaders by anybody's clock, and every term a higher epoch.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Client } from '../../src/kube/client.ts';
import { ApiError, ConnectionError } from '../../src/kube/errors.ts';
import { LeaderElector, type LeaderElectorOptions } from '../../src/kube/lease.ts';
import type { Lease } from '../../src/kube/lease-record.ts';
import { SimulatedClock } from '../simulated-clock.ts';

const network = (ambiguous: boolean) => new ConnectionError('network', 'connection lost', { ambiguous });

/** The one Lease on a server: optimistic locking as the API server has it. */
class Server {
  lease: Lease | undefined;
  #revision = 100;

  read(): Lease {
    if (!this.lease) throw new ApiError(404, { reason: 'NotFound' });
    return structuredClone(this.lease);
  }

  write(lease: Lease): Lease {
    const { resourceVersion } = lease.metadata;
    if (!resourceVersion && this.lease) throw new ApiError(409, { reason: 'AlreadyExists' });
    if (resourceVersion && resourceVersion !== this.lease?.metadata.resourceVersion) {
      throw new ApiError(409, { reason: 'Conflict' });
    }
    this.lease = structuredClone(lease);
    this.lease.metadata.resourceVersion = String(++this.#revision);
    return this.read();
  }
}

afterEach(() => assert.deepEqual(together.splice(0), []));

interface Line {
  /** 'cut' before the request arrives, 'lost' after it was stored, 'hang' until it is opened again. */
  state: 'open' | 'cut' | 'lost' | 'hang';
}

let clock: SimulatedClock;
let server: Server;
let leading: Set<string>;
let terms: { who: string; epoch: number }[];
let told: string[];
/** Moments with two leaders; asserted empty after each test, since an exception in a callback is a failed term. */
const together: string[] = [];

beforeEach(() => {
  clock = new SimulatedClock();
  server = new Server();
  leading = new Set();
  terms = [];
  told = [];
});

function contender(who: string, more: Partial<LeaderElectorOptions> & { clock?: SimulatedClock } = {}) {
  const line: Line = { state: 'open' };
  const world = { clock, server, terms, leading };
  const wait = (ms: number) => new Promise<void>((resolve) => world.clock.after(ms, resolve));
  const pass = async (work: () => Lease): Promise<Lease> => {
    await wait(5);
    if (line.state === 'hang') {
      await wait(5_000);
      throw new ConnectionError('timeout', 'no answer', { ambiguous: true });
    }
    if (line.state === 'cut') throw network(false);
    const result = work();
    await wait(5);
    if (line.state === 'lost') throw network(true);
    return result;
  };
  const client = {
    get: () => pass(() => world.server.read()),
    create: (_: unknown, lease: Lease) => pass(() => world.server.write(lease)),
    replace: (_: unknown, lease: Lease) => pass(() => world.server.write(lease)),
  } as unknown as Client;
  const abort = new AbortController();
  const elector = new LeaderElector({
    client,
    namespace: 'default',
    name: 'spikegate',
    identity: who,
    clock,
    random: () => 0.5,
    onStartedLeading(epoch, signal) {
      world.terms.push({ who, epoch });
      world.leading.add(who);
      if (world.leading.size > 1) together.push([...world.leading].join(' and '));
      signal.addEventListener('abort', () => world.leading.delete(who));
    },
    onStoppedLeading: (why) => told.push(`${who} ${why}`),
    onNewLeader: (leader) => told.push(`${who} sees ${leader}`),
    ...more,
  });
  return { elector, line, abort, start: () => elector.start(abort.signal) };
}

const risesStrictly = () =>
  assert.ok(
    terms.every(({ epoch }, i) => i === 0 || epoch > terms[i - 1]!.epoch),
    JSON.stringify(terms),
  );

describe('two contenders', () => {
  test('one leads, the other waits and sees who it is', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.start();
    await b.start();
    await clock.advance(60_000);
    assert.equal(terms.length, 1);
    assert.equal(a.elector.isLeader !== b.elector.isLeader, true);
    assert.deepEqual([a.elector.leader, b.elector.leader], [terms[0]!.who, terms[0]!.who]);
    assert.equal(server.lease!.spec.leaseTransitions, terms[0]!.epoch);
  });

  test('the other takes over 15 s after it last saw a renewal, with a higher epoch', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.start();
    await clock.advance(5_000);
    await b.start();
    await clock.advance(5_000);
    a.line.state = 'cut';
    await clock.advance(12_000);
    assert.deepEqual([...leading], [], 'a gave up 10 s after its last renewal, before anybody may follow');
    assert.ok(told.includes('a lost'));
    await clock.advance(10_000);
    assert.deepEqual([...leading], ['b']);
    risesStrictly();
  });

  test('a lease given back is taken at the next attempt', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.start();
    await clock.advance(1_000);
    await b.start();
    await clock.advance(5_000);
    const stopped = a.elector.stop();
    await clock.advance(3_300);
    await stopped;
    assert.deepEqual([...leading], ['b']);
    assert.deepEqual(
      terms.map(({ who }) => who),
      ['a', 'b'],
    );
    risesStrictly();
    assert.ok(told.includes('a stopped') && told.includes('b sees b'));
  });
});

describe('expiry', () => {
  test('is judged from when the record was seen to change, not from the times in it', async () => {
    const a = contender('a');
    await a.start();
    await clock.advance(5_000);
    a.line.state = 'hang';
    // Both walls jump; b's is hours ahead of what a wrote.
    clock.jump(6 * 3_600_000);
    const b = contender('b');
    await b.start();
    await clock.advance(14_000);
    assert.equal(terms.length, 1, 'b saw the record first 14 s ago');
    await clock.advance(4_000);
    assert.equal(terms.at(-1)!.who, 'b');
  });

  test('a jump of the wall clock, either way, costs no leader its term', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.start();
    await b.start();
    for (const hours of [5, -9]) {
      await clock.advance(7_000);
      clock.jump(hours * 3_600_000);
      await clock.advance(30_000);
    }
    assert.equal(terms.length, 1);
    assert.equal(told.filter((line) => line.endsWith('lost')).length, 0);
  });

  test('a leader whose requests hang gives up in time all the same', async () => {
    const a = contender('a');
    await a.start();
    await clock.advance(3_000);
    // Acquired after three exchanges of 5 ms; the renewal two seconds later is the last that succeeds.
    const renewed = 2_015;
    a.line.state = 'hang';
    await clock.advance(renewed + 10_000 - 3_000 - 1);
    assert.equal(a.elector.isLeader, true);
    await clock.advance(1);
    assert.equal(a.elector.isLeader, false);
    assert.deepEqual(told, ['a sees a', 'a lost']);
  });

  test('our own identity on a lease we do not lead by is somebody else', async () => {
    const first = contender('same');
    await first.start();
    await clock.advance(1_000);
    first.abort.abort();
    leading.clear();
    first.line.state = 'cut';
    const second = contender('same');
    await second.start();
    await clock.advance(14_000);
    assert.equal(terms.length, 1);
    await clock.advance(5_000);
    assert.equal(terms.length, 2);
    risesStrictly();
  });
});

describe('answers that get lost', () => {
  test('of the acquisition: the term begins at the next attempt, with the same epoch', async () => {
    const a = contender('a');
    a.line.state = 'lost';
    await a.start();
    await clock.advance(100);
    assert.equal(server.lease!.spec.holderIdentity, 'a');
    assert.equal(terms.length, 0);
    a.line.state = 'open';
    await clock.advance(4_000);
    assert.deepEqual(terms, [{ who: 'a', epoch: server.lease!.spec.leaseTransitions }]);
  });

  test('of renewals: the leader goes on, since what it finds is its own', async () => {
    const a = contender('a');
    await a.start();
    await clock.advance(1_000);
    for (let i = 0; i < 5; i++) {
      a.line.state = 'lost';
      await clock.advance(6_000);
      a.line.state = 'open';
      await clock.advance(4_000);
    }
    assert.deepEqual([...leading], ['a']);
  });

  test('a label on the lease is no reason to stop', async () => {
    const a = contender('a');
    await a.start();
    await clock.advance(1_000);
    const lease = server.read();
    lease.metadata.labels = { touched: 'yes' };
    server.write(lease);
    await clock.advance(30_000);
    assert.deepEqual([...leading], ['a']);
    assert.deepEqual(server.lease!.metadata.labels, { touched: 'yes' });
  });
});

describe('a term', () => {
  test('ends at once when the lease shows another holder', async () => {
    const a = contender('a');
    await a.start();
    await clock.advance(1_000);
    const lease = server.read();
    lease.spec.holderIdentity = 'thief';
    server.write(lease);
    await clock.advance(2_000);
    assert.deepEqual(told, ['a sees a', 'a sees thief', 'a lost']);
  });

  test('ends when the lease is deleted, and the next has a higher epoch although the lease is new', async () => {
    const a = contender('a');
    await a.start();
    await clock.advance(1_000);
    server.lease = undefined;
    await clock.advance(2_000);
    assert.ok(told.includes('a lost'));
    const b = contender('b');
    await b.start();
    await clock.advance(5_000);
    assert.equal(terms.at(-1)!.who, 'b');
    risesStrictly();
  });

  test('has a higher epoch also where somebody set the count back', async () => {
    const a = contender('a');
    await a.start();
    await clock.advance(1_000);
    const stopped = a.elector.stop();
    await clock.advance(1_000);
    await stopped;
    const lease = server.read();
    lease.spec.leaseTransitions = 3;
    server.write(lease);
    const b = contender('b');
    await b.start();
    await clock.advance(5_000);
    assert.equal(terms.length, 2);
    risesStrictly();
  });

  test('has a higher epoch also when the wall clock was set back, as long as the lease is there', async () => {
    const a = contender('a');
    await a.start();
    await clock.advance(1_000);
    const stopped = a.elector.stop();
    await clock.advance(1_000);
    await stopped;
    clock.jump(-24 * 3_600_000);
    const b = contender('b');
    await b.start();
    await clock.advance(5_000);
    assert.equal(terms[1]!.epoch, terms[0]!.epoch + 1);
  });

  test('whose work fails is given up', async () => {
    const a = contender('a', { onStartedLeading: () => Promise.reject(new Error('boom')) });
    await a.start();
    await clock.advance(100);
    assert.deepEqual(told, ['a sees a', 'a lost']);
    assert.equal(server.lease!.spec.holderIdentity, 'a', 'not given back: something of it may still run');
  });

  test('is given back only when its work has ended, and renewed until then', async () => {
    const [a, b] = [
      contender('a', {
        onStartedLeading: (epoch, signal) => {
          terms.push({ who: 'a', epoch });
          leading.add('a');
          return new Promise((resolve) => {
            signal.addEventListener('abort', () =>
              clock.after(30_000, () => {
                leading.delete('a');
                resolve();
              }),
            );
          });
        },
      }),
      contender('b'),
    ];
    await a.start();
    await clock.advance(1_000);
    await b.start();
    const stopped = a.elector.stop();
    await clock.advance(29_000);
    assert.deepEqual([...leading], ['a']);
    await clock.advance(6_000);
    await stopped;
    assert.deepEqual([...leading], ['b']);
  });
});

test('stopping while it waits, or while it is about to acquire, leaves no lease behind', async () => {
  const a = contender('a');
  await a.start();
  const stopped = a.elector.stop();
  await clock.advance(1_000);
  await stopped;
  assert.equal(terms.length, 0);
  assert.equal(server.lease?.spec.holderIdentity || '', '');
  assert.equal(clock.pending, 0);
});

async function turmoil(seed: number, deletions: boolean): Promise<void> {
  clock = new SimulatedClock();
  server = new Server();
  leading = new Set();
  terms = [];
  let state = seed;
  const random = () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
  let serial = 0;
  const begin = async () => {
    const one = contender(`p${serial++}`, { random });
    await one.start();
    return one;
  };
  const all = [await begin(), await begin(), await begin()];
  for (let step = 0; step < 40; step++) {
    const i = Math.floor(random() * all.length);
    const action = random();
    if (action < 0.5) {
      all[i]!.line.state = (['open', 'cut', 'lost', 'hang'] as const)[Math.floor(random() * 4)]!;
    } else if (action < 0.7) {
      void all[i]!.elector.stop();
      all[i] = await begin();
    } else if (action < 0.8 && deletions) {
      server.lease = undefined;
    }
    await clock.advance(random() * 20_000);
  }
  for (const { elector } of all) void elector.stop();
  await clock.advance(60_000);
  const last = await begin();
  await clock.advance(20_000);
  assert.equal(last.elector.isLeader, true, `seed ${seed}: in the end the lease is free for others`);
  risesStrictly();
  last.abort.abort();
}

test('random cuts, losses, stops and restarts: never two leaders, and epochs only rise', async () => {
  for (let seed = 1; seed <= 80; seed++) await turmoil(seed, false);
});

test('with the lease deleted now and then two may lead for a moment, but epochs only rise', async () => {
  for (let seed = 1; seed <= 80; seed++) await turmoil(seed, true);
  together.length = 0;
});
